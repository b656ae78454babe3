"""The four steps: what each changes, what its recorded seeds reached, and what that says."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utils import plot_style, plots, recipes
from utils.experiments import catalogue
from utils.experiments.steps import STEPS, previous
from utils.history import Mistakes
from utils.lab.report import intervals, paired, pictures
from utils.lab.report.paired import gap, last, last_epoch, noted, published, tabulate
from utils.lab.runs import results
from utils.lab.runs.job import images_of
from utils.plot_style import BLUE, ORANGE, RED
from utils.recipes import Recipe, formatted, in_words, switched_on
from utils.support.tables import Table

BEST = STEPS[-1]


def label(step: Recipe) -> str:
    return f"{step.name[:2]} {step.title}"


def _until(recipe: Recipe) -> list[Recipe]:
    """The step before ``recipe``, if there is one, and ``recipe``."""
    return [step for step in (previous(recipe), recipe) if step is not None]


def change(recipe: Recipe) -> Table:
    """What ``recipe`` changes against the step before it; for the first, what is switched on."""
    before = previous(recipe)
    if before is None:
        rows = [[name, formatted(value)] for name, value in switched_on(recipe.settings()).items()]
        return Table(["setting", "value"], rows)
    changes = recipes.difference(before, recipe)
    rows = [[name, *map(formatted, values)] for name, values in changes.items()]
    return Table(["setting", f"step {before.name[:2]}", f"step {recipe.name[:2]}"], rows)


def change_in_words(recipe: Recipe) -> str:
    before = previous(recipe)
    return in_words(recipes.difference(before, recipe)) if before else "the bare network"


LINKED = ("step", lambda step: f"[{label(step)}](notebooks/{step.name}.ipynb)")
GAIN = "gain [95 %, seeds and images]"
_GAIN = (GAIN, lambda step: paired.overall_gap(previous(step), step))


def short() -> Table:
    """The four steps as the README has room for them."""
    columns = ["best epoch", "published", "seeds that reach it (chance)"]
    return noted(tabulate(STEPS, LINKED, ("accuracy", last_epoch), _GAIN, *columns))


def experiments() -> Table:
    """The four steps: what each reached, how sure that is, and what it brought."""
    table = tabulate(
        STEPS,
        LINKED,
        ("last epoch", lambda step: f"**{last_epoch(step)}**"),
        *("± test images", "95 %, seeds and images"),
        _GAIN,
        ("a seed beats one before", lambda step: paired.beats(previous(step), step)),
    )
    return noted(table)


def costs() -> Table:
    """The four steps: what each changes, what that costs, and how it fits its training images."""
    return tabulate(
        STEPS,
        ("step", label),
        ("the one change", change_in_words),
        "parameters",
        ("train", lambda step: f"{results.last_accuracies(step.name, 'train').mean():.2f}"),
        "seconds per epoch",
    )


def recorded(recipe: Recipe) -> Table:
    """The recorded seeds of this step and of the step before it, beside the published figure."""
    columns = ["last epoch", "seed by seed", "best epoch", "published"]
    columns.append("seeds that reach it (chance)")
    return tabulate(_until(recipe), ("step", label), *columns)


def details(recipe: Recipe) -> Table:
    """What the analysis rests on: the recorded seeds of this step and of the step before it."""
    columns = {f"step {step.name[:2]}": _details_of(step) for step in _until(recipe)}
    rows = [[name, *cells] for name, *cells in pd.DataFrame(columns).itertuples()]
    return Table([f"mean over {len(last(recipe))} seeds", *columns], rows)


def _details_of(recipe: Recipe) -> dict[str, str]:
    runs = results.frame([recipe.name])
    test = runs.pivot(index="seed", columns="epoch", values="test_accuracy")
    final, late = test.iloc[:, -1], test.iloc[:, -5:]
    rise, around = np.mean([intervals.straight(five) for five in late.to_numpy()], axis=0)
    train, clean = runs.groupby("seed")[["train_accuracy", "train_accuracy_clean"]].last().mean()
    return {
        "train accuracy while training, last epoch (%)": f"{train:.2f}",
        "train accuracy afterwards, not augmented (%)": f"{clean:.2f}",
        "test accuracy, last epoch (%)": f"{final.mean():.2f}",
        "train afterwards minus test (points)": f"{clean - final.mean():+.2f}",
        "test accuracy after 3 epochs (%)": f"{test[3].mean():.2f}",
        "standard deviation of the last 5 epochs (points)": f"{late.std(axis=1).mean():.3f}",
        "their rise per epoch (points)": f"{rise:+.3f}",
        "standard deviation around that rise (points)": f"{around:.3f}",
        "worst of the last 5 epochs, any seed (%)": f"{late.min(axis=None):.2f}",
        "epochs of the last 5 at 99.40 % or more": f"{(late >= 99.4).sum(axis=1).mean():.1f}",
        "best epoch minus last epoch (points)": f"{(test.max(axis=1) - final).mean():.2f}",
        "seconds per epoch, one thread, idle machine": paired.COLUMNS["seconds per epoch"](recipe),
    } | {
        f"mistakes between {a} and {b}, of 10,000": f"{paired.confused(recipe, (a, b)).mean():.1f}"
        for a, b in paired.NAMED_PAIRS
    }


def gain(recipe: Recipe) -> str:
    """What this step brought over the one before, and how sure that is."""
    before = previous(recipe)
    if before is None:
        raise ValueError(f"{recipe.name} is the first step: there is none before it")
    pairs = paired.difference(last(before), last(recipe)).n
    return (
        f"Step {recipe.name[:2]} minus step {before.name[:2]}, in points, with 95 % intervals:\n"
        f"{gap(before, recipe)} for other seeds, paired over {pairs};\n"
        f"{paired.overall_gap(before, recipe)} for other seeds and other test images.\n"
        f"A seed of step {recipe.name[:2]} beats one of step {before.name[:2]} in "
        f"{paired.beats(before, recipe)} of all pairs."
    )


def verdict(recipe: Recipe) -> str:
    """The recorded mean against the step's target."""
    found, target = intervals.estimate(last(recipe)), catalogue.get(recipe.name).target
    return (
        f"Target: a mean of at least {target:.2f}. Recorded: {found.mean:.3f} over {found.n} "
        f"seeds. Shown, one-sided at 5 %? {intervals.verdict(found, target)}."
    )


def picture() -> Figure:
    """Last epoch of every seed, mean ± standard deviation, and the published single runs."""
    figure, axes = plot_style.figure(height=4.0)
    for at, step in enumerate(STEPS):
        seeds = last(step)
        places = at + np.linspace(-0.12, 0.12, len(seeds))
        dots = axes.scatter(places, seeds, s=22, color=BLUE, alpha=0.45, lw=0)
    look = {"fmt": "s", "ms": 7, "capsize": 6, "lw": 2, "color": BLUE}
    pictures.means(axes, range(4), STEPS, **look)
    theirs = [published(step).test for step in STEPS]
    crosses = axes.scatter(np.arange(4) + 0.28, theirs, marker="x", s=55, color=RED, lw=2)
    names = [pictures.OURS, "one seed", "published: one run, best epoch on the test set"]
    handles = [axes.containers[0], dots, crosses]
    axes.legend(handles, names, frameon=False, loc="lower right", fontsize=9)
    means = [last(step).mean() for step in STEPS]
    texts = [f"{label(step)}\n{mean:.2f} %" for step, mean in zip(STEPS, means, strict=True)]
    axes.set_xticks(range(4), texts)
    axes.set(ylabel="test accuracy in %", xlim=(-0.6, 3.6))
    first, *_, best = (f"{100 * (100 - mean):.0f}" for mean in means)
    finding = f"One change at a time: from {first} to {best} mistakes in 10,000 digits"
    return plot_style.title(figure, finding)


def curves_picture() -> Figure:
    """Loss and accuracy per epoch of the best step: mean and range of its seeds."""
    figure, (left, right) = plot_style.figure(1, 2, height=3.6)
    runs = results.frame([BEST.name])
    for axes, quantity in ((left, "loss"), (right, "accuracy")):
        for part, color in (("train", ORANGE), ("test", BLUE)):
            look = {"color": color, "label": part, "marker": "o"}
            pictures.curve(axes, runs, f"{part}_{quantity}", **look)
        axes.legend(frameon=False)
    plot_style.log_loss(left)
    right.set(ylabel="accuracy in %", ylim=(96.5, 99.8))
    least = runs[runs.epoch > BEST.epochs - 5].test_accuracy.min()
    finding = f"Step {BEST.name[:2]}: no seed falls below {least:.2f} % in the last five epochs"
    return plot_style.title(figure, f"{finding} (mean and range of {runs.seed.nunique()} seeds)")


def mistakes_picture() -> Figure:
    """The test images that every seed of the best step gets wrong."""
    images, (mistakes, ever) = images_of("mnist"), always_wrong()
    seeds = len(last(BEST))
    finding = f"{len(mistakes)} digits that all {seeds} seeds get wrong, of {ever} that any does"
    return plots.misclassified(images.test_images, mistakes, images.name, finding, rows=2)


def always_wrong() -> tuple[Mistakes, int]:
    """What every seed of the best step gets wrong, as seed 0 answers, and how many any does."""
    wrong = results.mistakes([BEST.name])
    seeds = wrong.groupby("indices").seed.transform("size")
    always = wrong[(seeds == wrong.seed.nunique()) & (wrong.seed == 0)]
    return results.as_mistakes(always), wrong.indices.nunique()
