"""Measured seconds, kept in two files: the only source of every second that a table shows.

``benchmark.json`` holds epochs, ``race.json`` whole runs. The recorded runs' own seconds are not
used: they were measured two at a time, beside other work.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from utils.experiments import catalogue
from utils.experiments.published import DESIGN_A
from utils.experiments.speed import FASTEST, SPEEDRUN
from utils.lab.runs import results
from utils.recipes import Recipe
from utils.support.files import read_json
from utils.support.paths import ASSETS
from utils.support.tables import Table

PATH = ASSETS / "benchmark.json"

# Keys of benchmark.json: how digits are loaded, and what training takes without any loading.
PLAIN, AUGMENTED = "plain", "augmented"
TORCHVISION = {PLAIN: "torchvision", AUGMENTED: "torchvision, augmented"}
ALBUMENTATIONS = "albumentations, augmented"
OURS = {PLAIN: "ours", AUGMENTED: "ours, augmented"}
TORCH_FLOOR, FLOOR = "floor of the usual layers", "floor"

# Keys of benchmark.json: by which code an epoch was timed.
FIRST_BUILD, NOW = "first build", "now"

# Keys of race.json: who races, and with which recipe.
BASELINE, COURSE = "design A, usual version", "design A, ours"
FIRST, RECORD = "the first record", "the record"
ENTRANTS = {BASELINE: DESIGN_A, COURSE: DESIGN_A, FIRST: SPEEDRUN, RECORD: FASTEST}

MOST_OVER_FLOOR = {PLAIN: 3, AUGMENTED: 10}  # per cent: the targets for loading
TURNS = 10  # at least, of what is recorded


def race_path(device: str) -> Path:
    """Where the race on this type of device is recorded."""
    return ASSETS / ("race.json" if device == "cpu" else f"race-{device}.json")


@functools.cache
def read(path: Path = PATH, command: str = "bench") -> dict:
    """What ``command`` recorded in ``path``; ``ValueError`` where it cannot be read."""
    try:
        return read_json(path)
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


def since_first_build(measured: dict | None = None) -> Table:
    """The steps by the code of the first build and by today's: seconds per epoch, turn by turn."""
    measured, rows = measured or read()["first_build"], []
    for name, took in measured["seconds"].items():
        epochs = _per_epoch(measured, took)
        faster = epochs[FIRST_BUILD] / epochs[NOW]
        logs = np.log(faster)
        ends = stats.ttest_1samp(logs, 0).confidence_interval()
        mean, low, high = np.exp([logs.mean(), *ends])
        middle = epochs.median()
        rows.append(
            [
                name,
                f"{middle[FIRST_BUILD]:.1f}",
                f"{middle[NOW]:.1f}",
                f"{mean:.3f} [{low:.3f}, {high:.3f}]",
                f"{faster.min():.2f} to {faster.max():.2f}",
            ]
        )
    columns = ["step", "seconds per epoch, first build", "now"]
    return Table([*columns, "times faster: mean of turns [95 %]", "least to most"], rows)


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


class Compared(NamedTuple):
    """Our loading in one case, plain or augmented; per cent over the floor, in two ways.

    ``turns`` divides within each turn, so that a machine that slows down from one turn to the
    next does not count, and tells how far one turn is from another. ``medians`` divides two
    medians: the best guess at an epoch of each, but a slow spell in one of them moves it.
    """

    case: dict
    kind: str
    turns: pd.Series
    medians: float
    faster: pd.Series  # times, than torchvision's loading, turn by turn


def compared(measured: dict | None = None) -> Iterator[Compared]:
    """Every case, plain and augmented."""
    for case in (measured or read()["loading"])["cases"]:
        took = pd.DataFrame(case["seconds"])
        middle = took.median()
        for kind, ours in OURS.items():
            turns = 100 * (took[ours] / took[FLOOR] - 1)
            medians = 100 * (middle[ours] / middle[FLOOR] - 1)
            yield Compared(case, kind, turns, medians, took[TORCHVISION[kind]] / took[ours])


def ratios(measured: dict | None = None) -> Table:
    """How many times faster than torchvision ours is, and what it costs over the floor."""
    rows = [
        [
            f"{found.case['model']}, {found.case['batch_size']}",
            found.kind,
            f"{found.faster.median():.1f}",
            f"{found.turns.median():+.1f} %",
            f"{found.turns.min():+.1f} to {found.turns.max():+.1f} %",
            f"{found.medians:+.1f} %",
        ]
        for found in compared(measured)
    ]
    columns = ["network, batch", "digits", "times faster than torchvision"]
    columns += ["over the floor: median of turns", "least to most", "ratio of medians"]
    return Table(columns, rows)


def targets(measured: dict | None = None) -> list[list[str]]:
    """The targets for loading, for designs as they are; reached where both sums say so."""
    rows = []
    for found in compared(measured):
        if found.case["batch_size"] != catalogue.recipe(found.case["recipe"]).batch_size:
            continue
        most, over = MOST_OVER_FLOOR[found.kind], (found.turns.median(), found.medians)
        what = f"{found.case['model']}: loading over the floor, {found.kind}"
        both = f"{over[0]:.1f} % (ratio of medians {over[1]:.1f} %)"
        rows.append([what, f"≤ {most} %", both, "yes" if max(over) <= most else "no"])
    return rows
