"""What is measured of recorded networks on other digits: which sets, read, and as one tidy table.

``utils.lab.runs.beyond`` measures and writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from utils.corruptions import CORRUPTIONS, SEVERITIES, at_severity, corrupted
from utils.experiments import catalogue, recorded
from utils.experiments.recorded import BadResult, read_sealed, seeds_of
from utils.other_digits import uci_digits
from utils.recipes import recipe_hash
from utils.support import paths

FOLDER = paths.ASSETS / "beyond"
FORMAT = 1
SEED = 0  # of the corruptions: every network sees the same pixels
BINS = 15  # of a network's probability for its answer


@dataclass(frozen=True)
class TestSet:
    """One set of digits to read: its ``kind``, and what ``make`` does to a set's test half.

    ``kind`` is ``clean``, ``corruption``, ``severity`` or ``uci``; a severity has its ``family``
    and ``value``.
    """

    kind: str
    make: partial
    family: str = ""
    value: float = float("nan")


SETS: dict[str, TestSet] = {
    "clean": TestSet("clean", partial(lambda digits: digits)),
    **{
        name: TestSet("corruption", partial(corrupted, name=name, seed=SEED))
        for name in CORRUPTIONS
    },
    **{
        f"{name} {value:g}": TestSet(
            "severity", partial(at_severity, name=name, value=value, seed=SEED), name, value
        )
        for name, family in SEVERITIES.items()
        for value in family.values
    },
    "uci": TestSet("uci", partial(uci_digits)),
}
# How sure a network is, is kept of the clean digits, of all fifteen corruptions, and of UCI's.
SURE = ("clean", "corruption", "uci")


def read(path: Path) -> dict:
    """What is measured in the file at ``path``; ``BadResult`` where it is damaged."""
    remedy = f"Remove it and measure again: python -m utils.lab beyond {path.stem}"
    return read_sealed(path, FORMAT, "measured", remedy)


def measured(name: str, folder: Path = FOLDER, runs: Path = recorded.FOLDER) -> dict[int, dict]:
    """What is measured of a recipe's reported seeds, ``{seed: run}``; empty where nothing is.

    Raises ``BadResult`` where a run was recorded anew since, or the recipe has changed.
    """
    experiment, path = catalogue.get(name), folder / f"{name}.json"
    if not path.exists():
        return {}
    found, kept = read(path), seeds_of(experiment.recipe, runs)
    again = f"python -m utils.lab beyond {name}"
    if found["recipe_hash"] != recipe_hash(experiment.recipe):
        raise BadResult(f"{path}: stale, the recipe {name} has changed since: {again}")
    for seed, run in found["runs"].items():
        path_of_run = kept.get(int(seed))
        if path_of_run is None or read_sealed(path_of_run).get("network") != run["network"]:
            raise BadResult(f"{path}: stale, seed {seed} was recorded anew since: {again}")
    reported = experiment.asked
    return {int(seed): run for seed, run in found["runs"].items() if int(seed) in reported}


def frame(
    names: Iterable[str], folder: Path = FOLDER, runs: Path = recorded.FOLDER
) -> pd.DataFrame:
    """One tidy table: a row per recipe, seed and set.

    Columns: ``recipe`` and ``title``, ``seed``, ``set`` with its ``kind``, ``family`` and
    ``value`` (see ``TestSet``), ``images``, ``correct``, and the ``accuracy`` in per cent. It has
    these columns and no row where nothing is measured.
    """
    columns = ["recipe", "title", "seed", "set", "kind", "family", "value", "images", "correct"]
    rows = pd.DataFrame(
        [row for name in names for row in _rows(name, folder, runs)], columns=columns
    )
    return rows.assign(accuracy=100 * rows.correct / rows.images)


def _rows(name: str, folder: Path, runs: Path) -> Iterator[tuple]:
    title = catalogue.recipe(name).title
    for seed, run in measured(name, folder, runs).items():
        images = read(folder / f"{name}.json")["images"]
        for one, correct in run["correct"].items():
            if known := SETS.get(one):
                about = (one, known.kind, known.family, known.value)
                yield name, title, seed, *about, images[one], correct
