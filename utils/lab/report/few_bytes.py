"""Accuracy against bytes: what whole numbers read, and what others publish of the same."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utils import integers, models, plot_style
from utils.experiments import catalogue
from utils.experiments.experiment import texts
from utils.experiments.few_bytes import BYTES
from utils.experiments.second_freeze import SECOND
from utils.lab.report import frontier, paired, pictures
from utils.lab.report.intervals import (
    Estimate,
    estimate,
    level_of,
    mean_std,
    p_value,
    unbroken,
)
from utils.lab.report.paired import parameters, tabulate
from utils.lab.runs import results, views
from utils.levels import MOST
from utils.plot_style import BLUE, GREEN, GREY, ORANGE
from utils.recipes import Recipe, build_model
from utils.support.tables import Table

FLOAT = 4  # bytes
BYTES_LEARNED = "bytes of all that is learned"
VIEWS = f"in floats, {len(views.SHIFTS)} views"
THEIR_MACS = "million MACs of these"
ON_AVERAGE = "of the test digits on average"
TICKS = (1000, 2000, 3000, 6000, 10_000, 20_000, 40_000, 80_000)


def size(recipe: Recipe) -> int:
    """The bytes of the file that holds such a network: a byte a weight where no levels are set."""
    return integers.size(recipe.stages, recipe.levels or MOST)


def read(recipe: Recipe) -> pd.Series:
    """Test accuracy of the whole numbers, in per cent, by reported seed."""
    return _accuracies(recipe, lambda run: run["rounded"]["correct"])


def found(recipe: Recipe) -> Estimate:
    return estimate(read(recipe))


def table() -> Table:
    """Each network of few bytes: its file, what its whole numbers read, and what was aimed at."""
    limits = {recipe: limit for limit, recipe in BYTES.items()}

    return tabulate(
        limits,
        ("bytes at most", lambda recipe: f"{limits[recipe]:,}"),
        ("bytes", lambda recipe: f"{size(recipe):,}"),
        ("levels", lambda recipe: recipe.levels),
        ("network", lambda recipe: f"`{recipe.stages}`"),
        *("parameters", "million MACs"),
        ("whole numbers, last epoch", with_seeds),
        ("lowest, highest", lambda recipe: paired.ends(read(recipe))),
        ("with activations in floats", lambda recipe: f"{paired.last(recipe).mean():.3f}"),
        (VIEWS, lambda recipe: f"{over_views(recipe).mean():.3f}"),
        (THEIR_MACS, macs_of_views),
        ("± test images", paired.image_error),
        ("at least, at 1 %", at_least),
    )


def over_views(recipe: Recipe) -> pd.Series:
    """Test accuracy of the mean answer over five views of a digit, in per cent, by seed.

    See ``utils.lab.runs.views``: the network's activations are floats, and it takes five times the
    MACs.
    """
    return _accuracies(recipe, lambda run: run["views_correct"])


def macs_of_views(recipe: Recipe) -> str:
    """Million MACs of all the views of one digit."""
    return f"{len(views.SHIFTS) * models.count_macs(build_model(recipe)) / 1e6:.2f}"


def _accuracies(recipe: Recipe, correct: Callable[[dict], int]) -> pd.Series:
    """In per cent, by reported seed, of how many test digits are read."""
    runs, images = results.reported(recipe.name), results.SAMPLES[1]
    return pd.Series({run["seed"]: 100 * correct(run) / images for run in runs})


def short() -> Table:
    """What a page has room for of ``table``."""
    columns = ("bytes", "parameters", "million MACs", "whole numbers, last epoch")
    return table().only(*columns, "± test images", VIEWS, THEIR_MACS, "at least, at 1 %")


def with_seeds(recipe: Recipe) -> str:
    return unbroken(f"{mean_std(found(recipe), 3)} ({found(recipe).n})")


def at_least(recipe: Recipe) -> str:
    return paired.at_least(recipe, found(recipe))


def is_shown(recipe: Recipe) -> bool:
    known = catalogue.get(recipe.name)
    return found(recipe).shows(known.target, level_of(known.tries))


def elsewhere() -> pd.DataFrame:
    """Single runs of others whose text counts bytes: ``bytes``, ``accuracy``, ``source``, …"""
    return pd.DataFrame(text for text in texts() if "bytes" in text)


def published() -> Table:
    """What others wrote of networks of few bytes."""
    found = elsewhere()
    return frontier.listed(found, {"bytes": found.bytes.map("{:,}".format)})


def picture() -> Figure:
    """Ours by bytes, mean ± standard deviation; the frontier's floats; single runs of others."""
    figure, axes = plot_style.figure(height=4.6)
    panel(axes)
    return plot_style.title(pictures.legend(figure), title())


def by_parameters_and_bytes() -> Figure:
    """The frontier's picture, and below it what bytes are worth."""
    figure, (above, below) = plot_style.figure(2, height=8.6)
    frontier.panel(above)
    panel(below)
    below.set_title(title(), fontsize=11.5)
    return plot_style.title(pictures.legend(figure), frontier.finding())


def panel(axes: Axes) -> None:
    """What ``picture`` shows, on axes of another's."""
    ours, second, others = list(BYTES.values()), list(SECOND.values()), elsewhere()
    look = {"fmt": "s-", "ms": 7, "capsize": 4, "lw": 1.4, "zorder": 3}
    name = "weights of few values, mean ± standard deviation over seeds"
    for recipe, one in zip(ours, _marked(axes, ours, ORANGE, name, look), strict=True):
        about = {"ha": "center", "color": "black"}
        pictures.label(axes, f"{one.mean:.2f}", size(recipe), one.mean + one.std, (0, 5), **about)
    _marked(axes, second, BLUE, "a byte a weight, rounded after training", look)
    places = [FLOAT * parameters(recipe) for recipe in second]
    name = "the frontier's networks in floats, 4 bytes a parameter"
    pictures.means(axes, places, second, label=name, color=GREY, **look)
    name, look = "BitNetMCU: one run, bytes of weights alone", {"marker": "+", "s": 55, "lw": 1.8}
    axes.scatter(others.bytes, others.accuracy, color=GREEN, label=name, **look)
    pictures.against(axes, BYTES_LEARNED, TICKS)


def _marked(axes: Axes, recipes: list[Recipe], color: str, name: str, look: dict) -> list[Estimate]:
    """Mean ± standard deviation of what each file reads, marked at its bytes."""
    means = [found(recipe) for recipe in recipes]
    heights, spread = [one.mean for one in means], [one.std for one in means]
    sizes = [size(recipe) for recipe in recipes]
    axes.errorbar(sizes, heights, spread, color=color, label=name, **look)
    return means


def title() -> str:
    """The smallest file that is shown to hold what a target asks for, in one line."""
    shown = [recipe for recipe in BYTES.values() if is_shown(recipe)]
    if not shown:
        recipe = min(BYTES.values(), key=size)
        return f"{size(recipe):,} bytes read {found(recipe).mean:.2f} % {ON_AVERAGE}"
    recipe = min(shown, key=size)
    target, one = catalogue.get(recipe.name).target, found(recipe)
    p = p_value(one.p_at_least(target))
    shown = f"{size(recipe):,} bytes are shown to read at least {target:.2f} % {ON_AVERAGE}"
    return f"{shown} ({one.n} seeds, {p})"
