"""The steps by the code of two versions: each is run from its own files, turn by turn."""

import pytest

from utils.experiments.steps import STEPS
from utils.lab.git import git
from utils.lab.timing import before, benchmark
from utils.lab.timing.benchmark import FIRST_BUILD, NOW
from utils.support.paths import ROOT

SAYS_WHERE = """
from pathlib import Path
import utils
print("noise\\n" + '{"where": "' + Path(utils.__file__).parent.name + '"}')
"""


def test_a_turn_runs_the_code_of_its_folder(tmp_path, monkeypatch):
    (tmp_path / "utils.py").write_text("")
    monkeypatch.setattr(before, "ONE_TURN", SAYS_WHERE)
    assert before.one_turn(tmp_path, [], "data") == {"where": tmp_path.name}
    assert before.one_turn(ROOT, [], "data") == {"where": "utils"}


def test_code_that_fails_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(before, "ONE_TURN", "raise OSError('no such disk')")
    with pytest.raises(RuntimeError, match=r"cannot be timed:[\s\S]*no such disk"):
        before.one_turn(tmp_path, [], "data")


def test_versions_take_turns(monkeypatch, tmp_path):
    order = []

    def one_turn(folder, names, root):
        order.append(folder == ROOT)
        return {"machine": str(order[-1]), "seconds": {name: [float(len(order))] for name in names}}

    monkeypatch.setattr(before, "one_turn", one_turn)
    monkeypatch.setattr(before, "unpack", lambda commit, folder: None)
    measured = before.measure(2, tmp_path)
    assert order == [False, True, False, True]
    both = {FIRST_BUILD: [1.0, 3.0], NOW: [2.0, 4.0]}
    assert measured["seconds"] == {step.name: both for step in STEPS}
    assert measured["commit"] == before.COMMIT and measured["machine"] == "True"


def test_a_commit_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RuntimeError, match="commit 0000000 is not in this clone: git fetch"):
        before.unpack("0000000", tmp_path)


def test_the_ratio_is_taken_turn_by_turn():
    seconds = {"01_skeleton": {FIRST_BUILD: [3.0, 2.0, 4.0], NOW: [1.0, 2.0, 2.0]}}
    measured = {"images": 6000, "seconds": seconds}
    assert benchmark.since_first_build(measured).rows == [
        ["01_skeleton", "30.0", "20.0", "1.817 [0.457, 7.223]", "1.00 to 3.00"]
    ]


@pytest.mark.skipif(
    not (ROOT / ".git").exists() or git("cat-file", "-e", before.COMMIT).returncode != 0,
    reason="not the whole history",
)
def test_the_first_build_is_in_the_history_and_can_be_timed(tmp_path):
    before.unpack(before.COMMIT, tmp_path)
    there = (tmp_path / "utils" / "lab" / "benchmark.py").read_text(encoding="utf-8")
    assert "def measure_recipes(" in there and "def share(" in there
