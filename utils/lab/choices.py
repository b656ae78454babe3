"""Open numbers, chosen on a validation split: the evidence, recorded.

Every candidate, a recipe with some settings replaced, trains on 50,000 of the 60,000 training
images and is judged on the other 10,000; the test images never enter such a run.
"""

from __future__ import annotations

import dataclasses
import json
from itertools import product
from pathlib import Path
from statistics import mean

from utils import data, recipes, training
from utils.lab import results, runner
from utils.lab.statistics import estimate
from utils.names import look_up
from utils.recipes import Recipe
from utils.tables import Table

FOLDER = results.FOLDER.parent / "choices"
LAST = 3  # epochs the judge averages over: at a constant rate a single one is too noisy


def parse(recipe: Recipe, text: str) -> tuple[str, list]:
    """``"lr=0.05,0.1"`` as ``("lr", [0.05, 0.1])``, values of the type the setting has now.

    Raises ``ValueError`` for an unknown setting or a value that is not of its type.
    """
    name, equals, values = text.partition("=")
    now = look_up("setting", name, recipe.settings())
    if not equals or not values:
        raise ValueError(f"{text!r} is not like lr=0.05,0.1")
    if isinstance(now, bool):
        known = {"yes": True, "no": False}
        return name, [look_up(f"value of {name}", value, known) for value in values.split(",")]
    kind = type(now) if isinstance(now, int | float) else str
    try:
        return name, [None if v == "none" else kind(v) for v in values.split(",")]
    except ValueError:
        raise ValueError(f"{text!r}: {name} takes numbers such as {now}") from None


def candidates(recipe: Recipe, tried: dict[str, list]) -> list[Recipe]:
    """``recipe`` with every combination of the ``tried`` values."""
    return [
        dataclasses.replace(recipe, **dict(zip(tried, values, strict=True)))
        for values in product(*tried.values())
    ]


def run(recipe: Recipe, tried: dict[str, list], seeds: list[int], images: data.ImageSet) -> None:
    """Record every candidate with every seed, where missing, and print how each is judged."""
    if not images.is_mnist:
        raise ValueError(f"this is {images.name}: choices are recorded on MNIST only")
    held_out = data.validation_split(images)
    for seed, candidate in product(seeds, candidates(recipe, tried)):
        path = FOLDER / recipe.name / f"{results.recipe_hash(candidate)}-seed-{seed}.json"
        if not path.exists():
            results.write(_validate(candidate, seed, held_out), path)
        values = ", ".join(f"{name}: {recipes.shown(getattr(candidate, name))}" for name in tried)
        print(f"{recipe.name} {values}, seed {seed}: {judged(_read(path)):.2f}", flush=True)


def _validate(candidate: Recipe, seed: int, held_out: data.ImageSet) -> dict:
    try:
        result = runner.run(candidate, seed, held_out, verbose=False)
    except training.TrainingDiverged as error:
        return {"recipe": candidate.settings(), "seed": seed, "diverged": str(error)}
    del result["misclassified"]
    return result


def _read(path: Path) -> dict:
    result = json.loads(path.read_text())
    if not results.is_sealed(result):
        raise results.BadResult(f"{path} was edited since it was recorded: delete it, choose again")
    return result


def judged(result: dict) -> float:
    """Validation accuracy in per cent, the mean of the last epochs; 0 where training diverged."""
    if "diverged" in result:
        return 0.0
    history = result["history"]
    return 100 * mean(history["test_correct"][-LAST:]) / history["test_samples"]


def recorded() -> bool:
    """Whether any candidate is on record."""
    return any(FOLDER.glob("*/*.json"))


def table() -> Table:
    """Every recorded candidate, as its difference from the recipe it was a candidate for."""
    rows = []
    for name, recipe in recipes.RECIPES.items():
        found: dict[str, list[float]] = {}
        for path in sorted((FOLDER / name).glob("*.json"), key=lambda path: path.stem[-1]):
            result = _read(path)
            difference = results.changed_settings(recipe.settings(), result["recipe"])
            found.setdefault(difference or "as chosen", []).append(judged(result))
        rows += [_row(name, difference, values) for difference, values in sorted(found.items())]
    return Table(["step", "tried", "validation accuracy", "one a seed"], rows)


def _row(name: str, difference: str, values: list[float]) -> list[str]:
    spread = estimate(values) if len(values) > 1 else None
    overall = f"{spread.mean:.2f} ± {spread.std:.2f}" if spread else f"{values[0]:.2f}"
    return [name, difference, overall, ", ".join(f"{value:.2f}" for value in values)]
