"""What the race to 99.4 % found: tables and pictures from assets/race.json and recorded runs."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

from matplotlib.figure import Figure

from utils import comparisons, models, recipes
from utils.lab import designs, results, timings
from utils.lab.statistics import estimate, mean_std, reaches, signed
from utils.recipes import DESIGN_A, SPEED, SPEEDRUN, TARGETS, Recipe
from utils.tables import Table

FOLDER = results.FOLDER.parent
USUAL, OURS, RECORD = "design A, usual version", "design A, ours", "the record"
RECIPE_OF = {USUAL: DESIGN_A, OURS: DESIGN_A, RECORD: SPEEDRUN}
TIMES_FASTER = 15  # what the record aims at
PASSES = 3  # a training step costs three forward passes: one, and two in going back


def path_of(device: str) -> Path:
    """Where the race on a kind of device is recorded."""
    return FOLDER / ("race.json" if device == "cpu" else f"race-{device}.json")


@functools.cache
def read(path: Path | None = None) -> dict:
    """What the race measured, by default on the CPU; ``ValueError`` where there was none."""
    path = path or path_of("cpu")
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        remedy = "python -m utils.lab race --record"
        raise ValueError(f"{path} cannot be read: {error}. Measure: {remedy}") from error


def seconds(measured: dict) -> dict[str, list[float]]:
    """Seconds of every whole run, from the images on disk to the last step, by entrant."""
    return {
        name: [run["ready"] + run["training"] for run in runs]
        for name, runs in measured["race"].items()
    }


def epoch_seconds(recipe: Recipe, measured: dict) -> float:
    """The median epoch of 60,000 images of a recipe on the way to the record."""
    epochs = measured["epochs"]
    return median(epochs["seconds"][recipe.name]) * results.SAMPLES[0] / epochs["images"]


# --------------------------------------------------------------------------- the tables


def chain(measured: dict | None = None) -> Table:
    """From design A to the record, one change a row: what it brought in accuracy and in time."""
    measured = measured or read()
    rows = []
    for before, recipe in zip((None, *SPEED), SPEED, strict=False):
        model = recipes.build_model(recipe)
        epoch = epoch_seconds(recipe, measured)
        rows.append(
            [
                recipe.title,
                recipes.in_words(recipes.difference(before, recipe)) if before else "",
                f"{models.count_parameters(model):,}",
                f"{models.count_multiply_adds(model) / 1e6:.2f}",
                mean_std(estimate(first_seeds(recipe))),
                signed(designs.paired(before, recipe)) if before else "",
                f"{epoch:.1f}",
                f"{epoch * recipe.epochs:.0f}",
            ]
        )
    columns = ["step", "the one change", "parameters", "million multiply-adds"]
    columns += ["last epoch", "Δ [95 % interval]", "seconds per epoch", "all epochs"]
    return Table(columns, rows)


def first_seeds(recipe: Recipe) -> list[float]:
    """Last accuracies of the seeds that every recipe on the way has."""
    return results.last_accuracies(recipe.name)[: len(results.SEEDS)]


def race(measured: dict | None = None, elsewhere: Sequence[dict] | None = None) -> Table:
    """Whole runs: seconds, and what was done in them; the record's on other devices as well."""
    measured = measured or read()
    if elsewhere is None:
        elsewhere = [read(path) for path in sorted(FOLDER.glob("race-*.json"))]
    took = seconds(measured)
    usual = median(took[USUAL])
    rows = []
    for name, recipe in RECIPE_OF.items():
        images = recipe.epochs * results.SAMPLES[0]
        products = PASSES * images * models.count_multiply_adds(recipes.build_model(recipe))
        rows.append(
            [
                name,
                f"{median(took[name]):.1f}",
                f"{min(took[name]):.1f} to {max(took[name]):.1f}",
                f"{usual / median(took[name]):.1f}",
                recipe.epochs * -(-results.SAMPLES[0] // recipe.batch_size),
                f"{images:,}",
                f"{products / 1e9:,.0f}",
                _over_seeds(results.last_accuracies(recipe.name)),
            ]
        )
    for other in elsewhere:
        there = seconds(other)[RECORD]
        middle, spread = f"{median(there):.1f}", f"{min(there):.1f} to {max(there):.1f}"
        reached = mean(run["accuracy"] for run in other["race"][RECORD])
        row = [f"{RECORD}, on {other['machine']}", middle, spread, f"{usual / median(there):.1f}"]
        rows.append([*row, *rows[-1][4:7], f"{reached:.2f} (seed 0)"])
    columns = ["run", "seconds", "least to most", "times faster", "steps", "images seen"]
    columns += ["billion multiply-adds", "last epoch (seeds)"]
    return Table(columns, rows)


def _over_seeds(values: list[float]) -> str:
    return f"{mean_std(estimate(values), 3)} ({len(values)})".replace(" ", "\u00a0")


def targets(measured: dict | None = None) -> Table:
    """What was set for the record and for loading, beside what was measured."""
    took = seconds(measured or read())
    ours, least = mean(results.last_accuracies(SPEEDRUN.name)), TARGETS[SPEEDRUN.name]
    most = median(took[USUAL]) / TIMES_FASTER
    runs = recipes.CLAIMED[SPEEDRUN.name]
    found = median(took[RECORD])
    rows = [
        [
            f"the record: mean of the last epoch, {runs} seeds",
            f"≥ {least:.2f}",
            f"{ours:.3f}",
            "yes" if reaches(ours, least) else f"no, by {least - ours:.3f}",
        ],
        [
            f"the record: seconds, a {TIMES_FASTER}th of design A's usual version",
            f"≤ {most:.1f}",
            f"{found:.1f}",
            "yes" if found <= most else f"no, by {found - most:.1f}",
        ],
    ]
    return Table(["target", "wanted", "measured", "reached"], rows + timings.targets())


# --------------------------------------------------------------------------- the pictures


def chain_picture(measured: dict | None = None) -> Figure:
    """Seconds of every recipe on the way, and the accuracy that they buy."""
    measured = measured or read()
    labels = [recipe.title for recipe in SPEED]
    took = [epoch_seconds(recipe, measured) * recipe.epochs for recipe in SPEED]
    runs = [first_seeds(recipe) for recipe in SPEED]
    finding = (
        f"One change at a time: from {took[0]:.0f} to {took[-1]:.1f} seconds, "
        f"from {mean(runs[0]):.2f} to {mean(runs[-1]):.2f} %"
    )
    return comparisons.chain(labels, took, runs, finding)


def race_picture(measured: dict | None = None) -> Figure:
    """Seconds of the whole runs, with what they reach."""
    took = seconds(measured or read())
    reached = {name: results.last_accuracies(recipe.name) for name, recipe in RECIPE_OF.items()}
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
    loading, convolutions = (
        {name: bar[kind] / sum(bar.values()) for name, bar in bars.items()}
        for kind in ("loading", "convolutions")
    )
    return comparisons.stacked(
        bars,
        "seconds per epoch",
        f"Loading is {100 * loading[USUAL]:.0f} % of the usual epoch and "
        f"{100 * loading[OURS]:.0f} % of ours; convolutions are "
        f"{100 * convolutions[RECORD]:.0f} % of the record's",
    )


def finding(measured: dict | None = None) -> str:
    """The record in one line."""
    measured = measured or read()
    took = seconds(measured)
    reached = estimate(results.last_accuracies(SPEEDRUN.name))
    return (
        f"**{mean_std(reached, 3)} %** ({reached.n} seeds, last epoch) after "
        f"**{median(took[RECORD]):.1f} seconds** from random weights ({measured['machine']}); the "
        f"usual version of design A takes {median(took[USUAL]):.0f} and reaches "
        f"{mean_std(estimate(results.last_accuracies(DESIGN_A.name)))} %."
    )
