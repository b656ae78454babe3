"""MNIST's file format (idx): find the four files of a set, read them, say what is wrong.

The format is a big-endian header (magic number 2051 for images and 2049 for labels, then the
sizes) followed by one byte per pixel or label; http://yann.lecun.com/exdb/mnist describes it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from pathlib import Path

import numpy as np

NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
MD5 = {  # of MNIST's files, extracted
    "train_images": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_images": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}


class UnusableSet(RuntimeError):
    """There is a set, but it cannot be used; the message names the file and what is wrong."""


def find_folder(root: Path) -> Path:
    """The folder under ``root`` that holds a set: the first of these that has one of its files.

    ``root/MNIST/raw``, ``root`` itself, ``root/raw``, and the one ``root/<set>/raw`` there is;
    ``root/MNIST/raw`` where there is none. Raises ``UnusableSet`` where there are several of the
    last kind, and ``OSError`` for a folder without permission.
    """
    mnist = root / "MNIST" / "raw"
    for folder in (mnist, root, root / "raw"):
        if any(_files(folder, part) for part in NAMES):
            return folder
    others = sorted(root.glob("*/raw"))
    sets = [folder for folder in others if any(_files(folder, part) for part in NAMES)]
    if len(sets) > 1:
        names = ", ".join(folder.parent.name for folder in sets)
        raise UnusableSet(f"{root} holds several sets ({names}): point at one of them")
    return sets[0] if sets else mnist


def _files(folder: Path, part: str) -> list[Path]:
    """The files of ``part`` in ``folder``; of several MNIST's own, or else EMNIST's digits."""
    # EMNIST's names are like "emnist-digits-test-images-idx3-ubyte".
    pattern = r"(?!\.).*" + NAMES[part].replace("t10k", "(t10k|test)") + r"(\.gz)?"
    try:
        names = [name for name in sorted(os.listdir(folder)) if re.fullmatch(pattern, name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    zipped = {f"{name}.gz" for name in names}  # beside what was extracted from it
    names = [name for name in names if name not in zipped]
    mnist = [name for name in names if name.startswith(NAMES[part])]
    return [folder / name for name in mnist or [n for n in names if "digits" in n] or names]


def read_set(folder: Path) -> tuple[str, dict[str, np.ndarray], dict[str, str]]:
    """The set's name, by its folder unless it is MNIST, its four arrays and their files' md5.

    Raises ``UnusableSet``.
    """
    arrays, md5 = {}, {}
    for part in NAMES:
        arrays[part], md5[part] = read(folder, part)
    for half in ("train", "test"):
        images, labels = len(arrays[f"{half}_images"]), len(arrays[f"{half}_labels"])
        if images != labels:
            raise UnusableSet(f"{folder}: {images:,} {half} images but {labels:,} {half} labels")
    place = folder.resolve()
    place = place.parent if place.name == "raw" else place
    return "MNIST" if md5 == MD5 else f"{place.name} (not MNIST)", arrays, md5


def read(folder: Path, part: str) -> tuple[np.ndarray, str]:
    """Images uint8 ``[N, 28, 28]`` or labels int64 ``[N]``, and the md5 of their (extracted) file.

    Raises ``UnusableSet`` where ``folder`` lacks the file or has several, or it is broken.
    """
    name, found = NAMES[part], _files(folder, part)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UnusableSet(f"{folder} needs one {name} or {name}.gz, and holds {names}")
    path = found[0]
    try:
        if not path.is_file():
            raise OSError("it is not a file")  # to open a pipe would wait for ever
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnusableSet(f"{path} cannot be read: {reason}") from error
    try:
        return decoded(content, part), hashlib.md5(content).hexdigest()
    except ValueError as error:
        raise UnusableSet(f"{path} is broken: {error}") from error


def decoded(content: bytes, part: str) -> np.ndarray:
    """Images uint8 ``[N, 28, 28]`` or labels int64 ``[N]`` of a file's bytes.

    ``part`` is ``train_images``, ``test_labels`` and so on. Raises ``ValueError``, see
    ``what_is_wrong``.
    """
    if reason := what_is_wrong(content, part):
        raise ValueError(reason)
    if part.endswith("labels"):
        return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28).copy()


def what_is_wrong(content: bytes, part: str) -> str:
    """What makes ``content`` unusable as ``part`` ("train_images", …); "" where nothing does."""
    magic, dimensions = (2051, 3) if part.endswith("images") else (2049, 1)
    header = 4 * (1 + dimensions)
    if len(content) < header:
        return f"it has {len(content)} bytes, too few for the {header}-byte header"
    found, *sizes = np.frombuffer(content, ">u4", 1 + dimensions).tolist()
    if found != magic:
        return f"its magic number is {found}, expected {magic} for {part}"
    if sizes[1:] not in ([], [28, 28]):
        return f"its images are {sizes[1]}x{sizes[2]}, expected 28x28"
    if sizes[0] == 0:
        return "it is empty: it announces 0 items"
    expected = header + int(np.prod(sizes))
    if len(content) != expected:
        return f"it has {len(content):,} bytes, its header announces {expected:,}"
    if dimensions == 1 and (high := max(content[header:])) > 9:
        return f"it has a label {high}, expected 0..9"
    return ""
