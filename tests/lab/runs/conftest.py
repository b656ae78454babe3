import grids
import pytest

from utils import smoke
from utils.experiments import catalogue
from utils.lab.runs import executors, grid, job, one
from utils.support import machine


@pytest.fixture
def here(monkeypatch, digits):
    """Runs are made in this process, on few images."""
    monkeypatch.setattr(executors, "on_this_machine", grids.in_this_process)
    few = digits.subset(200, 100)
    for module in (grid, job):
        monkeypatch.setattr(module, "images_of", lambda kind: few)


@pytest.fixture(scope="session")
def reference(digits):
    """The numbers of a smoke run with seed 0, made in this process, in one thread as workers do."""
    recipe = smoke.smaller(catalogue.recipe(grids.NAME))
    with machine.cpu_threads(1):
        return grids.numbers(one.run(recipe, 0, smoke.fewer(digits), "cpu", verbose=False))
