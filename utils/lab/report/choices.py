"""What was tried on the validation split before a recipe was settled (see ``validation``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

import pandas as pd

from utils import data
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult, read_sealed
from utils.lab.report.intervals import estimate, mean_std
from utils.lab.runs import validation
from utils.recipes import changed_settings, settings_hash
from utils.support.tables import Table

LAST = 5  # the judge averages over a fifth of the epochs: at a constant rate one is too noisy


def frame(names: Iterable[str] | None = None) -> pd.DataFrame:
    """Every recorded candidate of the recipes called ``names`` (default: all), a row each.

    Columns: ``recipe``; ``tried``, what the candidate changes of it, in words; ``seed``;
    ``accuracy`` on the validation split in per cent, see ``judged``.
    """
    rows = []
    for name in names or catalogue.EXPERIMENTS:
        recipe = catalogue.recipe(name)
        for path in sorted((validation.FOLDER / name).glob("*.json")):
            if re.fullmatch(r"[0-9a-f]{12}-seed-\d+", path.stem):
                result = _read(path)
                # How kernels lie in memory makes seconds, not accuracies.
                alike = {"channels_last": recipe.channels_last}
                changed = changed_settings(recipe.settings(), result["recipe"] | alike)
                tried = changed or validation.AS_CHOSEN
                rows.append((name, tried, result["seed"], judged(result)))
    return pd.DataFrame(rows, columns=["recipe", "tried", "seed", "accuracy"])


def judged(result: dict) -> float:
    """Validation accuracy in per cent, the mean of the last fifth of the epochs."""
    history = result["history"]
    correct = history["test_correct"]
    return 100 * mean(correct[-max(1, len(correct) // LAST) :]) / history["test_samples"]


def _read(path: Path) -> dict:
    """A recorded candidate; ``BadResult`` where the file is anything else."""
    result = read_sealed(path)
    history, hashed = result["history"], settings_hash(result["recipe"])
    samples = history["train_samples"], history["test_samples"]
    found = (result["data"], result["data_md5"], samples, f"{hashed}-seed-{result['seed']}")
    expected = ("MNIST validation", data.MNIST_SUM, validation.SAMPLES, path.stem)
    if found != expected:
        raise BadResult(f"{path} holds {found}, expected {expected}. Move it to another folder.")
    return result


def table(names: Iterable[str] | None = None) -> Table:
    """Every candidate, as its difference from the recipe it was a candidate for."""
    rows = []
    for name in names or catalogue.EXPERIMENTS:
        for tried, runs in frame([name]).sort_values("seed").groupby("tried").accuracy:
            overall = mean_std(estimate(runs)) if len(runs) > 1 else f"{runs.iloc[0]:.2f}"
            rows.append([name, tried, overall, ", ".join(f"{value:.2f}" for value in runs)])
    return Table(["recipe", "tried", "validation accuracy", "seed by seed"], rows)
