"""A picture of the notebooks: of each step the code that is its idea, and what it drew."""

from __future__ import annotations

import base64
import io

import nbformat
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from utils import plot_style
from utils.experiments.steps import STEPS
from utils.plot_style import GREY
from utils.recipes import Recipe
from utils.support.paths import ROOT

# Of each step's notebook: the cell with its code, how much of it, and the cell with its picture.
CELLS = {
    "01_skeleton": ("cd24658b", slice(0, 9), "01-19"),
    "02_regularization": ("152691b1", slice(0, 7), "02-19"),
    "03_augmentation": ("03-09", slice(2, 8), "03-09b"),
    "04_lr_scheduler": ("8cd46b7f", slice(1, 8), "04-08"),
}
WIDEST = 82  # characters of code that a page has room for


def cells_of(step: Recipe) -> tuple[str, Image.Image]:
    """The code and the picture of a step's committed notebook."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{step.name}.ipynb", as_version=4)
    cells = {cell["id"]: cell for cell in notebook.cells}
    code, lines, drawn = CELLS[step.name]
    text = "\n".join(_cut(line) for line in cells[code].source.splitlines()[lines])
    (png,) = (o.data["image/png"] for o in cells[drawn].outputs if "image/png" in o.get("data", {}))
    return text, Image.open(io.BytesIO(base64.b64decode(png)))


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


def picture() -> Figure:
    """Four pages, a step each."""
    figure, axes = plot_style.figure(
        4, 2, height=7.4, width_ratios=(1.1, 1), height_ratios=(0.8, 1, 1.15, 0.9)
    )
    for (left, right), step in zip(axes, STEPS, strict=True):
        _page(left, right, step)
    return plot_style.title(
        figure, "Four notebooks: the code that is a step's idea, and what was drawn with it"
    )


def _page(left: Axes, right: Axes, step: Recipe) -> None:
    code, drawn = cells_of(step)
    for axes in (left, right):
        axes.set_axis_off()
    left.set_title(f"{step.name[:2]} · {step.title}", loc="left", fontsize=10)
    look = {"family": "monospace", "fontsize": 5.8, "va": "top", "linespacing": 1.5}
    box = {"facecolor": "#f6f8fa", "edgecolor": GREY, "lw": 0.5, "pad": 4}
    left.text(0.01, 0.97, code, transform=left.transAxes, bbox=box, **look)
    right.imshow(drawn)
    right.set_anchor("N")
