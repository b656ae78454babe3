"""What tables say of a recipe, and of the difference between two.

Runs of one seed are paired where their recipes share the first weights and the order of images;
where they do not, a pair is chance and the difference is Welch's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import pandas as pd
import torch

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.experiment import Published
from utils.lab.report import intervals
from utils.lab.report.intervals import estimate, mean_std, unbroken
from utils.lab.runs import results
from utils.lab.timing import benchmark
from utils.recipes import Recipe, build_model, formatted
from utils.support.tables import Table

NAMED_PAIRS = ((4, 9), (2, 5), (8, 9), (1, 7), (1, 2))  # often confused, says B's analysis
DELTA = "Δ [95 % interval]"


@functools.cache
def parameters(recipe: Recipe) -> int:
    return models.count_parameters(build_model(recipe))


def published(recipe: Recipe) -> Published:
    return catalogue.get(recipe.name).published


def last(recipe: Recipe) -> pd.Series:
    """Test accuracy of the last epoch, in per cent, by reported seed."""
    return results.last_accuracies(recipe.name)


def best_epochs(recipe: Recipe) -> pd.Series:
    """The highest test accuracy of any epoch, in per cent, by reported seed."""
    return results.best_accuracies(recipe.name)


def last_epoch(recipe: Recipe, digits: int = 2) -> str:
    """Of the last epoch over seeds, ``99.48 ± 0.05``."""
    return unbroken(mean_std(estimate(last(recipe)), digits))


def with_seeds(recipe: Recipe) -> str:
    """``last_epoch`` and the number of seeds."""
    return f"{last_epoch(recipe)} ({len(last(recipe))})"


def image_error(recipe: Recipe) -> str:
    """What the ten thousand test images leave open, whatever the number of seeds, in points."""
    return f"{intervals.image_error(results.scores(recipe.name)):.2f}"


def overall(recipe: Recipe) -> str:
    """The 95 % interval of the mean, for other seeds and other test images."""
    found = intervals.over_seeds_and_images(results.scores(recipe.name))
    return unbroken(intervals.interval(found))


def best_epoch(recipe: Recipe) -> str:
    """Of the best epoch on the test set over seeds, ``99.49 ± 0.04``."""
    found = estimate(best_epochs(recipe))
    return unbroken(mean_std(found))


def peeked(recipe: Recipe) -> str:
    """How many seeds reach the published figure, and the chance that one more run does.

    Equal looks: a best epoch, watched on the test set, is held against best epochs of ours, and
    so is one of which the text does not say what it is; a last epoch against last epochs.
    """
    least = published(recipe).test
    ours = last(recipe) if published(recipe).epoch == "last" else best_epochs(recipe)
    reached = int((ours.round(4) >= least).sum())
    return f"{reached} of {len(ours)} ({_share(intervals.chance_of(ours, least))})"


def _share(chance: float) -> str:
    """Of an estimate, never all or nothing."""
    return ">99%" if chance > 0.995 else "<1%" if chance < 0.005 else f"{chance:.0%}"


def in_a_row(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def at_least(recipe: Recipe, found: intervals.Estimate) -> str:
    """The target, and whether ``found`` shows it, one-sided and as a record is, at 1 %."""
    known = catalogue.get(recipe.name)
    level = intervals.level_of(known.tries)
    return f"{known.target:.2f}: {intervals.verdict(found, known.target, level)}"


def ends(values: pd.Series) -> str:
    """The lowest and the highest of them."""
    return in_a_row(values.agg(["min", "max"]))


COLUMNS: dict[str, Callable[[Recipe], object]] = {
    "parameters": lambda recipe: f"{parameters(recipe):,}",
    "million MACs": functools.cache(
        lambda recipe: f"{models.count_macs(build_model(recipe)) / 1e6:.2f}"
    ),
    "receptive field": functools.cache(lambda recipe: receptive_field.final(build_model(recipe))),
    "last epoch": with_seeds,
    "± test images": image_error,
    "95 %, seeds and images": overall,
    "best epoch": best_epoch,
    "seeds that reach it (chance)": peeked,
    "seed by seed": lambda recipe: in_a_row(last(recipe)),
    "published": lambda recipe: f"{published(recipe).test:.2f}",
    "its epoch": lambda recipe: published(recipe).protocol,
    "seconds per epoch": lambda recipe: f"{benchmark.seconds_of(recipe):.1f}",
}


def tabulate(recipes: Iterable[Recipe], *columns: str | tuple[str, Callable]) -> Table:
    """A row for each recipe; a column is one of ``COLUMNS``, a setting, or (name, function)."""
    pairs = [column if isinstance(column, tuple) else (column, _cell(column)) for column in columns]
    rows = [[cell(recipe) for _, cell in pairs] for recipe in recipes]
    return Table([name for name, _ in pairs], rows)


def _cell(name: str) -> Callable[[Recipe], object]:
    return COLUMNS.get(name) or (lambda recipe: formatted(recipe.settings()[name]))


@functools.cache
def share_start(before: Recipe, after: Recipe) -> bool:
    """Whether runs of one seed start from the same weights and see the images in one order.

    The order is the seed's, but where each epoch takes the images of highest loss. A whitened
    start replaces the first weights that were drawn.
    """
    if any(getattr(before, s) != getattr(after, s) for s in ("selection", "at_random", "whitened")):
        return False
    drawn = []
    for recipe in (before, after):
        weights = build_model(recipe).parameters()
        # A batch norm's are no draws, and may be there or not.
        drawn.append([w for w in weights if w.dim() > 1])
    return len(drawn[0]) == len(drawn[1]) and all(map(torch.equal, *drawn))


def partners(before: pd.Series, after: pd.Series) -> int:
    """How many seeds both have; 0 for a single one, whose pair has no interval."""
    both = len(before.index.intersection(after.index))
    return both if both > 1 else 0


def difference(before: pd.Series, after: pd.Series, paired: bool = True) -> intervals.Estimate:
    """``after`` minus ``before``, by seed: ``paired`` over the seeds that both have, if two do."""
    if not paired or not partners(before, after):
        return intervals.welch(before, after)
    return intervals.paired_difference(*before.align(after, join="inner"))


def gap(before: Recipe | None, after: Recipe) -> str:
    """The last epochs' ``difference`` in points; empty where there are no two recipes."""
    if before is None or before == after:
        return ""
    return apart(before, after, last(before), last(after))


def apart(before: Recipe, after: Recipe, old: pd.Series, new: pd.Series) -> intervals.Difference:
    """``new`` minus ``old``, any measure of the two recipes by seed, paired where that is right.

    Where only some of the seeds have a partner it says how many.
    """
    paired = share_start(before, after)
    pairs = partners(old, new) if paired else 0
    note = f" over {pairs}" if 0 < pairs < max(len(old), len(new)) else ""
    return intervals.Difference(difference(old, new, paired), note)


def overall_gap(before: Recipe | None, after: Recipe) -> str:
    """As ``gap``, for other seeds and other test images; ``ValueError`` for unpaired recipes."""
    if before is None:
        return ""
    if not share_start(before, after):
        raise ValueError(f"{before.name} and {after.name} share no first weights: use gap")
    old, new = (results.scores(recipe.name) for recipe in (before, after))
    seeds = old.index.intersection(new.index)
    change = new.loc[seeds].to_numpy(float) - old.loc[seeds].to_numpy(float)
    return intervals.Difference(intervals.over_seeds_and_images(change))


def beats(before: Recipe | None, after: Recipe) -> str:
    """How often a seed of ``after`` ends above one of ``before``, in per cent."""
    if before is None or before == after:
        return ""
    return f"{intervals.better_share(last(before), last(after)):.0%}"


def noted(table: Table, stars: bool = False) -> Table:
    """``table`` with a note on what its intervals say together.

    ``stars``, for a table of many intervals, mark those that Holm's correction leaves.
    """
    cells = [cell for row in table.rows for cell in row]
    rows, note = table.rows, intervals.by_chance(cells)
    if stars and note and (left := intervals.left(cells)):
        note += " They have a star."
        rows = [[f"{c} *" if getattr(c, "estimate", None) in left else c for c in r] for r in rows]
    return Table(table.columns, rows, note)


def confused(recipe: Recipe, *pairs: tuple[int, int]) -> pd.Series:
    """How many images of one digit of ``pairs`` were taken for the other, by seed."""
    wrong = results.mistakes([recipe.name])
    answers = zip(wrong.labels, wrong.predictions, strict=True)
    counted = [set(both) in map(set, pairs) for both in answers]
    return pd.Series(counted).groupby(wrong.seed).sum()
