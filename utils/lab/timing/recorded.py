"""Measured seconds, kept in two files: the only source of every second that a table shows.

``benchmark.json`` holds epochs, ``race.json`` whole runs. The recorded runs' own seconds are not
used: they were measured two at a time, beside other work.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from utils.experiments import catalogue
from utils.experiments.published import DESIGN_A
from utils.experiments.speed import SPEEDRUN
from utils.lab.runs import results
from utils.recipes import Recipe
from utils.support.paths import ASSETS
from utils.support.tables import Table

BENCHMARK = ASSETS / "benchmark.json"

# Keys of benchmark.json: how digits are loaded, and what training takes without any loading.
PLAIN, AUGMENTED = "plain", "augmented"
TORCHVISION = {PLAIN: "torchvision", AUGMENTED: "torchvision, augmented"}
ALBUMENTATIONS = "albumentations, augmented"
OURS = {PLAIN: "ours", AUGMENTED: "ours, augmented"}
TORCH_FLOOR, FLOOR = "floor of the usual layers", "floor"

# Keys of race.json: who races, and with which recipe.
BASELINE, COURSE, RECORD = "design A, usual version", "design A, ours", "the record"
ENTRANTS = {BASELINE: DESIGN_A, COURSE: DESIGN_A, RECORD: SPEEDRUN}

# The targets for loading: per cent over the floor, and times faster than torchvision.
MOST_OVER_FLOOR = {PLAIN: 3, AUGMENTED: 10}
TIMES_FASTER = 3


def race_path(device: str) -> Path:
    """Where the race on this type of device is recorded."""
    return ASSETS / ("race.json" if device == "cpu" else f"race-{device}.json")


@functools.cache
def read(path: Path = BENCHMARK, command: str = "bench") -> dict:
    """What ``command`` recorded in ``path``; ``ValueError`` where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = f"python -m utils.lab {command} --record"
        raise ValueError(f"{path} cannot be read: {error}. Measure: {remedy}") from error


def seconds_of(recipe: Recipe) -> float:
    """Seconds of an epoch of 60,000 images on one thread, without evaluation."""
    measured = read()["recipes"]
    if recipe.name not in measured["seconds"]:
        raise ValueError(f"{recipe.name} is not timed: set timed=True in its experiment, measure")
    return float(_per_epoch(measured, measured["seconds"][recipe.name]).median())


def _per_epoch(measured: dict, seconds) -> pd.DataFrame | pd.Series:
    """Seconds of a part of the images as seconds of an epoch: columns by name, rows by turn."""
    frame = pd.DataFrame(seconds) if isinstance(seconds, dict) else pd.Series(seconds)
    return frame * results.SAMPLES[0] / measured["images"]


def table(measured: dict | None = None) -> Table:
    """Every network and way to load: seconds per epoch, and the share that is not the network."""
    measured, rows = measured or read()["loading"], []
    for case in measured["cases"]:
        took = _per_epoch(measured, case["seconds"])
        for way, seconds in took.items():
            low, middle, high = seconds.quantile([0, 0.5, 1])
            floor = took[FLOOR if way in (*OURS.values(), FLOOR) else TORCH_FLOOR].median()
            rows.append(
                [
                    f"{case['model']}, {case['batch_size']}",
                    way,
                    f"{middle:.1f}",
                    f"{low:.1f} to {high:.1f}",
                    f"{results.SAMPLES[0] / middle:,.0f}",
                    f"{100 * (1 - floor / middle):.0f} %",
                ]
            )
    columns = ["network, batch", "loading", "seconds per epoch", "least to most"]
    return Table([*columns, "images per second", "not the network"], rows)


def compared(measured: dict | None = None) -> Iterator[tuple[dict, str, pd.Series, pd.Series]]:
    """Every case, plain and augmented: our per cent over the floor, times faster than torchvision.

    Both turn by turn: from one turn to the next the machine may have slowed down.
    """
    for case in (measured or read()["loading"])["cases"]:
        took = pd.DataFrame(case["seconds"])
        for kind, ours in OURS.items():
            over = 100 * (took[ours] / took[FLOOR] - 1)
            yield case, kind, over, took[TORCHVISION[kind]] / took[ours]


def ratios(measured: dict | None = None) -> Table:
    """How many times faster than torchvision ours is, and what it costs over the floor."""
    rows = [
        [
            f"{case['model']}, {case['batch_size']}",
            kind,
            f"{faster.median():.1f}",
            f"{over.median():+.1f} %",
            f"{over.min():+.1f} to {over.max():+.1f} %",
        ]
        for case, kind, over, faster in compared(measured)
    ]
    columns = ["network, batch", "digits", "times faster than torchvision"]
    return Table([*columns, "over the floor", "turn by turn"], rows)


def targets(measured: dict | None = None) -> list[list[str]]:
    """The targets for loading, for designs as they are, and whether what was measured is enough."""
    rows = []
    for case, kind, over, faster in compared(measured):
        if case["batch_size"] != catalogue.recipe(case["recipe"]).batch_size:
            continue
        most, over, faster = MOST_OVER_FLOOR[kind], over.median(), faster.median()
        what = f"{case['model']}: loading over the floor, {kind}"
        rows.append([what, f"≤ {most} %", f"{over:.1f} %", "yes" if over <= most else "no"])
        if kind == AUGMENTED:
            what = f"{case['model']}: times faster than torchvision, {kind}"
            reached = "yes" if faster >= TIMES_FASTER else "no"
            rows.append([what, f"≥ {TIMES_FASTER}", f"{faster:.1f}", reached])
    return rows
