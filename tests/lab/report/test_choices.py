"""What was tried on validation: read, judged, and as tables."""

import json

import pytest

from utils import data
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult
from utils.experiments.steps import SKELETON
from utils.lab.report import choices
from utils.lab.runs import protocol, results, validation
from utils.recipes import recipe_hash

SHORT = SKELETON.variant("short", "Short", epochs=10)


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """A function that records a made-up candidate, judged by its last two of ten epochs."""
    monkeypatch.setattr(validation, "FOLDER", tmp_path)
    monkeypatch.setitem(catalogue.EXPERIMENTS, "short", catalogue.Experiment(SHORT))

    def record(seed, last=(9900, 9910), edit=None, split=1, **changes):
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
            "data": "MNIST validation" + (" 2" if split == 2 else ""),
            "data_md5": data.MNIST_SUM,
            "history": history,
            "finished": "2026-11-20T10:00:00+00:00",
            "device": "cpu",
            "threads": 1,
        }
        stem = f"{recipe_hash(candidate)}{'-split-2' if split == 2 else ''}-seed-{seed}"
        path = tmp_path / "short" / f"{stem}.json"
        results.write(result | (edit or {}), path)
        return path

    return record


def test_a_candidate_is_named_by_what_it_changes(recorded):
    for seed, correct in enumerate((9900, 9920, 9910)):
        recorded(seed, (correct, correct))
    recorded(0, lr=0.1)
    assert choices.table(["short"]).rows == [
        ["short", "as chosen", "99.10 ± 0.10", "99.00, 99.20, 99.10", "never tested"],
        ["short", "lr: 0.05 → 0.1", "99.05", "99.05", "never tested"],
    ]
    assert choices.table().rows == choices.table(["short"]).rows


def test_the_error_on_corrupted_digits_is_a_column_where_it_was_counted(recorded):
    for seed, read in enumerate((9000, 9400)):
        recorded(seed, edit={"corrupted_correct": {"scale": read, "stripe": 8000}})
    recorded(0, lr=0.1)
    found = choices.table(["short"])
    assert found.columns[-1] == "mean error under 8 corruptions in %"
    assert [row[-1] for row in found.rows] == ["14.00 ± 1.41", ""]


def test_the_layout_in_memory_is_no_choice(recorded):
    recorded(0, channels_last=True)
    assert choices.frame(["short"]).tried.tolist() == ["as chosen"]


def test_what_the_second_split_says_has_a_row_of_its_own(recorded):
    recorded(0, (9900, 9900))
    recorded(0, (9950, 9950), split=2)
    found = choices.table(["short"]).rows
    assert [row[1:3] for row in found] == [
        ["as chosen", "99.00"],
        ["as chosen (second split)", "99.50"],
    ]


def test_runs_after_the_first_test_run_are_told_from_those_before(recorded, monkeypatch):
    for seed, hour in enumerate(("08", "12", "13")):
        recorded(seed, edit={"finished": f"2026-11-20T{hour}:00:00+00:00"})
    monkeypatch.setattr(protocol, "first_test", lambda recipe: "2026-11-20T10:00:00+00:00")
    assert choices.frame(["short"]).before.tolist() == [True, False, False]
    assert choices.table(["short"]).rows[0][-1] == "1 of 3"


def test_the_runs_that_led_to_the_frontier_are_all_there():
    """Each as it was sealed; a change is told against the network that most were held against."""
    assert len(list(choices.EARLIER.glob("*/*.json"))) == 52
    found = {row[0]: row[2:] for row in choices.earlier().rows}
    assert found[choices.AS_HELD] == ["99.43 ± 0.06", "99.44, 99.39, 99.39, 99.52"]
    assert found["activation: silu → relu"] == ["99.34 ± 0.01", "99.34, 99.35"]


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
        ({"device": "cuda"}, "holds .*'cuda', 1, .* expected .*'cpu', 1"),
        ({"threads": 8}, "holds .*'cpu', 8, .* expected .*'cpu', 1"),
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
