"""Where the time of an epoch goes: the usual way of loading digits, ours, and the floor.

Every way trains the same network on the same images; they take turns, in one process, so that
whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from tqdm import tqdm

from utils import data, training
from utils.experiments import catalogue
from utils.lab.runs import one
from utils.lab.timing import baseline
from utils.lab.timing.recorded import (
    ALBUMENTATIONS,
    AUGMENTED,
    FLOOR,
    OURS,
    PLAIN,
    USUAL,
    USUAL_FLOOR,
)
from utils.pieces import Pieces, prepare
from utils.recipes import Recipe
from utils.support import checks, machine

COMPARED = ("design_e2", "design_a")  # what the loaders are compared on
# What the tables give seconds of.
TIMED = tuple(e.name for e in catalogue.EXPERIMENTS.values() if e.timed)
IMAGES = 6_000  # of an epoch's 60,000: what is measured is scaled up


def ways(
    recipe: Recipe, images: data.ImageSet, device: torch.device
) -> dict[str, Callable[[], Pieces]]:
    """``{name: make}``: what each way trains, made anew by every call."""
    plain = dataclasses.replace(recipe, augmentation=None, engine="batched")
    augmented = dataclasses.replace(plain, augmentation="rotate_perspective")
    by_image = dataclasses.replace(augmented, engine="albumentations")

    def ours(recipe: Recipe) -> Pieces:
        return prepare(recipe, images, 0, device)

    def torchvision(**options) -> Pieces:
        loader = baseline.torchvision_loader(
            images.train_images, images.train_labels, batch_size=recipe.batch_size, **options
        )
        setup = baseline.as_torch_makes_it(ours(plain), plain)
        return dataclasses.replace(setup, train_loader=loader)

    def beforehand(setup: Pieces) -> Pieces:
        batches = list(setup.train_loader)
        batches[-1][0].sum().item()  # a GPU has made them when the clock starts
        return dataclasses.replace(setup, train_loader=batches)

    return {
        USUAL[PLAIN]: torchvision,
        USUAL[AUGMENTED]: lambda: torchvision(augmented=True),
        ALBUMENTATIONS: lambda: baseline.as_torch_makes_it(ours(by_image), by_image),
        USUAL_FLOOR: lambda: beforehand(baseline.as_torch_makes_it(ours(plain), plain)),
        OURS[PLAIN]: lambda: ours(plain),
        OURS[AUGMENTED]: lambda: ours(augmented),
        FLOOR: lambda: beforehand(ours(plain)),
    }


def in_turns(
    makers: dict[str, Callable[[], Pieces]], repeats: int, what: str
) -> dict[str, list[float]]:
    """Seconds of one epoch of each, evaluation left out, ``repeats`` times in alternation."""
    found: dict[str, list[float]] = {name: [] for name in makers}
    for turn in tqdm(range(repeats + 1), what, file=sys.stdout):
        for name, make in makers.items():
            seconds = make().fit(verbose=False).seconds[0]
            if turn:  # the first turn warms up
                found[name].append(round(seconds, 4))
    return found


def measure(
    *,
    repeats: int = 5,
    batch_sizes: Iterable[int] = (),
    names: Iterable[str] = COMPARED,
    images: data.ImageSet | None = None,
    device: torch.device | str | None = None,
    memory: bool = True,
) -> dict:
    """Every way to load, for every recipe of ``names`` at its own and at each batch size.

    ``memory`` measures peaks at its own batch size as well, in a process each.
    """
    checks.whole(1, repeats=repeats)
    for size in batch_sizes:
        checks.whole(1, batch_size=size)
    device = torch.device(device or training.default_device())
    images = images or share(data.load())
    cases = []
    for recipe in map(catalogue.recipe, names):
        for size in dict.fromkeys((recipe.batch_size, *batch_sizes)):
            sized = dataclasses.replace(recipe, batch_size=size, epochs=1)
            makers = ways(sized, images, device)
            case = {"recipe": recipe.name, "model": recipe.model, "batch_size": size}
            case["seconds"] = in_turns(makers, repeats, f"{recipe.name}, batches of {size}")
            if memory and size == recipe.batch_size:
                case["peak_mb"] = {way: _peak(sized, way, images, device) for way in makers}
            cases.append(case)
    return signed(images, device) | {"cases": cases}


def measure_recipes(
    *, repeats: int = 5, names: Iterable[str] = TIMED, images: data.ImageSet | None = None
) -> dict:
    """An epoch of every recipe as it stands, on one thread of the CPU."""
    checks.whole(1, repeats=repeats)
    images = images or share(data.load())
    short = [dataclasses.replace(catalogue.recipe(name), epochs=1) for name in names]
    with machine.cpu_threads(1):
        makers = {
            recipe.name: lambda recipe=recipe: prepare(recipe, images, 0, "cpu") for recipe in short
        }
        seconds = in_turns(makers, repeats, "recipes")
        return signed(images, torch.device("cpu")) | {"seconds": seconds}


def signed(images: data.ImageSet, device: torch.device) -> dict:
    return {
        "images": len(images.train_images),
        "data": images.name,
        "machine": one.machine(device),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "versions": one.versions(),
        "git_commit": one.git_commit(),
    }


def share(images: data.ImageSet) -> data.ImageSet:
    """A tenth of the digits: enough to time."""
    return images.subset(min(IMAGES, len(images.train_labels)), min(1000, len(images.test_labels)))


# --------------------------------------------------------------------------- memory


def _peak(recipe: Recipe, way: str, images: data.ImageSet, device: torch.device) -> int | None:
    """Peak memory in MB of a process that does nothing else, data set and libraries included.

    ``None`` on Windows, which does not tell.
    """
    if sys.platform == "win32":
        return None
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_report_peak, args=(sender, recipe, way, images, device))
    child.start()
    sender.close()  # else nobody would notice the child's end
    try:
        return receiver.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"{way}: its process ended with code {child.exitcode}") from None
    finally:
        child.join()


def _report_peak(sender, recipe: Recipe, way: str, images: data.ImageSet, device) -> None:
    ways(recipe, images, device)[way]().fit(verbose=False)
    sender.send(_peak_mb())


def _peak_mb() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would tell the parent's peak where that is higher
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 2**10
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20  # macOS counts in bytes
