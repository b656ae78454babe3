"""The picture of the notebooks holds what the notebooks hold."""

import nbformat
import pytest

from utils.experiments.steps import STEPS
from utils.lab.report import strip
from utils.support.paths import ROOT


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_code_is_the_notebooks_own(step):
    code, drawn = strip.cells_of(step)
    source = "\n".join(
        cell.source
        for cell in nbformat.read(ROOT / "notebooks" / f"{step.name}.ipynb", as_version=4).cells
    )
    lines = code.splitlines()
    assert len(lines) >= 4 and all(line.rstrip("…") in source for line in lines)
    assert max(map(len, lines)) <= strip.WIDEST and drawn.width > 500


def test_every_step_has_its_page():
    figure = strip.picture()
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == [f"{step.name[:2]} · {step.title}" for step in STEPS]
    assert len([axes for axes in figure.axes if axes.images]) == len(STEPS)
