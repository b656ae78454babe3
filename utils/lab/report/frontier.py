"""How accurate a network of a given size can be: tables and pictures of the frontier's recipes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from utils import data, plot_style, plots
from utils.experiments import catalogue
from utils.experiments.experiment import texts
from utils.experiments.frontier import FRONTIER, LONG
from utils.experiments.recorded import BadResult
from utils.experiments.second_freeze import SECOND
from utils.history import Mistakes
from utils.lab.report import choices, label_errors, paired, pictures
from utils.lab.report.intervals import (
    CLAIM,
    Difference,
    Estimate,
    estimate,
    p_value,
    paired_difference,
    verdict,
)
from utils.lab.report.paired import DELTA, gap, last, last_epoch, noted, parameters, tabulate
from utils.lab.runs import results
from utils.lab.runs.validation import AS_CHOSEN
from utils.plot_style import BLUE, GREY, PURPLE, RED, SKY
from utils.recipes import Recipe, formatted, switched_on
from utils.support.tables import Table

ENOUGH = 99.40  # what the smallest network is asked for
NETWORKS = list(SECOND.values())  # what stands for each size now
ABLATED = FRONTIER[8000].name
_BEFORE = dict(zip(FRONTIER.values(), (None, *FRONTIER.values()), strict=False))
DELTA_BEFORE = (
    "Δ to the size before [95 % interval]",
    lambda recipe: gap(_BEFORE[recipe], recipe),
)


def elsewhere() -> pd.DataFrame:
    """Single runs of others, but for the designs trained here: parameters, accuracy, source, …

    ``doubt`` says why a figure cannot stand beside the others; empty for most.
    """
    others = (text for text in texts() if not text.keys() & {"stage", "bytes"})
    return pd.DataFrame(others).fillna("")


def table() -> Table:
    """The first freeze's network of each size, beside what was set for it."""
    limits = {recipe: limit for limit, recipe in FRONTIER.items()}

    made = tabulate(
        limits,
        ("fewer than", lambda recipe: f"{limits[recipe]:,}"),
        ("network", lambda recipe: f"`{recipe.stages}`"),
        *(*_own(), "parameters", "million MACs"),
        ("last epoch", partial(last_epoch, digits=3)),
        ("lowest, highest", lambda recipe: paired.ends(last(recipe))),
        DELTA_BEFORE,
        ("target", lambda recipe: f"≥ {target(recipe):.2f}"),
        ("shown", lambda recipe: verdict(estimate(last(recipe)), target(recipe))),
    )
    return noted(made)


def sizes() -> Table:
    """The six networks, and how sure each mean is; what was aimed at stays in the notebook."""
    columns = ["parameters", ("last epoch", partial(last_epoch, digits=3)), "± test images"]
    columns += ["95 %, seeds and images", (f"at least {ENOUGH:.2f}, at 1 %", enough), DELTA_BEFORE]
    columns.append(("a seed beats one before", lambda r: paired.beats(_BEFORE[r], r)))
    return noted(tabulate(FRONTIER.values(), *columns))


def enough(recipe: Recipe) -> str:
    """Whether its mean is shown to be ``ENOUGH``, as a record is: one-sided, at 1 %."""
    return verdict(estimate(last(recipe)), ENOUGH, CLAIM)


def target(recipe: Recipe) -> float:
    return catalogue.get(recipe.name).target


def longer() -> Table:
    """The same networks without the limit of 20 epochs, and what that adds."""
    limits = {recipe: limit for limit, recipe in LONG.items()}

    def shorter(recipe: Recipe) -> Recipe:
        return FRONTIER[limits[recipe]]

    def these_seeds(recipe: Recipe) -> str:
        seeds = last(recipe).index
        return f"{last(shorter(recipe))[seeds].mean():.3f}"

    made = tabulate(
        limits,
        ("fewer than", lambda recipe: f"{limits[recipe]:,}"),
        *("parameters", "epochs"),
        ("last epoch", partial(last_epoch, digits=3)),
        "seed by seed",
        ("these seeds in 20 epochs", these_seeds),
        (DELTA, lambda recipe: gap(shorter(recipe), recipe)),
        ("a seed beats one of 20", lambda recipe: paired.beats(shorter(recipe), recipe)),
    )
    return noted(made)


def common() -> Table:
    """The settings that all of the frontier's recipes share."""
    used = switched_on(FRONTIER[8000].settings())
    shared = [name for name in used if name not in ("stages", *_own())]
    return Table(["setting", "value"], [[name, formatted(used[name])] for name in shared])


def _own() -> list[str]:
    """Names of the settings, besides the network, in which the frontier's recipes differ."""
    every = pd.DataFrame([recipe.settings() for recipe in FRONTIER.values()]).drop(columns="stages")
    return [name for name in every if every[name].nunique(dropna=False) > 1]


def ablation() -> Table:
    """One change at a time to the network of 8,000 parameters, on split 1, best first.

    A difference is over the seeds that both were trained with; without one there is no row.
    """
    tried = choices.frame([ABLATED]).query("split == 1")
    tried = tried.pivot(index="seed", columns="tried", values="accuracy")
    if AS_CHOSEN not in tried:
        raise BadResult(f"nothing to compare with: python -m utils.lab choose {ABLATED}")
    rows = []
    for change in tried.columns:
        before, after = tried[[AS_CHOSEN, change]].dropna().to_numpy().T
        if not len(after):
            continue
        gain = after.mean() - before.mean()
        pairs = [f"{b:.2f} → {a:.2f}" for b, a in zip(before, after, strict=True)]
        words = f"{gain:+.2f}"
        if change == AS_CHOSEN:
            pairs, words = [f"{a:.2f}" for a in after], ""
        elif len(after) > 1:
            words = Difference(paired_difference(before, after))
        rows.append((gain, [change, ", ".join(pairs), words]))
    rows.sort(key=lambda row: -row[0])
    columns = ["changed", "validation accuracy, seed by seed", DELTA]
    return noted(Table(columns, [cells for _, cells in rows]))


def published() -> Table:
    """What others wrote of single runs, beside the line from mean to mean of ours."""
    found = elsewhere()
    above = found.accuracy - line(found.parameters)
    apart = {"minus our line": above.map("{:+.2f}".format).where(above.notna(), "")}
    sizes = {"parameters": found.parameters.map("{:,}".format)}
    return listed(found, sizes, apart, {"doubt": found.doubt})


def listed(
    found: pd.DataFrame, size: dict, beside: dict | None = None, at_end: dict | None = None
) -> Table:
    """A ``Table`` of others' texts: ``size``, accuracy, ``beside``, the source, ``at_end``."""
    links = found.source.str.replace(r"^(https://github.com/(.*))", r"[\2](\1)", regex=True)
    shown = size | {"accuracy": found.accuracy.map("{:.2f}".format)} | (beside or {})
    shown |= {"source": links, "where": found["where"], "its epoch": found.protocol}
    shown |= at_end or {}
    return Table(list(shown), pd.DataFrame(shown).to_numpy().tolist())


def line(sizes: ArrayLike) -> np.ndarray:
    """The picture's line at ``sizes``, in parameters; NaN below the smallest network.

    It is straight from network to network in the logarithm of the parameters.
    """
    known = [parameters(recipe) for recipe in NETWORKS]
    heights = [last(recipe).mean() for recipe in NETWORKS]
    return np.interp(np.log(sizes), np.log(known), heights, left=np.nan)


def mistakes() -> Mistakes:
    """What the first seed of the largest network gets wrong."""
    largest = NETWORKS[-1].name
    wrong = results.mistakes([largest])
    return results.as_mistakes(wrong[wrong.seed == catalogue.get(largest).first])


def mistakes_read() -> Table:
    """How many of them people get wrong as well."""
    return label_errors.table(mistakes())


def mistakes_picture(images: data.ImageSet) -> Figure:
    """The largest network's mistakes; those are marked in which people do not see the label."""
    if not images.is_mnist:
        raise ValueError(f"this is {images.name}: the recorded mistakes are MNIST's")
    wrong, errors = mistakes(), label_errors.label_errors()
    starred = len(errors & set(wrong.indices.tolist()))
    finding = f"{len(wrong)} mistakes; * {starred} whose label most readers do not see"
    options = {"rows": -(-len(wrong) // 10), "marked": errors}
    return plots.misclassified(images.test_images, wrong, images.name, finding, **options)


def picture() -> Figure:
    """Ours of both freezes, mean ± standard deviation, and single runs that others published."""
    figure, axes = plot_style.figure(height=4.8)
    panel(axes)
    return plot_style.title(pictures.legend(figure), finding())


def panel(axes: Axes) -> None:
    """What ``picture`` shows, on axes of another's."""
    others = elsewhere()
    look = {"fmt": "s-", "ms": 7, "capsize": 4, "lw": 1.4, "zorder": 3, "color": BLUE}
    sizes = [parameters(recipe) for recipe in NETWORKS]
    ours = pictures.means(axes, sizes, NETWORKS, label=f"ours: {pictures.OURS}", **look)
    _figures(axes, sizes, ours)
    first = list(FRONTIER.values())
    look = {"fmt": "o", "ms": 5, "capsize": 2, "lw": 1, "color": SKY}
    sizes = [parameters(recipe) for recipe in first]
    pictures.means(axes, sizes, first, label="ours, the recipes of the first search", **look)
    texts = [e.published for e in catalogue.EXPERIMENTS.values() if e.published]
    designs = pd.DataFrame(texts).drop_duplicates()  # B4 is published once and trained twice
    designs, doubted = designs.rename(columns={"test": "accuracy"}), others.doubt != ""
    for label, found, marker, color in (
        ("this course's published designs: one run, mostly its best epoch", designs, "x", RED),
        ("published elsewhere: one run, its last epoch or its best", others[~doubted], "+", PURPLE),
        ("published elsewhere, with a doubt that the table states", others[doubted], "1", GREY),
    ):
        look = {"marker": marker, "color": color, "s": 55, "lw": 1.8, "label": label}
        axes.scatter(found.parameters, found.accuracy, **look)
    pictures.against_parameters(axes)


def _figures(axes: Axes, sizes: list[int], ours: list[Estimate]) -> None:
    """Each mean's figure, above it."""
    for size, one in zip(sizes, ours, strict=True):
        about = {"ha": "center", "color": BLUE}
        pictures.label(axes, f"{one.mean:.2f}", size, one.mean + one.std, (0, 5), **about)


def smallest() -> Recipe | None:
    """The smallest of them whose mean is shown to be ``ENOUGH``; ``None`` where none is."""
    shown = (r for r in NETWORKS if estimate(last(r)).shows(ENOUGH, CLAIM))
    return min(shown, key=parameters, default=None)


def targets_shown() -> str:
    """How many of the first freeze's targets are shown, in words."""
    shown = sum(estimate(last(recipe)).shows(target(recipe)) for recipe in FRONTIER.values())
    return (
        f"Each size had a target of its own, listed in notebook 07: {shown} of {len(FRONTIER)} are "
        f"shown. The table asks whether a mean of at least {ENOUGH:.2f} % is."
    )


def finding() -> str:
    """The frontier in one line."""
    largest = NETWORKS[-1]
    text = f"{parameters(largest):,}: {last(largest).mean():.2f} %"
    if (recipe := smallest()) is None:
        return f"None of {len(NETWORKS)} sizes is shown to average {ENOUGH:.2f} %; {text}"
    p = p_value(estimate(last(recipe)).p_at_least(ENOUGH))
    first = f"Smallest of {len(NETWORKS)} sizes shown to average {ENOUGH:.2f} %"
    seeds = len(last(recipe))
    return f"{first}: {parameters(recipe):,} parameters ({seeds} seeds, {p}); {text}"
