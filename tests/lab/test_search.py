"""The search: within its limit, resumable, pruned and judged on validation."""

import optuna
import pytest

from utils import data, models
from utils.experiments.frontier import FRONTIER
from utils.history import History
from utils.lab import search
from utils.lab.report import trials
from utils.pieces import Pieces, prepare
from utils.recipes import Recipe, build_model, difference

LIMIT = 8000


@pytest.fixture
def few(digits):
    return digits.subset(256, 64)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(search, "EPOCHS", 2)


BASE = Recipe("x", "x", model="plain", stages="4", head="mean", batch_norm=True)


def test_stages_are_as_wide_as_their_limit_allows():
    found = search.widest(BASE, LIMIT, lambda width: search.squeezed(width, 2, 1.6, 2))
    assert LIMIT * 0.8 < models.count_parameters(build_model(found)) <= LIMIT


def test_a_squeeze_is_written_as_design_e():
    assert search.squeezed(8, 2.0, 2.0, 2.5) == "8-16/8k1-12-16-20"
    assert search.squeezed(6, 1.5, 1.0, 1.0) == "6-9/9k1-9-9-9"


def test_a_limit_that_nothing_fits_is_pruned():
    with pytest.raises(optuna.TrialPruned, match="nothing of this shape has at most 100"):
        search.widest(BASE, 100, lambda width: search.squeezed(width, 3, 1, 3))


@pytest.mark.parametrize("half", [False, True])
def test_a_proposal_keeps_within_the_limit_and_takes_as_many_images(half):
    found = optuna.create_study()
    for _ in range(5):
        found.enqueue_trial({"hardest half": half})
        recipe = search.proposed(found.ask(), LIMIT)
        assert models.count_parameters(build_model(recipe)) <= LIMIT
        assert recipe.passes == search.EPOCHS and bool(recipe.selection) == half


@pytest.mark.parametrize("limit", [2000, 8000, 20_000])
def test_a_study_begins_with_the_recipe_of_the_first_freeze(limit):
    found = optuna.create_study()
    found.enqueue_trial(search.first(limit))
    recipe, known = search.proposed(found.ask(), limit), FRONTIER[limit]
    assert difference(known, recipe).keys() <= {"epochs", "stages"}
    apart = (models.count_parameters(build_model(r)) for r in (known, recipe))
    assert abs(next(apart) - next(apart)) < 0.1 * limit


def test_a_study_goes_on_where_it_stopped(few, short, tmp_path):
    before = search.run(LIMIT, 2, 1, few, tmp_path).get_trials()
    again = search.run(LIMIT, 1, 1, few, tmp_path)
    assert len(before) == 2 and len(again.trials) == 3
    known = search.first(LIMIT)
    assert again.trials[0].params == before[0].params == known
    assert before[1].params == known | {"hardest half": True}
    assert known not in [trial.params for trial in again.trials[1:]]
    assert [trial.number for trial in again.trials] == [0, 1, 2]
    for trial in trials.finished(again):
        assert trial.user_attrs["parameters"] <= LIMIT
        assert set(trial.intermediate_values) == {1, 2}
        assert trial.value == trial.intermediate_values[2]
    rows = trials.table(again).rows
    values = [float(row[1]) for row in rows]
    assert values == sorted(values, reverse=True)


def test_a_trial_that_lags_is_given_up(few, short, tmp_path, monkeypatch):
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: True)
    found = search.run(LIMIT, 1, 1, few, tmp_path)
    assert found.trials[0].state == optuna.trial.TrialState.PRUNED
    assert set(found.trials[0].intermediate_values) == {1}
    assert trials.finished(found) == [] and trials.table(found).rows == []


def test_a_study_that_decided_a_frozen_recipe_is_closed(few, monkeypatch):
    with pytest.raises(ValueError, match=r"8000\.journal decided second_8000, which is frozen"):
        search.run(8000, 1, 1, few)


def test_a_third_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="split=3 is neither 1, to choose on, nor 2"):
        search.run(LIMIT, 1, 3, folder=tmp_path)


@pytest.mark.parametrize("split", [1, 2])
def test_it_never_sees_the_test_images(split, digits, short, tmp_path, monkeypatch):
    watched = []

    def images_of(kind):
        assert kind == f"validation{' 2' if split == 2 else ''}"
        return data.validation_split(digits.subset(512, 64), 128)

    def watch(recipe, images, *rest):
        watched.append(images)
        return prepare(recipe, images, *rest)

    monkeypatch.setattr(search, "images_of", images_of)
    monkeypatch.setattr(search, "prepare", watch)
    search.run(LIMIT, 1, split, folder=tmp_path)
    (images,) = watched
    assert len(images.train_labels) == 384 and len(images.test_labels) == 128
    test = {image.numpy().tobytes() for image in digits.subset(512, 64).test_images}
    used = [*images.train_images, *images.test_images]
    assert not test & {image.numpy().tobytes() for image in used}


def test_the_pruner_waits_until_half_the_epochs(tmp_path):
    """A slow average of the weights lags at first, and may win."""
    found = search.study(LIMIT, tmp_path)
    for _ in range(8):
        trial = found.ask()
        for epoch in range(1, search.EPOCHS + 1):
            trial.report(90.0 + epoch, epoch)
        found.tell(trial, 100.0)
    late = found.ask()
    pruned = []
    for epoch in range(1, search.EPOCHS + 1):
        late.report(10.0, epoch)
        pruned.append(late.should_prune())
    half = search.EPOCHS // 2
    assert pruned == [False] * (half - 1) + [True] * (search.EPOCHS - half + 1)


def test_a_trial_is_not_given_up_after_its_last_epoch(few, short, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: asked.append(1) and False)
    search.run(LIMIT, 1, 1, few, tmp_path)
    assert len(asked) == search.EPOCHS - 1


@pytest.mark.parametrize(("limit", "trials"), [(10, 1), (2000, 0)])
def test_a_search_of_nothing_is_refused(limit, trials, few, tmp_path):
    with pytest.raises(ValueError, match="not a whole number of at least"):
        search.run(limit, trials, 1, few, tmp_path)


def test_an_interrupt_ends_the_search_and_keeps_what_is_finished(few, short, tmp_path, monkeypatch):
    search.run(LIMIT, 1, 1, few, tmp_path)
    monkeypatch.setattr(Pieces, "fit", lambda *_, **__: History())
    with pytest.raises(KeyboardInterrupt):
        search.run(LIMIT, 1, 1, few, tmp_path)
    assert len(trials.finished(search.read(LIMIT, tmp_path))) == 1


def test_a_killed_first_trial_is_tried_again(few, short, tmp_path):
    killed = search.study(LIMIT, tmp_path)
    search._begin(killed, LIMIT)
    killed.ask()  # the whole epochs; those of halves wait
    tried = [trial.params for trial in search.run(LIMIT, 2, 1, few, tmp_path).trials]
    assert tried[1]["hardest half"] and tried[2] == search.first(LIMIT) and len(tried) == 3


def test_a_study_goes_on_after_a_record_was_torn(few, short, tmp_path):
    """A full disk takes the end of a record, here of the last one, of the second trial."""
    before = search.run(LIMIT, 2, 1, few, tmp_path).get_trials()
    path = search.journal(LIMIT, tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    found = search.run(LIMIT, 1, 1, few, tmp_path)
    path.write_bytes(path.read_bytes() + b'{"op_code":')  # another command's
    assert found.ask().number == 3
    again = search.read(LIMIT, tmp_path).trials
    assert again[:1] == before[:1] and len(again) == 4 and again[2].state.is_finished()


@pytest.mark.parametrize("look", [search.read, search.study])
def test_a_journal_that_cannot_be_read_is_named_with_a_remedy(look, tmp_path):
    (tmp_path / f"{LIMIT}.journal").write_text("torn\n{}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"8000\.journal cannot be read .*or delete"):
        look(LIMIT, tmp_path)


def test_looking_at_a_study_leaves_its_file_as_it_is(few, short, tmp_path):
    search.run(LIMIT, 4, 1, few, tmp_path)
    path = tmp_path / f"{LIMIT}.journal"
    before = path.read_bytes()
    found = search.read(LIMIT, tmp_path)
    assert len(trials.table(found).rows) == len(trials.finished(found)) > 0
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=r"no study 3000\.journal: python -m utils"):
        search.read(3000, tmp_path)
