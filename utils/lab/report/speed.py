"""What the race to 99.4 % found: tables and pictures from assets/race.json and recorded runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

from matplotlib.figure import Figure
from torch import nn

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.published import DESIGN_A
from utils.experiments.speed import SPEED, SPEEDRUN
from utils.lab.report import comparisons, designs
from utils.lab.report.intervals import estimate, mean_std, signed
from utils.lab.runs import results
from utils.lab.timing import recorded
from utils.recipes import Recipe, build_model, difference, in_words
from utils.support.tables import Table

FOLDER = results.FOLDER.parent
USUAL, OURS, RECORD = "design A, usual version", "design A, ours", "the record"
RECIPE_OF = {USUAL: DESIGN_A, OURS: DESIGN_A, RECORD: SPEEDRUN}
TIMES_FASTER = 15  # what the record aims at


def path_of(device: str) -> Path:
    """Where the race on a kind of device is recorded."""
    return FOLDER / ("race.json" if device == "cpu" else f"race-{device}.json")


def read(path: Path | None = None) -> dict:
    """What the race measured, by default on the CPU; ``ValueError`` where there was none."""
    return recorded.read(path or path_of("cpu"), "python -m utils.lab race --record")


def seconds(measured: dict) -> dict[str, list[float]]:
    """Seconds of every whole run, from the images on disk to the last step, by entrant."""
    return {
        name: [run["ready"] + run["training"] for run in runs]
        for name, runs in measured["race"].items()
    }


def products(model: nn.Module) -> int:
    """Multiply-adds of an image's training step: a forward pass, and two as long in going back.

    The first layer goes back once: nobody asks for the gradient of its input.
    """
    first = receptive_field.rows(model)[0]
    once = first.n_out**2 * first.kernel**2 * first.ch_in * first.ch_out
    return 3 * models.count_macs(model) - once


# --------------------------------------------------------------------------- the tables


def chain(measured: dict | None = None) -> Table:
    """From design A to the record, one change a row: what it brought in accuracy and in time."""
    measured = measured or read()
    rows = []
    for before, recipe in zip((None, *SPEED), SPEED, strict=False):
        model = build_model(recipe)
        epoch = median(measured["epochs"][recipe.name])
        rows.append(
            [
                recipe.title,
                in_words(difference(before, recipe)) if before else "",
                f"{models.count_parameters(model):,}",
                f"{models.count_macs(model) / 1e6:.2f}",
                mean_std(estimate(first_seeds(recipe))).replace(" ", "\u00a0"),
                signed(designs.paired(before, recipe)) if before else "",
                f"{epoch:.1f}",
                f"{epoch * recipe.epochs:.1f}",
            ]
        )
    columns = ["step", "the one change", "parameters", "million MACs"]
    columns += ["last epoch", "Δ [95 % interval]", "seconds per epoch", "all epochs"]
    return Table(columns, rows)


def first_seeds(recipe: Recipe) -> list[float]:
    """Last accuracies of the seeds that every recipe on the way has."""
    return results.last_accuracies(recipe.name)[: len(results.SEEDS)]


def race(measured: dict | None = None, elsewhere: Sequence[dict] | None = None) -> Table:
    """Whole runs: seconds, what was done in them, and what seed 0 reached.

    The record's on other devices as well: ``elsewhere``, by default what is recorded of them.
    """
    measured = measured or read()
    if elsewhere is None:
        elsewhere = [read(path) for path in sorted(FOLDER.glob("race-*.json"))]
    usual = median(seconds(measured)[USUAL])
    rows = [
        _row(name, name, measured, f"{usual / median(took):.1f}")
        for name, took in seconds(measured).items()
    ]
    rows += [_row(f"{RECORD}, on {other['machine']}", RECORD, other, "") for other in elsewhere]
    columns = ["run", "seconds", "least to most", "times faster", "steps", "images seen"]
    columns += ["billion MACs", "last epoch, seed 0"]
    return Table(columns, rows)


def _row(label: str, name: str, measured: dict, faster: str) -> list:
    recipe, took = RECIPE_OF[name], seconds(measured)[name]
    images = recipe.epochs * results.SAMPLES[0]
    return [
        label,
        f"{median(took):.1f}",
        f"{min(took):.1f} to {max(took):.1f}",
        faster,
        recipe.epochs * -(-results.SAMPLES[0] // recipe.batch_size),
        f"{images:,}",
        f"{images * products(build_model(recipe)) / 1e9:,.0f}",
        f"{measured['race'][name][0]['accuracy']:.2f}",
    ]


def targets(measured: dict | None = None) -> Table:
    """What was set for the record and for loading, beside what was measured."""
    took = seconds(measured or read())
    ours, least = mean(results.last_accuracies(SPEEDRUN.name)), catalogue.get(SPEEDRUN.name).target
    most = median(took[USUAL]) / TIMES_FASTER
    runs = catalogue.get(SPEEDRUN.name).seeds
    found = median(took[RECORD])
    rows = [
        [
            f"the record: mean of the last epoch, {runs} seeds",
            f"≥ {least:.2f}",
            f"{ours:.3f}",
            designs.verdict(ours, least),
        ],
        [
            f"the record: seconds, a {TIMES_FASTER}th of design A's usual version",
            f"≤ {most:.1f}",
            f"{found:.1f}",
            "yes" if found <= most else f"no, by {found - most:.1f}",
        ],
    ]
    return Table(["target", "wanted", "measured", "reached"], rows + recorded.targets())


# --------------------------------------------------------------------------- the pictures


def chain_picture(measured: dict | None = None) -> Figure:
    """Seconds of every recipe on the way, and the accuracy that they buy."""
    measured = measured or read()
    labels = [recipe.title for recipe in SPEED]
    took = [median(measured["epochs"][recipe.name]) * recipe.epochs for recipe in SPEED]
    runs = [first_seeds(recipe) for recipe in SPEED]
    finding = (
        f"One change at a time: from {took[0]:.0f} to {took[-1]:.1f} seconds, "
        f"from {mean(runs[0]):.2f} to {mean(runs[-1]):.2f} %"
    )
    return comparisons.chain(labels, took, runs, finding)


def race_picture(measured: dict | None = None) -> Figure:
    """Seconds of the whole runs, with what they reach."""
    measured = measured or read()
    took = seconds(measured)
    reached = {name: results.last_accuracies(recipe.name) for name, recipe in RECIPE_OF.items()}
    reached[USUAL] = [measured["race"][USUAL][0]["accuracy"]]  # its one seed
    times = median(took[USUAL]) / median(took[RECORD])
    return comparisons.race(
        took,
        reached,
        f"{mean(reached[RECORD]):.2f} % in {median(took[RECORD]):.1f} seconds: "
        f"{times:.1f} times faster than the usual version of design A",
    )


def profile_picture(measured: dict | None = None) -> Figure:
    """Seconds of an epoch by what they are spent on."""
    measured = measured or read()
    bars = {}
    for name, recipe in RECIPE_OF.items():
        training = median(run["training"] for run in measured["race"][name]) / recipe.epochs
        bars[name] = {kind: share * training for kind, share in measured["profiles"][name].items()}
    first, second = (
        max(before, key=lambda kind: before[kind] - after[kind])
        for before, after in pairwise(bars.values())
    )
    return comparisons.stacked(
        bars,
        "seconds per epoch",
        f"At first most is saved on {first}, then, on the way to the record, on {second}",
    )


def finding(measured: dict | None = None) -> str:
    """The record in one line."""
    measured = measured or read()
    took = seconds(measured)
    reached = estimate(results.last_accuracies(SPEEDRUN.name))
    return (
        f"**{mean_std(reached, 3)} %** ({reached.n} seeds, last epoch) after "
        f"**{median(took[RECORD]):.1f} seconds** from random weights ({measured['machine']}); the "
        f"usual version of design A takes {median(took[USUAL]):.0f} and reached "
        f"{measured['race'][USUAL][0]['accuracy']:.2f} %."
    )
