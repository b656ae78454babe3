"""Learning rates and schedules, chosen on a validation split: the evidence, recorded.

Every candidate trains on 50,000 of the 60,000 training images and is judged on the other
10,000; the test images never enter such a run.
"""

from __future__ import annotations

import dataclasses
import json
from itertools import product
from pathlib import Path

from utils import data, recipes, training
from utils.lab import results, runner
from utils.recipes import Recipe
from utils.tables import Table

FOLDER = results.FOLDER.parent / "choices"
LAST = 3  # epochs the judge averages over: at a constant rate a single one is too noisy


def run(
    recipe: Recipe,
    rates: list[float],
    names: list[str] | None,
    seeds: list[int],
    images: data.ImageSet,
) -> None:
    """Record each rate under each schedule (default: the recipe's) and seed, where missing."""
    if not images.is_mnist:
        raise ValueError(f"this is {images.name}: choices are recorded on MNIST only")
    held_out = data.validation_split(images)
    for seed, schedule, lr in product(seeds, names or [recipe.schedule], rates):
        path = FOLDER / recipe.name / f"{schedule}-{lr:g}-seed-{seed}.json"
        if not path.exists():
            candidate = dataclasses.replace(recipe, lr=lr, schedule=schedule)
            results.write(_validate(candidate, seed, held_out), path)
        judged = judge(_read(path, recipe))
        print(f"{recipe.name} {schedule} {lr:g} seed {seed}: {judged}", flush=True)


def _validate(candidate: Recipe, seed: int, held_out: data.ImageSet) -> dict:
    try:
        result = runner.run(candidate, seed, held_out, verbose=False)
    except training.TrainingDiverged as error:
        return {"recipe": candidate.settings(), "seed": seed, "diverged": str(error)}
    del result["misclassified"]
    return result


def _read(path: Path, recipe: Recipe) -> dict:
    """A recorded candidate; ``BadResult`` where it differs in more than rate and schedule."""
    result = json.loads(path.read_text())
    tried = {key: result["recipe"][key] for key in ("lr", "schedule")}
    if result["recipe"] != recipe.settings() | tried:
        raise results.BadResult(
            f"{path} was made with another version of {recipe.name}. Delete it and choose again."
        )
    return result


def judge(result: dict) -> str:
    """Validation accuracy, the mean of the last epochs."""
    if "diverged" in result:
        return "diverged"
    history = result["history"]
    return f"{100 * sum(history['test_correct'][-LAST:]) / LAST / history['test_samples']:.2f}"


def recorded() -> bool:
    """Whether any candidate is on record."""
    return any(FOLDER.glob("*/*.json"))


def table() -> Table:
    """Every recorded candidate by recipe, schedule and learning rate."""
    rows = []
    for name, recipe in recipes.RECIPES.items():
        candidates: dict[tuple, list[str]] = {}
        for path in sorted((FOLDER / name).glob("*.json")):
            result = _read(path, recipe)
            tried = result["recipe"]["schedule"], result["recipe"]["lr"]
            candidates.setdefault(tried, []).append(judge(result))
        for (schedule, lr), judged in sorted(candidates.items()):
            chosen = "✓" if (schedule, lr) == (recipe.schedule, recipe.lr) else ""
            rows.append([name, schedule, f"{lr:g}", ", ".join(judged), chosen])
    columns = ["step", "schedule", "learning rate", "validation accuracy, one a seed", "chosen"]
    return Table(columns, rows)
