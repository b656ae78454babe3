"""Recorded networks on digits that are not MNIST's: counted, one file a recipe in assets/beyond.

Nothing is trained: runs keep their networks, but for the older ones, which are named. A file says
for each seed which network was measured, by its SHA-256, and of each set how many digits it read.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout

from utils import pretrained
from utils.data import ImageSet
from utils.experiments import catalogue, recorded
from utils.experiments.recorded import RUNNING, BadResult, read_sealed, seal, seeds_of
from utils.lab.runs import networks
from utils.lab.runs.measured import BINS, FOLDER, FORMAT, SEED, SETS, SURE, read
from utils.recipes import Recipe, recipe_hash
from utils.support import machine
from utils.support.files import write_json

SAMPLE = 100  # images of a set
TOLERANCE = 0.01  # grey levels by which a set's sample may differ, for a rounding of torch's


def measure(
    names: Iterable[str], digits: ImageSet, runs: Path = recorded.FOLDER, folder: Path = FOLDER
) -> None:
    """Measure every recorded network of the recipes that is not measured yet, on one thread.

    ``runs`` holds their results, ``folder`` what is measured. Raises ``BadResult`` where a network
    is not its run's, or does not give the answers that its run recorded.
    """
    machine.keep_freed()
    sets = functools.cache(lambda: {name: known.make(digits) for name, known in SETS.items()})
    now = sample(digits)
    for recipe in [catalogue.recipe(name) for name in names]:
        if not seeds_of(recipe, runs):
            continue
        lock = folder / RUNNING / f"{recipe.name}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(lock, timeout=0.3), machine.cpu_threads(1):
                _measure_recipe(recipe, digits.md5, now, sets, runs, folder)
        except Timeout:
            print(f"{recipe.name}: another command measures it")


def _measure_recipe(
    recipe: Recipe,
    md5: str,
    now: dict[str, float],
    sets: Callable[[], dict[str, ImageSet]],
    runs: Path,
    folder: Path,
) -> None:
    path = folder / f"{recipe.name}.json"
    about = {
        "format": FORMAT,
        "recipe": recipe.name,
        "recipe_hash": recipe_hash(recipe),
        "data_md5": md5,
        "seed": SEED,
        "sample": now,
    }
    held = read(path) if path.exists() else {}
    old = held["runs"] if held and _same(held, about) else {}
    results = {str(seed): path for seed, path in seeds_of(recipe, runs).items()}
    kept = {seed: read_sealed(result).get("network") for seed, result in results.items()}
    done = {seed: run for seed, run in old.items() if run["network"] == kept.get(seed)}
    if done != old:  # a run that is gone, or was recorded anew
        _write(about, held["images"], done, path)
    for seed, result in results.items():
        if not kept[seed]:
            print(f"{recipe.name} seed {seed}: keeps no network")
        elif seed not in done:
            done[seed] = {"network": kept[seed], **_read_all(recipe, result, sets())}
            _write(about, {name: len(s.test_labels) for name, s in sets().items()}, done, path)
            print(f"{recipe.name} seed {seed}: {done[seed]['seconds']} s", flush=True)


def _write(about: dict, images: dict[str, int], done: dict[str, dict], path: Path) -> None:
    runs = dict(sorted(done.items(), key=lambda pair: int(pair[0])))
    content = about | {"images": images, "runs": runs}
    write_json(content | {"sha256": seal(content)}, path)


def sample(digits: ImageSet) -> dict[str, float]:
    """What tells whether a set's pixels are still those measured: a weighted mean of some.

    Of its first ``SAMPLE`` images, with fixed weights -1..1, so that a pixel's place counts.
    """
    few = digits.subset(1, min(SAMPLE, len(digits.test_labels)))
    weights = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (SAMPLE, 28, 28)))

    def of(images: torch.Tensor) -> float:
        images = images[:SAMPLE].double()
        return round((images * weights[: len(images)]).mean().item(), 4)

    return {name: of(known.make(few).test_images) for name, known in SETS.items()}


def _same(found: dict, about: dict) -> bool:
    """Whether a file is of this recipe, these digits, and corruptions that give these pixels."""
    if any(found[key] != about[key] for key in about.keys() - {"sample"}):
        return False
    then, now = found["sample"], about["sample"]
    return then.keys() == now.keys() and all(abs(then[k] - now[k]) <= TOLERANCE for k in now)


def _read_all(recipe: Recipe, result: Path, sets: dict[str, ImageSet]) -> dict:
    """How many digits of each set the network of a run reads, and how sure it is."""
    network = networks.reader(result, recipe)
    started, correct = time.perf_counter(), {}
    sure = {kind: np.zeros((3, BINS)) for kind in SURE}
    for name, images in sets.items():
        digits, probabilities = pretrained.classify(network, images.test_images)
        right = digits == images.test_labels
        correct[name] = int(right.sum())
        if (kind := SETS[name].kind) in sure:
            sure[kind] += _by_sureness(probabilities.amax(1).numpy(), right.numpy())
    _check_clean(result, correct["clean"], len(sets["clean"].test_labels))
    return {
        "correct": correct,
        "sure": {
            kind: {
                "images": counts[0].astype(int).tolist(),
                "correct": counts[1].astype(int).tolist(),
                "probability": counts[2].round(4).tolist(),
            }
            for kind, counts in sure.items()
        },
        "seconds": round(time.perf_counter() - started, 1),
    }


def _by_sureness(probabilities: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``[3, 15]``: a column per bin of a fifteenth, of the probability for the answer given.

    Its rows: how many answers, how many of them right, and the sum of their probabilities.
    """
    at = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    weights = (None, right.astype(float), probabilities.astype(float))
    return np.stack([np.bincount(at, weight, BINS) for weight in weights])


def _check_clean(result: Path, correct: int, images: int) -> None:
    """Another processor may round ``NEAR`` digits the other way, not more."""
    history = read_sealed(result)["history"]
    said = history["test_correct"][-1]
    if history["test_samples"] == images and abs(said - correct) > networks.NEAR:
        raise BadResult(
            f"the network of {result} reads {correct} of {images} test digits, its run says "
            f"{said}: the code behind it gives other numbers now, see python -m utils.lab list"
        )
