"""What is tried on validation: read from the command line, run outside the test set, recorded."""

import dataclasses
import json

import grids
import pytest
import torch

from utils import data, training
from utils.corruptions import CHOOSING
from utils.experiments import catalogue
from utils.experiments.steps import SKELETON
from utils.lab.report import choices
from utils.lab.runs import executors, job, one, validation

SHORT = SKELETON.variant("short", "Short", epochs=1)


@pytest.fixture
def few(monkeypatch, digits):
    """A small set that passes for MNIST, and the short recipe among the known ones."""
    monkeypatch.setitem(catalogue.EXPERIMENTS, "short", catalogue.Experiment(SHORT))
    return dataclasses.replace(digits.subset(300, 100), name="MNIST", md5=data.MNIST_SUM)


@pytest.fixture
def watched(tmp_path, monkeypatch, few):
    """Choices recorded elsewhere, on a small MNIST; the image sets that runs were made on."""
    monkeypatch.setattr(validation, "FOLDER", tmp_path)
    monkeypatch.setattr(validation, "SAMPLES", (250, 50))
    monkeypatch.setattr(executors, "on_this_machine", grids.in_this_process)
    monkeypatch.setattr(data, "load", lambda *_: few)
    split = data.validation_split
    monkeypatch.setattr(data, "validation_split", lambda images, part: split(images, 50, part=part))
    job.images_of.cache_clear()
    seen = []
    original = one.run

    def watch(recipe, seed, images, *rest, **options):
        if recipe.lr > 1:
            raise training.TrainingDiverged("the loss is nan")
        seen.append(images)
        return original(recipe, seed, images, *rest, **options)

    monkeypatch.setattr(one, "run", watch)
    yield seen
    job.images_of.cache_clear()


def test_choices_are_made_on_images_outside_the_test_set(watched, few, tmp_path):
    tried = {"lr": [0.05, 0.1], "schedule": ["constant", "exponential"]}
    validation.run(SHORT, tried, [0], jobs=1)
    validation.run(SHORT, tried, [0, 1], jobs=1)
    assert len(watched) == 8
    test = {image.tobytes() for image in few.test_images.numpy()}
    for images in watched:
        assert len(images.test_labels) == 50 and len(images.train_labels) == 250
        used = torch.cat([images.train_images, images.test_images]).numpy()
        assert not test & {image.tobytes() for image in used}
    files = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("short/*")]
    found = {(r["recipe"]["lr"], r["recipe"]["schedule"], r["seed"]) for r in files}
    assert found == {(a, b, n) for a in tried["lr"] for b in tried["schedule"] for n in (0, 1)}
    assert choices.table(["short"]).rows[0][:2] == ["short", validation.AS_CHOSEN]
    for found in files:
        counts = found["corrupted_correct"]
        assert tuple(counts) == CHOOSING and all(0 <= count <= 50 for count in counts.values())
    assert len(choices.frame(["short"])) == 8


def test_a_corruption_is_counted_on_its_own_images(few):
    """Where every label is 0, what is read right is what the network takes for a 0."""
    zeros = dataclasses.replace(few, test_labels=torch.zeros_like(few.test_labels))
    run = one.run(SHORT, 0, few, "cpu", verbose=False, corrupted={"none": few, "zeros": zeros})
    wrong = run["misclassified"]
    taken = int((few.test_labels == 0).sum()) - wrong["labels"].count(0)
    taken += wrong["predictions"].count(0)
    expected = {"none": run["history"]["test_correct"][-1], "zeros": taken}
    assert run["corrupted_correct"] == expected


def test_what_was_chosen_is_confirmed_on_other_images(watched, tmp_path):
    validation.run(SHORT, {"lr": [0.05]}, [0], jobs=1)
    validation.run(SHORT, {"lr": [0.05]}, [0], jobs=1, split=2)
    first, second = ({image.tobytes() for image in s.test_images.numpy()} for s in watched)
    assert len(first) == len(second) == 50 and not first & second
    assert choices.frame(["short"]).split.tolist() == [1, 2]
    with pytest.raises(ValueError, match="split=3 is neither 1, to choose on, nor 2"):
        validation.run(SHORT, {}, [0], split=3)


def test_a_candidate_that_diverges_is_named_and_the_others_are_recorded(watched):
    with pytest.raises(RuntimeError, match=r"lr: 0.05 → 50 seed 0: TrainingDiverged: the loss is"):
        validation.run(SHORT, {"lr": [50.0, 0.1]}, [0], jobs=1)
    assert choices.frame(["short"]).tried.tolist() == ["lr: 0.05 → 0.1"]


def test_choices_on_another_set_are_not_recorded(digits, monkeypatch):
    job.images_of.cache_clear()
    monkeypatch.setattr(data, "load", lambda *_: digits)
    with pytest.raises(ValueError, match="this is MNIST-5k: only runs on MNIST are recorded"):
        validation.run(SHORT, {"lr": [0.1]}, [0])


UNBOUNDED = SHORT.variant(max_grad_norm=None)


@pytest.mark.parametrize(
    ("recipe", "text", "values"),
    [
        (SHORT, "lr=0.05,1", [0.05, 1.0]),
        (SHORT, "epochs=3", [3]),
        (SHORT, "batch_norm=yes,no", [True, False]),
        (SHORT, "augmentation=none,affine", [None, "affine"]),
        (UNBOUNDED, "max_grad_norm=1,none", [1.0, None]),
        (SHORT, "schedule=one_cycle", ["one_cycle"]),
    ],
)
def test_what_to_try_is_read_in_the_settings_own_type(recipe, text, values):
    name, found = validation.parse(recipe, text)
    assert name == text.partition("=")[0] and found == values
    assert list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate=0.1", "no setting is called 'rate'"),
        ("name=other", "no setting is called 'name'"),
        ("lr", "'lr' is not like lr=0.05,0.1"),
        ("schedule=", "'schedule=' is not like"),
        ("lr=fast", "'lr=fast' is not like lr=0.05,0.1: lr is now 0.05"),
        ("epochs=1.5", "epochs is now 1"),
        ("lr=none", "lr is now 0.05"),
        ("batch_norm=1", "batch_norm is now no"),
    ],
)
def test_what_cannot_be_tried_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        validation.parse(SHORT, text)
