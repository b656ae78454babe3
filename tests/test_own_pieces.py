"""What a notebook says under "Your own …" runs as it stands, beside what the notebook has made."""

import dataclasses
import re
from pathlib import Path

import nbformat
import pytest
from torch.optim.lr_scheduler import LambdaLR

from utils import augmentation, data, models
from utils.experiments import catalogue
from utils.experiments.few_bytes import BYTES
from utils.experiments.frontier import FRONTIER
from utils.experiments.published import COMMONS, DESIGN_A
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import REGULARIZATION
from utils.recipes import build_model
from utils.run import Run

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("0*.ipynb"))
# Of the later notebooks:
RECIPES = {
    "05": DESIGN_A,
    "06": SPEEDRUN,
    "07": FRONTIER[2000],
    "08": REGULARIZATION,
    "09": BYTES[3000],
}


def own(path):
    """The code of the cell under the heading "Your own …"."""
    cells = nbformat.read(path, as_version=4).cells
    (text,) = (cell.source for cell in cells if cell.source.startswith("## Your own"))
    (code,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    return code


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_a_piece_of_ones_own_trains_and_is_compared(path, digits, capsys):
    recipe = RECIPES.get(path.stem[:2]) or catalogue.recipe(path.stem)
    recipe = dataclasses.replace(recipe, epochs=1)
    made = {"recipe": recipe, "digits": digits.subset(120, 40), "Run": Run, "models": models}
    made |= {"COMMONS": COMMONS, "LambdaLR": LambdaLR, "build_model": build_model}
    made |= {"network": build_model(recipe), "data": data}
    if recipe.augmentation:
        made["policy"] = augmentation.build(recipe.augmentation)
    exec(own(path), made)
    said = capsys.readouterr().out
    assert "EPOCH 1/" in said and "seed 2: " in said, "one run, and three seeds of a comparison"
