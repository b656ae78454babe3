"""What recorded networks read of digits that are not MNIST's: tables and pictures of notebook 08.

A recipe that is not measured is left out, and so is what needs two seeds where there is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from textwrap import fill

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from utils import plot_style
from utils.corruptions import SEVERITIES
from utils.experiments.steps import SKELETON, STEPS
from utils.lab.report import intervals, paired, steps
from utils.lab.runs import measured
from utils.lab.runs.measured import SETS
from utils.plot_style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, YELLOW
from utils.recipes import Recipe
from utils.support.tables import Table

COLORS = (GREY, SKY, ORANGE, BLUE, RED, GREEN, PURPLE, YELLOW)
CORRUPTIONS = [name for name, known in SETS.items() if known.kind == "corruption"]
# Rows that several tables share: a name, and the sets of which it is the mean.
ROWS = {
    "clean": ["clean"],
    **{name.replace("_", " "): [name] for name in CORRUPTIONS},
    "mean of the fifteen": CORRUPTIONS,
    "UCI digits": ["uci"],
}
CORRUPTION_ROWS = [name for name, sets in ROWS.items() if sets[0] in CORRUPTIONS][:-1]
TO_MEASURE = "Nothing is measured yet: python -m utils.lab beyond"


def label(recipe: Recipe) -> str:
    return steps.label(recipe) if recipe in STEPS else recipe.title


def accuracies(recipes: Iterable[Recipe]) -> dict[Recipe, pd.DataFrame]:
    """Of each recipe that is measured: accuracy in per cent, a row a seed, a column a set."""
    found = {recipe: measured.frame([recipe.name]) for recipe in recipes}
    return {
        recipe: table.pivot(index="seed", columns="set", values="accuracy")
        for recipe, table in found.items()
        if len(table)
    }


def over_seeds(values: Sequence[float], digits: int = 2) -> str:
    """``98.31 ± 0.12`` over seeds; of one seed only its value."""
    return intervals.unbroken(intervals.summary(values, digits))


def by_corruption(recipes: Iterable[Recipe] = STEPS) -> Table:
    """Per cent on every set, a column a recipe: mean ± standard deviation over seeds."""
    found = accuracies(recipes)
    rows = [
        [name, *(over_seeds(table[sets].mean(axis=1)) for table in found.values())]
        for name, sets in ROWS.items()
    ]
    return Table(["accuracy in %", *map(label, found)], rows if found else [])


def relative_errors(
    table: pd.DataFrame, base: pd.DataFrame, sets: Sequence[str] = CORRUPTIONS
) -> pd.Series:
    """Mean corruption error by seed, in per cent of that of ``base``; by default of the fifteen.

    As in Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations, 2019: the error on each corruption is divided by the base's, its mean over
    seeds, and the quotients are averaged. So a hard corruption counts no more than an easy one.
    """
    sets = list(sets)
    quotients = (100 - table[sets]) / (100 - base[sets].mean())
    return 100 * quotients.mean(axis=1)


def errors(recipes: Iterable[Recipe] = STEPS, base: Recipe = SKELETON) -> Table:
    """What each recipe gets wrong, in per cent: clean, corrupted, and relative to ``base``."""
    recipes = list(recipes)
    found, known = accuracies(recipes), accuracies([base])
    columns = ["recipe", "parameters", "seeds", "clean", "mean of the fifteen"]
    columns += [f"relative to {label(base)}"] if known else []
    rows = []
    for recipe, table in found.items():
        wrong = [100 - table["clean"], 100 - table[CORRUPTIONS].mean(axis=1)]
        row = [label(recipe), f"{paired.parameters(recipe):,}", len(table), *map(over_seeds, wrong)]
        row += [over_seeds(relative_errors(table, one), 1) for one in known.values()]
        rows.append([*row, over_seeds(100 - table["uci"])])
    return Table([*columns, "UCI digits"], rows)


def gains(pairs: Iterable[tuple[Recipe, Recipe]] | None = None) -> Table:
    """From the first of each pair to the second, in points of accuracy; by default step to step.

    Each has its 95 % interval over seeds: paired where two recipes share their first weights,
    Welch's where they do not. A pair of which one is not measured with two seeds is left out.
    """
    found = _gains(pairs or itertools.pairwise(STEPS), ROWS)
    rows = [[name, *cells] for name, *cells in zip(ROWS, *found.values(), strict=True)]
    return paired.noted(Table(["points of accuracy", *found], rows if found else []), stars=True)


def gains_by_pair(pairs: Iterable[tuple[Recipe, Recipe]]) -> Table:
    """As ``gains``, on average only: a row a pair."""
    names = ("clean", "mean of the fifteen", "UCI digits")
    rows = [[pair, *cells] for pair, cells in _gains(pairs, names).items()]
    return paired.noted(Table(["points of accuracy", *names], rows), stars=True)


def _gains(pairs: Iterable[tuple[Recipe, Recipe]], names: Iterable[str]) -> dict[str, list]:
    """Of each pair that can be compared, by its label: a difference for each of ``ROWS``' names."""
    pairs = list(pairs)
    found, gained = accuracies({recipe for pair in pairs for recipe in pair}), {}
    for before, after in pairs:
        sides = [found[recipe] for recipe in (before, after) if recipe in found]
        if len(sides) == 2 and min(map(len, sides)) > 1:
            gained[f"{short_label(after)} minus {short_label(before)}"] = [
                paired.apart(before, after, *(side[ROWS[name]].mean(axis=1) for side in sides))
                for name in names
            ]
    return gained


def short_label(recipe: Recipe) -> str:
    """The name of a recipe inside a column's head."""
    return f"step {recipe.name[:2]}" if recipe in STEPS else f"“{recipe.title}”"


def severity_frame(recipes: Iterable[Recipe]) -> pd.DataFrame:
    """A row per recipe, seed, family and value, those of clean digits included; for ``seaborn``."""
    recipes = list(recipes)
    table = measured.frame([recipe.name for recipe in recipes])
    clean = table[table.kind == "clean"]
    parts = [table[table.kind == "severity"]]
    parts += [clean.assign(family=name, value=one.clean) for name, one in SEVERITIES.items()]
    labels = {recipe.name: label(recipe) for recipe in recipes}
    found = pd.concat(parts, ignore_index=True)
    return found.assign(label=found.recipe.map(labels), value=found.value.astype(float))


def severity_picture(recipes: Sequence[Recipe] = STEPS) -> Figure:
    """Accuracy over severity, a panel a family: mean and standard deviation over seeds."""
    table = severity_frame(recipes)
    if table.empty:
        return nothing()
    figure, axes = plot_style.figure(2, 3, height=5.6, sharey=True)
    order = [label(recipe) for recipe in recipes if label(recipe) in set(table.label)]
    look = {"hue": "label", "hue_order": order, "style": "label", "style_order": order}
    look |= {"palette": COLORS[: len(order)], "markers": True, "dashes": False, "markersize": 6}
    for cell, (name, family) in zip(axes.flat, SEVERITIES.items(), strict=False):
        of_family = table[table.family == name]
        sns.lineplot(of_family, x="value", y="accuracy", errorbar="sd", ax=cell, **look)
        cell.set(title=name, xlabel=family.unit, ylabel="accuracy in %", ylim=(0, 102))
        handles, labels = cell.get_legend_handles_labels()
        cell.get_legend().remove()
    axes.flat[-1].axis("off")
    axes.flat[-1].legend(handles, labels, frameon=False, loc="center")
    finding = f"{_furthest_apart(table)}\n(mean and standard deviation over seeds)"
    return plot_style.title(figure, finding)


def _furthest_apart(table: pd.DataFrame) -> str:
    """Where two recipes differ most, and what each reads there, in a line."""
    means = table.groupby(["family", "value", "label"]).accuracy.mean().unstack()
    name, value = (means.max(axis=1) - means.min(axis=1)).idxmax()
    there = means.loc[name, value]
    ends = [f"{there[which]:.0f} % ({which})" for which in (there.idxmax(), there.idxmin())]
    return f"Furthest apart at {name} {value:g}: {' against '.join(ends)} are read"


def picture(recipes: Iterable[Recipe] = STEPS) -> Figure:
    """Mean accuracy of every recipe on every set, the darker the more is read."""
    found = accuracies(recipes)
    if not found:
        return nothing()
    means = pd.DataFrame(
        {
            fill(label(recipe), 16): {
                name: table[sets].mean(axis=None) for name, sets in ROWS.items()
            }
            for recipe, table in found.items()
        }
    )
    figure, axes = plot_style.figure(height=6.2)
    look = {"annot": True, "fmt": ".1f", "cmap": "Blues", "vmin": 0, "vmax": 100}
    sns.heatmap(means, ax=axes, cbar_kws={"label": "accuracy in %"}, linewidths=0.5, **look)
    axes.set(xlabel="", ylabel="")
    axes.tick_params(rotation=0)
    axes.grid(False)
    low, high = means.loc["mean of the fifteen"].agg(["min", "max"])
    hardest = means.loc[CORRUPTION_ROWS].idxmin().value_counts()
    finding = f"Corrupted digits: {low:.1f} to {high:.1f} % are read on average (mean over seeds);"
    most = f"{hardest.index[0]} is hardest for {hardest.iloc[0]} of {len(found)} recipes"
    return plot_style.title(figure, f"{finding}\n{most}")


def nothing() -> Figure:
    """The place of a picture of what is not measured."""
    figure, axes = plot_style.figure(height=1.0)
    axes.axis("off")
    return plot_style.title(figure, TO_MEASURE)
