"""How sure recorded networks are, and how often they are right."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utils import plot_style
from utils.experiments.steps import STEPS
from utils.lab.report import paired
from utils.lab.report.beyond import COLORS, label, nothing, over_seeds, short_label
from utils.lab.runs import measured
from utils.lab.runs.measured import BINS
from utils.plot_style import GREY
from utils.recipes import Recipe
from utils.support.tables import Table

KINDS = {"clean": "clean", "corruption": "the fifteen", "uci": "UCI digits"}


def sureness(recipe: Recipe, kind: str) -> dict[int, np.ndarray]:
    """By seed, ``[3, 15]``: answers, right ones, and summed probabilities, by the answer's own.

    ``kind`` is ``clean``, ``corruption`` (all fifteen together) or ``uci``.
    """
    return {
        seed: np.array([run["sure"][kind][row] for row in ("images", "correct", "probability")])
        for seed, run in measured.measured(recipe.name).items()
    }


def calibration_error(counts: np.ndarray) -> float:
    """Expected calibration error in per cent: how far probabilities are from the shares right.

    Over 15 bins of equal width, weighted by their answers, as in Guo, Pleiss, Sun and Weinberger,
    On Calibration of Modern Neural Networks, 2017.
    """
    answers, right, probability = counts
    return float(100 * np.abs(right - probability).sum() / answers.sum())


def calibration_errors(recipe: Recipe, kind: str) -> pd.Series:
    """``calibration_error`` of each seed's network."""
    errors = {seed: calibration_error(counts) for seed, counts in sureness(recipe, kind).items()}
    return pd.Series(errors, dtype=float)


def calibration(recipes: Iterable[Recipe] = STEPS) -> Table:
    """Expected calibration error, and how many answers of the surest bin are wrong."""
    rows = []
    for recipe in recipes:
        found = {kind: sureness(recipe, kind) for kind in KINDS}
        if not found["clean"]:
            continue
        error = [over_seeds(calibration_errors(recipe, kind)) for kind in KINDS]
        sure = [[100 * (1 - c[1, -1] / c[0, -1]) for c in by.values()] for by in found.values()]
        rows.append([label(recipe), *error, *(over_seeds(values) for values in sure)])
    columns = [f"calibration error in %, {name}" for name in KINDS.values()]
    columns += [f"wrong where surer than 93 %, in %, {name}" for name in KINDS.values()]
    return Table(["recipe", *columns], rows)


def changes(pairs: Iterable[tuple[Recipe, Recipe]] | None = None) -> Table:
    """From the first of each pair to the second, in points of the calibration error.

    By default from step to step. A pair of which one is not measured with two seeds is left out.
    """
    rows = []
    for before, after in pairs or itertools.pairwise(STEPS):
        old, new = ([calibration_errors(r, kind) for kind in KINDS] for r in (before, after))
        if min(map(len, (*old, *new))) < 2:
            continue
        apart = [paired.apart(before, after, *sides) for sides in zip(old, new, strict=True)]
        rows.append([f"{short_label(after)} minus {short_label(before)}", *apart])
    table = Table(["points of calibration error", *KINDS.values()], rows)
    return paired.noted(table, stars=True)


def reliability_picture(recipes: Sequence[Recipe] = STEPS) -> Figure:
    """How often an answer is right, over its probability; all seeds together."""
    found = [recipe for recipe in recipes if measured.measured(recipe.name)]
    if not found:
        return nothing()
    figure, axes = plot_style.figure(1, 2, height=5.6, sharey=True)
    worst = (0.0, "")
    for cell, (kind, name) in zip(
        axes,
        {"clean": "clean digits", "corruption": "the fifteen corruptions"}.items(),
        strict=True,
    ):
        cell.plot([0, 100], [0, 100], color=GREY, ls="--", lw=1)
        for recipe, color in zip(found, COLORS, strict=False):
            by_seed = sureness(recipe, kind)
            answers, right, probability = np.sum(list(by_seed.values()), axis=0)
            read = "clean" if kind == "clean" else "corrupted"
            shown = answers >= 20  # of fewer, the share says little
            error = calibration_errors(recipe, kind).mean()
            worst = max(worst, (error, f"{label(recipe)} on {read} digits"))
            share = 100 / answers[shown]
            text = f"{label(recipe)}: {error:.1f}"
            line = (probability[shown] * share, right[shown] * share)
            cell.plot(*line, "o-", color=color, ms=4, label=text)
        dots = f"{BINS} bins\n(dots: those of 20 answers or more)"
        cell.set(title=name, xlabel=f"probability of the answer in %, {dots}")
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16)}
        cell.legend(title="calibration error in %", frameon=False, fontsize=8.5, **below)
    axes[0].set_ylabel("answers that are right in %")
    finding = (
        "Below the dashed line a network is surer than it is right; the largest calibration error"
    )
    finding += f"\nis that of {worst[1]}, {worst[0]:.0f} points"
    return plot_style.title(figure, finding)
