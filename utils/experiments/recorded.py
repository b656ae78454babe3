"""Recorded runs as files: one JSON per recipe and seed in assets/results, sealed by a checksum.

``utils.lab.runs.results`` writes them and checks that they are what a table may show.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from statistics import mean, stdev

from utils.experiments import catalogue
from utils.recipes import Recipe, recipe_hash, settings_hash
from utils.support.files import read_json
from utils.support.paths import ASSETS

FOLDER = ASSETS / "results"
FORMAT = 3
RUNNING = ".running"  # beside the results: locks, and how far each run is


class BadResult(ValueError):
    """A results file cannot be used; the message names it and what is wrong."""


def path_of(recipe: Recipe, seed: int, folder: Path = FOLDER) -> Path:
    return folder / recipe.name / f"seed-{seed}.json"


def seal(result: dict) -> str:
    """A checksum over all of a result but the checksum."""
    content = {key: value for key, value in result.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


REMEDY = "Take it from git again, or remove it and repeat the run."


def read_sealed(
    path: Path, version: int = FORMAT, made: str = "recorded", remedy: str = REMEDY
) -> dict:
    """A result of whatever recipe, as it was written; ``BadResult`` where it is not.

    A file is read once until it changes, so what is returned is not to be edited. Another kind of
    sealed file has a ``version`` of its format, a word for how it was ``made`` and a ``remedy``.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise BadResult(f"{path} cannot be read: {error}.") from error
    stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    return _read_sealed(path, stamp, version, made, remedy)


@functools.cache
def _read_sealed(path: Path, _stamp: tuple, version: int, made: str, remedy: str) -> dict:
    try:
        result = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise BadResult(f"{path} cannot be read: {error}. {remedy}") from error
    reason = ""
    if not isinstance(result, dict) or result.get("format") != version:
        reason = f"not a result of format {version}"
    elif result.get("sha256") != seal(result):
        reason = f"edited since it was {made}: its checksum is not that of its content"
    if reason:
        raise BadResult(f"{path}: {reason}. {remedy}")
    return result


def seeds_of(recipe: Recipe, folder: Path = FOLDER) -> dict[int, Path]:
    """The files of the recorded runs of ``recipe``, by seed."""
    paths = (folder / recipe.name).glob("seed-*.json")
    numbers = {path.stem.removeprefix("seed-"): path for path in paths}
    found = {int(text): path for text, path in numbers.items() if text.isdecimal()}
    return dict(sorted(found.items()))


def beside(recipe: Recipe) -> dict[str, dict[str, str]]:
    """What is known of ``recipe``, a column each: of its recorded seeds, and as published.

    ``{column: {row: cell}}`` with the rows of ``Run.beside_recorded``; empty where nothing is
    known.
    """
    columns = {}
    runs = [read_sealed(path) for path in seeds_of(recipe).values()]
    runs = [run for run in runs if settings_hash(run["recipe"]) == recipe_hash(recipe)]
    if len(runs) > 1:
        cells = {}
        for which in ("last", "best"):
            values = [run[f"test_accuracy_{which}"] for run in runs]
            cells[f"test accuracy, {which} epoch"] = f"{mean(values):.2f} ± {stdev(values):.2f}"
        columns[f"{len(runs)} recorded seeds (MNIST)"] = cells
    known = catalogue.EXPERIMENTS.get(recipe.name)
    if known and known.published and known.recipe == recipe:
        text = known.published
        which = "last" if text.epoch == "last" else "best"
        columns[f"published ({text.source})"] = {
            "train accuracy, last epoch": f"{text.train:.2f}" if text.train else "not said",
            f"test accuracy, {which} epoch": f"{text.test:.2f}"
            + ("" if text.epoch else ", epoch not said"),
        }
    return columns
