"""The solutions: the exercises in the notebook's own words, at full size, no number typed."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
each = pytest.mark.parametrize("path", SOLUTIONS, ids=[path.stem for path in SOLUTIONS])


def read(path):
    return nbformat.read(path, as_version=4)


def asked(path):
    """A notebook's exercises, ``{"1. Title": text}``, without hint and link."""
    text = read(path).cells[-1].source
    found = re.findall(r"^### (\d\. [^\n]+)\n\n(.+?)\n\n<details><summary>Hint", text, re.M | re.S)
    return dict(found)


def answered(path):
    """A solution's exercises, ``{"1. Title": text}``."""
    sources = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    return dict(
        source.removeprefix("## ").split("\n\n", 1)
        for source in sources
        if re.match(r"## \d\. ", source)
    )


def test_every_notebook_has_its_solution():
    assert [path.name for path in SOLUTIONS] == [path.name for path in PATHS]


@each
def test_the_exercises_are_those_of_the_notebook(path):
    exercises = asked(NOTEBOOKS / path.name)
    assert list(exercises.items()) == list(answered(path).items())
    assert [title[:3] for title in exercises] == [f"{n + 1}. " for n in range(len(exercises))]
    assert len(exercises) >= 2


@each
def test_each_exercise_has_a_folded_hint_and_a_link_to_its_solution(path):
    last = read(NOTEBOOKS / path.name).cells[-1].source
    assert last.startswith("## Exercises\n")
    parts = re.split(r"^### ", last, flags=re.M)[1:]
    for n, part in enumerate(parts, 1):
        assert part.count("<details><summary>Hint</summary>\n\n") == part.count("</details>") == 1
        assert f"[Solution {n}](solutions/{path.name})" in part


@each
def test_a_solution_is_executed_top_to_bottom_on_the_full_mnist_and_clean(path):
    notebook, text = read(path), path.read_text(encoding="utf-8")
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert set(cell.metadata) <= {"tags"} and len(cell.source.splitlines()) <= 20
        assert not any(output.output_type == "error" for output in cell.outputs)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "MNIST: 60,000 training and 10,000 test images" in text
    assert not [word for word in ("/home/", "/root/", "/tmp/", "/Users/") if word in text]


@each
def test_a_solution_starts_like_its_notebook(path):
    """The badge opens the solution, the setup cell is the notebook's own, to the letter."""
    notebook, solution = read(NOTEBOOKS / path.name), read(path)
    badge = re.search(r"\S+/blob/main/notebooks/", notebook.cells[0].source).group()
    assert f"{badge}solutions/{path.name})" in solution.cells[0].source
    assert f"](../{path.name})" in solution.cells[0].source
    assert notebook.cells[1].source == solution.cells[1].source
    assert "sys.path.insert" in solution.cells[1].source and solution.cells[1].outputs == []


@each
def test_every_answer_says_why_and_types_no_number(path):
    cells, shown = read(path).cells, ""
    whys = [cell.source for cell in cells if cell.source.startswith("**Why.** ")]
    assert len(whys) == len(answered(path))
    for cell in cells:
        for output in cell.get("outputs", []):
            shown += output.get("text", "") + str(output.get("data", {}).get("text/markdown", ""))
            shown += str(output.get("data", {}).get("text/plain", ""))
    typed = re.findall(r"[-+]?\d+\.\d{2,}", "\n".join(whys))
    assert [number for number in typed if number not in shown] == []
