"""Executing notebooks: live progress, clean files, and failures that are named and lose nothing."""

import json

import nbformat
import pytest

from utils.lab import notebooks


def write_notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def executed(tmp_path, monkeypatch, capfd):
    """A notebook that works and one that fails, run together in place."""
    monkeypatch.delenv("NOTEBOOK_RESULTS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    log = 'print("EPOCH 1/2 (x)"); print("Loss=1 Batch_id=0"); print("Test set: Accuracy: 5/9")'
    good = write_notebook(tmp_path / "good.ipynb", "import os", log, "1 + 1")
    bad = write_notebook(tmp_path / "bad.ipynb", "1 + 1", "1 / 0", "'never'")
    before = bad.read_text()
    failed = notebooks.run([good, bad], tmp_path / "build", in_place=True)
    said = capfd.readouterr()
    return tmp_path, failed, before, said


def test_notebooks_are_executed_shown_and_written(executed):
    folder, failed, before, said = executed
    assert failed == 1
    cells = nbformat.read(folder / "good.ipynb", 4).cells
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    assert cells[2].outputs[0].data["text/plain"] == "2" and cells[2].metadata == {}
    assert "<html" in (folder / "build" / "good.html").read_text()
    assert "good: epoch 1/2 (x)  Test set: Accuracy: 5/9" in said.out
    # The one that failed is named with its error, left as it was, and shown as far as it came.
    assert (folder / "bad.ipynb").read_text() == before
    assert "FAILED bad.ipynb" in said.err and "ZeroDivisionError" in said.err
    assert json.loads((folder / "build" / "bad.ipynb").read_text())["cells"][0]["outputs"]
    assert sorted(path.name for path in (folder / "build").iterdir()) == [
        "bad.html",
        "bad.ipynb",
        "good.html",
        "good.ipynb",
    ]


def test_tidying_keeps_tags_and_drops_what_is_volatile():
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["x"], "collapsed": True})
    output = nbformat.v4.new_output("execute_result", {"text/plain": "1"}, metadata={"a": {}})
    cell.outputs = [output]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    notebooks.tidy(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert cell.metadata == {"tags": ["x"]} and cell.outputs[0].metadata == {}
