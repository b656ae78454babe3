"""Write a file whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to, which takes its place if all goes well.

    After an error or a kill ``path`` is what it was before. Missing folders are made. As with
    ``open``, a link keeps pointing where it did, and permissions stay or follow the umask.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open("r+b") as written:  # Windows syncs nothing that is open for reading
            os.fsync(written.fileno())  # else a power cut could leave the new name on no content
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove what killed processes left of writing ``path``; for whoever alone may write it."""
    path = path.resolve()
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write ``text`` to ``path`` in UTF-8, whole or not at all; the same bytes on every system."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(content: bytes, path: Path) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read_json(path: Path) -> dict | list:
    """What ``path`` holds; ``OSError`` where it cannot be read, ``ValueError`` where it is none."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(content: dict, path: Path) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    write_text(json.dumps(content, indent=1) + "\n", path)
