"""One page to draw on: ``show(run)`` in a notebook, ``write(path, {"mine": network})`` as a file.

The page is one HTML file that needs no server and no network. Its sources are in ``utils/page``;
``page`` puts them into one file, with the networks as plain data.
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from utils.data import MEAN, STD
from utils.page.description import describe
from utils.pretrained import FromPixels
from utils.run import Run
from utils.support.files import write_text

__all__ = ["Shown", "describe_named", "page", "show", "write"]

SOURCES = Path(__file__).parent / "page"
# In this order: each may use what those before it export.
SCRIPTS = (
    "arithmetic", "preparation", "state", "paint", "drawing", "pictures", "views", "maps", "unit",
    "occlusion", "keep", "main",
)  # fmt: skip
FORMAT = "playground-1"
BUILD = Path("build")  # beside the notebook; git ignores it
HEIGHT = 900  # of the page within a notebook, in pixels

Source = Run | FromPixels | nn.Module


def show(source: Source, name: str = "") -> Shown:
    """The page with the network of a ``Run``, or a network, shown below the cell.

    The page is a file in ``build/`` beside the notebook, which holds a frame and no more, so that
    a stored notebook stays small. In Colab, whose frames cannot reach a file, the notebook's copy
    holds the page, and so where the folder cannot be written. ``name`` is shown in the page's
    table; by default a run's title. Raises ``ValueError`` as ``write`` does.
    """
    name = name or (source.title if isinstance(source, Run) else "My network")
    file = re.sub(r"\W+", "_", name.lower()).strip("_") or "page"
    try:
        return Shown(write(BUILD / f"{file}.html", {name: source}))
    except OSError:
        return Shown(write(Path(tempfile.mkdtemp()) / f"{file}.html", {name: source}))


def write(path: str | Path, networks: Mapping[str, Source]) -> Path:
    """Write the page, or with the suffix ``.json`` what its "load a network" reads; the path.

    ``networks`` are runs or networks by the names that the page shows: a ``ConvNet``, a
    ``pretrained`` one, or an ``nn.Sequential`` of layers that ``describe`` knows, taking float
    ``[B, 1, 28, 28]`` to ten logits. The file is written whole or not at all. Raises
    ``ValueError`` for another suffix or another kind, and for a layer that the page has not.
    """
    path = Path(path)
    if path.suffix not in (".html", ".json"):
        raise ValueError(f"path={str(path)!r} ends in neither .html nor .json")
    if not isinstance(networks, Mapping) or not networks:
        raise ValueError(f'networks={networks!r}: expected at least one, as {{"mine": network}}')
    content = [describe_named(name, source) for name, source in networks.items()]
    write_text(page(content) if path.suffix == ".html" else json.dumps(_data(content)), path)
    return path


def describe_named(name: str, source: Source, **options) -> dict:
    """A network as the page holds it: its ``name``, ``upright`` and ``describe``'s content."""
    upright = False
    if isinstance(source, Run):
        source, upright = source.network, source.recipe.deskew or source.images.deskewed
    elif isinstance(source, FromPixels):
        source, upright = source.network, source.deskew
    if not isinstance(source, nn.Module):
        raise ValueError(
            f"{name}: a {type(source).__name__} is no Run and no network (torch.nn.Module)"
        )
    return {"name": str(name), "upright": upright, **describe(source, **options)}


def page(networks: list[dict], samples: list[dict] | None = None) -> str:
    """The whole page as HTML; ``networks`` as ``describe_named`` makes them.

    ``samples`` are digits to begin with, by default those of samples.json.
    """
    data = _data(networks) | {"samples": samples or json.loads(read("samples.json"))}
    # "<" would end the script early if a name held "</script>".
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"style": read("style.css"), "script": script(SCRIPTS), "data": text}
    return re.sub(r"/\* (style|script|data) \*/", lambda match: parts[match[1]], read("index.html"))


def script(names: tuple[str, ...]) -> str:
    """Modules joined to one script: without their imports and exports, comments of whole lines,
    blank lines and indents, which only a reader of the sources needs."""
    text = "\n".join(read(f"{name}.js") for name in names)
    text = re.sub(r'^import [^;]*? from "[^"]*";\n', "", text, flags=re.M)
    text = re.sub(r"^export (?=const|function|async)", "", text, flags=re.M)
    return re.sub(r"^ *//.*\n|^ *\n|^ +", "", text, flags=re.M)


def read(name: str) -> str:
    """One of the page's sources."""
    return (SOURCES / name).read_text(encoding="utf-8")


def _data(networks: list[dict]) -> dict:
    return {"format": FORMAT, "mean": MEAN, "std": STD, "networks": networks}


@dataclass(frozen=True)
class Shown:
    """What ``show`` returns: a notebook draws it as a frame around the page at ``path``."""

    path: Path

    def __repr__(self) -> str:
        return f"a page to draw on: {self.path.as_posix()}"

    def _repr_html_(self) -> str:
        place = f'src="{html.escape(self.path.as_posix())}"'
        alone = "google.colab" in sys.modules or os.environ.get("VSCODE_PID")
        if alone or self.path.is_absolute():  # a frame reaches what lies beside the notebook
            place = f'srcdoc="{html.escape(self.path.read_text(encoding="utf-8"))}"'
        frame = f'<iframe {place} width="100%" height="{HEIGHT}" style="border: 0"'
        where = f"The same page, to open in a browser: <code>{self.path.as_posix()}</code>"
        return f'{frame} title="A page to draw on"></iframe><p>{where}</p>'
