"""Where the time of an epoch goes: the usual way of loading digits, ours, and the floor.

Every way trains the same network on the same images; they take turns, in one process, so that
whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.optim import SGD
from tqdm import tqdm

from utils import data, recipes, stock, training
from utils.files import write_json
from utils.lab import results, runner
from utils.recipes import Recipe
from utils.tables import Table

PATH = results.FOLDER.parent / "bench.json"
DESIGNS = ("design_e2", "design_a")
IMAGES = 12_000  # of an epoch's 60,000: what is measured is scaled up
EPOCH = 60_000
FLOOR = "floor: batches made beforehand"
PLAIN, AUGMENTED = "plain", "augmented"
# How the usual version loads, and how we do.
USUAL = {PLAIN: "torchvision", AUGMENTED: "torchvision, augmented"}
OURS = {PLAIN: "ours", AUGMENTED: "ours, augmented"}
ALBUMENTATIONS = "albumentations, augmented"


def ways(recipe: Recipe, images: data.ImageSet, device: torch.device) -> dict[str, Callable]:
    """``{name: train}``: each call trains one epoch of a fresh network and returns its seconds."""
    plain = dataclasses.replace(recipe, augmentation=None, engine="batched")
    augmented = dataclasses.replace(plain, augmentation="rotate_perspective")
    by_image = dataclasses.replace(augmented, engine="albumentations")
    loader = {"batch_size": recipe.batch_size}
    train = (images.train_images, images.train_labels)

    def ours(recipe: Recipe) -> float:
        setup = recipes.prepare(recipe, images, 0, device)
        return _epoch(setup.model, setup.optimizer, setup.train_loader, device)

    def usual(**options) -> float:
        setup = recipes.prepare(plain, images, 0, device)
        model = stock.as_torch_makes_it(setup.model)
        batches = stock.torchvision_loader(*train, **loader, **options)
        return _epoch(model, _optimizer(recipe, model), batches, device)

    def albumentations() -> float:
        setup = recipes.prepare(by_image, images, 0, device)
        model = stock.as_torch_makes_it(setup.model)
        return _epoch(model, _optimizer(recipe, model), setup.train_loader, device)

    def floor() -> float:
        setup = recipes.prepare(plain, images, 0, device)
        return _epoch(setup.model, setup.optimizer, list(setup.train_loader), device)

    return {
        USUAL[PLAIN]: usual,
        USUAL[AUGMENTED]: lambda: usual(augmented=True),
        ALBUMENTATIONS: albumentations,
        OURS[PLAIN]: lambda: ours(plain),
        OURS[AUGMENTED]: lambda: ours(augmented),
        FLOOR: floor,
    }


def _optimizer(recipe: Recipe, model) -> SGD:
    return SGD(model.parameters(), lr=recipe.lr, momentum=recipe.momentum)


def _epoch(model, optimizer, loader: Iterable, device: torch.device) -> float:
    *_, seconds = training.train_epoch(
        model, loader, optimizer, F.cross_entropy, None, lambda: None, device, 0, False
    )
    return seconds


def measure(
    names: Iterable[str] = DESIGNS,
    *,
    repeats: int = 5,
    batch_sizes: Iterable[int] = (),
    images: data.ImageSet | None = None,
    device: torch.device | str | None = None,
    memory: bool = True,
) -> dict:
    """Seconds of every way, for every recipe of ``names`` at its own and at each batch size.

    ``memory`` measures peaks as well, in a process each, which takes some seconds.
    """
    device = torch.device(device or training.default_device())
    images = images or _share()
    cases = []
    for name, size in itertools.product(names, (None, *batch_sizes)):
        recipe = recipes.get(name)
        size = size or recipe.batch_size
        case = {"recipe": name, "model": recipe.model, "batch_size": size, "seconds": {}}
        found = ways(dataclasses.replace(recipe, batch_size=size), images, device)
        turns = tqdm(range(repeats + 1), f"{name}, batches of {size}", file=sys.stdout)
        for turn, (way, train) in itertools.product(turns, found.items()):
            seconds = train()
            if turn:  # the first turn warms up
                case["seconds"].setdefault(way, []).append(round(seconds, 4))
        case["peak_mb"] = {
            way: _peak_of(name, size, way, images, device) if memory else None for way in found
        }
        cases.append(case)
    return {
        "images": len(images.train_images),
        "data": images.name,
        "machine": runner.machine(device),
        "threads": torch.get_num_threads(),
        "versions": runner.versions(),
        "cases": cases,
    }


def _share() -> data.ImageSet:
    images = data.load()
    return images.subset(min(IMAGES, len(images.train_labels)), min(1000, len(images.test_labels)))


def _peak_of(name: str, size: int, way: str, images: data.ImageSet, device) -> int | None:
    """Peak memory in MB of a process that does nothing else, data set and libraries included.

    ``None`` on Windows, which does not tell.
    """
    if sys.platform == "win32":
        return None
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_report_peak, args=(sender, name, size, way, images, device))
    child.start()
    peak = receiver.recv()
    child.join()
    return peak


def _report_peak(sender, name, size, way, images, device) -> None:
    import resource  # Windows has none

    recipe = dataclasses.replace(recipes.get(name), batch_size=size)
    ways(recipe, images, device)[way]()
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux kilobytes
    sender.send(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit))


# --------------------------------------------------------------------------- what it says


def table(measured: dict) -> Table:
    """Every case and way: seconds per epoch, images per second, what is not the network."""
    rows = []
    for case in measured["cases"]:
        scale = EPOCH / measured["images"]
        floor = statistics.median(case["seconds"][FLOOR])
        for way, seconds in case["seconds"].items():
            middle = statistics.median(seconds)
            spread = f"{min(seconds) * scale:.1f} to {max(seconds) * scale:.1f}"
            rows.append(
                [
                    f"{case['model']}, {case['batch_size']}",
                    way,
                    f"{middle * scale:.1f}",
                    spread,
                    f"{measured['images'] / middle:,.0f}",
                    f"{100 * (1 - floor / middle):.0f} %",
                    case["peak_mb"][way],
                ]
            )
    columns = ["network, batch", "loading", "seconds per epoch", "least to most"]
    columns += ["images per second", "not the network", "peak MB"]
    return Table(columns, rows)


def ratios(measured: dict) -> Table:
    """How many times faster ours is than the usual loader, and what it costs over the floor."""
    rows = []
    for case in measured["cases"]:
        middle = {way: statistics.median(seconds) for way, seconds in case["seconds"].items()}
        for kind in (PLAIN, AUGMENTED):
            rows.append(
                [
                    f"{case['model']}, {case['batch_size']}",
                    kind,
                    f"{middle[USUAL[kind]] / middle[OURS[kind]]:.1f}",
                    f"{100 * (middle[OURS[kind]] / middle[FLOOR] - 1):+.1f} %",
                ]
            )
    columns = ["network, batch", "digits", "times faster than torchvision", "over the floor"]
    return Table(columns, rows)


def write(measured: dict, path: Path = PATH) -> None:
    write_json(measured, path)
