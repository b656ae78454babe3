"""What was tried on validation: read, judged, and as tables."""

import json

import pytest

from utils import data
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult
from utils.experiments.steps import SKELETON
from utils.lab.report import choices
from utils.lab.runs import results, validation
from utils.recipes import recipe_hash

SHORT = SKELETON.variant("short", "Short", epochs=10)


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """A function that records a made-up candidate, judged by its last two of ten epochs."""
    monkeypatch.setattr(validation, "FOLDER", tmp_path)
    monkeypatch.setitem(catalogue.EXPERIMENTS, "short", catalogue.Experiment(SHORT))

    def record(seed, last=(9900, 9910), edit=None, **changes):
        candidate = SHORT.variant(**changes)
        history = {
            "train_samples": 50_000,
            "test_samples": 10_000,
            "test_correct": [0] * 8 + [*last],
        }
        result = {
            "format": 3,
            "recipe": candidate.settings(),
            "seed": seed,
            "data": "MNIST validation",
            "data_md5": data.MNIST_SUM,
            "history": history,
        }
        path = tmp_path / "short" / f"{recipe_hash(candidate)}-seed-{seed}.json"
        results.write(result | (edit or {}), path)
        return path

    return record


def test_a_candidate_is_named_by_what_it_changes(recorded):
    for seed, correct in enumerate((9900, 9920, 9910)):
        recorded(seed, (correct, correct))
    recorded(0, lr=0.1)
    assert choices.table(["short"]).rows == [
        ["short", "as chosen", "99.10 ± 0.10", "99.00, 99.20, 99.10"],
        ["short", "lr: 0.05 → 0.1", "99.05", "99.05"],
    ]
    assert choices.table().rows == choices.table(["short"]).rows


def test_the_layout_in_memory_is_no_choice(recorded):
    recorded(0, channels_last=True)
    assert choices.frame(["short"]).tried.tolist() == ["as chosen"]


def test_stray_files_are_no_candidates(recorded):
    path = recorded(0)
    path.with_stem(f"{path.stem} (copy)").write_text("not a result", encoding="utf-8")
    (path.parent / "notes.json").write_text("{}", encoding="utf-8")
    assert len(choices.frame(["short"])) == 1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"data": "MNIST"}, "holds .*'MNIST', .* expected .*'MNIST validation'"),
        ({"seed": 7}, "holds .*-seed-7"),
        ({"data_md5": "0"}, "Move it to another folder"),
    ],
)
def test_a_file_that_is_no_validation_run_enters_no_table(recorded, edit, message):
    recorded(0, edit=edit)
    with pytest.raises(BadResult, match=message):
        choices.table(["short"])


def test_an_edited_file_is_refused(recorded):
    path = recorded(0)
    text = json.loads(path.read_text(encoding="utf-8")) | {"seed": 1}
    path.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(BadResult, match="edited since it was recorded"):
        choices.table(["short"])
