"""The card beside the trained networks: what each file is, and what it reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from utils import pretrained
from utils.experiments import catalogue
from utils.lab.report import few_bytes
from utils.lab.report.intervals import estimate, mean_std
from utils.lab.report.paired import last, tabulate
from utils.lab.runs.weights import seed_of
from utils.recipes import Recipe
from utils.support.tables import Table

PATH = pretrained.FOLDER / "README.md"
TEMPLATE = Path(__file__).with_name("weights.template.md")


def table() -> Table:
    """Every trained network: its file, its size, and what it reads."""
    files = pretrained.saved()
    recipes = [catalogue.recipe(name) for name in files]
    return tabulate(
        recipes,
        ("file", lambda recipe: f"`{files[recipe.name].name}`"),
        ("bytes", lambda recipe: f"{files[recipe.name].stat().st_size:,}"),
        *("parameters", "million MACs"),
        ("this file", lambda recipe: f"{read(recipe)[seed_of(recipe)]:.2f}"),
        ("seeds", lambda recipe: len(read(recipe))),
        ("their mean", lambda recipe: mean_std(estimate(read(recipe)), 3)),
    )


def read(recipe: Recipe) -> pd.Series:
    """Test accuracy of what the files of ``recipe`` hold, in per cent, by seed."""
    return few_bytes.read(recipe) if recipe.levels else last(recipe)
