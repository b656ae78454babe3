"""What ``benchmark`` measured, kept in one file: the one source of every second that a table gives.

The recorded runs' own seconds are not used: they were made two at a time, beside other work.
"""

from __future__ import annotations

import functools
import json
import statistics
from pathlib import Path

import torch

from utils.data import ImageSet
from utils.experiments import catalogue
from utils.lab.runs import results
from utils.recipes import Recipe
from utils.support.tables import Table

PATH = results.FOLDER.parent / "benchmark.json"
LEAST = 5  # repeats of what is committed
PLAIN, AUGMENTED = "plain", "augmented"
# How the usual version loads, how we do, and what training alone takes.
USUAL = {PLAIN: "torchvision", AUGMENTED: "torchvision, augmented"}
ALBUMENTATIONS = "albumentations, augmented"
OURS = {PLAIN: "ours", AUGMENTED: "ours, augmented"}
USUAL_FLOOR, FLOOR = "floor of the usual layers", "floor"


def check_recordable(images: ImageSet, device: torch.device, repeats: int) -> None:
    """Raise ``ValueError`` unless such a measurement may stand in the tables."""
    if not images.is_mnist or device.type != "cpu" or repeats < LEAST:
        raise ValueError(
            f"what the tables show is MNIST on the CPU, at least {LEAST} times, not {images.name} "
            f"on {device.type}, {repeats} times: measure without --record"
        )


@functools.cache
def read(path: Path = PATH, remedy: str = "python -m utils.lab bench --record") -> dict:
    """What was measured; ``ValueError``, with the ``remedy``, where nothing was."""
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}. Measure: {remedy}") from error


def seconds_of(recipe: Recipe) -> float:
    """Seconds of an epoch of 60,000 images on one thread, evaluation left out."""
    measured = read()["recipes"]
    if recipe.name not in measured["seconds"]:
        raise ValueError(f"{recipe.name} is not timed: add it to benchmark.TIMED and measure anew")
    return _epoch(measured, measured["seconds"][recipe.name])


def _epoch(measured: dict, seconds: list[float]) -> float:
    """The median of what was measured, scaled to an epoch of 60,000 images."""
    return statistics.median(seconds) * results.SAMPLES[0] / measured["images"]


def table(measured: dict | None = None) -> Table:
    """Every case and way: seconds per epoch, images per second, what is not the network."""
    measured = measured or read()["loading"]
    rows = []
    for case in measured["cases"]:
        middle = {way: _epoch(measured, took) for way, took in case["seconds"].items()}
        scale = results.SAMPLES[0] / measured["images"]
        for way, took in case["seconds"].items():
            own_floor = FLOOR if way in (*OURS.values(), FLOOR) else USUAL_FLOOR
            rows.append(
                [
                    f"{case['model']}, {case['batch_size']}",
                    way,
                    f"{middle[way]:.1f}",
                    f"{min(took) * scale:.1f} to {max(took) * scale:.1f}",
                    f"{results.SAMPLES[0] / middle[way]:,.0f}",
                    f"{100 * (1 - middle[own_floor] / middle[way]):.0f} %",
                    case.get("peak_mb", {}).get(way) or "",
                ]
            )
    columns = ["network, batch", "loading", "seconds per epoch", "least to most"]
    columns += ["images per second", "not the network", "peak MB"]
    return Table(columns, rows)


def turn_by_turn(case: dict, way: str, other: str) -> list[float]:
    """How many times as long as ``other`` a way took, once per turn.

    Within a turn both met the machine as it was then; between turns it may have changed.
    """
    return [a / b for a, b in zip(case["seconds"][way], case["seconds"][other], strict=True)]


def over_floor(case: dict, kind: str) -> list[float]:
    """What our loading costs, in per cent of an epoch that loads nothing, once per turn."""
    return [100 * (ratio - 1) for ratio in turn_by_turn(case, OURS[kind], FLOOR)]


def times_faster(case: dict, kind: str) -> float:
    """How many times faster ours is than the usual loader: the median turn."""
    return statistics.median(turn_by_turn(case, USUAL[kind], OURS[kind]))


def ratios(measured: dict | None = None) -> Table:
    """How many times faster ours is than the usual loader, and what it costs over the floor."""
    measured = measured or read()["loading"]
    rows = [
        [
            f"{case['model']}, {case['batch_size']}",
            kind,
            f"{times_faster(case, kind):.1f}",
            f"{statistics.median(over := over_floor(case, kind)):+.1f} %",
            f"{min(over):+.1f} to {max(over):+.1f} %",
        ]
        for case in measured["cases"]
        for kind in (PLAIN, AUGMENTED)
    ]
    columns = ["network, batch", "digits", "times faster than torchvision"]
    return Table([*columns, "over the floor", "turn by turn"], rows)


# What was set for loading: over the floor in per cent, and times faster than torchvision.
MOST_OVER_FLOOR = {PLAIN: 3, AUGMENTED: 10}
TIMES_FASTER = 3


def targets(measured: dict | None = None) -> list[list[str]]:
    """What was set for loading, beside what was measured and whether that is enough."""
    measured = measured or read()["loading"]
    rows = []
    for case in measured["cases"]:
        if case["batch_size"] != catalogue.recipe(case["recipe"]).batch_size:
            continue  # what was set is for the design as it is
        for kind, most in MOST_OVER_FLOOR.items():
            over = statistics.median(over_floor(case, kind))
            what = f"{case['model']}: loading over the floor, {kind}"
            rows.append([what, f"≤ {most} %", f"{over:.1f} %", "yes" if over <= most else "no"])
        faster = times_faster(case, AUGMENTED)
        what = f"{case['model']}: times faster than torchvision, {AUGMENTED}"
        reached = "yes" if faster >= TIMES_FASTER else "no"
        rows.append([what, f"≥ {TIMES_FASTER}", f"{faster:.1f}", reached])
    return rows
