"""What a search found: its best trials, all studies, and the settings that decide.

The search itself is ``utils.lab.search``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import optuna
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from optuna.distributions import FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from utils import plot_style
from utils.lab import search
from utils.lab.runs.validation import SPLITS
from utils.plot_style import BLUE, RED
from utils.recipes import formatted
from utils.support.seeds import seeded
from utils.support.tables import Table

BEST = 5  # finished trials at least that are compared with the rest
# What the stages' text tells.
_SHAPE = ("layout", "depth", "growth", "style", "before", "squeezed", "last")


def finished(found: optuna.Study) -> list[FrozenTrial]:
    """Trials that trained to their end, best first."""
    whole = found.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return sorted(whole, key=lambda trial: (-trial.value, trial.number))


def given_up(found: optuna.Study) -> int:
    """How many trials lagged behind the others and were ended."""
    return len(found.get_trials(deepcopy=False, states=[TrialState.PRUNED]))


def table(found: optuna.Study, top: int = 10) -> Table:
    """The best trials and what they are."""
    best = finished(found)[:top]
    known = best[0].params if best else {}
    settings = [name for name in known if name.split()[0] not in _SHAPE]
    rows = [
        [
            trial.number,
            f"{trial.value:.2f}",
            f"{trial.user_attrs['parameters']:,}",
            f"`{trial.user_attrs['stages']}`",
            *(_shown(trial.params[name]) for name in settings),
        ]
        for trial in best
    ]
    return Table(["trial", "validation accuracy", "parameters", "stages", *settings], rows)


def overview(limits: Iterable[int], folder: Path = search.FOLDER) -> Table:
    """A row a study: its trials, and the best that saw all digits, and the hard half of them.

    A trial that was killed does not count. ``ValueError`` for a limit without a study.
    """
    rows = []
    for limit, split in product(limits, SPLITS):
        if split > 1 and not search.journal(limit, folder, split).exists():
            continue  # only some were repeated
        found = search.read(limit, folder, split)
        trained, lagged = finished(found), given_up(found)
        best = [
            max((t.value for t in trained if t.params["hardest half"] == half), default=math.nan)
            for half in (False, True)
        ]
        stages = f"`{trained[0].user_attrs['stages']}`" if trained else ""
        n = len(trained) + lagged
        rows.append([f"{limit:,}", split, n, lagged, *map("{:.2f}".format, best), stages])
    columns = ["parameters at most", "split", "trials", "given up half way"]
    columns += ["best: all digits", "best: the hard half", "network of the best"]
    return Table(columns, rows)


def _shown(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else formatted(value)


def picture(found: optuna.Study, panels: int = 6) -> Figure:
    """The finished trials against the settings that matter most, the share of each in its title."""
    trials, told = finished(found), importances(found)
    chosen = sorted(told, key=told.__getitem__, reverse=True)[:panels]
    lines = -(-len(chosen) // 3)
    figure, grid = plot_style.figure(lines, 3, height=2.2 * lines, sharey=True, squeeze=False)
    for axes, setting in zip(grid.flat, chosen, strict=False):
        _panel(axes, trials, setting)
        axes.set_title(f"{setting} ({100 * told[setting]:.0f} %)", fontsize=9.5)
    for axes in grid.flat[len(chosen) :]:
        axes.axis("off")
    figure.supylabel("validation accuracy in %", fontsize=10)
    tried = given_up(found) + len(trials)
    finding = f"{tried} networks of one size tried, {len(trials)} trained to the end: "
    finding += f"{chosen[0]} sets the best {_best(len(trials))} apart most"
    return plot_style.title(figure, finding)


def _panel(axes: Axes, trials: list[FrozenTrial], setting: str) -> None:
    """Accuracy against one setting: a dot per trial and, of each choice, a line at the median."""
    values, heights = [t.params[setting] for t in trials], [t.value for t in trials]
    drawn = trials[0].distributions[setting]
    if isinstance(drawn, FloatDistribution):
        axes.scatter(values, heights, s=18, color=BLUE, alpha=0.6, lw=0)
        if drawn.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
    else:
        texts = [formatted(value) for value in values]
        order = sorted(set(texts), key=lambda text: (not text.isdigit(), len(text), text))
        shared = {"x": texts, "y": heights, "order": order, "ax": axes}
        with seeded(0):  # the jitter
            sns.stripplot(**shared, jitter=0.2, size=4.5, color=BLUE, alpha=0.6)
        look = {"marker": "_", "markersize": 22, "markeredgewidth": 2, "color": RED}
        sns.pointplot(**shared, estimator="median", errorbar=None, linestyle="none", **look)
    axes.tick_params(axis="x", labelsize=8)


def importances(found: optuna.Study) -> dict[str, float]:
    """How much of what sets the best trials apart each setting tells; in all 1.

    Of the settings that every trial has, whatever its layout. The best are a tenth of the finished
    ones, and at least ``BEST`` of them. Raises ``ValueError`` for fewer than twice as many trials:
    nothing can be told of them.
    """
    trials = finished(found)
    n = len(trials)
    if n < 2 * BEST:
        raise ValueError(f"{n} finished trials tell nothing of settings, {2 * BEST} are needed")
    shared = set.intersection(*(set(trial.params) for trial in trials))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=_best(n) / n)
    return get_param_importances(found, evaluator=evaluator, params=sorted(shared))


def _best(n: int) -> int:
    """How many of ``n`` finished trials are the best ones."""
    return max(BEST, n // 10)
