"""Questions that one change answers: what the published texts claim in passing, and our own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from torch import Tensor

from utils import plot_style, plots, schedules
from utils.experiments import catalogue
from utils.experiments.published import DESIGN_E2, DESIGN_E3
from utils.experiments.recorded import BadResult
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, REGULARIZATION, SKELETON
from utils.experiments.studies import (
    BATCH_256,
    BATCH_NORM,
    DROPOUT,
    NOT_AUGMENTED,
    ONE_CYCLE,
    SCHEDULES,
    STOCK_ENGINE,
)
from utils.lab.report import choices, paired
from utils.lab.report.designs import common_of
from utils.lab.report.intervals import (
    Difference,
    estimate,
    mean_std,
    p_equivalent,
    p_value,
    paired_difference,
)
from utils.lab.report.paired import (
    DELTA,
    gap,
    last,
    noted,
    parameters,
    tabulate,
    with_seeds,
)
from utils.lab.runs import results
from utils.lab.runs.validation import AS_CHOSEN
from utils.plot_style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from utils.recipes import Recipe, difference, in_words
from utils.support.seeds import seeded
from utils.support.tables import Table


def halves() -> Table:
    """Step 02 taken apart: batch norm and dropout, each alone and both."""
    names = {BATCH_NORM: "batch norm", DROPOUT: "dropout", REGULARIZATION: "both (step 02)"}
    table = tabulate(
        (SKELETON, *names),
        ("regularized with", lambda recipe: names.get(recipe, "nothing (step 01)")),
        *("last epoch", "best epoch"),
        ("minus step 01 [95 % interval]", partial(gap, SKELETON)),
        ("a seed beats one of step 01", partial(paired.beats, SKELETON)),
        ("step 02 minus this [95 % interval]", lambda recipe: gap(recipe, REGULARIZATION)),
    )
    return noted(table)


def augmentation_by_schedule() -> Table:
    """Augmentation off and on, at a constant rate and with one cycle; the differences of both."""
    corners = {"constant": (REGULARIZATION, AUGMENTATION), "one cycle": (ONE_CYCLE, LR_SCHEDULE)}
    rows = [
        [name, *map(with_seeds, pair), gap(*pair), paired.beats(*pair)]
        for name, pair in corners.items()
    ]
    plain, augmented = zip(*corners.values(), strict=True)
    effects = [last(after) - last(before) for before, after in corners.values()]
    both = Difference(paired.difference(*effects))
    across, down = "augmented minus not [95 % interval]", "one cycle minus constant [95 % interval]"
    rows.append([down, gap(*plain), gap(*augmented), both, ""])
    columns = ["learning rate", "not augmented", "augmented", across]
    return noted(Table([*columns, "a seed with it beats one without"], rows))


def turned_picture(images: Tensor, before: Recipe, after: Recipe) -> Figure:
    """The test digits that over half of the seeds miss more with one recipe than with the other.

    ``images``: uint8 ``[10000, 28, 28]``. Above, those that ``before`` misses, the largest gaps
    first; below, those that ``after`` does. Titles have the share of seeds that are wrong.
    """
    wrong = {}
    for recipe in (before, after):
        missed = results.mistakes([recipe.name])
        wrong[recipe] = missed.groupby(["indices", "labels"]).size() / missed.seed.nunique()
    shares = pd.DataFrame(wrong).fillna(0.0).reset_index("labels")
    gaps = shares[before] - shares[after]
    figure, axes = plot_style.figure(2, 10, height=3.2, squeeze=False)
    counts = []
    for cells, fewer in zip(axes, (gaps, -gaps), strict=True):
        turned = fewer[fewer > 0.5].sort_values(ascending=False, kind="stable")
        counts.append(len(turned))
        for cell in cells:
            cell.axis("off")
        for cell, index in zip(cells, turned.index, strict=False):
            plots.show_digit(cell, images[index])
            label, old, new = shares.loc[index, ["labels", before, after]]
            cell.set_title(f"{label:.0f}: {old:.0%} → {new:.0%}", fontsize=7.5)
    finding = (
        f"{in_words(difference(before, after))}: {counts[0]} test digits gain (above), {counts[1]} "
        "lose (below),\neach by over half of the seeds. Digit: share of seeds that miss it, "
        "before → after"
    )
    return plot_style.title(figure, finding)


def schedulers() -> Table:
    """One network and one peak rate, five schedules: E's text says that step and plateau fail."""
    base, chosen = DESIGN_E2, DESIGN_E3

    def falls(recipe: Recipe) -> str:
        runs = results.frame([recipe.name]).groupby("seed").lr
        return ", ".join(str(first_fall(list(rates)) or "never") for _, rates in runs)

    table = tabulate(
        (base, *SCHEDULES, chosen),
        "schedule",
        "last epoch",
        (f"minus {base.schedule} [95 % interval]", partial(gap, base)),
        (f"a seed beats one of {base.schedule}", partial(paired.beats, base)),
        (f"{chosen.schedule} minus this [95 % interval]", lambda recipe: gap(recipe, chosen)),
        ("first epoch that starts at a lower rate", falls),
    )
    return noted(table)


def first_fall(rates: Sequence[float]) -> int | None:
    """The first epoch, from 1, that starts at a lower rate than an earlier one."""
    falls = (at for at, lr in enumerate(rates, 1) if lr < max(rates[:at]))
    return next(falls, None)


def batch_sizes() -> Table:
    """Step 04 in batches of 128 and of 256: B's text says the larger saves a second an epoch."""
    compared = [
        (DELTA, partial(gap, LR_SCHEDULE)),
        ("a seed beats one of 128", partial(paired.beats, LR_SCHEDULE)),
    ]
    columns = ["batch_size", "last epoch", *compared, "best epoch", "seconds per epoch"]
    return tabulate((LR_SCHEDULE, BATCH_256), *columns)


def augmentation() -> Table:
    """Augmentation off and on at three sizes, under the common recipe."""
    table = tabulate(
        sorted(NOT_AUGMENTED, key=parameters),
        "parameters",
        ("not augmented", with_seeds),
        ("augmented", lambda recipe: with_seeds(common_of(recipe))),
        (DELTA, lambda recipe: gap(recipe, common_of(recipe))),
        ("a seed with it beats one without", lambda r: paired.beats(r, common_of(r))),
    )
    return noted(table)


def mended_pairs() -> Table:
    """Mistakes between the digits that B's text names, without and with augmentation."""
    sides = REGULARIZATION, AUGMENTATION
    named = [paired.confused(recipe, *paired.NAMED_PAIRS) for recipe in sides]
    every = [results.mistakes([recipe.name]).groupby("seed").size() for recipe in sides]
    counts = {
        f"{a} and {b}": [paired.confused(recipe, (a, b)) for recipe in sides]
        for a, b in paired.NAMED_PAIRS
    }
    counts["the five together"] = named
    counts["all other mistakes"] = [n - m for n, m in zip(every, named, strict=True)]
    rows = [
        [what, *(f"{side.mean():.1f}" for side in both), Difference(paired.difference(*both))]
        for what, both in counts.items()
    ]
    return noted(Table(["digits", "step 02, not augmented", "step 03, augmented", DELTA], rows))


MARGIN = 0.1  # points: two engines closer than this may stand for each other
ENGINE_SEEDS = range(10, 15)  # fresh ones, trained after the margin was set, by one commit


def engines() -> Table:
    """Validation accuracy with either augmentation engine, and whether they are equivalent.

    They are where both one-sided tests exclude a difference of ``MARGIN``. Raises ``BadResult``
    where a run is missing.
    """
    pairs = {batched: (_chosen(stock), _chosen(batched)) for batched, stock in STOCK_ENGINE.items()}
    found = {batched: paired.difference(*pair) for batched, pair in pairs.items()}
    # One value a seed, since a seed's runs share their order of images.
    stock, batched = (np.mean(sides, axis=0) for sides in zip(*pairs.values(), strict=True))
    found["mean of all, by seed"] = paired_difference(stock, batched)
    rows = []
    for what, change in found.items():
        cells = [what, "", ""]
        if what in STOCK_ENGINE:
            cells = [what.title, *(mean_std(estimate(side), 3) for side in pairs[what])]
        p = p_equivalent(change, MARGIN)
        equal = f"{'yes' if p < 0.05 else 'not shown'} ({p_value(p)})"
        rows.append([*cells, Difference(change), equal])
    columns = ["trained", "albumentations, image by image", "batched tensors", DELTA]
    return noted(Table([*columns, f"equivalent within {MARGIN}"], rows))


def _chosen(recipe: Recipe) -> pd.Series:
    """Validation accuracies of the recipe as it is, by seed of ``ENGINE_SEEDS``."""
    runs = choices.frame([recipe.name]).query("split == 1").set_index("seed")
    runs = runs[runs.tried == AS_CHOSEN].accuracy
    if missing := sorted({*ENGINE_SEEDS} - {*runs.index}):
        raise BadResult(
            f"{recipe.name} lacks validation runs of seeds {missing}: python -m utils.lab choose "
            f"{recipe.name} --seeds {ENGINE_SEEDS.start}-{ENGINE_SEEDS.stop - 1}"
        )
    return runs.loc[list(ENGINE_SEEDS)]


def best_minus_last() -> pd.DataFrame:
    """Best epoch on the test set minus last epoch, a row per run: its ``rate`` and ``points``.

    ``rate`` is what the end of training does: runs at their full rate have more to pick from.
    """
    runs = results.frame().groupby(["recipe", "seed"], sort=False)
    falls = (runs.lr.last() < runs.lr.max()).map({True: FALLING, False: CONSTANT})
    averages = [bool(catalogue.recipe(name).ema) for name, _ in falls.index]
    points = runs.test_accuracy.max() - runs.test_accuracy.last()
    return pd.DataFrame({"rate": falls.mask(averages, AVERAGED), "points": points})


CONSTANT, FALLING = "at a constant rate", "at a falling rate"
AVERAGED = "with averaged weights"


def what_the_best_epoch_adds() -> str:
    """The mean of ``best_minus_last`` by rate, in words."""
    means = best_minus_last().groupby("rate").points.mean()
    return ", ".join(f"{points:.2f} {rate}" for rate, points in means.items())


def schedules_picture() -> Figure:
    """Every schedule over the study's epochs; the plateau follows its first recorded run."""
    (plateau,) = (recipe for recipe in SCHEDULES if recipe.schedule == "plateau")
    losses = results.frame([plateau.name]).query("seed == 0").train_loss.tolist()
    plans = {
        name: schedules.rates(name, plateau.lr, plateau.epochs, 100, losses)
        for name in schedules.SCHEDULES
    }
    figure, axes = plot_style.figure(height=3.6)
    colors, dashes = (GREY, ORANGE, RED, GREEN, PURPLE, BLUE), ("-", "--", ":", "-.", "--", "-")
    styles = [{"color": c, "ls": dash, "lw": 1.8} for c, dash in zip(colors, dashes, strict=True)]
    plot_style.rates(axes, plans, plateau.epochs, styles)
    high = " and ".join(name for name, plan in plans.items() if plan[-1] > max(plan) / 2)
    finding = f"{len(plans)} schedules with one peak rate; above half of it to the end: {high}"
    return plot_style.title(figure, finding)


def best_minus_last_picture() -> Figure:
    """``best_minus_last``: a row per rate, a dot per run."""
    gaps = best_minus_last().sort_values("rate")
    figure, axes = plot_style.figure(height=4.0)
    shared = {"data": gaps, "x": "points", "y": "rate", "ax": axes}
    with seeded(0):  # the jitter: many runs share a value
        sns.stripplot(**shared, jitter=0.25, size=5, color=BLUE, alpha=0.45)
    look = {"marker": "|", "markersize": 28, "markeredgewidth": 2.5, "color": RED}
    sns.pointplot(**shared, errorbar=None, linestyle="none", **look)
    found = gaps.groupby("rate").points.agg(["mean", "size"])
    for row, mean in enumerate(found["mean"]):
        axes.text(mean, row - 0.3, f"mean {mean:.3f}", color=RED)
    axes.set_yticks(range(len(found)), [f"{rate}\n({n} runs)" for rate, n in found["size"].items()])
    axes.set(xlabel="best epoch on the test set minus last epoch, in points", ylabel="")
    finding = f"What the best epoch on the test set adds to the last:\n{what_the_best_epoch_adds()}"
    return plot_style.title(figure, finding)
