"""Open numbers, chosen on a validation split.

Every candidate, a recipe with some settings replaced, trains on 50,000 of the 60,000 training
images and is judged on the other 10,000; the test images never enter such a run. What is chosen
on one split is confirmed on a second, which holds out 10,000 others.
"""

from __future__ import annotations

import dataclasses
from itertools import product
from typing import get_args, get_type_hints

from utils.lab.runs import grid, protocol
from utils.lab.runs.job import Job
from utils.recipes import Recipe, changed_settings, formatted, recipe_hash
from utils.support.lookup import look_up

FOLDER = protocol.CHOICES
SAMPLES = (50_000, 10_000)  # what a candidate trains on and is judged on
SPLITS = {1: "", 2: "-split-2"}  # and what a file's name says of it
IMAGES = {1: "validation", 2: "validation 2"}  # of each split, by name (see ``job.images_of``)
AS_CHOSEN = "as chosen"  # the candidate that differs in nothing


def parse(recipe: Recipe, text: str) -> tuple[str, list]:
    """``"lr=0.05,0.1"`` as ``("lr", [0.05, 0.1])``, values of the setting's declared type.

    Raises ``ValueError`` for an unknown setting or a value that is not of its type.
    """
    name, _, values = text.partition("=")
    now = look_up("setting", name, recipe.settings())
    declared = get_type_hints(Recipe)[name]
    kind, *none = get_args(declared) or [declared]  # float and NoneType of float | None
    read = {"yes": True, "no": False}.__getitem__ if kind is bool else kind
    try:
        found = [None if none and v == "none" else read(v) for v in values.split(",") if values]
    except (ValueError, KeyError):
        found = []
    if not found:
        raise ValueError(f"{text!r} is not like lr=0.05,0.1: {name} is now {formatted(now)}")
    return name, found


def candidates(recipe: Recipe, tried: dict[str, list]) -> list[Recipe]:
    """``recipe`` with every combination of the ``tried`` values."""
    return [
        dataclasses.replace(recipe, **dict(zip(tried, values, strict=True)))
        for values in product(*tried.values())
    ]


def check_split(split: int) -> None:
    if split not in SPLITS:
        raise ValueError(f"split={split} is neither 1, to choose on, nor 2, to confirm on")


def run(
    recipe: Recipe,
    tried: dict[str, list],
    seeds: list[int],
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    split: int = 1,
) -> None:
    """Record every candidate with every seed, where missing, on one thread each (see ``grid.run``).

    ``split`` says which 10,000 images are held out: 1 to choose, 2 to confirm.
    """
    check_split(split)
    todo = []
    for seed, candidate in product(seeds, candidates(recipe, tried)):
        changed = changed_settings(recipe.settings(), candidate.settings()) or AS_CHOSEN
        name = f"{recipe.name} {changed} seed {seed}"
        path = FOLDER / recipe.name / f"{recipe_hash(candidate)}{SPLITS[split]}-seed-{seed}.json"
        todo.append(Job(name, candidate, seed, IMAGES[split], 1, path))
    grid.record(todo, jobs, cluster)
