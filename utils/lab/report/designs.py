"""The published designs side by side: under their own recipes and under a common one.

Every table reads the reported runs and nothing else; ``BadResult`` where one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utils import plot_style, recipes
from utils.experiments import catalogue
from utils.experiments.published import COMMON, COMMONS, DESIGN_E3, DESIGNS
from utils.experiments.steps import LR_SCHEDULE, STEPS
from utils.lab.report import paired, pictures
from utils.lab.report.intervals import estimate, one_more_each, signed, straight, verdict
from utils.lab.report.paired import (
    best_epochs,
    gap,
    last,
    parameters,
    published,
    tabulate,
    with_seeds,
)
from utils.lab.runs import results
from utils.plot_style import BLUE, GREEN, RED
from utils.recipes import Recipe, formatted
from utils.support.tables import Table


def label(recipe: Recipe) -> str:
    """The published system's letter, and where there are several its stage: ``E3``."""
    return published(recipe).source


ALL = tuple(sorted((*STEPS[:3], *DESIGNS), key=label))  # step 04 is not trained as B4 says


def common_of(recipe: Recipe) -> Recipe:
    """The recipe that trains the same network under the common settings."""
    network = (recipe.model, recipe.batch_norm)
    (found,) = (c for c in COMMONS.values() if (c.model, c.batch_norm) == network)
    return found


def letters(common: Recipe) -> str:
    """The stages whose network a common recipe trains: ``C2, C3``."""
    return ", ".join(label(recipe) for recipe in ALL if common_of(recipe) is common)


def networks() -> Table:
    """What every design is, and how it is trained under its own recipe."""
    columns = ["parameters", "receptive field", "million MACs", "batch_norm", "dropout"]
    columns += ["batch_size", "epochs", "optimizer", "schedule", "lr", "max_grad_norm"]
    return tabulate(ALL, ("design", label), "model", *columns, "augmentation")


def common_recipe() -> Table:
    """What all networks share under the common recipe."""
    return Table(["setting", "value"], [[name, formatted(value)] for name, value in COMMON.items()])


def side_by_side() -> Table:
    """Every design: what was published, what its recipe gives here, and the common one.

    Step 04 stands beside B4, which it takes the place of in the course.
    """

    def design(recipe: Recipe) -> str:
        what = recipe.title if recipe in STEPS else f"`{recipe.model}`"
        return f"step 04 {what}" if recipe is LR_SCHEDULE else f"{label(recipe)} {what}"

    return tabulate(
        sorted((*ALL, LR_SCHEDULE), key=label),
        ("design", design),
        *("parameters", "best epoch", "published", "seeds that reach it (chance)", "last epoch"),
        ("last epoch, common recipe", lambda recipe: with_seeds(common_of(recipe))),
    )


def texts() -> Table:
    """Which epoch each published figure belongs to, and how its text trains and how long."""
    timed = {recipe: catalogue.get(recipe.name).timed for recipe in ALL}
    seconds = paired.COLUMNS["seconds per epoch"]
    return tabulate(
        ALL,
        ("design", label),
        *("published", "its epoch", "epochs", "batch_size"),
        ("our seconds per epoch", lambda recipe: seconds(recipe) if timed[recipe] else ""),
    )


def on_equal_terms() -> Table:
    """Every network under the common recipe, and what the largest with batch norm has over it."""
    _, largest = _smallest_and_largest()

    name = letters(largest)
    table = tabulate(
        sorted(COMMONS.values(), key=parameters),
        *(("network of", letters), "parameters", "last epoch"),
        (f"{name} minus this [95 % interval]", lambda common: gap(common, largest)),
        (f"a seed of {name} beats one", lambda common: paired.beats(common, largest)),
    )
    return paired.noted(table)


def _smallest_and_largest() -> tuple[Recipe, Recipe]:
    """Of the networks with batch norm, under the common recipe."""
    normed = [common for common in COMMONS.values() if common.batch_norm]
    return min(normed, key=parameters), max(normed, key=parameters)


def ranges() -> Table:
    """How far apart the designs lie: as published, under their own recipes and the common one."""
    ways = pd.DataFrame(
        {
            "published": {label(recipe): published(recipe).test for recipe in ALL},
            "own recipe, last epoch": {label(recipe): last(recipe).mean() for recipe in ALL},
            "common recipe, last epoch": {letters(c): last(c).mean() for c in COMMONS.values()},
        }
    )
    rows = []
    for way, found in ways.items():
        ends = [f"{found[name]:.2f} ({name})" for name in (found.idxmin(), found.idxmax())]
        rows.append([way, *ends, f"{found.max() - found.min():.2f}"])
    return Table(["", "lowest", "highest", "range, in points"], rows)


def stages() -> Table:
    """From one published stage to the next: the gain as published, and ours.

    A published gain is that of two single runs, mostly of their best epochs. So the range in which
    the gain of one more such pair of ours would lie stands beside the gain of our means.
    """
    columns = ["stages", "what changes here", "published gain", "gain here [95 % interval]"]
    columns += ["two single runs, best epochs [95 %]", "a seed beats one before"]
    rows = [
        [
            f"{label(before)} → {label(after)}",
            recipes.in_words(recipes.difference(before, after)),
            f"{published(after).test - published(before).test:+.2f}",
            gap(before, after),
            signed(one_more_each(*map(best_epochs, (before, after)))),
            paired.beats(before, after),
            f"{published(after).train:.2f}",
            f"{results.last_accuracies(after.name, 'train').mean():.2f}",
        ]
        for before, after in pairwise(ALL)
        if label(before)[0] == label(after)[0]
    ]
    return paired.noted(Table([*columns, "train, published", "train, here"], rows))


def targets() -> Table:
    """What was set for the designs, beside what was recorded."""
    rows = []
    for common in COMMONS.values():
        if least := catalogue.get(common.name).target:
            found = estimate(last(common))
            rows.append([common.title, f"{least:.2f}", f"{found.mean:.3f}", found.n])
            rows[-1].append(verdict(found, least))
    return Table(["mean of the last epoch", "at least", "measured", "seeds", "shown"], rows)


def steady() -> str:
    """How many seeds of E3 keep to what its text says of its last five epochs."""
    late = results.frame([DESIGN_E3.name]).query(f"epoch > {DESIGN_E3.epochs - 5}")
    least = late.groupby("seed").test_accuracy.min()
    kept = int((least.round(4) >= 99.40).sum())
    return f"E3: the last five epochs all at 99.40 % or more in {kept} of {len(least)} seeds"


# Names that would cover others beside their marks stand above (1) or below them.
SIDES = {"C1": 1, "C2": 1, "B2": -1, "B3": -1}


def size_picture() -> Figure:
    """Accuracy against parameters: every design, its own recipe, the common one, as published."""
    figure, axes = plot_style.figure(height=4.8)
    _means_by_size(axes)
    texts = pd.DataFrame([published(recipe) for recipe in ALL])
    theirs = {"label": "published: one run, the test set watched every epoch", "color": RED}
    axes.scatter(texts.parameters, texts.test, marker="x", s=50, lw=2, zorder=3, **theirs)
    # Those within a tenth of a point share a label.
    for (size, _), near in texts.groupby(["parameters", texts.test.round(1)]):
        names, top = ", ".join(near.source), near.test.max()
        pictures.label(axes, names, size, top, (7, -3), color=RED)
    pictures.against_parameters(axes)
    finding = f"Trained alike, in points: {what_size_brings()}"
    return plot_style.title(pictures.legend(figure), finding)


def _means_by_size(axes: Axes) -> None:
    """Our means of every design, under the common recipe and its own, each with its name."""
    look, common = {"ms": 6, "capsize": 3, "alpha": 0.85}, COMMONS.values()
    ours = look | {"fmt": "o", "color": GREEN, "label": f"common recipe: {pictures.OURS}"}
    places = _apart(common, 0.985)
    found = pictures.means(axes, places, common, **ours)
    for recipe, x, one in zip(common, places, found, strict=True):
        pictures.label(axes, letters(recipe), x, one.mean, (-6, 5), ha="right", color=GREEN)
    ours = look | {"fmt": "s", "color": BLUE, "label": f"own recipe: {pictures.OURS}"}
    places = _apart(ALL, 1.015)
    found = pictures.means(axes, places, ALL, **ours)
    for recipe, x, one in zip(ALL, places, found, strict=True):
        side = SIDES.get(label(recipe), 0)
        aside, along = ((0, 8 * side - 4), "center") if side else ((7, -3), "left")
        top = one.mean + side * one.std
        pictures.label(axes, label(recipe), x, top, aside, ha=along, color=BLUE)


def _apart(recipes: Iterable[Recipe], aside: float) -> list[float]:
    """Their parameters, moved ``aside``; recipes of one size stand beside each other."""
    sizes = pd.Series(map(parameters, recipes))
    return list(sizes * aside * 1.02 ** sizes.groupby(sizes).cumcount())


def what_size_brings() -> str:
    """The largest network against the smallest, both with batch norm, under the common recipe."""
    small, large = _smallest_and_largest()
    return (
        f"{letters(large)} ({parameters(large):,} parameters) minus {letters(small)} "
        f"({parameters(small):,}) is {gap(small, large)}"
    )


def curves_picture() -> Figure:
    """Test accuracy per epoch of every design, under its own recipe and the common one."""
    figure, grid = plot_style.figure(4, 3, height=8.4, sharex=True, sharey=True)
    swings = []
    for axes, recipe in zip(grid.flat, ALL, strict=True):
        for what, color in ((recipe, BLUE), (common_of(recipe), GREEN)):
            runs = results.frame([what.name])
            pictures.curve(axes, runs, "test_accuracy", color=color)
            late = runs[runs.epoch > what.epochs - 5].groupby("seed").test_accuracy
            swings.append(late.apply(lambda five: straight(five)[1]).mean())
        axes.set_title(f"{label(recipe)}: {parameters(recipe):,} parameters", fontsize=9.5)
        axes.set(xlabel="", ylabel="", ylim=(98, 99.75))
    names = ["own recipe", "common recipe"]
    figure.legend(axes.lines, names, loc="outside lower right", ncols=2, frameon=False)
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("test accuracy in %", fontsize=10)
    own, common = np.mean(swings[::2]), np.mean(swings[1::2])
    return plot_style.title(
        figure,
        f"The last five epochs: ± {own:.3f} points under own recipes, ± {common:.3f} under the "
        "common one\n(standard deviation around a straight line; curves: mean and range of seeds)",
    )
