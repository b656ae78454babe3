"""A recorded run made again: the same numbers, other rounding, or something else?"""

from __future__ import annotations

import datetime
import random
from statistics import stdev

from utils.experiments import catalogue
from utils.experiments.recorded import BadResult, seeds_of
from utils.lab.runs import audit, one, results
from utils.lab.runs.job import images_of
from utils.recipes import Recipe
from utils.support import machine

EQUAL, ROUNDS, DIFFERENT = "equal", "rounds otherwise", "different"
COUNTS = ("train_correct", "test_correct")  # of every epoch
NEAR = 0.3  # points, where one seed is recorded


def drawn(name: str | None = None, seed: int | None = None) -> tuple[Recipe, int]:
    """The recipe called ``name`` and ``seed``; what is ``None`` is drawn by the week's date.

    Whoever runs this in one week repeats the same run. Raises ``ValueError`` for a seed that is
    not recorded.
    """
    year, week, _ = datetime.date.today().isocalendar()
    draw = random.Random(f"{year}-{week}")
    made = [known for known in sorted(catalogue.reported()) if seeds_of(catalogue.recipe(known))]
    recipe = catalogue.recipe(name or draw.choice(made))
    if not (seeds := sorted(results.recorded(recipe))):
        raise ValueError(
            f"{recipe.name} has no recorded run: python -m utils.lab run {recipe.name}"
        )
    if seed is None:
        seed = draw.choice(seeds)
    if seed not in seeds:
        raise ValueError(f"{recipe.name} has no recorded seed {seed}: choose one of {seeds}")
    return recipe, seed


def repeat(recipe: Recipe, seed: int) -> str:
    """Train it again on MNIST, as it was recorded, and say what came out.

    First the network that it keeps, if any, is asked for the mistakes that it recorded.
    """
    recorded, images = results.recorded(recipe)[seed], images_of("mnist")
    if why := audit.of_another_run(recipe, seed, images):
        return f"{recipe.name} seed {seed}: {DIFFERENT}, {why}"
    with machine.cpu_threads(recorded["threads"]):
        again = one.run(recipe, seed, images, recorded["device"])
    return f"{recipe.name} seed {seed}: {verdict(recorded, again, near(recipe))}"


def near(recipe: Recipe) -> float:
    """Points by which other rounding may move a last epoch: about as far as another seed does.

    Three standard deviations of the difference of two runs.
    """
    ends = [run["test_accuracy_last"] for run in results.recorded(recipe).values()]
    return 3 * 2**0.5 * stdev(ends) if len(ends) > 1 else NEAR


def verdict(recorded: dict, again: dict, near: float = NEAR) -> str:
    """``equal`` where every count is; else whether rounding explains it, with both accuracies.

    It may where processor or versions differ (a record without a processor says nothing of it) and
    both end within ``near`` points of each other. Raises ``BadResult`` where the two are not of one
    recipe and seed.
    """
    for key in ("recipe_hash", "seed", "data_md5"):
        if recorded[key] != again[key]:
            raise BadResult(f"{key}: {recorded[key]} was recorded, {again[key]} is compared")
    counts = [[run["history"][part] for part in COUNTS] for run in (recorded, again)]
    if counts[0] == counts[1]:
        return EQUAL
    before, now = recorded["test_accuracy_last"], again["test_accuracy_last"]
    ends = f"{before:.2f} was recorded, {now:.2f} came out"
    same = all(recorded.get(key) == again[key] for key in ("processor", "versions"))
    if same or abs(now - before) > near:
        return f"{DIFFERENT}: {ends}"
    return f"{ROUNDS} (another processor, or other versions): {ends}"
