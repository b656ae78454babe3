"""The notebooks as files: executed, clean, each with its own text; and nbval really compares."""

import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from utils.experiments.steps import STEPS

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in PATHS]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_every_step_has_its_notebook():
    steps = [recipe.name for recipe in STEPS]
    assert [
        *steps,
        "05_published_designs",
        "06_speed",
        "07_frontier",
        "08_beyond",
        "09_bytes",
    ] == NAMES


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_it_is_executed_top_to_bottom_and_clean(path):
    notebook = read(path)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert set(cell.metadata) <= {"tags"}
        assert not any(output.output_type == "error" for output in cell.outputs)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    text = path.read_text(encoding="utf-8")
    for private in ("/home/", "/root/", "/tmp/", "/Users/"):
        assert private not in text
    assert path.stat().st_size < 3_000_000


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_the_first_picture_comes_within_ten_seconds():
    """On an idle machine with MNIST at hand: imports, data, and the first picture that is drawn."""
    cells = [cell.source for cell in code_cells(read(PATHS[0]))]
    until = next(at for at, source in enumerate(cells) if source.startswith("plots."))
    code = "\n".join(
        [
            *cells[1:until],  # the first is Colab's
            f"({cells[until]}).savefig(__import__('io').BytesIO())",
        ]
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], cwd=PATHS[0].parent, check=True)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_it_was_executed_on_the_full_mnist(path):
    text = path.read_text(encoding="utf-8")
    assert "MNIST: 60,000 images to train, 10,000 to test" in text
    assert "MNIST-5k: 4,000" not in text


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_it_has_every_part(path):
    text = prose(read(path))
    parts = [
        "**Hypothesis.**",
        "## Target",
        "## Result",
        "## Analysis",
        "## Exercises",
        "\n### 2. ",
    ]
    assert [part for part in parts if part not in text] == []
    assert not re.search(r"\b(TODO|FIXME|SCHEDULE|ANALYSIS)\b", text)
    at = [text.index(part) for part in parts]
    assert at == sorted(at)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_its_badge_and_colab_cell_hold_the_one_address(path):
    notebook, address = read(path), PROJECT["urls"]["Repository"]
    slug = address.removeprefix("https://github.com/")
    assert f"/github/{slug}/blob/main/notebooks/{path.name}" in notebook.cells[0].source
    setup = code_cells(notebook)[0]
    assert f"git clone --quiet --depth 1 {address} course" in setup.source
    assert 'if "google.colab" in sys.modules:' in setup.source and setup.outputs == []


def test_no_two_notebooks_share_more_than_imports_and_calls():
    defined = Counter(
        name
        for path in PATHS
        for cell in code_cells(read(path))
        for name in re.findall(r"^\s*(?:def|class) (\w+)", cell.source, flags=re.M)
    )
    assert [name for name, n in defined.items() if n > 1] == []
    long_cells = Counter(
        cell.source
        for path in PATHS
        for cell in code_cells(read(path))[1:]  # the first is the setup cell, the same by intent
        if len(list(filter(str.strip, cell.source.splitlines()))) > 2  # an import and a call
    )
    assert [source for source, n in long_cells.items() if n > 1] == []


def test_code_cells_are_short():
    for path in PATHS:
        for cell in code_cells(read(path)):
            assert len(cell.source.splitlines()) <= 20, f"{path.name}: {cell.source[:60]}"


# --------------------------------------------------------------------------- nbval compares


def run_nbval(notebook, folder):
    path = folder / "copy.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_a_broken_parameter_count_fails(tmp_path):
    """A notebook cut after its model summary passes as it is, and fails with one digit changed."""
    notebook = read(ROOT / "notebooks" / "02_regularization.ipynb")
    at = next(i for i, c in enumerate(notebook.cells) if "models.summary" in c.source)
    imports = next(c for c in notebook.cells if "from utils import" in c.source)
    recipe = next(c for c in notebook.cells if c.source.startswith("recipe ="))
    model = nbformat.v4.new_code_cell("model = build_model(recipe)", execution_count=3)
    notebook.cells = [notebook.cells[1], imports, recipe, model, notebook.cells[at]]
    assert run_nbval(notebook, tmp_path).returncode == 0
    summary = notebook.cells[-1].outputs[0]
    assert "9,436" in summary.text
    summary.text = summary.text.replace("9,436", "9,437")
    broken = run_nbval(notebook, tmp_path)
    assert broken.returncode == 1 and "9,437" in broken.stdout
