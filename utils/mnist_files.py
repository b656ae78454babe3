"""MNIST's file format (idx): find the four files, read them, say what is wrong, download them.

The format is a big-endian header (magic number 2051 for images and 2049 for labels, then the
sizes) followed by one byte per pixel or label; http://yann.lecun.com/exdb/mnist describes it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
import zlib
from concurrent.futures import Future
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import numpy as np
from filelock import FileLock

from utils.support.files import replacing, sweep

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
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the one that torchvision uses
ANSWER_S = 5  # how long a download waits for an answer


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


def read(folder: Path, part: str) -> tuple[np.ndarray, str]:
    """The array of ``part``, uint8 ``[N, 28, 28]`` or ``[N]``, and the md5 of its (extracted) file.

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
    if reason := what_is_wrong(content, part):
        raise UnusableSet(f"{path} is broken: {reason}")
    shape, header = ((-1, 28, 28), 16) if part.endswith("images") else (-1, 8)
    array = np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()
    return array, hashlib.md5(content).hexdigest()


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


def wanting(folder: Path) -> list[str]:
    """The parts of MNIST that ``folder`` lacks or whose files are broken.

    Raises ``UnusableSet`` for another set's file that is whole: it must not be replaced.
    """
    parts = []
    for part, name in NAMES.items():
        try:
            _, md5 = read(folder, part)
        except UnusableSet:
            parts.append(part)
            continue
        if md5 != MD5[part]:
            raise UnusableSet(
                f"{folder} holds another set in MNIST's format: its {name} is whole but not "
                f"MNIST's (md5 {md5}). It is never overwritten. Remedy: move the set to a folder "
                "of its own, such as data/FashionMNIST/raw, and point MNIST_ROOT at it; if this "
                "was meant to be MNIST, delete the file, and it is downloaded."
            )
    return parts


def download_mnist(folder: Path) -> None:
    """Download into ``folder`` what it lacks of MNIST: all of that, verified, or nothing.

    A broken file stays beside the new one, as ``NAME.broken-<time>``. Raises ``OSError`` or
    ``RuntimeError`` where nothing answers within ``ANSWER_S`` seconds or the content is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".download.lock"):
        contents = {part: _fetch(f"{MIRROR}{NAMES[part]}.gz") for part in wanting(folder)}
        for part, content in contents.items():
            if (md5 := hashlib.md5(content).hexdigest()) != MD5[part]:
                raise RuntimeError(f"downloaded {NAMES[part]} has md5 {md5}, not {MD5[part]}")
        for part, content in contents.items():
            path = folder / NAMES[part]
            sweep(path)
            if os.path.lexists(path):
                path.rename(f"{path}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
            with replacing(path) as temporary:
                temporary.write_bytes(content)


def _fetch(url: str) -> bytes:
    """The extracted content of the ``.gz`` at ``url``; ``RuntimeError`` where it cannot be had."""
    answer: Future = Future()

    def ask() -> None:
        try:
            answer.set_result(urlopen(url, timeout=ANSWER_S))
        except Exception as error:  # for whoever waits
            answer.set_exception(error)

    # urlopen's own limit holds for each address anew, and not for looking up the name.
    Thread(target=ask, daemon=True).start()
    try:
        with answer.result(ANSWER_S) as opened:
            return gzip.decompress(opened.read())
    except (OSError, HTTPException, EOFError, zlib.error) as error:
        reason = str(error) or f"no answer within {ANSWER_S} seconds"
        raise RuntimeError(f"{url}: {reason}") from error
