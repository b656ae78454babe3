"""The README's figures, drawn from the recorded runs and from nothing else.

Each carries a digest of what it was drawn from, so a test can tell whether the picture in
assets/figures is still the one that ``write()`` would draw.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections import Counter
from dataclasses import fields

from matplotlib.figure import Figure
from PIL import Image

from utils import data, plot_style, plots, receptive_field
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER
from utils.experiments.published import COMMONS, DESIGN_A
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import STEPS
from utils.history import Mistakes
from utils.lab.report import comparisons, designs, frontier, speed
from utils.lab.runs import results
from utils.recipes import build_model
from utils.support.files import replacing

FOLDER = results.FOLDER.parent / "figures"
BEST = STEPS[-1]
STEP_NAMES = tuple(recipe.name for recipe in STEPS)
DESIGN_NAMES = tuple(recipe.name for recipe in (*designs.ALL, *COMMONS.values()))


def steps() -> Figure:
    labels = [f"{recipe.name[:2]} {recipe.title}" for recipe in STEPS]
    runs = [results.last_accuracies(name) for name in STEP_NAMES]
    return comparisons.steps(
        labels, runs, [catalogue.get(name).published.test for name in STEP_NAMES]
    )


def curves() -> Figure:
    histories = [results.history_of(run) for run in results.reported(BEST.name)]
    least = min(accuracy for history in histories for accuracy in history.test_accuracy[-5:])
    title = f"Step {BEST.name[:2]}: no seed falls below {least:.2f} % in the last five epochs"
    title += f" (mean and range of {len(histories)} seeds)"
    return comparisons.seed_curves(histories, title)


def misclassified() -> Figure:
    images, (mistakes, ever) = data.load("mnist"), always_wrong()
    if not images.is_mnist:
        raise ValueError(f"this is {images.name}: the README's mistakes are MNIST's")
    finding = f"{len(mistakes)} digits that all five seeds get wrong, of {ever} that any does"
    return plots.misclassified(images.test_images, mistakes, images.name, finding, rows=2)


def always_wrong() -> tuple[Mistakes, int]:
    """The test images that every seed of the best step gets wrong, as seed 0 answers them."""
    runs = results.reported(BEST.name)
    counts = Counter(index for run in runs for index in run["misclassified"]["indices"])
    first = runs[0]["misclassified"]
    keep = [at for at, index in enumerate(first["indices"]) if counts[index] == len(runs)]
    lists = {field.name: [first[field.name][at] for at in keep] for field in fields(Mistakes)}
    return Mistakes.from_lists(lists), len(counts)


def network() -> Figure:
    return plots.network(build_model(BEST))


# File name: what draws it, and the recipes whose runs it draws.
FIGURES = {
    "steps.png": (steps, STEP_NAMES),
    "curves.png": (curves, (BEST.name,)),
    "misclassified.png": (misclassified, (BEST.name,)),
    "network.png": (network, ()),
    "designs.png": (designs.size_picture, DESIGN_NAMES),
    "speed.png": (speed.race_picture, (DESIGN_A.name, SPEEDRUN.name)),
    "frontier.png": (frontier.picture, tuple(recipe.name for recipe in FRONTIER.values())),
}


def digest(file: str) -> str:
    """What a figure is drawn from: its recipes' runs, the network and the drawing code."""
    parts = ("seed", "history", "misclassified")
    runs = [
        [run[part] for part in parts] for name in FIGURES[file][1] for run in results.reported(name)
    ]
    layers = receptive_field.rows(build_model(BEST))
    drawing = (plot_style, plots, comparisons, designs, speed, frontier, sys.modules[__name__])
    code = [inspect.getsource(module) for module in drawing]
    timed = speed.read()["race"] if file == "speed.png" else None
    published = ([e.published for e in catalogue.EXPERIMENTS.values()], frontier.elsewhere())
    return hashlib.sha256(repr((runs, layers, published, timed, code)).encode()).hexdigest()[:16]


def drawn_from(file: str) -> str:
    """The digest that a figure in assets/figures carries."""
    with Image.open(FOLDER / file) as image:
        return image.text.get("Source", "")


def write() -> None:
    """Draw every figure anew."""
    for file, (draw, _) in FIGURES.items():
        with replacing(FOLDER / file) as temporary:
            metadata = {"Source": digest(file), "Software": None}
            draw().savefig(temporary, format="png", metadata=metadata, dpi=130)
