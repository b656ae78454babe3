"""Open numbers, chosen on a validation split: the evidence, recorded.

Every candidate, a recipe with some settings replaced, trains on 50,000 of the 60,000 training
images and is judged on the other 10,000; the test images never enter such a run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from statistics import mean

from utils import data
from utils.experiments import catalogue, recorded
from utils.lab.report.intervals import estimate, mean_std
from utils.lab.runs import grid
from utils.lab.runs.job import Job
from utils.recipes import Recipe, changed_settings, recipe_hash, settings_hash
from utils.support.lookup import look_up
from utils.support.paths import ASSETS
from utils.support.tables import Table

FOLDER = ASSETS / "choices"
SAMPLES = (50_000, 10_000)  # what a candidate trains on and is judged on
AS_CHOSEN = "as chosen"  # the candidate that differs in nothing
LAST = 5  # the judge averages over a fifth of the epochs: at a constant rate one is too noisy


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
    kind = _kind(name, now)
    try:
        return name, [None if v == "none" else kind(v) for v in values.split(",")]
    except ValueError:
        raise ValueError(f"{text!r}: {name} takes numbers such as {now}") from None


def _kind(name: str, now) -> type:
    """What a setting's values are: its type now or, where it is none, the declared one."""
    if now is not None:
        return type(now)
    (field,) = (field for field in dataclasses.fields(Recipe) if field.name == name)
    return float if "float" in str(field.type) else str


def candidates(recipe: Recipe, tried: dict[str, list]) -> list[Recipe]:
    """``recipe`` with every combination of the ``tried`` values."""
    return [
        dataclasses.replace(recipe, **dict(zip(tried, values, strict=True)))
        for values in product(*tried.values())
    ]


def run(
    recipe: Recipe,
    tried: dict[str, list],
    seeds: list[int],
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    threads: int = 1,
    device: str = "cpu",
) -> None:
    """Record every candidate with every seed, where missing (see ``grid.run``)."""
    grid.record(
        [
            Job(
                name=f"{recipe.name} {_difference(recipe, candidate)} seed {seed}",
                recipe=candidate,
                seed=seed,
                images="validation",
                threads=threads,
                device=device,
                path=FOLDER / recipe.name / f"{recipe_hash(candidate)}-seed-{seed}.json",
            )
            for seed in seeds
            for candidate in candidates(recipe, tried)
        ],
        jobs,
        cluster,
    )


def _difference(recipe: Recipe, candidate: Recipe) -> str:
    changed = changed_settings(recipe.settings(), candidate.settings())
    return changed or AS_CHOSEN


def _read(path: Path) -> dict:
    """A recorded candidate; ``BadResult`` where the file is anything else."""
    result = recorded.read_sealed(path)
    name = f"{settings_hash(result['recipe'])}-seed-{result['seed']}"
    history = result["history"]
    if result["data"] != "MNIST validation" or result["data_md5"] != data.MNIST_SUM:
        reason = f"made on {result['data']}, not on MNIST's validation split"
    elif (history["train_samples"], history["test_samples"]) != SAMPLES:
        reason = f"not made on {SAMPLES[0]:,} images and judged on {SAMPLES[1]:,}"
    elif path.stem != name:
        reason = f"it holds another candidate or seed ({name})"
    else:
        return result
    raise recorded.BadResult(f"{path}: {reason}. Delete it and choose again.")


def judged(result: dict) -> float:
    """Validation accuracy in per cent, the mean of the last fifth of the epochs."""
    history = result["history"]
    correct = history["test_correct"]
    return 100 * mean(correct[-max(1, len(correct) // LAST) :]) / history["test_samples"]


def table(names: Iterable[str] | None = None) -> Table:
    """Every recorded candidate, as its difference from the recipe it was a candidate for.

    ``names``: of these recipes only (default: all).
    """
    rows = [
        _row(name, difference, list(values.values()))
        for name in names or catalogue.EXPERIMENTS
        for difference, values in sorted(found(name).items())
    ]
    return Table(["recipe", "tried", "validation accuracy", "one a seed"], rows)


def found(name: str) -> dict[str, dict[int, float]]:
    """What every recorded candidate of a recipe reached: ``{its difference: {seed: value}}``."""
    recipe, judged_by = catalogue.recipe(name), {}
    for path in sorted((FOLDER / name).glob("*.json"), key=_seed_of):
        result = _read(path)
        # How kernels lie in memory makes seconds, not accuracies.
        alike = {"channels_last": recipe.channels_last}
        changed = changed_settings(recipe.settings(), result["recipe"] | alike)
        judged_by.setdefault(changed or AS_CHOSEN, {})[result["seed"]] = judged(result)
    return judged_by


def _seed_of(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _row(name: str, difference: str, values: list[float]) -> list[str]:
    overall = mean_std(estimate(values)) if len(values) > 1 else f"{values[0]:.2f}"
    return [name, difference, overall, ", ".join(f"{value:.2f}" for value in values)]
