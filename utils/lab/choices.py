"""Learning rates, chosen on a validation split: the evidence, recorded.

Every candidate trains on 50,000 of the 60,000 training images and is judged on the other
10,000; the test images are never loaded into such a run.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from utils import data, recipes
from utils.lab import results, runner
from utils.recipes import Recipe
from utils.tables import Table

FOLDER = results.FOLDER.parent / "choices"


def run(recipe: Recipe, rates: list[float], seeds: list[int], images: data.ImageSet) -> None:
    """Record the validation accuracy of each rate and seed that is not recorded yet."""
    held_out = data.validation_split(images)
    for seed in seeds:
        for lr in rates:
            path = FOLDER / recipe.name / f"lr-{lr:g}-seed-{seed}.json"
            if not path.exists():
                candidate = dataclasses.replace(recipe, lr=lr)
                results.write(_validate(candidate, seed, held_out), path)
            print(f"{recipe.name} lr {lr:g} seed {seed}: {_outcome(path)}", flush=True)


def _validate(candidate: Recipe, seed: int, held_out: data.ImageSet) -> dict:
    try:
        return runner.run(candidate, seed, held_out, verbose=False)
    except runner.training.TrainingDiverged as error:
        return {"recipe": candidate.settings(), "seed": seed, "diverged": str(error)}


def _outcome(path: Path) -> str:
    result = json.loads(path.read_text())
    return result.get("diverged") or f"{mean_of_last(result):.3f} (mean of the last 3 epochs)"


def mean_of_last(result: dict, epochs: int = 3) -> float:
    """The judge: at a constant rate a single epoch is too noisy to choose by."""
    history = result["history"]
    return 100 * sum(history["test_correct"][-epochs:]) / epochs / history["test_samples"]


def table() -> Table:
    """Every recorded candidate: validation accuracy by recipe and learning rate."""
    rows = []
    for name in recipes.RECIPES:
        by_rate: dict[float, list[str]] = {}
        for path in (FOLDER / name).glob("lr-*-seed-*.json"):
            result = json.loads(path.read_text())
            lr = result["recipe"]["lr"]
            judged = "diverged" if "diverged" in result else f"{mean_of_last(result):.2f}"
            by_rate.setdefault(lr, []).append(judged)
        for lr, judged in sorted(by_rate.items()):
            chosen = "✓" if lr == recipes.get(name).lr else ""
            rows.append([name, f"{lr:g}", ", ".join(sorted(judged)), chosen])
    return Table(["recipe", "learning rate", "validation accuracy, one figure a seed", "chosen"], rows)
