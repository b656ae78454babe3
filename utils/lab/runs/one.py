"""One recipe and one seed to one result."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from utils import data, loaders, recipes, training
from utils.lab.runs import fingerprint, results
from utils.recipes import Recipe
from utils.support import paths

PACKAGES = ("torch", "torchvision", "numpy", "albumentations", "opencv-python-headless")


def run(
    recipe: Recipe,
    seed: int,
    images: data.ImageSet,
    device: torch.device | str | None = None,
    verbose: bool = True,
    after_epoch: Callable[[training.History], None] | None = None,
) -> dict:
    """Train and evaluate once; return the result as plain data (see ``results.KEYS``)."""
    device = torch.device(device or training.default_device())
    commit, found = git_commit(), versions()  # what is running, not what it becomes
    behaviour = fingerprint.fingerprint(recipe)
    started = time.perf_counter()
    setup = recipes.prepare(recipe, images, seed, device)
    history = setup.fit(verbose, after_epoch)
    if len(history) < setup.epochs:
        raise KeyboardInterrupt  # fit returns what it has when interrupted; half a run is no run
    answers = setup.evaluate()
    plain = recipes.seen(recipe, images)
    clean = loaders.MemoryLoader(
        plain.train_images, plain.train_labels, batch_size=1000, device=device
    )
    return {
        "format": results.FORMAT,
        "recipe": recipe.settings(),
        "recipe_hash": results.recipe_hash(recipe),
        "seed": seed,
        "data": images.name,
        "data_md5": images.md5,
        "history": asdict(history),
        "train_accuracy_clean": training.evaluate(setup.network, clean, device).accuracy,
        "test_accuracy_last": history.test_accuracy[-1],
        "test_accuracy_best": max(history.test_accuracy),
        "misclassified": answers.mistakes().as_lists(),
        "seconds": round(time.perf_counter() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **found},
        "machine": machine(device),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "git_commit": commit,
        "fingerprint": behaviour,
    }


def versions() -> dict[str, str]:
    """The versions of the packages that decide a run's numbers."""
    return {package: version(package) for package in PACKAGES}


def machine(device: torch.device) -> str:
    """The GPU's name, or the processor's and its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores"


@functools.cache  # read when the first run starts: later edits are not what is running
def git_commit() -> str:
    """The commit the code stands at, with ``+changes`` where files under utils/ differ from it."""
    folder = paths.ROOT

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if git("status", "--porcelain", "--", "utils") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
