"""MNIST's file format (idx): find the four files, read them, say what is wrong, download them.

The format is a big-endian header (magic number 2051 for images and 2049 for labels, then the
sizes) followed by one byte per pixel or label; http://yann.lecun.com/exdb/mnist describes it.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

PARTS = ("train_images", "train_labels", "test_images", "test_labels")
# "*" takes the prefixes of EMNIST ("emnist-digits-train-images-idx3-ubyte").
PATTERNS = {
    "train_images": ("*train-images-idx3-ubyte",),
    "train_labels": ("*train-labels-idx1-ubyte",),
    "test_images": ("*t10k-images-idx3-ubyte", "*test-images-idx3-ubyte"),
    "test_labels": ("*t10k-labels-idx1-ubyte", "*test-labels-idx1-ubyte"),
}
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
DOWNLOAD_TIMEOUT_S = 20


class UnusableSet(RuntimeError):
    """There is a set, but it cannot be used; the message names the file and what is wrong."""


def find_folder(root: Path) -> Path | None:
    """The folder under ``root`` that holds the four files, or ``None``.

    Looked for in this order: ``root/MNIST/raw``, ``root`` itself, ``root/raw``, and the one
    ``root/<set>/raw`` there is. ``UnusableSet`` where there are several of those, and where
    there is part of a set that is not MNIST: to go on would mean to train on another one.
    """
    mnist = root / "MNIST" / "raw"
    others = sorted(path for path in root.glob("*/raw") if path != mnist)
    complete = [
        folder
        for folder in (mnist, root, root / "raw", *others)
        if all(_candidates(folder, part) for part in PARTS)
    ]
    if complete and (len(complete) == 1 or complete[0] not in others):
        return complete[0]
    if complete:
        names = ", ".join(path.parent.name for path in complete)
        raise UnusableSet(f"{root} holds several sets ({names}): point at one of them")
    for folder in (root, root / "raw", *others):
        missing = [part for part in PARTS if not _candidates(folder, part)]
        if len(missing) < len(PARTS) or any(folder.glob("*-ubyte.gz")):
            raise UnusableSet(
                f"{folder} lacks {', '.join(missing)}: expected the four files, extracted (no .gz)"
            )
    return None


def _candidates(folder: Path, part: str) -> list[Path]:
    found = [path for pattern in PATTERNS[part] for path in sorted(folder.glob(pattern))]
    digits = [path for path in found if "digits" in path.name]
    return digits if len(found) > 1 and digits else found


def four_files(folder: Path) -> dict[str, Path]:
    files = {}
    for part in PARTS:
        found = _candidates(folder, part)
        if len(found) != 1:
            names = ", ".join(path.name for path in found)
            raise UnusableSet(f"{folder} has {len(found)} files for {part} ({names}), expected 1")
        files[part] = found[0]
    return files


def set_name(folder: Path) -> str:
    """The set's name by its folder: ``…/FashionMNIST/raw`` is ``FashionMNIST``."""
    folder = folder.resolve()
    return folder.parent.name if folder.name == "raw" else folder.name


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableSet(f"{path} cannot be read: {error.strerror or error}") from error


def what_is_wrong(content: bytes, part: str) -> str:
    """What makes ``content`` unusable as ``part`` ("train_images", …); "" where nothing does."""
    is_images = part.endswith("images")
    magic, dimensions = (IMAGES_MAGIC, 3) if is_images else (LABELS_MAGIC, 1)
    header = 4 * (1 + dimensions)
    if len(content) < header:
        return f"it has {len(content)} bytes, too few for the {header}-byte header"
    found, *sizes = np.frombuffer(content, ">u4", 1 + dimensions).tolist()
    if found != magic:
        return f"its magic number is {found}, expected {magic} for {part}"
    if is_images and sizes[1:] != [28, 28]:
        return f"its images are {sizes[1]}x{sizes[2]}, expected 28x28"
    if sizes[0] == 0:
        return "it is empty: it announces 0 items"
    expected = header + int(np.prod(sizes))
    if len(content) != expected:
        return f"it has {len(content):,} bytes, its header announces {expected:,}"
    if not is_images and (high := max(content[header:])) > 9:
        return f"it has a label {high}, expected 0..9"
    return ""


def parse(content: bytes, part: str, path: Path) -> np.ndarray:
    """The uint8 array in ``content``: ``[N, 28, 28]`` or ``[N]``; raises ``UnusableSet``."""
    if reason := what_is_wrong(content, part):
        raise UnusableSet(f"{path} is broken: {reason}")
    if part.endswith("images"):
        return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28).copy()
    return np.frombuffer(content, np.uint8, offset=8).copy()


def check_pairs(arrays: dict[str, np.ndarray], folder: Path) -> None:
    for half in ("train", "test"):
        images, labels = len(arrays[f"{half}_images"]), len(arrays[f"{half}_labels"])
        if images != labels:
            raise UnusableSet(f"{folder}: {images:,} {half} images but {labels:,} {half} labels")


# --------------------------------------------------------------------------- downloading


def download_mnist(root: Path, md5: dict[str, str]) -> None:
    """Download MNIST with torchvision into ``root/MNIST/raw``: all four verified files or none.

    Works in a temporary folder beside the goal and moves the files into place at the end.
    Raises ``OSError`` or ``RuntimeError``; waits at most ``DOWNLOAD_TIMEOUT_S`` for an answer.
    """
    from torchvision.datasets import MNIST  # here, since reading files does not need it

    class WorkingMirrorFirst(MNIST):
        # Sorted so that https comes before http: the plain-http mirror has been dead for years.
        mirrors = sorted(MNIST.mirrors, key=lambda url: not url.startswith("https"))

    WorkingMirrorFirst.__name__ = "MNIST"  # torchvision names the folder after the class
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as temporary:
        with _socket_timeout(DOWNLOAD_TIMEOUT_S):
            WorkingMirrorFirst(temporary, download=True)
        raw, goal = Path(temporary, "MNIST", "raw"), root / "MNIST" / "raw"
        for part, path in four_files(raw).items():
            found = hashlib.md5(path.read_bytes()).hexdigest()
            if found != md5[part]:
                raise RuntimeError(f"downloaded {path.name} has md5 {found}, not {md5[part]}")
        goal.mkdir(parents=True, exist_ok=True)
        for path in four_files(raw).values():
            os.replace(path, goal / path.name)


@contextmanager
def _socket_timeout(seconds: float):
    # torchvision opens its address without a time limit, so the default is set for the while.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
