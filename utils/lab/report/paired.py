"""What tables say of a recipe, and of the difference between two, paired by seed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import pandas as pd

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.record import Published
from utils.lab.report import intervals
from utils.lab.runs import results
from utils.lab.timing import recorded
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


def mean_std(recipe: Recipe, digits: int = 2) -> str:
    """Of the last epoch over seeds, ``99.48 ± 0.05``, not to be broken by a narrow column."""
    return intervals.mean_std(intervals.estimate(last(recipe)), digits).replace(" ", "\u00a0")


def with_seeds(recipe: Recipe) -> str:
    """``mean_std`` and the number of seeds."""
    return f"{mean_std(recipe)}\u00a0({len(last(recipe))})"


def best_epoch(recipe: Recipe) -> str:
    found = results.best_accuracies(recipe.name)
    return f"{found.mean():.2f} ({found.max():.2f})"


def in_a_row(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


COLUMNS: dict[str, Callable[[Recipe], object]] = {
    "parameters": lambda recipe: f"{parameters(recipe):,}",
    "million MACs": functools.cache(
        lambda recipe: f"{models.count_macs(build_model(recipe)) / 1e6:.2f}"
    ),
    "receptive field": functools.cache(lambda recipe: receptive_field.final(build_model(recipe))),
    "last epoch": with_seeds,
    "best epoch: mean (highest)": best_epoch,
    "seed by seed": lambda recipe: in_a_row(last(recipe)),
    "published": lambda recipe: f"{published(recipe).test:.2f}",
    "its epoch": lambda recipe: published(recipe).protocol,
    "seconds per epoch": lambda recipe: f"{recorded.seconds_of(recipe):.1f}",
}


def tabulate(recipes: Iterable[Recipe], *columns: str | tuple[str, Callable]) -> Table:
    """A row for each recipe; a column is one of ``COLUMNS``, a setting, or (name, function)."""
    pairs = [column if isinstance(column, tuple) else (column, _cell(column)) for column in columns]
    rows = [[cell(recipe) for _, cell in pairs] for recipe in recipes]
    return Table([name for name, _ in pairs], rows)


def _cell(name: str) -> Callable[[Recipe], object]:
    return COLUMNS.get(name) or (lambda recipe: formatted(recipe.settings()[name]))


def difference(before: pd.Series, after: pd.Series) -> intervals.Estimate:
    """``after`` less ``before``, each by seed, over the seeds that both have."""
    return intervals.paired_difference(*before.align(after, join="inner"))


def gap(before: Recipe | None, after: Recipe) -> str:
    """The last epochs' ``difference`` in points; empty where there are no two recipes."""
    if before is None or before == after:
        return ""
    return intervals.with_interval(difference(last(before), last(after)))


def confused(recipe: Recipe, *pairs: tuple[int, int]) -> pd.Series:
    """How many images of one digit of ``pairs`` were taken for the other, by seed."""
    wrong = results.mistakes([recipe.name])
    answers = zip(wrong.labels, wrong.predictions, strict=True)
    counted = [set(both) in map(set, pairs) for both in answers]
    return pd.Series(counted).groupby(wrong.seed).sum()
