"""MNIST where it is missing: download it, verify it, and never write over what is there."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
import zlib
from concurrent.futures import Future
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

from filelock import FileLock

from utils.mnist_files import MD5, NAMES, UnusableSet, find_folder, read, read_set
from utils.support.files import sweep, write_bytes
from utils.support.paths import ROOT

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the one that torchvision uses
ANSWER_S = 5  # how long a download waits for an answer


class NoMnist(RuntimeError):
    """MNIST is neither on the disk nor to be downloaded; the message says what was tried."""

    def __init__(self, tried: str):
        super().__init__(
            f"no MNIST: {tried}\nRemedy: connect to a network, or set MNIST_ROOT to a folder that "
            f"holds MNIST/raw with the four files (a relative path starts at {ROOT}), or use "
            'data.load("mnist-5k").'
        )


def read_or_download(root: Path) -> tuple:
    """What ``mnist_files.read_set`` gives for the set under ``root``, or else for MNIST.

    Raises ``NoMnist``, and ``UnusableSet`` for another set that is damaged or in ``MNIST/raw``.
    """
    try:
        folder = find_folder(root)
    except OSError as error:
        raise NoMnist(f"{error.filename} cannot be searched: {error.strerror}") from None
    must_be_mnist, found = folder.parts[-2:] == ("MNIST", "raw"), ""
    try:
        name, arrays, md5 = read_set(folder)
        if md5 == MD5 or not must_be_mnist:
            return name, arrays, md5
    except UnusableSet as error:
        if not must_be_mnist:
            raise  # somebody's own set: neither download over it nor train on another
        found = str(error)
    wanting(folder)  # raises for another set
    try:
        if os.environ.get("MNIST_OFFLINE"):
            raise OSError("switched off by MNIST_OFFLINE")
        print(f"No MNIST: {found}. Trying to download it from {MIRROR}", flush=True)
        download(folder)
    except (OSError, RuntimeError) as error:
        raise NoMnist(f"{found}; download: {error}") from None
    return read_set(folder)


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


def download(folder: Path) -> None:
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
            write_bytes(content, path)


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
