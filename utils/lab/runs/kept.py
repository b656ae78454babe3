"""The weights that recorded runs keep: each run's in a file of its own, or a recipe's in one.

A run leaves its own file, so that runs can be recorded side by side. ``gather`` makes one
compressed file of a recipe's, which takes a quarter less.
"""

from __future__ import annotations

import hashlib
import io
import lzma
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock

from utils.experiments.recorded import RUNNING, BadResult, read_sealed
from utils.support.files import sweep, write_bytes

GATHERED = "networks.npz.xz"
# The high bytes of 16-bit floats are alike, the low ones are not: each sort has its own statistics.
PACKING = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 1, "pb": 1}]
SEALS = "seals"  # of a run: the SHA-256 of its own file, as its result has it, and of its weights

Weights = dict[str, np.ndarray]


def path_of(result: Path) -> Path:
    """Where the run of ``result`` leaves its network, until it is gathered."""
    return result.with_suffix(".npz")


def write(content: bytes, result: Path) -> str:
    """Write a packed network beside ``result``; return its SHA-256, which the result records."""
    write_bytes(content, path_of(result))
    return hashlib.sha256(content).hexdigest()


def arrays(content: bytes) -> Weights:
    """What a NumPy archive holds."""
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)


def weights(result: Path) -> Weights:
    """The weights that the run of ``result`` keeps, by name.

    Raises ``BadResult`` where it keeps none, or where they are missing, damaged or another run's.
    """
    said = read_sealed(result).get("network")
    if said is None:
        raise BadResult(
            f"{result} keeps no network: older runs have none, and only a run that is recorded "
            "anew keeps one"
        )
    own, gathered = path_of(result), result.with_name(GATHERED)
    try:
        found = _own(own, said) if own.exists() else _gathered(gathered, result.stem, said)
    except OSError as error:
        raise BadResult(
            f"the network of {result} cannot be read ({error}): take it from git again"
        ) from error
    if found is None:
        path = own if own.exists() else gathered
        raise BadResult(
            f"{path} is not the network of {result.name}, or lacks it: take both from git again"
        )
    return found


def _own(path: Path, said: str) -> Weights | None:
    content = path.read_bytes()
    return arrays(content) if hashlib.sha256(content).hexdigest() == said else None


def _gathered(path: Path, run: str, said: str) -> Weights | None:
    found = _read(path).get(run, {})
    if SEALS not in found or found.pop(SEALS)[0] != said:
        return None
    return found


def gather(folder: Path) -> Path | None:
    """Move the networks that runs left in ``folder`` into its one file; return it if it changed.

    Those whose result is not written yet stay. Raises ``BadResult``, and leaves all as it is, where
    one is not its run's or the file is damaged.
    """
    if not any(folder.glob("seed-*.npz")):
        return None
    lock = folder.parent / RUNNING / f"{folder.name}-networks.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        own = [left for left in sorted(folder.glob("seed-*.npz")) if _result(left).exists()]
        if not own:
            return None
        path = folder / GATHERED
        kept = _read(path) if path.exists() else {}
        for left in own:
            said = read_sealed(_result(left))["network"]
            found = weights(_result(left))
            kept[left.stem] = found | {SEALS: np.array([said, _digest(found)])}
        content = _packed(kept)
        _unpacked(content, path)  # before anything is replaced
        sweep(path)
        write_bytes(content, path)
        for left in own:
            left.unlink()
        return path


def _result(left: Path) -> Path:
    return left.with_suffix(".json")


def _digest(found: Weights) -> str:
    """The SHA-256 of weights by name, whatever file they come from."""
    parts = hashlib.sha256()
    for name, array in sorted(found.items()):
        parts.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return parts.hexdigest()


def _packed(kept: Mapping[str, Weights]) -> bytes:
    """What ``_unpacked`` gives as one file's bytes."""
    members = {f"{name}/{run}": array for run in kept for name, array in kept[run].items()}
    content = io.BytesIO()
    np.savez(content, **dict(sorted(members.items())))  # a layer's weights, run after run
    return lzma.compress(content.getvalue(), filters=PACKING)


def _read(path: Path) -> dict[str, Weights]:
    return _unpacked(path.read_bytes(), path)


def _unpacked(content: bytes, path: Path) -> dict[str, Weights]:
    """What was gathered in ``content``, that of ``path``, by run, each with its ``SEALS``."""
    kept: dict[str, Weights] = {}
    try:
        for member, array in arrays(lzma.decompress(content)).items():
            name, _, run = member.rpartition("/")
            kept.setdefault(run, {})[name] = array
        for run, found in kept.items():
            inside = {name: array for name, array in found.items() if name != SEALS}
            if _digest(inside) != found[SEALS][1]:
                raise ValueError(f"the weights of {run} are not those that were gathered")
    except (lzma.LZMAError, BadZipFile, KeyError, ValueError) as error:
        raise BadResult(f"{path} is damaged ({error}): take it from git again") from error
    return kept
