"""The README's figures, drawn from the recorded runs and from nothing else.

Each file carries a digest of what it shows, so a test can tell whether the picture in
assets/figures is still the one that ``write()`` would draw.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageChops

from utils import plots
from utils.lab.report import designs, few_bytes, robust, speed, steps, strip
from utils.recipes import build_model
from utils.support.files import sweep, write_bytes
from utils.support.paths import ASSETS

FOLDER = ASSETS / "figures"
FIGURES = {
    "steps.png": steps.picture,
    "notebooks.png": strip.picture,
    "curves.png": steps.curves_picture,
    "misclassified.png": steps.mistakes_picture,
    "network.png": lambda: plots.network(build_model(steps.BEST)),
    "designs.png": designs.size_picture,
    "speed.png": speed.race_picture,
    "frontier.png": few_bytes.by_parameters_and_bytes,
    "beyond.png": robust.picture,
}
KEY = "Shows"  # the digest's name in a file
ALIKE = 8  # grey levels, of 255, by which two drawings of one picture may differ


def digest(figure: Figure) -> str:
    """Of what a figure shows: its words, the points of its lines, marks and areas, its images.

    Ticks are left out: where they are depends on matplotlib's version.
    """
    shown = {text.get_text() for text in figure.findobj(Text)}
    shown = {text for text in shown if any(map(str.isalpha, text))}
    points = []
    for axes in figure.axes:
        shown |= {str(image.get_array().tolist()) for image in axes.images}
        points += [line.get_xydata() for line in axes.lines]
        for marks in axes.collections:
            points += [marks.get_offsets(), *(path.vertices for path in marks.get_paths())]
    shown |= {f"{x:.6g} {y:.6g}" for places in points for x, y in np.asarray(places, dtype=float)}
    return hashlib.sha256("\n".join(sorted(shown)).encode()).hexdigest()[:16]


def recorded_digest(file: str) -> str:
    """The digest that a file in assets/figures carries."""
    with Image.open(FOLDER / file) as image:
        return image.info.get(KEY, "")


def write() -> list[str]:
    """Draw every figure; replace and name the files that showed anything else before."""
    changed = []
    for file, draw in FIGURES.items():
        figure, png = draw(), io.BytesIO()
        metadata = {KEY: digest(figure), "Software": None}
        figure.savefig(png, format="png", metadata=metadata, dpi=130)
        if not _is_alike(png, FOLDER / file):
            sweep(FOLDER / file)  # what a killed report left
            write_bytes(png.getvalue(), FOLDER / file)
            changed.append(file)
    return changed


def _is_alike(png: io.BytesIO, path: Path) -> bool:
    if not path.exists():
        return False
    with Image.open(png) as new, Image.open(path) as old:
        if new.info[KEY] != old.info.get(KEY) or new.size != old.size:
            return False
        apart = ImageChops.difference(new.convert("RGB"), old.convert("RGB"))
        return max(highest for _, highest in apart.getextrema()) <= ALIKE
