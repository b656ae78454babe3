"""The frontier once more: what its second freeze reached, and what the first one had said."""

from __future__ import annotations

from functools import partial

from utils.experiments.frontier import FRONTIER
from utils.experiments.second_freeze import SECOND
from utils.lab.report import choices, few_bytes, paired
from utils.lab.report.intervals import estimate, mean_std, unbroken
from utils.lab.report.paired import gap, last, last_epoch, noted, parameters, tabulate
from utils.lab.runs import views
from utils.lab.runs.validation import AS_CHOSEN, SPLITS
from utils.recipes import Recipe
from utils.support.tables import Table

BEATS = "a seed beats one of the first"
# The first freeze's network of about the same size.
FIRST = {2000: FRONTIER[2000], 3500: FRONTIER[4000], 8000: FRONTIER[8000], 20_000: FRONTIER[20_000]}


def table() -> Table:
    """Each size's network, its mean in the last epoch, and whether its target is shown."""
    own = ("augmentation", "lr", "ema", "label_smoothing")
    return tabulate(
        SECOND.values(),
        ("network", lambda recipe: f"`{recipe.stages}`"),
        *own,
        *("parameters", "million MACs"),
        ("last epoch", partial(last_epoch, digits=3)),
        ("lowest, highest", lambda recipe: paired.ends(last(recipe))),
        *("± test images", "95 %, seeds and images"),
        ("at least, at 1 %", lambda recipe: paired.at_least(recipe, estimate(last(recipe)))),
    )


def short() -> Table:
    """What a page has room for of ``table``."""
    columns = ("parameters", "million MACs", "last epoch", "± test images")
    return table().only(*columns, "95 %, seeds and images", "at least, at 1 %")


def otherwise() -> Table:
    """The same networks with several views of a digit, and with a byte a weight."""

    def viewed(recipe: Recipe) -> str:
        return unbroken(mean_std(estimate(few_bytes.over_views(recipe)), 3))

    def rounded(recipe: Recipe) -> str:
        return unbroken(mean_std(few_bytes.found(recipe), 3))

    return tabulate(
        SECOND.values(),
        "parameters",
        ("last epoch", partial(last_epoch, digits=3)),
        (f"{len(views.SHIFTS)} views", viewed),
        (few_bytes.THEIR_MACS, few_bytes.macs_of_views),
        ("a byte a weight", rounded),
        ("bytes of that", lambda recipe: f"{few_bytes.size(recipe):,}"),
    )


def two_freezes() -> Table:
    """Both freezes, size by size, on validation before and on the test set after."""
    limits = {recipe: limit for limit, recipe in SECOND.items()}

    def first(recipe: Recipe) -> Recipe:
        return FIRST[limits[recipe]]

    made = tabulate(
        limits,
        ("parameters, first freeze", lambda recipe: f"{parameters(first(recipe)):,}"),
        ("its last epoch", lambda recipe: last_epoch(first(recipe), digits=3)),
        ("second", lambda recipe: f"{parameters(recipe):,}"),
        ("on validation, split 1 and 2", validated),
        ("last epoch", partial(last_epoch, digits=3)),
        (paired.DELTA, lambda recipe: gap(first(recipe), recipe)),
        (BEATS, lambda recipe: paired.beats(first(recipe), recipe)),
    )
    return noted(made)


def validated(recipe: Recipe) -> str:
    """The mean validation accuracy of the recipe as it was frozen, split by split."""
    found = choices.frame([recipe.name])
    means = found[found.tried == AS_CHOSEN].groupby("split").accuracy.mean()
    return ", ".join(f"{means[split]:.2f}" for split in SPLITS if split in means)
