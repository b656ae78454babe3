"""What is recorded, for the shell: ``list``, ``show`` and ``compare``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from utils.experiments import catalogue
from utils.experiments.recorded import seeds_of
from utils.lab.report import paired
from utils.lab.report.intervals import better_share, estimate, interval, mean_std
from utils.lab.runs import progress, results, validation
from utils.recipes import Recipe, difference, formatted, in_words, recipe_hash
from utils.support.tables import Table


def runs_of(recipe: Recipe, folder: Path) -> tuple[dict[int, dict], dict[int, str]]:
    """The recorded runs by seed that the code still gives, and what is wrong with the others."""
    good, bad = {}, {}
    for seed, path in seeds_of(recipe, folder).items():
        try:
            run = results.read(path, recipe, seed)
            reason = results.stale(run, recipe)
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).removeprefix(f"{path}: ")
        if reason:
            bad[seed] = reason
        else:
            good[seed] = run
    return good, bad


def listing(folder: Path = results.FOLDER) -> Table:
    """Every recipe: what is recorded, what is being made, and what is stale or unusable and why."""
    places, rows = (folder, validation.FOLDER), []
    making = [status["name"] for place in places for status in progress.running(place)]
    for name, experiment in catalogue.EXPERIMENTS.items():
        good, bad = runs_of(experiment.recipe, folder)
        here = [run.removeprefix(f"{name} ") for run in making if run.startswith(f"{name} ")]
        reasons = [f"seed {seed}: {reason}" for seed, reason in bad.items()]
        seeds = ", ".join(map(str, good)) or "none"
        row = [name, recipe_hash(experiment.recipe), seeds, ", ".join(here), "; ".join(reasons)]
        rows.append(row)
    return Table(["recipe", "hash", "recorded seeds", "running", "stale or unusable"], rows)


def show(name: str, folder: Path = results.FOLDER) -> str:
    """One recipe: its settings, and every run of it."""
    recipe = catalogue.recipe(name)
    settings = [[key, formatted(value)] for key, value in recipe.settings().items()]
    good, bad = runs_of(recipe, folder)
    rows = [
        [
            seed,
            f"{run['test_accuracy_last']:.2f}",
            f"{run['test_accuracy_best']:.2f}",
            len(run["misclassified"]["indices"]),
            f"{run['seconds']:.0f} s",
            run["machine"],
            run["git_commit"],
        ]
        for seed, run in good.items()
    ]
    columns = ["seed", "last epoch", "best epoch", "mistakes", "time", "machine", "commit"]
    parts = [f"{name}: {recipe.title}", Table(["setting", "value"], settings).markdown()]
    parts.append(Table(columns, rows).markdown() if rows else "No run is recorded.")
    parts += [f"seed {seed}: {reason}" for seed, reason in bad.items()]
    if len(good) > 1:
        found = estimate([run["test_accuracy_last"] for run in good.values()])
        sure = f"95 % interval {interval(found, 3)}, {found.n} seeds"
        parts.append(f"Test accuracy, last epoch: {mean_std(found, 3)}, {sure}.")
    return "\n\n".join(parts)


def compare(before: str, after: str, folder: Path = results.FOLDER) -> str:
    """Two recipes, seed by seed where they share seeds, and their difference with its interval."""
    pair = [catalogue.recipe(name) for name in (before, after)]
    sides = [
        pd.Series({n: run["test_accuracy_last"] for n, run in runs_of(recipe, folder)[0].items()})
        for recipe in pair
    ]
    for recipe, side in zip(pair, sides, strict=True):
        if len(side) < 2:
            raise ValueError(
                f"{recipe.name} has {len(side)} recorded seeds, a comparison needs 2: "
                f"python -m utils.lab run {recipe.name}"
            )
    both = pd.concat(sides, axis=1, join="inner", keys=(before, after)).sort_index()
    rows = [[n, f"{a:.2f}", f"{b:.2f}", f"{b - a:+.2f}"] for n, a, b in both.itertuples()]
    if not paired.share_start(*pair):
        how = "Welch's, since weights or order of images differ"
    elif paired.partners(*sides):
        how = "paired by seed"
    else:
        how = f"Welch's, since {'only one' if rows else 'no'} seed has a partner"
    count = " and ".join(str(len(side)) for side in sides)
    return "\n\n".join(
        [
            f"Settings: {in_words(difference(*pair)) or 'the same'}",
            Table(["seed", before, after, "Δ"], rows).markdown() if rows else "No seed in common.",
            f"{after} minus {before}: {paired.apart(*pair, *sides)} points, 95 % interval, {how}; "
            f"{count} seeds.",
            f"A run of {after} beats one of {before} in {better_share(*sides):.0%} of all pairs.",
        ]
    )
