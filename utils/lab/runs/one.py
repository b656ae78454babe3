"""One recipe and one seed to one result."""

from __future__ import annotations

import copy
import functools
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from utils import data, loaders, pretrained, training
from utils.experiments import recorded
from utils.lab.git import git
from utils.lab.runs import fingerprint, networks, rounded, views
from utils.pieces import EVALUATION_BATCH, Pieces, prepare, preprocessed
from utils.recipes import Recipe, recipe_hash
from utils.support.machine import keep_freed

PACKAGES = ("torch", "torchvision", "numpy", "albumentations", "opencv-python-headless")


def run(
    recipe: Recipe,
    seed: int,
    images: data.ImageSet,
    device: torch.device | str | None = None,
    verbose: bool = True,
    after_epoch: Callable[[training.History], None] | None = None,
    keep_network: bool = False,
    corrupted: Mapping[str, data.ImageSet] | None = None,
) -> dict:
    """Train and evaluate once; return the result as plain data (see ``results.KEYS``).

    With ``keep_network`` its ``network`` holds the weights (see ``networks.packed``); with
    ``corrupted`` sets its ``corrupted_correct`` says how many images of each one's test half are
    read. A plain network's ``rounded`` says what its file of few bytes takes and reads, and
    ``views_correct`` how many images it reads by five views of each.
    """
    device = torch.device(device or training.default_device())
    commit, found = git_commit(), versions()  # what is running, not what it becomes
    behaviour = fingerprint.fingerprint(recipe)
    keep_freed()
    started = time.perf_counter()
    shown = preprocessed(recipe, images)
    pieces = prepare(recipe, shown, seed, device)
    history = pieces.fit_whole(verbose, after_epoch)
    answers = pieces.evaluate()
    kept, network = {}, pieces.network
    if keep_network:
        kept["network"] = networks.packed(
            network, answers.predictions, functools.partial(_predict, pieces)
        )
        network = networks.unpacked(kept["network"], recipe)  # so that the kept one gives the same
    if rounded.applies(recipe, network):
        kept["rounded"] = rounded.rounded(recipe, network, shown)
        kept["views_correct"] = views.correct(copy.deepcopy(network), shown)
    if corrupted:
        reader = pretrained.FromPixels(network, recipe.deskew).eval()
        kept["corrupted_correct"] = {
            name: pretrained.correct(reader, spoiled) for name, spoiled in corrupted.items()
        }
    clean = loaders.MemoryLoader(
        shown.train_images, shown.train_labels, batch_size=EVALUATION_BATCH, device=device
    )
    return {
        "format": recorded.FORMAT,
        "recipe": recipe.settings(),
        "recipe_hash": recipe_hash(recipe),
        "seed": seed,
        "data": images.name,
        "data_md5": images.md5,
        "history": asdict(history),
        "train_accuracy_clean": training.evaluate(pieces.network, clean, device).accuracy,
        "test_accuracy_last": history.test_accuracy[-1],
        "test_accuracy_best": max(history.test_accuracy),
        "misclassified": answers.mistakes().as_lists(),
        "seconds": round(time.perf_counter() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **found},
        "machine": machine(device),
        "processor": processor(),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "git_commit": commit,
        "fingerprint": behaviour,
        "fingerprint_kind": fingerprint.NEWEST,
        **kept,
    }


def _predict(pieces: Pieces, network: nn.Module) -> Tensor:
    return training.evaluate(network, pieces.test_loader, pieces.device).predictions


def versions() -> dict[str, str]:
    """The versions of the packages that decide a run's numbers."""
    return {package: version(package) for package in PACKAGES}


def machine(device: torch.device) -> str:
    """The GPU's name, or the processor's and its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = _cpuinfo().get("model name") or platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def processor() -> dict[str, str]:
    """What decides how sums round on the CPU: its family and model, and the instructions used.

    One name ("AMD EPYC") covers several processors that round differently.
    """
    known = _cpuinfo()
    return {
        "family": known.get("cpu family", "unknown"),
        "model": known.get("model", "unknown"),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "onednn": os.environ.get("ONEDNN_MAX_CPU_ISA", "not limited"),
    }


def _cpuinfo() -> dict[str, str]:
    """The first processor's entries in Linux's list; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first, *_ = path.read_text(encoding="utf-8").split("\n\n")
    pairs = [line.partition(":") for line in first.splitlines()]
    return {name.strip(): value.strip() for name, _, value in pairs}


@functools.cache  # read when the first run starts: later edits are not what is running
def git_commit() -> str:
    """The commit the code stands at, with ``+changes`` where files under utils/ differ from it."""
    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changes = git("status", "--porcelain", "--", "utils")
    except OSError:
        return "unknown"
    if commit.returncode or changes.returncode:
        return "unknown"
    return commit.stdout.strip() + ("+changes" if changes.stdout else "")
