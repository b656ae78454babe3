"""The four steps: what each changes, what its recorded seeds reached, and what that says."""

from __future__ import annotations

import numpy as np

from utils import models, receptive_field, recipes
from utils.experiments import catalogue
from utils.experiments.steps import STEPS, previous
from utils.lab.report import designs
from utils.lab.report.intervals import estimate, mean_std, reaches, signed
from utils.lab.runs import results
from utils.lab.timing import recorded as timings
from utils.recipes import Recipe, build_model, formatted, in_words, switched_on
from utils.support.tables import Table


def change(recipe: Recipe) -> Table:
    """What ``recipe`` changes against the step before it; for the first, what is switched on."""
    before = previous(recipe)
    if before is None:
        rows = [[name, formatted(value)] for name, value in switched_on(recipe.settings()).items()]
        return Table(["setting", "value"], rows)
    rows = [
        [name, formatted(old), formatted(new)]
        for name, (old, new) in recipes.difference(before, recipe).items()
    ]
    return Table(["setting", f"step {before.name[:2]}", f"step {recipe.name[:2]}"], rows)


def change_in_words(recipe: Recipe) -> str:
    before = previous(recipe)
    if before is None:
        return "the bare network"
    return in_words(recipes.difference(before, recipe))


def experiments() -> Table:
    """The four steps: what changed, what it brought, and what was published."""
    columns = ["step", "the one change", "parameters", "receptive field", "train", "test"]
    columns += ["Δ [95 % interval]", "best epoch: mean (highest)", "published"]
    columns += ["seconds per epoch"]
    rows = []
    for recipe in STEPS:
        runs = results.reported(recipe.name)
        train = estimate([results.history_of(run).train_accuracy[-1] for run in runs])
        test, best = (
            estimate(results.last_accuracies(recipe.name)),
            results.best_accuracies(recipe.name),
        )
        before = previous(recipe)
        model = build_model(recipe)
        rows.append(
            [
                f"[{recipe.name[:2]} {recipe.title}](notebooks/{recipe.name}.ipynb)",
                change_in_words(recipe),
                f"{models.count_parameters(model):,}",
                receptive_field.final(model),
                f"{train.mean:.2f}",
                f"**{mean_std(test)}**".replace(" ", "\u00a0"),  # else narrow columns break it
                difference(before, recipe) if before else "",
                f"{estimate(best).mean:.2f} ({max(best):.2f})",
                f"{catalogue.get(recipe.name).published.test:.2f}",
                f"{timings.seconds_of(recipe):.1f}",
            ]
        )
    return Table(columns, rows)


def difference(before: Recipe, after: Recipe) -> str:
    """Last-epoch test accuracy of ``after`` less that of ``before``, paired by seed."""
    return signed(designs.paired(before, after))


def targets() -> Table:
    """Each step's target beside what was recorded."""
    rows = []
    for name in (step.name for step in STEPS):
        target = catalogue.get(name).target
        ours, best = (
            estimate(results.last_accuracies(name)).mean,
            max(results.best_accuracies(name)),
        )
        theirs = catalogue.get(name).published.test
        rows.append(
            [
                name,
                f"≥ {target:.2f}",
                f"{ours:.3f}",
                "yes" if reaches(ours, target) else "no",
                f"{theirs:.2f}",
                f"{best:.2f}",
                "yes" if reaches(best, theirs) else "no",
            ]
        )
    columns = ["step", "target, mean of the last epoch", "measured", "reached"]
    columns += ["published best epoch", "our best epoch", "reached as well"]
    return Table(columns, rows)


def recorded(recipe: Recipe) -> Table:
    """The recorded seeds of this step and of the step before it, beside the published figure."""
    steps = [step for step in (previous(recipe), recipe) if step is not None]
    rows = []
    for step in steps:
        last, best = results.last_accuracies(step.name), results.best_accuracies(step.name)
        published = catalogue.get(step.name).published
        rows.append(
            [
                f"{step.name[:2]} {step.title}",
                mean_std(estimate(last)),
                ", ".join(f"{value:.2f}" for value in last),
                f"{estimate(best).mean:.2f} ({max(best):.2f})",
                f"{published.test:.2f} ({published.source})",
            ]
        )
    columns = [
        "step",
        "test, last epoch",
        "seeds 0 to 4",
        "best epoch: mean (highest)",
        "published",
    ]
    return Table(columns, rows)


def details(recipe: Recipe) -> Table:
    """What the analysis rests on: the recorded seeds of this step and of the step before it."""
    steps = [step for step in (previous(recipe), recipe) if step is not None]
    columns = [_details_of(step) for step in steps]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return Table(["mean over 5 seeds", *(f"step {step.name[:2]}" for step in steps)], rows)


def _details_of(recipe: Recipe) -> dict[str, str]:
    runs = results.reported(recipe.name)
    histories = [results.history_of(run) for run in runs]
    late = np.array([history.test_accuracy[-5:] for history in histories])
    test = np.array([history.test_accuracy for history in histories])
    train = np.mean([history.train_accuracy[-1] for history in histories])
    clean = np.mean([run["train_accuracy_clean"] for run in runs])
    found = {
        "train accuracy while training, last epoch (%)": f"{train:.2f}",
        "train accuracy afterwards, plain images (%)": f"{clean:.2f}",
        "test accuracy, last epoch (%)": f"{test[:, -1].mean():.2f}",
        "train afterwards less test (points)": f"{clean - test[:, -1].mean():+.2f}",
        "test accuracy after 3 epochs (%)": f"{test[:, 2].mean():.2f}",
        "swing of the last 5 epochs (std, points)": f"{late.std(1, ddof=1).mean():.3f}",
        "worst of the last 5 epochs, any seed (%)": f"{late.min():.2f}",
        "epochs of the last 5 at 99.40 % or more": f"{(late >= 99.4).sum(1).mean():.1f}",
        "best epoch less last epoch (points)": f"{(test.max(1) - test[:, -1]).mean():.2f}",
        "seconds per epoch, one thread": f"{timings.seconds_of(recipe):.1f}",
    }
    for a, b in designs.NAMED_PAIRS:
        confused = [designs.confused(run, a, b) for run in runs]
        found[f"mistakes between {a} and {b}, of 10,000"] = f"{np.mean(confused):.1f}"
    return found


def gain(recipe: Recipe) -> str:
    """What this step brought over the one before, paired by seed, in one sentence."""
    before = previous(recipe)
    if before is None:
        raise ValueError(f"{recipe.name} is the first step: there is none before it")
    return (
        f"Step {recipe.name[:2]} less step {before.name[:2]}, in points, paired over "
        f"{len(results.SEEDS)} seeds: {difference(before, recipe)}"
    )


def verdict(recipe: Recipe) -> str:
    """The recorded mean against the step's target, in one sentence."""
    mean, target = (
        estimate(results.last_accuracies(recipe.name)).mean,
        catalogue.get(recipe.name).target,
    )
    word = "Reached" if reaches(mean, target) else f"Missed by {target - mean:.3f}"
    return f"Target: a mean of at least {target:.2f} over 5 seeds. Recorded: {mean:.3f}. {word}."
