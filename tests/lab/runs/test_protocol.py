"""Evidence before the test set: a freeze is refused too late or too early, and so is a run."""

import json
import shutil
import subprocess

import pytest

from utils.experiments import catalogue, recorded
from utils.experiments.experiment import Experiment
from utils.experiments.steps import SKELETON
from utils.lab.runs import audit, grid, protocol, results
from utils.recipes import recipe_hash
from utils.support import paths

NEW = SKELETON.variant("new", "New", lr=0.03)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of its own, and a function that commits all there is in it."""

    def git(*arguments):
        own = ("user.name=a", "user.email=a@b", "commit.gpgsign=false", "core.hooksPath=")
        settings = [part for setting in own for part in ("-c", setting)]
        command = ["git", "-C", str(tmp_path), *settings, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit():
        git("add", "-A")
        git("commit", "--quiet", "--allow-empty", "-m", "all")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    monkeypatch.setattr(protocol, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(protocol, "FREEZES", tmp_path / "freezes")
    monkeypatch.setattr(protocol, "CHOICES", tmp_path / "choices")
    monkeypatch.setitem(catalogue.EXPERIMENTS, "new", Experiment(NEW))
    commit()
    return commit


def choose(tmp_path, recipe=NEW, splits=("", "-split-2")):
    folder = tmp_path / "choices" / "new"
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits:
        path = folder / f"{recipe_hash(recipe)}{split}-seed-0.json"
        path.write_text("{}", encoding="utf-8")


def test_a_recipe_is_frozen_on_committed_evidence_alone(repository, tmp_path):
    experiment = catalogue.get("new")
    for present, missing in ((), 1), (["-split-2"], 1), ([""], 2):
        shutil.rmtree(tmp_path / "choices", ignore_errors=True)
        choose(tmp_path, splits=present)
        words = rf"as it is on split {missing}: .*choose new --split {missing}"
        with pytest.raises(protocol.NotFrozen, match=words):
            protocol.freeze(experiment)
    choose(tmp_path)
    with pytest.raises(protocol.NotFrozen, match=r"commit choices/new/.*-seed-0\.json, .* first"):
        protocol.freeze(experiment)
    repository()
    path = protocol.freeze(experiment)
    frozen = json.loads(path.read_text(encoding="utf-8"))
    assert frozen["recipe_hash"] == recipe_hash(NEW) and len(frozen["runs"]) == 2


def test_a_freeze_lists_what_else_decided_it(repository, tmp_path, monkeypatch):
    choose(tmp_path)
    repository()
    (tmp_path / "choices" / "other").mkdir()
    others = [tmp_path / "choices" / "other" / "a.json", tmp_path / "new.journal"]
    for path in others:
        path.write_text("{}", encoding="utf-8")
    evidence = ("choices/other", "new.journal")
    with pytest.raises(
        protocol.NotFrozen, match=r"commit choices/other/a\.json, new\.journal first"
    ):
        protocol.freeze(Experiment(NEW, evidence=evidence))
    repository()
    path = protocol.freeze(Experiment(NEW, evidence=evidence))
    listed = json.loads(path.read_text(encoding="utf-8"))["runs"]
    assert listed[-2:] == ["choices/other/a.json", "new.journal"]
    commit = repository()
    assert protocol.missing(NEW, commit) == ""
    others[1].write_text("a later trial", encoding="utf-8")
    assert f"new.journal: not in commit {commit}, or changed" in protocol.missing(NEW, commit)
    assert protocol.decided(others[1]) == ["new"] and protocol.decided(path) == []


@pytest.mark.parametrize("name", ["gone.journal", "empty"])
def test_evidence_that_is_not_there_is_named(repository, tmp_path, name):
    choose(tmp_path)
    (tmp_path / "empty").mkdir()
    repository()
    with pytest.raises(protocol.NotFrozen, match=f"{name} is missing, or a folder without runs"):
        protocol.freeze(Experiment(NEW, evidence=(name,)))


def test_a_test_run_needs_the_code_of_a_commit(repository, tmp_path):
    code = tmp_path / "utils" / "a.py"
    code.parent.mkdir()
    code.write_text("1", encoding="utf-8")
    with pytest.raises(protocol.NotFrozen, match="files under utils/ differ from the last commit"):
        protocol.check_frozen([SKELETON])
    repository()
    protocol.check_frozen([SKELETON])


def test_a_test_run_needs_a_commit_with_the_freeze_and_its_evidence(repository, tmp_path):
    choose(tmp_path)
    before = repository()
    path = protocol.freeze(catalogue.get("new"))
    assert "freezes/new.json is not in commit" in protocol.missing(NEW, before)
    with pytest.raises(protocol.NotFrozen, match="freeze new"):
        protocol.check_frozen([NEW])
    after = repository()
    assert protocol.missing(NEW, after) == ""
    protocol.check_frozen([NEW, SKELETON])
    retuned = SKELETON.variant(SKELETON.name, SKELETON.title, lr=0.03)
    assert "01_skeleton was tested with other settings" in protocol.missing(retuned, after)
    assert "not in commit" in protocol.missing(NEW, before), "that commit stays without"
    changed = NEW.variant("new", "New", lr=0.04)
    assert "frozen with other settings" in protocol.missing(changed, after)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"runs": ["choices/new/more.json"]}), encoding="utf-8")
    assert "choices/new/more.json" in protocol.missing(NEW, repository())


def test_a_recipe_that_was_tested_is_not_frozen_any_more(repository, tmp_path, monkeypatch):
    choose(tmp_path)
    repository()
    monkeypatch.setattr(protocol, "first_test", lambda recipe: "2026-11-20T10:00:00+00:00")
    with pytest.raises(protocol.NotFrozen, match="new was tested on 2026-11-20T10"):
        protocol.freeze(catalogue.get("new"))


def test_a_run_that_tables_show_asks_for_the_freeze(repository):
    with pytest.raises(protocol.NotFrozen, match=r"new\.json is not in commit HEAD"):
        grid.run(["new"], [0], folder=results.FOLDER)
    assert not recorded.path_of(NEW, 0).exists()


def test_every_reported_recipe_is_older_than_the_rule_or_frozen():
    named = {known.name for known in catalogue.EXPERIMENTS.values() if not known.draft}
    frozen = {path.stem for path in protocol.FREEZES.glob("*.json")}
    assert named <= {*protocol.first_records()} | frozen
    assert len(protocol.first_records()) == 51, "nothing new is older than the rule"


def test_no_record_is_older_than_the_first_test_run_on_record():
    for name, known in protocol.first_records().items():
        recipe = catalogue.recipe(name)
        for run in results.recorded(recipe).values():
            assert known["first_test"] <= run["finished"], name
        assert protocol.first_test(recipe) == known["first_test"]


# --------------------------------------------------------------------------- audit


def test_the_recorded_runs_are_possible_and_none_stands_twice(mnist):
    assert audit.refused(mnist) == []


@pytest.fixture
def two(monkeypatch):
    """Two recorded runs of step 01, to be edited; no others."""
    runs = results.recorded(SKELETON)
    kept = {seed: json.loads(json.dumps(runs[seed])) for seed in (0, 1)}
    known = {"01_skeleton": catalogue.get("01_skeleton")}
    monkeypatch.setattr(catalogue, "EXPERIMENTS", known)
    monkeypatch.setattr(results, "recorded", lambda recipe: kept)
    monkeypatch.setattr(protocol, "in_history", lambda commit: commit != "0123456789ab")
    return kept


def test_one_run_filed_as_two_is_refused(two):
    assert audit.refused() == []
    two[1] |= {"history": two[0]["history"]}
    assert audit.refused() == ["01_skeleton seed 1 has the history of seed 0: one run, filed twice"]


def test_a_commit_that_does_not_exist_is_refused(two):
    two[1]["git_commit"] = "0123456789ab"
    assert audit.refused() == [
        "01_skeleton seed 1: its commit 0123456789ab is not in the history: commit that code, "
        "repeat it"
    ]


def test_where_no_commit_is_known_nothing_is_said_of_them(two, monkeypatch):
    monkeypatch.setattr(protocol, "in_history", lambda commit: False)  # a history that begins later
    assert audit.refused() == []


def test_labels_of_another_set_are_refused(two, mnist):
    wrong = two[0]["misclassified"]["labels"]
    wrong[0] = (wrong[0] + 1) % 10
    reason = "01_skeleton seed 0: the labels of its mistakes are not MNIST's"
    assert audit.refused(mnist) == [reason]


def test_a_kept_network_makes_its_runs_mistakes(mnist, monkeypatch):
    runs = results.recorded(SKELETON)
    monkeypatch.setattr(results, "recorded", lambda recipe: runs)
    assert audit.of_another_run(SKELETON, 0, mnist) == ""
    wrong = runs[0]["misclassified"]
    fewer = {key: values[3:] for key, values in wrong.items()}
    runs = {0: runs[0] | {"misclassified": fewer}}
    reason = "its network's mistakes differ from it in 3 images"
    assert audit.of_another_run(SKELETON, 0, mnist) == reason
    runs = {0: {key: value for key, value in runs[0].items() if key != "network"}}
    assert audit.of_another_run(SKELETON, 0, mnist) == ""


def test_a_shallow_history_tells_nothing_of_commits(repository, tmp_path):
    assert not protocol.in_history("0123456789ab")
    (tmp_path / ".git" / "shallow").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="git fetch --unshallow"):
        protocol.in_history("0123456789ab")
