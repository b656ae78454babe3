"""Recorded runs: written whole or not at all, checked when read, and as two tidy tables.

``utils.experiments.recorded`` says how a file is laid out and sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path

import pandas as pd

from utils import data
from utils.experiments import catalogue
from utils.experiments.recorded import FOLDER, BadResult, read_sealed, seal, seeds_of
from utils.history import History, Mistakes
from utils.lab.runs import fingerprint, kept
from utils.recipes import Recipe, changed_settings
from utils.support.files import write_json

REPORTED = ("cpu", 1)  # the device and the CPU threads of what tables show
SAMPLES = (60_000, 10_000)  # what a reported run trains and is tested on
KEYS = {
    "format", "recipe", "recipe_hash", "seed", "data", "data_md5", "history",
    "train_accuracy_clean", "test_accuracy_last", "test_accuracy_best", "misclassified", "seconds",
    "finished", "versions", "machine", "device", "threads", "git_commit", "fingerprint", "sha256",
}  # fmt: skip


def write(result: dict, path: Path) -> None:
    """Write a result, sealed with a checksum over its content, and its network beside it."""
    if "network" in result:
        result = result | {"network": kept.write(result["network"], path)}
    write_json(result | {"sha256": seal(result)}, path)


def read(
    path: Path, recipe: Recipe, seed: int, full: bool = True, made_by: tuple[str, int] = REPORTED
) -> dict:
    """The result of ``recipe`` and ``seed``; ``BadResult`` where the file is anything else.

    ``full`` asks for a run on the whole MNIST, as every table does, by the device and threads
    ``made_by``. Whether the code still gives such a run is another question: see ``stale``.
    """
    result = read_sealed(path)
    again = f"python -m utils.lab run {recipe.name} --seeds {seed}"
    try:
        reason = _what_it_is(result, recipe, seed, made_by if full else None)
        damage = "" if reason else _damage(result)
    except (KeyError, TypeError, IndexError) as error:
        damage = f"not laid out as a result ({type(error).__name__}: {error})"
    if damage:
        reason = f"damaged: {damage}. Remove it and repeat the run: {again}"
    if reason:
        raise BadResult(f"{path}: {reason}")
    return result


def _what_it_is(result: dict, recipe: Recipe, seed: int, made_by: tuple[str, int] | None) -> str:
    """Why a result is none of ``recipe`` and ``seed``, and what to do; empty where it is.

    ``made_by`` is what a run on the whole MNIST is made by; ``None`` for any run.
    """
    if changed := changed_settings(result["recipe"], recipe.settings()):
        return (
            f"stale: the recipe {recipe.name} has changed since ({changed}). Keep the record and "
            "give the changed recipe a name of its own"
        )
    if result["seed"] != seed:
        return f"its seed is {result['seed']}, not {seed}. Give the file that seed's name"
    history = result["history"]
    samples = history["train_samples"], history["test_samples"]
    made_on = (result["data"], result["data_md5"], samples, result["device"], result["threads"])
    if made_by and made_on != ("MNIST", data.MNIST_SUM, SAMPLES, *made_by):
        name, md5, (n, m), device, threads = made_on
        return (
            f"made on {n:,} + {m:,} images of {name} (md5 {md5}) on {device}, {threads} thread(s): "
            f"what is asked for is all of MNIST on {made_by[0]}, {made_by[1]} thread(s). Move it "
            "to another folder"
        )
    return ""


def _damage(result: dict) -> str:
    """What in a result contradicts the rest of it; empty where nothing does."""
    if missing := KEYS - result.keys():
        return f"it lacks {', '.join(sorted(missing))}"
    history, wrong = result["history"], len(result["misclassified"]["indices"])
    correct, samples = history["test_correct"], history["test_samples"]
    last, best = (100 * count / samples for count in (correct[-1], max(correct)))
    facts = [
        ("epochs", len(correct), result["recipe"]["epochs"]),
        ("misclassified images", wrong, samples - correct[-1]),
        ("last accuracy", result["test_accuracy_last"], last),
        ("best accuracy", result["test_accuracy_best"], best),
    ]
    return ", ".join(
        f"its {name}: {said}, by its history and recipe {counted}"
        for name, said, counted in facts
        if said != counted
    ) or _impossible(result["misclassified"], samples)


def _impossible(wrong: dict, samples: int) -> str:
    """Why no run can have given these mistakes; empty where one can."""
    indices, digits = wrong["indices"], set(range(10))
    if len(set(indices)) < len(indices) or not set(indices) <= set(range(samples)):
        return f"its mistakes are not of different images of 0 to {samples - 1:,}"
    answers = zip(wrong["labels"], wrong["predictions"], strict=True)
    if not all({*pair} <= digits and len({*pair}) == 2 for pair in answers):
        return "a mistake's label or answer is no digit, or the two are one"
    return ""


def stale(result: dict, recipe: Recipe) -> str:
    """Why the code may not give this result any more, in words; empty where it does.

    Images augmented by albumentations depend on the version of OpenCV, so with another one
    nothing can be said of them. Another torch may round a pixel to the next grey level, which has
    moved a number by 1.5 %.
    """
    packages = ["opencv-python-headless"] if recipe.engine == "albumentations" else []
    if any(result["versions"][package] != version(package) for package in packages):
        return ""
    then, torch = result["versions"]["torch"], version("torch")
    tolerance = fingerprint.TOLERANCE if then == torch else 0.03
    now = fingerprint.fingerprint(recipe, result.get("fingerprint_kind", 1))
    if fingerprint.agree(result["fingerprint"], now, tolerance):
        return ""
    other = f", or torch {torch} does where {then} did not" if then != torch else ""
    return f"stale: the code behind {recipe.name} gives other numbers now{other}"


def check_fresh() -> None:
    """Raise ``BadResult``, with each reason once, where a recorded run is stale (see ``stale``)."""
    recipes = [experiment.recipe for experiment in catalogue.EXPERIMENTS.values()]
    reasons = {stale(run, recipe) for recipe in recipes for run in recorded(recipe).values()}
    if reasons := sorted(reasons - {""}):
        raise BadResult("\n".join(reasons))


def recorded(recipe: Recipe, folder: Path = FOLDER) -> dict[int, dict]:
    """Every recorded run of ``recipe``, ``{seed: result}``, each one checked."""
    return {seed: read(path, recipe, seed) for seed, path in seeds_of(recipe, folder).items()}


def reported(name: str, folder: Path = FOLDER) -> list[dict]:
    """The recorded runs that a table reads; ``BadResult`` for fewer than it needs.

    Those that the experiment asks for. No other seed counts, however many are recorded: nobody
    picks them.
    """
    experiment = catalogue.get(name)
    found, asked = recorded(experiment.recipe, folder), experiment.asked
    if missing := [seed for seed in asked if seed not in found]:
        remedy = f"python -m utils.lab run {name} --seeds {asked[0]}-{asked[-1]}"
        remedy = "it is a draft, judged on validation only" if experiment.draft else remedy
        raise BadResult(f"{name} lacks seeds {missing}: {remedy}")
    return [found[seed] for seed in asked]


def history_of(result: dict) -> History:
    return History(**result["history"])


def frame(names: Iterable[str] | None = None) -> pd.DataFrame:
    """The reported runs, a row per run and epoch; of every experiment by default.

    Columns: ``recipe`` (its name), ``title``, ``seed``, ``epoch`` from 1, and what a ``History``
    has: ``lr``, ``seconds``, ``train_loss``, ``train_accuracy``, ``test_loss``, ``test_accuracy``
    and the counts behind them; ``train_accuracy_clean`` is that of the trained network on images
    that are not augmented. Accuracies are in per cent.
    """
    found = _tidy(_epochs, names)
    found["epoch"] = found.groupby(["recipe", "seed"]).cumcount() + 1
    return found


def _epochs(run: dict) -> dict:
    history = history_of(run)
    return vars(history) | {
        "trained": history.images_per_epoch,
        "train_accuracy": history.train_accuracy,
        "test_accuracy": history.test_accuracy,
    }


def mistakes(names: Iterable[str] | None = None) -> pd.DataFrame:
    """What the reported runs get wrong, a row per run and image: the fields of ``Mistakes``."""
    return _tidy(itemgetter("misclassified"), names)


def scores(name: str) -> pd.DataFrame:
    """Whether each reported run is right about each test image: a row a seed, a column an image."""
    seeds = [run["seed"] for run in reported(name)]
    right = pd.DataFrame(True, index=pd.Index(seeds, name="seed"), columns=range(SAMPLES[1]))
    for seed, wrong in mistakes([name]).groupby("seed")["indices"]:
        right.loc[seed, wrong] = False
    return right


def _tidy(part: Callable[[dict], dict], names: Iterable[str] | None) -> pd.DataFrame:
    if names is None:
        names = catalogue.reported()
    tables = [
        pd.DataFrame(
            {
                "recipe": name,
                "title": catalogue.recipe(name).title,
                **{key: run[key] for key in ("seed", "train_accuracy_clean")},
                **part(run),
            }
        )
        for name in names
        for run in reported(name)
    ]
    return pd.concat(tables, ignore_index=True)


def as_mistakes(rows: pd.DataFrame) -> Mistakes:
    """Rows of ``mistakes`` as pictures take them."""
    return Mistakes.from_lists(rows[[field.name for field in fields(Mistakes)]].to_dict("list"))


def last_accuracies(name: str, part: str = "test") -> pd.Series:
    """Accuracy of the last epoch, in per cent, by reported seed; ``part``: ``test``, ``train``."""
    return frame([name]).groupby("seed")[f"{part}_accuracy"].last()


def best_accuracies(name: str) -> pd.Series:
    """The highest test accuracy of any epoch, in per cent, by reported seed."""
    return frame([name]).groupby("seed").test_accuracy.max()
