"""What the race to 99.4 % found: tables and pictures from assets/race.json and recorded runs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from utils import models, plot_style, receptive_field
from utils.experiments import catalogue
from utils.experiments.experiment import Experiment
from utils.experiments.speed import FASTEST, SPEED, SPEEDRUN
from utils.lab.report import intervals, paired
from utils.lab.report.intervals import Estimate, estimate, level_of, mean_std, verdict
from utils.lab.report.paired import DELTA, gap, noted, overall, tabulate
from utils.lab.runs import results
from utils.lab.timing import benchmark
from utils.lab.timing.benchmark import BASELINE, COURSE, ENTRANTS, FIRST, RECORD
from utils.plot_style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, YELLOW
from utils.recipes import Recipe, build_model, difference, in_words
from utils.support.tables import Table

TIMES_FASTER = 25  # than the baseline: the record's target
BEATS = "a seed beats one before"
MARKED = {SPEEDRUN: f" ({FIRST})", FASTEST: f" ({RECORD})"}


def read() -> dict:
    """What the race on the CPU measured; ``ValueError`` where there was none."""
    return benchmark.read(benchmark.race_path("cpu"), "race")


def seconds(measured: dict) -> pd.DataFrame:
    """Seconds of whole runs, from the images on disk to the last update: a column per entrant."""
    runs = measured["race"].items()
    return pd.DataFrame(
        {name: [run["ready"] + run["training"] for run in each] for name, each in runs}
    )


@functools.cache
def size(recipe: Recipe) -> tuple[int, int, int]:
    """Parameters, MACs of a forward pass, and MACs of an update, both per image.

    An update is a forward pass and two as long going back; the first layer goes back once, since
    nobody asks for the gradient of its input.
    """
    model = build_model(recipe)
    first, forward = receptive_field.rows(model)[0], models.count_macs(model)
    once = first.n_out**2 * first.kernel**2 * first.ch_in * first.ch_out
    return models.count_parameters(model), forward, 3 * forward - once


def epoch_of(recipe: Recipe, measured: dict) -> float:
    """Seconds of one epoch, without evaluation; ``ValueError`` where it was not timed."""
    if recipe.name not in measured["epochs"]:
        raise ValueError(f"{recipe.name} was not raced: python -m utils.lab race --record")
    return pd.Series(measured["epochs"][recipe.name]).median()


# --------------------------------------------------------------------------- the tables


def chain(measured: dict | None = None) -> Table:
    """From design A to the record, one change a row: what it brought in accuracy and in time."""
    measured, rows = measured or read(), []
    for before, recipe in zip((None, *SPEED), SPEED, strict=False):
        _, macs, _ = size(recipe)
        epoch = epoch_of(recipe, measured)
        rows.append(
            {
                "step": f"{recipe.title}{MARKED.get(recipe, '')}",
                "the one change": in_words(difference(before, recipe)) if before else "",
                "million MACs": f"{macs / 1e6:.2f}",
                "last epoch": paired.with_seeds(recipe),
                DELTA: gap(before, recipe),
                BEATS: paired.beats(before, recipe),
                "seconds per epoch": f"{epoch:.1f}",
                "all epochs": f"{epoch * recipe.passes:.1f}",
            }
        )
    return noted(Table.of(rows))


def race(measured: dict | None = None, elsewhere: Sequence[dict] | None = None) -> Table:
    """Whole runs: seconds, what was done in them, and the accuracy of seed 0.

    The record's on other devices as well: ``elsewhere``, by default all that are recorded.
    """
    measured = measured or read()
    if elsewhere is None:
        paths = sorted(benchmark.race_path("cpu").parent.glob("race-*.json"))
        elsewhere = [benchmark.read(path, "race") for path in paths]
    middle = seconds(measured).median()
    rows = [
        _row(name, name, measured, f"{middle[BASELINE] / middle[name]:.1f}") for name in ENTRANTS
    ]
    rows += [_row(f"{RECORD}, on {other['machine']}", RECORD, other, "") for other in elsewhere]
    return Table.of(rows)


def _row(label: str, name: str, measured: dict, faster: str) -> dict:
    recipe, took = ENTRANTS[name], seconds(measured)[name]
    images = sum(recipe.images_per_epoch(results.SAMPLES[0]))
    return {
        "run": label,
        "seconds": f"{took.median():.1f}",
        "least to most": f"{took.min():.1f} to {took.max():.1f}",
        "times faster": faster,
        "updates": recipe.updates(results.SAMPLES[0]),
        "images seen": f"{images:,}",
        "billion MACs": f"{images * size(recipe)[2] / 1e9:,.0f}",
        "last epoch, seed 0": f"{measured['race'][name][0]['accuracy']:.2f}",
    }


def targets(measured: dict | None = None) -> Table:
    """The targets of the record and of loading, beside what was measured."""
    middle = seconds(measured or read()).median()
    known, most = catalogue.get(FASTEST.name), middle[BASELINE] / TIMES_FASTER
    accuracy, found, level = reached(RECORD), middle[RECORD], level_of(known.tries)
    rows = [
        [
            f"mean of the last epoch, {known.seeds} seeds, at p < {level:.2g}",
            f"≥ {known.target:.2f}",
            f"{accuracy.mean:.3f}",
            verdict(accuracy, known.target, level),
        ],
        [
            f"seconds, a {TIMES_FASTER}th of design A's usual version",
            f"≤ {most:.1f}",
            f"{found:.1f}",
            "yes" if found <= most else f"no, by {found - most:.1f}",
        ],
        ["layers that begin with random weights", "all", *_random_layers(known.recipe)],
    ]
    return Table(
        ["target of the record", "wanted", "measured", "reached"], rows + benchmark.targets()
    )


def _random_layers(recipe: Recipe) -> tuple[str, str]:
    return ("all but the first", "no") if recipe.whitened else ("all", "yes")


def reached(name: str) -> Estimate:
    """The last epochs of an entrant's recipe, over its reported seeds."""
    return estimate(results.last_accuracies(ENTRANTS[name].name))


def claim(name: str) -> str:
    """Whether an entrant's mean reaches its target, in words, with the p value."""
    known = catalogue.get(ENTRANTS[name].name)
    return intervals.claim(reached(name), known.target, known.tries)


def tries() -> Table:
    """The recipes that were tested for a mean of 99.40, in the order of their tests."""
    known = {r: catalogue.get(r.name) for r in SPEED if catalogue.get(r.name).target}
    return tabulate(
        known,
        ("recipe", lambda recipe: f"`{recipe.name}`"),
        ("images seen", lambda recipe: f"{sum(recipe.images_per_epoch(results.SAMPLES[0])):,}"),
        ("last epoch", lambda recipe: paired.last_epoch(recipe, 3)),
        ("seeds", lambda recipe: len(paired.last(recipe))),
        "95 %, seeds and images",
        ("at least 99.40, and the level", lambda recipe: _at_its_level(recipe, known[recipe])),
    )


def _at_its_level(recipe: Recipe, known: Experiment) -> str:
    level = level_of(known.tries)
    return f"{verdict(estimate(paired.last(recipe)), known.target, level)}; {level:.2g}"


def finding(measured: dict | None = None) -> str:
    """The record in one line, and the first one beside it."""
    measured = measured or read()
    middle = seconds(measured).median()
    record, first = reached(RECORD), reached(FIRST)
    return (
        f"**{mean_std(record, 3)} %** ({record.n} seeds, last epoch; "
        f"{claim(RECORD)}; for other seeds and other digits its 95 % interval is "
        f"{overall(FASTEST)}) after **{middle[RECORD]:.1f} seconds** from untrained weights "
        f"({measured['machine']}). The usual version of design A takes {middle[BASELINE]:.0f}, "
        f"{middle[BASELINE] / middle[RECORD]:.1f} times as many; its recipe ends at "
        f"{mean_std(reached(BASELINE), 3)} % ({reached(BASELINE).n} seeds). The first record takes "
        f"{middle[FIRST]:.1f} seconds to {mean_std(first, 3)} % ({first.n} seeds; {claim(FIRST)})."
    )


# --------------------------------------------------------------------------- the pictures


def chain_picture(measured: dict | None = None) -> Figure:
    """Seconds of every recipe on the way, and its accuracy as mean ± standard deviation."""
    measured = measured or read()
    took = {r.title: epoch_of(r, measured) * r.passes for r in SPEED}
    runs = pd.DataFrame({r.title: paired.last(r) for r in SPEED})
    figure, (left, right) = plot_style.figure(1, 2, height=5, sharey=True)
    sns.barplot(x=took.values(), y=took.keys(), width=0.62, color=GREY, saturation=1, ax=left)
    left.patches[-1].set_color(BLUE)
    left.bar_label(left.containers[0], fmt=lambda s: f"{s:.{int(s < 10)}f}", padding=4, fontsize=9)
    left.set(xlabel="seconds of training, all epochs", ylabel="")
    look = {"marker": "s", "markersize": 6, "linestyle": "none", "capsize": 0.2, "linewidth": 1.6}
    sns.pointplot(runs, orient="h", errorbar="sd", color=BLUE, ax=right, **look)
    right.axvline(99.4, color=RED, lw=1.2, ls="--", zorder=0)
    right.set(xlabel="test accuracy in %, last epoch: mean ± deviation\n(dashed: 99.40)")
    first, *_, last = took.values()
    finding = f"Step by step: from {first:.0f} to {last:.1f} seconds of training"
    return plot_style.title(figure, finding)


def race_picture(measured: dict | None = None) -> Figure:
    """Seconds of the whole runs, with their accuracies."""
    measured = measured or read()
    took = seconds(measured)
    middle, colors = took.median(), [GREY, GREY, SKY, BLUE]
    figure, axes = plot_style.figure(height=3.8)
    spread = {"errorbar": ("pi", 100), "capsize": 0.12, "err_kws": {"color": "black", "lw": 1.5}}
    sns.barplot(
        took,
        orient="h",
        estimator="median",
        width=0.62,
        palette=colors,
        saturation=1,
        ax=axes,
        **spread,
    )
    for row, name in enumerate(ENTRANTS):
        accuracy = f"{measured['race'][name][0]['accuracy']:.2f} % (one seed)"
        if name != BASELINE:
            accuracy = f"{mean_std(reached(name))} %"
        place = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(f"{middle[name]:.1f} s: {accuracy}", (took[name].max(), row), **place)
    axes.set_xlim(0, 1.4 * took.max().max())
    axes.set(
        xlabel="seconds from the images on disk to the last update (median and range)", ylabel=""
    )
    return plot_style.title(
        figure,
        f"The record takes {middle[RECORD]:.1f} seconds, the usual version of design A "
        f"{middle[BASELINE] / middle[RECORD]:.1f} times as long\n"
        "(accuracies: mean ± standard deviation of the recorded runs)",
    )


def profile_picture(measured: dict | None = None) -> Figure:
    """Seconds of an epoch by what they are spent on."""
    measured = measured or read()
    training = {
        name: pd.DataFrame(runs)["training"].median() / ENTRANTS[name].passes
        for name, runs in measured["race"].items()
    }
    spent = pd.DataFrame(measured["profiles"]) * pd.Series(training)
    first, second = ((spent[a] - spent[b]).idxmax() for a, b in pairwise((BASELINE, COURSE, FIRST)))
    figure, axes = plot_style.figure(height=3.8)
    colors = [RED, BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY]
    look = {"width": 0.62, "color": colors, "edgecolor": "white", "lw": 0.6}
    spent.T.plot.barh(stacked=True, legend=False, ax=axes, **look)
    axes.bar_label(axes.containers[-1], [f"{total:.1f}" for total in spent.sum()], padding=5)
    axes.invert_yaxis()
    axes.set(xlabel="seconds per epoch", xlim=(0, 1.08 * spent.sum().max()))
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    finding = (
        f"At first most is saved on {first}, then, on the way to the first record, on {second}"
    )
    return plot_style.title(figure, finding)
