"""Recorded runs: written whole or not at all, checked when read, and as one table.

``utils.experiments.recorded`` says how a file is laid out and sealed.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from utils import data
from utils.experiments import catalogue
from utils.experiments.recorded import FOLDER, BadResult, read_sealed, seal, seeds_of
from utils.history import History
from utils.lab.runs import fingerprint
from utils.recipes import Recipe, changed_settings
from utils.support.files import write_json

SEEDS = range(5)  # what the tables report, where an experiment does not ask for more
SAMPLES = (60_000, 10_000)  # what a reported run trains and is tested on
KEYS = {
    "format", "recipe", "recipe_hash", "seed", "data", "data_md5", "history",
    "train_accuracy_clean", "test_accuracy_last", "test_accuracy_best", "misclassified", "seconds",
    "versions", "machine", "device", "threads", "git_commit", "fingerprint", "sha256",
}  # fmt: skip


def write(result: dict, path: Path) -> None:
    """Write a result, sealed with a checksum over its content."""
    write_json(result | {"sha256": seal(result)}, path)


def read(path: Path, recipe: Recipe, seed: int, full: bool = True) -> dict:
    """The result of ``recipe`` and ``seed``; ``BadResult`` where the file is anything else.

    ``full`` asks for a run on the whole MNIST, as every table does. Whether the code still gives
    such a run is another question: see ``stale``.
    """
    result = read_sealed(path)
    try:
        reason = _what_is_wrong(result, recipe, seed) or (full and _what_is_not_full(result))
    except (KeyError, TypeError, IndexError) as error:
        reason = f"not laid out as a result ({type(error).__name__}: {error})"
    if reason:
        raise BadResult(f"{path}: {reason}. Delete it and run again.")
    return result


def stale(result: dict, recipe: Recipe) -> str:
    """Why the code may not give this result any more, in words; empty where it does.

    Images augmented by albumentations depend on the version of OpenCV, so with another one
    nothing can be said of them.
    """
    packages = ["opencv-python-headless"] if recipe.engine == "albumentations" else []
    if any(result["versions"][package] != version(package) for package in packages):
        return ""
    now = fingerprint.fingerprint(recipe, result.get("fingerprint_kind", 1))
    if fingerprint.agree(result["fingerprint"], now):
        return ""
    then, torch = result["versions"]["torch"], version("torch")
    other = f", or torch {torch} does where {then} did not" if then != torch else ""
    return f"stale: the code behind {recipe.name} gives other numbers now{other}"


def _what_is_wrong(result: dict, recipe: Recipe, seed: int) -> str:
    if missing := KEYS - result.keys():
        return f"it lacks {', '.join(sorted(missing))}"
    if changed := changed_settings(result["recipe"], recipe.settings()):
        return f"stale: the recipe {recipe.name} has changed since ({changed})"
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
    return {seed: read(path, recipe, seed) for seed, path in seeds_of(recipe, folder).items()}


def reported(name: str, folder: Path = FOLDER) -> list[dict]:
    """The recorded runs that a table reads; ``BadResult`` for fewer than it needs.

    Those of ``SEEDS``, or of as many as the experiment asks for. No other seed counts, however
    many are recorded: nobody picks them.
    """
    experiment = catalogue.get(name)
    found = recorded(experiment.recipe, folder)
    if missing := [seed for seed in range(experiment.seeds) if seed not in found]:
        remedy = f"python -m utils.lab run {name} --seeds 0-{experiment.seeds - 1}"
        remedy = "it is a draft, judged on validation only" if experiment.draft else remedy
        raise BadResult(f"{name} lacks seeds {missing}: {remedy}")
    return [found[seed] for seed in range(max(experiment.seeds, len(SEEDS))) if seed in found]


def last_accuracies(name: str) -> list[float]:
    """Test accuracy of the last epoch, in per cent, one a reported seed."""
    return [result["test_accuracy_last"] for result in reported(name)]


def best_accuracies(name: str) -> list[float]:
    """The highest test accuracy of any epoch, in per cent, one a reported seed."""
    return [result["test_accuracy_best"] for result in reported(name)]


def history_of(result: dict) -> History:
    return History(**result["history"])
