"""Executing notebooks: live lines, clean files, failures that are named, and a clean end."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest

from utils.lab import notebooks
from utils.support.paths import ROOT

EPOCH = 'print("EPOCH 1/2 (x)"); print("Loss=1 Batch_id=0"); print("Test set: Accuracy: 5/9")'


@pytest.fixture
def full_size(monkeypatch):
    """``full_size(name)``: the data are the set ``name``, and notebooks run in full size."""
    monkeypatch.setenv("NOTEBOOK_SIZE", "full")

    def use(name):
        monkeypatch.setattr(notebooks.data, "settle_source", lambda: SimpleNamespace(name=name))

    return use


def write_notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_notebooks_are_executed_shown_and_written(tmp_path, full_size, capfd):
    full_size("MNIST")
    good = write_notebook(tmp_path / "good.ipynb", EPOCH, "1 + 1")
    bad = write_notebook(tmp_path / "bad.ipynb", "1 + 1", "1 / 0", "'never'")
    before, out = bad.read_text("utf-8"), tmp_path / "build"
    assert notebooks.run([good, bad], out, in_place=True, jobs=2) == 1
    cells = nbformat.read(good, 4).cells
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert cells[1].outputs[0].data["text/plain"] == "2" and cells[1].metadata == {}
    # The one that failed is left as it was, and shown as far as it came.
    assert bad.read_text("utf-8") == before
    assert nbformat.read(out / "bad.ipynb", 4).cells[0].outputs
    assert {path.name for path in out.iterdir()} == {
        *("good.ipynb", "good.html", "bad.ipynb", "bad.html")
    }
    said = capfd.readouterr().out
    assert "good: EPOCH 1/2 (x)  Test set: Accuracy: 5/9" in said
    assert "bad: FAILED, CellExecutionError" in said and "ZeroDivisionError" in said
    closing = said[said.rindex("MNIST in full size, pages in") :].splitlines()
    assert "good: done" in closing[1] and "bad: FAILED" in closing[2] and len(closing) == 3


@pytest.mark.parametrize("name, size", [("MNIST-5k", "full"), ("MNIST", "smoke")])
def test_only_mnist_in_full_size_is_written_in_place(tmp_path, full_size, monkeypatch, name, size):
    full_size(name)
    monkeypatch.setenv("NOTEBOOK_SIZE", size)
    path = write_notebook(tmp_path / "a.ipynb", "1")
    with pytest.raises(ValueError, match=f"MNIST in full size, this is {name} in {size} size"):
        notebooks.run([path], tmp_path, in_place=True)
    assert nbformat.read(path, 4).cells[0].execution_count is None


def test_a_solution_is_listed_where_asked_for_and_written_beside_its_notebook(
    tmp_path, full_size, monkeypatch, capfd
):
    full_size("MNIST")
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    (tmp_path / "solutions").mkdir()
    paths = [
        write_notebook(tmp_path / folder / "01_a.ipynb", source)
        for folder, source in ((".", "1"), ("solutions", "2"))
    ]
    assert notebooks.listed() == paths[:1]
    assert notebooks.listed(solutions=True) == paths
    assert notebooks.listed(["01_a", "solutions/01_a"]) == paths
    with pytest.raises(ValueError, match=r"no notebook is called '1_a'; did you mean '01_a'\?"):
        notebooks.listed(["1_a"])
    assert notebooks.run(paths, tmp_path / "build", in_place=True, jobs=1) == 0
    for folder in (tmp_path, tmp_path / "build"):
        for place, shown in ((".", "1"), ("solutions", "2")):
            outputs = nbformat.read(folder / place / "01_a.ipynb", 4).cells[0].outputs
            assert outputs[0].data["text/plain"] == shown
    assert "solutions/01_a: done" in capfd.readouterr().out


@pytest.mark.parametrize("jobs", [0, -1])
def test_fewer_than_one_at_a_time_is_refused(tmp_path, jobs):
    with pytest.raises(ValueError, match=f"jobs={jobs} is not a whole number of at least 1"):
        notebooks.run([tmp_path / "a.ipynb"], tmp_path, jobs=jobs)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupt_ends_the_kernels_and_changes_no_notebook(tmp_path):
    pid = tmp_path / "pid"
    source = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    path = write_notebook(tmp_path / "01_long.ipynb", source)
    code = "import sys, utils.lab.__main__ as lab\n"
    code += "from pathlib import Path; from utils.lab import notebooks\n"
    code += f"notebooks.FOLDER = notebooks.BUILD = Path({str(tmp_path)!r})\n"
    code += "sys.exit(lab.main(['notebooks', '01_long', '--jobs', '1']))"
    before = path.read_bytes()
    command = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    while not (pid.exists() and pid.read_text("utf-8")) and command.poll() is None:
        time.sleep(0.1)
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=60)
    # The kernel writes to the same stream, and may meet a port that is taken: that is not ours.
    assert command.returncode == 130 and b"KeyboardInterrupt" not in errors, errors.decode()
    assert errors.splitlines()[-1].startswith(b"interrupted: "), errors.decode()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text("utf-8")), 0)
    assert path.read_bytes() == before


def test_tidying_keeps_tags_and_drops_what_is_volatile():
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["x"], "collapsed": True})
    output = nbformat.v4.new_output("execute_result", {"text/plain": "1"}, metadata={"a": {}})
    cell.outputs = [output]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    notebooks.tidy(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert cell.metadata == {"tags": ["x"]} and cell.outputs[0].metadata == {}
