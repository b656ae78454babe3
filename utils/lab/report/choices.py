"""What was tried on the validation split before a recipe was settled (see ``validation``)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

import pandas as pd

from utils import data
from utils.corruptions import CHOOSING
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult, read_sealed
from utils.lab.report.intervals import summary
from utils.lab.report.paired import in_a_row
from utils.lab.runs import protocol, results, validation
from utils.recipes import changed_settings, settings_hash
from utils.support.tables import Table

EARLIER = validation.FOLDER / "earlier"
EARLIER_BASE = "b88d1b6f7917"
AS_HELD = "(what the others change)"
NOT_TESTED = "never tested"
LAST = 5  # the judge averages over a fifth of the epochs: at a constant rate one is too noisy


def frame(names: Iterable[str] | None = None) -> pd.DataFrame:
    """Every recorded candidate of the recipes called ``names`` (default: all), a row each.

    Columns: ``recipe``; ``tried``, what the candidate changes of it, in words; ``seed``;
    ``split``, 1 or 2, whose images are disjoint; ``accuracy`` on the held-out images in per cent,
    see ``judged``; ``before``, whether the run ended before the recipe's first test run, ``None``
    where there is none;
    ``corrupted``, see ``corrupted_error``.
    """
    rows = []
    for name in names or catalogue.EXPERIMENTS:
        recipe = catalogue.recipe(name)
        tested = protocol.first_test(recipe)
        for path in sorted((validation.FOLDER / name).glob("*.json")):
            if found := re.fullmatch(r"[0-9a-f]{12}(?:-split-(\d))?-seed-\d+", path.stem):
                split = int(found[1] or 1)
                result = _read(path, split)
                # How kernels lie in memory makes seconds, not accuracies.
                alike = {"channels_last": recipe.channels_last}
                changed = changed_settings(recipe.settings(), result["recipe"] | alike)
                tried = changed or validation.AS_CHOSEN
                before = None if tested is None else result["finished"] < tested
                row = (name, tried, result["seed"], split, judged(result), before)
                rows.append((*row, corrupted_error(result)))
    columns = ["recipe", "tried", "seed", "split", "accuracy", "before", "corrupted"]
    return pd.DataFrame(rows, columns=columns)


def judged(result: dict) -> float:
    """Validation accuracy in per cent, the mean of the last fifth of the epochs."""
    history = result["history"]
    correct = history["test_correct"]
    return 100 * mean(correct[-max(1, len(correct) // LAST) :]) / history["test_samples"]


def corrupted_error(result: dict) -> float:
    """Mean error in per cent under the corruptions to choose by; NaN where none was counted."""
    counts = result.get("corrupted_correct", {}).values()
    return 100 - 100 * mean(counts) / result["history"]["test_samples"] if counts else math.nan


def _read(path: Path, split: int) -> dict:
    """A recorded candidate; ``BadResult`` where the file is anything else."""
    result = read_sealed(path)
    history, hashed = result["history"], settings_hash(result["recipe"])
    samples = history["train_samples"], history["test_samples"]
    stem = f"{hashed}{validation.SPLITS[split]}-seed-{result['seed']}"
    made_by = result["device"], result["threads"]
    found = (result["data"], result["data_md5"], samples, *made_by, stem)
    images = f"MNIST {validation.IMAGES[split]}", data.MNIST_SUM, validation.SAMPLES
    expected = (*images, *results.REPORTED, path.stem)
    if found != expected:
        raise BadResult(f"{path} holds {found}, expected {expected}. Move it to another folder.")
    return result


def table(names: Iterable[str] | None = None) -> Table:
    """Every candidate, as its difference from the recipe it was a candidate for.

    The column on the first test says how many of its runs ended before the recipe's first test
    run; those after it confirm, and choose nothing. Where corrupted digits were read as well, a
    last column has the mean error on them.
    """
    rows, errors = [], []
    for name in names or catalogue.EXPERIMENTS:
        found = frame([name]).sort_values("seed")
        for (tried, split), runs in found.groupby(["tried", "split"]):
            what = tried if split == 1 else f"{tried} (second split)"
            rows.append([name, what, summary(runs.accuracy), in_a_row(runs.accuracy)])
            tested = runs.before.notna().all()
            rows[-1].append(f"{runs.before.sum()} of {len(runs)}" if tested else NOT_TESTED)
            errors.append(summary(counted) if len(counted := runs.corrupted.dropna()) else "")
    columns = ["recipe", "tried", "validation accuracy", "seed by seed", "before the first test"]
    if any(errors):
        columns.append(f"mean error under {len(CHOOSING)} corruptions in %")
        rows = [[*row, error] for row, error in zip(rows, errors, strict=True)]
    return Table(columns, rows)


def earlier() -> Table:
    """The runs that led to the frontier's recipes, on networks that were given up.

    They had been deleted, and are back from git's history in assets/choices/earlier. Each row is
    what a candidate changes of the one that most others were held against.
    """
    runs = [read_sealed(path) for path in sorted(EARLIER.glob("*/*.json"))]
    base = next(run["recipe"] for run in runs if settings_hash(run["recipe"]) == EARLIER_BASE)
    found = pd.DataFrame(
        {
            "epochs": run["recipe"]["epochs"],
            "tried": changed_settings(base, run["recipe"] | {"epochs": base["epochs"]}),
            "accuracy": judged(run),
        }
        for run in runs
    )
    rows = [
        [tried or AS_HELD, epochs, summary(of.accuracy), in_a_row(of.accuracy)]
        for (epochs, tried), of in found.groupby(["epochs", "tried"])
    ]
    return Table(["changed", "epochs", "validation accuracy", "seed by seed"], rows)
