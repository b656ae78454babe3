"""Accurate or robust: what is read of clean digits against what is read of corrupted ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utils import plot_style
from utils.corruptions import CHOOSING, REPORTING
from utils.experiments.published import COMMONS, DESIGN_C1, DESIGNS
from utils.experiments.robust import ROBUST
from utils.experiments.second_freeze import SECOND
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, REGULARIZATION, STEPS
from utils.experiments.studies import BATCH_NORM, DROPOUT, ONE_CYCLE
from utils.lab.report import paired, pictures
from utils.lab.report.beyond import (
    CORRUPTIONS,
    TO_MEASURE,
    accuracies,
    label,
    nothing,
    over_seeds,
    relative_errors,
)
from utils.lab.report.intervals import (
    CLAIM,
    Estimate,
    better_share,
    p_value,
    signed,
    summary,
    welch,
)
from utils.plot_style import BLUE, GREEN, GREY, PURPLE, RED
from utils.recipes import Recipe
from utils.support.tables import Table

# What the picture shows: recipes, mark, colour.
GROUPS = {
    "steps": (STEPS, "s", BLUE),
    "one change to a step": ((BATCH_NORM, DROPOUT, ONE_CYCLE), "D", RED),
    "published designs": ((*DESIGNS, *COMMONS.values()), "o", GREY),
    "small networks, deskewed": (tuple(SECOND.values()), "^", PURPLE),
    "trained on spoiled digits": ((ROBUST,), "P", GREEN),
}
BEATS = "a seed beats one of the base"
CLEAN_LOSS = 0.05  # points of clean digits that robustness may cost
NAMES = {BATCH_NORM: "batch norm alone", DROPOUT: "dropout alone", ONE_CYCLE: "02 with one cycle"}
NAMES |= {recipe: recipe.name[:2] for recipe in STEPS}
NAMES |= {DESIGN_C1: "C1", COMMONS["c1"]: "C1, common"}  # the others lie close together
NAMES |= {recipe: f"{size:,}" for size, recipe in SECOND.items()}
NAMES[ROBUST] = ROBUST.name
# On the right of these other marks stand.
LEFT = {BATCH_NORM, DROPOUT, ONE_CYCLE, SECOND[8000], SECOND[20_000]}
BESIDE = {False: {"aside": (7, 5)}, True: {"aside": (-7, -12), "ha": "right"}}


def wrong(table: pd.DataFrame) -> tuple[float, float]:
    """Mean errors in per cent: on clean digits, and under the fifteen corruptions."""
    return 100 - table["clean"].mean(), 100 - table[CORRUPTIONS].mean(axis=None)


def picture() -> Figure:
    """Error on corrupted digits over error on clean ones, a mark a recipe; steps are joined."""
    every = accuracies(recipe for recipes, *_ in GROUPS.values() for recipe in recipes)
    if not every:
        return nothing()
    figure, axes = plot_style.figure(height=4.4)
    for name, (recipes, mark, color) in GROUPS.items():
        found = {recipe: every[recipe] for recipe in recipes if recipe in every}
        if not found:
            continue
        clean, corrupted = zip(*map(wrong, found.values()), strict=True)
        spread = [t[CORRUPTIONS].mean(axis=1).std() if len(t) > 1 else 0 for t in found.values()]
        look = {"fmt": f"{mark}-" if recipes is STEPS else mark, "color": color, "capsize": 3}
        axes.errorbar(clean, corrupted, spread, label=name, ms=7, lw=1.2, **look)
        for recipe, x, y in zip(found, clean, corrupted, strict=True):
            if text := NAMES.get(recipe):
                beside = BESIDE[recipe in LEFT]
                pictures.label(axes, text, x, y, **beside, color=color)
    axes.set(xlabel="error on clean test digits in %", ylabel="mean error under the fifteen in %")
    axes.margins(x=0.15)
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")
    finding = _named(every)
    return plot_style.title(figure, f"{finding}\n(mean and standard deviation over seeds)")


def _named(every: dict[Recipe, pd.DataFrame]) -> str:
    """What the most accurate and the most robust recipe get wrong, in a line."""
    errors = {recipe: wrong(table) for recipe, table in every.items()}
    accurate, robust = (min(errors, key=lambda recipe: errors[recipe][at]) for at in (0, 1))
    most, least = errors[accurate][1], errors[robust][1]
    if accurate == robust:
        others = [corrupted for recipe, (_, corrupted) in errors.items() if recipe != robust]
        return (
            f"“{robust.title}” gets {least:.0f} % of corrupted digits wrong, the "
            f"{len(others)} other recipes {min(others, default=least):.0f} % and more"
        )
    return (
        f"Of {len(errors)} recipes the most accurate one gets {most:.0f} % of corrupted digits "
        f"wrong, the most robust one {least:.0f} %"
    )


def finding() -> str:
    """What the steps bring beyond the test set, and what spoiled digits do, in a few sentences."""
    found = accuracies(STEPS)
    if len(found) < len(STEPS) or min(map(len, found.values())) < 2:
        return TO_MEASURE
    first, best = (found[step][CORRUPTIONS].mean(axis=1) for step in (STEPS[0], STEPS[-1]))
    lost = paired.apart(STEPS[0], STEPS[-1], first, best)
    before, after = found[REGULARIZATION], found[AUGMENTATION]
    moved, noisy = (
        paired.apart(REGULARIZATION, AUGMENTATION, before[name], after[name])
        for name in ("translate", "impulse_noise")
    )
    text = (
        f"Of test digits corrupted in fifteen ways the first step's network reads "
        f"{first.mean():.0f} %, the last one's {best.mean():.0f} %: {lost} points. Augmentation "
        f"brings {moved} where digits are moved by three pixels, {noisy} under salt-and-pepper "
        f"noise (95 % intervals over {len(best)} seeds, each read alone)."
    )
    for table in accuracies([ROBUST]).values():
        text += (
            f" A network of {paired.parameters(ROBUST):,} parameters that trained on spoiled "
            f"digits, and was chosen under eight of the fifteen, reads "
            f"{summary(table[CORRUPTIONS].mean(axis=1))} % of the corrupted ones, "
            f"{summary(table[list(REPORTING)].mean(axis=1))} % under the seven others (under "
            "which an early draft was looked at once), and "
            f"{summary(table['clean'])} % of the clean ones ({len(table)} trainings)."
        )
    return text


def against() -> Table:
    """The robust recipe against step 04: clean digits, and mean corruption error by halves.

    The error on each corruption is divided by that of step 04; 67 and less is a third better.
    """
    base = LR_SCHEDULE
    known = accuracies([base]).get(base)
    columns = ["recipe", "parameters", "seeds", "clean", "Δ clean [95 % interval]", BEATS]
    columns += ["error, all fifteen", "the eight it was chosen by", "the seven others"]
    if known is None:
        return Table(columns, [])
    rows = []
    for recipe, table in accuracies([base, ROBUST]).items():
        row = [label(recipe), f"{paired.parameters(recipe):,}", len(table)]
        gap = "" if recipe == base else _gap(base, recipe, known["clean"], table["clean"])
        beats = "" if recipe == base else f"{better_share(known['clean'], table['clean']):.0%}"
        halves = (CORRUPTIONS, CHOOSING, REPORTING)
        relative = [over_seeds(relative_errors(table, known, sets), 1) for sets in halves]
        rows.append([*row, over_seeds(table["clean"]), gap, beats, *relative])
    return Table(columns, rows)


def verdict() -> str:
    """Whether a third of step 04's errors is gone for at most 0.05 points of clean digits.

    Each is tested over seeds, one-sided at 1 %, and both recipes' seeds count. The mean corruption
    error is compared as a ratio of geometric means.
    """
    base, recipe = LR_SCHEDULE, ROBUST
    every = accuracies([base, recipe])
    if len(every) < 2 or min(map(len, every.values())) < 2:
        return TO_MEASURE
    before, after = every[base], every[recipe]
    gone = welch(*(np.log(relative_errors(side, before)) for side in (after, before)))
    clean = welch(before["clean"], after["clean"])
    left, low, high = (100 * np.exp(-at) for at in (gone.mean, gone.high, gone.low))
    return (
        f"Corruption by corruption, {left:.1f} % [{low:.1f}, {high:.1f}] of the errors of "
        f"{label(base)} are left on average; at most two thirds: {_shown(gone, np.log(3 / 2))}. "
        f"Clean digits, in points: {clean.mean:+.2f} {signed(clean)}; at most {CLEAN_LOSS} fewer: "
        f"{_shown(clean, -CLEAN_LOSS)}. {len(before)} and {len(after)} seeds."
    )


def _shown(found: Estimate, least: float) -> str:
    words = "shown" if found.shows(least, CLAIM) else "not shown"
    return f"{words} at 1 % ({p_value(found.p_at_least(least))})"


def _gap(base: Recipe, recipe: Recipe, before: pd.Series, after: pd.Series) -> str:
    if min(len(before), len(after)) < 2:
        return ""
    return paired.apart(base, recipe, before, after)
