"""The setup cell in Colab, with a stand-in: its module, an empty folder, a local clone."""

import os
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest

from utils.lab import notebooks
from utils.support.paths import ROOT

PATHS = notebooks.listed(solutions=True)
ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
# What requirements.txt asks for and Colab's image of 2026-08 does not have.
NOT_IN_COLAB = ("optuna", "nbval", "ruff", "jupyter", "pytest")


def setup_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return next(cell for cell in cells if cell.cell_type == "code").source


def run_cell(source, folder, tools, times=1):
    """What the cell says in a fresh kernel that starts in ``folder``, and which utils is found."""
    program = (
        "import os, sys, types\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "sys.path = [p for p in sys.path if p not in ('', os.getcwd())]\n"
        "sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
        "shell = InteractiveShell.instance()\n"
        f"for _ in range({times}):\n"
        f"    assert shell.run_cell({source!r}).success\n"
        "import utils\n"
        "print('utils:', os.path.realpath(utils.__path__[0]))\n"
    )
    known = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS["Repository"],
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | known,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def colab(tmp_path):
    """A working folder and a pip that only writes down what it is asked for."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository, so there is nothing to clone")
    content, tools = tmp_path / "content", tmp_path / "tools"
    content.mkdir()
    tools.mkdir()
    pip = tools / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" >> {tools}/asked\n', encoding="utf-8")
    pip.chmod(0o755)
    return content, tools


def asked(tools):
    file = tools / "asked"
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.mark.skipif(os.name == "nt", reason="Colab is Linux; the cell's commands are a shell's")
@pytest.mark.parametrize("stem", ["01_skeleton", "07_frontier"])
def test_the_setup_cell_fetches_the_course_and_says_so(colab, stem):
    content, tools = colab
    (path,) = (ROOT / "notebooks").glob(f"{stem}.ipynb")
    said = run_cell(setup_of(path), content, tools, times=2)
    assert said.count("The course is in") == 2
    clone = (content / "course").resolve()
    assert f"utils: {clone / 'utils'}" in said and not (clone / "course").exists()
    again = run_cell(setup_of(path), content, tools)  # a new kernel: it starts outside again
    assert f"utils: {clone / 'utils'}" in again
    assert ("optuna" in asked(tools)) == (stem == "07_frontier")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT / "notebooks")))
def test_the_setup_cell_installs_what_colab_lacks_and_nothing_else(path):
    wanted = set(re.findall(r"pip install .*", setup_of(path)))
    assert wanted <= {'pip install --quiet "optuna>=4.7"'}
    loaded = imports_of(ROOT / "notebooks" / path.name)  # a solution starts like its notebook
    assert bool(wanted) == ("optuna" in loaded)
    assert not loaded & (set(NOT_IN_COLAB) - {"optuna"})


def imports_of(path):
    """The packages that a notebook's import cell loads."""
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    imports = "\n".join(
        line
        for source in cells
        for line in re.findall(r"^(?:from|import) .*", source, flags=re.M)
        if not line.startswith("from google")
    )
    program = f"{imports}\nimport sys\nprint({{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"'(\w+)'", done.stdout))
