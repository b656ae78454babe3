"""Recorded runs: one JSON per recipe and seed, written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from utils import data, recipes
from utils.lab.runs import fingerprint
from utils.recipes import Recipe
from utils.support import paths
from utils.support.files import write_json
from utils.training import History

FOLDER = paths.ASSETS / "results"
SEEDS = range(5)  # what the tables report, where ``recipes.CLAIMED`` does not ask for more
LEAST = 3  # of them, at least, of what the README makes no claim about
FORMAT = 3
SAMPLES = (60_000, 10_000)  # what a reported run trains and is tested on
KEYS = {
    "format", "recipe", "recipe_hash", "seed", "data", "data_md5", "history",
    "train_accuracy_clean", "test_accuracy_last", "test_accuracy_best", "misclassified", "seconds",
    "versions", "machine", "device", "threads", "git_commit", "fingerprint", "sha256",
}  # fmt: skip


class BadResult(ValueError):
    """A results file cannot be used; the message names it and what is wrong."""


def switched_on(settings: dict) -> dict:
    """``settings`` without those that are off (``None``, ``False``, zero).

    A run keeps its recipe when a later version adds a switch and leaves it off.
    """
    return {name: value for name, value in settings.items() if value}


def recipe_hash(recipe: Recipe) -> str:
    """Twelve hex digits over the settings: they change whenever a number of the recipe does."""
    return settings_hash(recipe.settings())


def settings_hash(settings: dict) -> str:
    return _digest(switched_on(settings))[:12]


def changed_settings(before: dict, after: dict) -> str:
    """The settings that differ, in words; empty where none does."""
    old, new = switched_on(before), switched_on(after)
    changed = {}
    for name in old | new:
        pair = old.get(name), new.get(name)
        if pair[0] != pair[1]:
            switch = any(value is True for value in pair)
            changed[name] = tuple(map(bool, pair)) if switch else pair
    return recipes.in_words(changed)


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def path_of(recipe: Recipe, seed: int, folder: Path = FOLDER) -> Path:
    return folder / recipe.name / f"seed-{seed}.json"


def write(result: dict, path: Path) -> None:
    """Write a result, sealed with a checksum over its content."""
    write_json(result | {"sha256": _seal(result)}, path)


def _seal(result: dict) -> str:
    return _digest({key: value for key, value in result.items() if key != "sha256"})


def read(path: Path, recipe: Recipe, seed: int, full: bool = True) -> dict:
    """The result of ``recipe`` and ``seed``; ``BadResult`` where the file is anything else.

    A result is stale where its recipe or, under the same torch, what the code makes of the
    recipe has changed since. ``full`` asks for a run on the whole MNIST, as every table does.
    """
    result = read_sealed(path)
    try:
        reason = _what_is_wrong(result, recipe, seed) or (full and _what_is_not_full(result))
    except (KeyError, TypeError, IndexError) as error:
        reason = f"not laid out as a result ({type(error).__name__}: {error})"
    if reason:
        raise BadResult(f"{path}: {reason}. Delete it and run again.")
    return result


def read_sealed(path: Path) -> dict:
    """A result of whatever recipe, as it was written; ``BadResult`` where it is not."""
    try:
        result = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadResult(f"{path} cannot be read: {error}. Delete it and run again.") from error
    reason = ""
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        reason = f"not a result of format {FORMAT}"
    elif result.get("sha256") != _seal(result):
        reason = "edited since it was recorded: its checksum is not that of its content"
    if reason:
        raise BadResult(f"{path}: {reason}. Delete it and run again.")
    return result


def _what_is_wrong(result: dict, recipe: Recipe, seed: int) -> str:
    if missing := KEYS - result.keys():
        return f"it lacks {', '.join(sorted(missing))}"
    if changed := changed_settings(result["recipe"], recipe.settings()):
        return f"stale: the recipe {recipe.name} has changed since ({changed})"
    if result["versions"]["torch"] == version("torch") and not fingerprint.agree(
        result["fingerprint"], fingerprint.fingerprint(recipe)
    ):
        return f"stale: the code behind {recipe.name} gives other numbers now"
    if result["seed"] != seed:
        return f"its seed is {result['seed']}, not {seed}"
    history = result["history"]
    correct, samples = history["test_correct"], history["test_samples"]
    if len(correct) != recipe.epochs:
        return f"it has {len(correct)} epochs, the recipe {recipe.epochs}"
    wrong = samples - correct[-1]
    if wrong != len(result["misclassified"]["indices"]):
        return "its misclassified images do not match its last accuracy"
    if result["test_accuracy_last"] != 100 * correct[-1] / samples:
        return "its last accuracy does not match its history"
    if result["test_accuracy_best"] != 100 * max(correct) / samples:
        return "its best accuracy does not match its history"
    return ""


def _what_is_not_full(result: dict) -> str:
    if result["device"] != "cpu":
        return f"made on {result['device']}: what is reported is made on the CPU"
    if result["data"] != "MNIST" or result["data_md5"] != data.MNIST_SUM:
        return f"made on {result['data']} (md5 {result['data_md5']}), not MNIST"
    history = result["history"]
    if (history["train_samples"], history["test_samples"]) != SAMPLES:
        return f"not made on all {SAMPLES[0]:,} training and {SAMPLES[1]:,} test images"
    return ""


def recorded(recipe: Recipe, folder: Path = FOLDER) -> dict[int, dict]:
    """Every recorded run of ``recipe``, ``{seed: result}``, each one checked."""
    found = {}
    for path in sorted((folder / recipe.name).glob("seed-*.json")):
        seed = int(path.stem.removeprefix("seed-"))
        found[seed] = read(path, recipe, seed)
    return dict(sorted(found.items()))


def reported(name: str, folder: Path = FOLDER) -> list[dict]:
    """The recorded runs that a table reads; ``BadResult`` for fewer than it needs.

    Those of ``SEEDS``, or of as many as are claimed. No other seed counts, however many are
    recorded: nobody picks them.
    """
    found = recorded(recipes.get(name), folder)
    needed = range(recipes.CLAIMED.get(name, LEAST))
    if missing := [seed for seed in needed if seed not in found]:
        remedy = f"python -m utils.lab run {name} --seeds 0-{needed[-1]}"
        remedy = "it is a draft yet" if name in recipes.DRAFTS else remedy
        raise BadResult(f"{name} lacks seeds {missing}: {remedy}")
    return [found[seed] for seed in range(max(len(needed), len(SEEDS))) if seed in found]


def last_accuracies(name: str) -> list[float]:
    """Test accuracy of the last epoch, in per cent, one a reported seed."""
    return [result["test_accuracy_last"] for result in reported(name)]


def best_accuracies(name: str) -> list[float]:
    """The highest test accuracy of any epoch, in per cent, one a reported seed."""
    return [result["test_accuracy_best"] for result in reported(name)]


def history_of(result: dict) -> History:
    return History(**result["history"])
