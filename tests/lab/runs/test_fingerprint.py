"""A recorded run is known to be stale by what the code gives, not by how it is written."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, StepLR
from torch.optim.lr_scheduler import ReduceLROnPlateau as Plateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from utils import augmentation, pieces, schedules, training, warping
from utils.augmentation import POLICIES
from utils.experiments import catalogue
from utils.experiments.published import COMMONS, DESIGN_C3, DESIGN_E2, DESIGN_E3
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, STEPS
from utils.experiments.studies import SCHEDULES
from utils.lab.runs import results
from utils.lab.runs.fingerprint import agree, fingerprint
from utils.warping import BatchedPolicy


@pytest.mark.parametrize("name", catalogue.EXPERIMENTS)
def test_the_code_still_gives_what_was_recorded(name):
    recipe = catalogue.recipe(name)
    assert {
        s: why for s, run in results.recorded(recipe).items() if (why := results.stale(run, recipe))
    } == {}


CHANGES = ({"lr": 1.01}, {"momentum": 0.99}, {"max_grad_norm": 0.95}, {"dropout": 1.1})


@pytest.mark.parametrize("recipe", STEPS, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_changed_recipe_changes_the_fingerprint(recipe, change):
    changed = {name: getattr(recipe, name) * factor for name, factor in change.items()}
    if recipe.dropout == 0 and "dropout" in changed:
        changed = {"dropout": 0.01}
    assert not agree(fingerprint(recipe), fingerprint(dataclasses.replace(recipe, **changed)))


def test_another_schedule_changes_the_fingerprint():
    recipe = LR_SCHEDULE
    other = dataclasses.replace(recipe, schedule="exponential")
    assert not agree(fingerprint(recipe), fingerprint(other))


def _with(original, **options):
    def initialize(self, *arguments, **given):
        original.__init__(self, *arguments, **given | options)

    return type(original.__name__, (original,), {"__init__": initialize})


def _decayed(decay):
    return get_ema_multi_avg_fn(decay - 0.008)


def _weaker(name):
    policy = POLICIES[name]()
    policy.transforms[0].limit = (-5, 5)
    return policy


class _OffLater(BatchedPolicy):
    """Augments the first two epochs of 80 images only."""

    seen = 0

    def __call__(self, images, *rest):
        self.seen += len(images)
        return super().__call__(images, *rest) if self.seen <= 160 else images


TEN_MORE = property(lambda e: int((e.predictions == e.labels).sum()) + 10)
PLATEAU, STEP, E3 = SCHEDULES[1], SCHEDULES[0], DESIGN_E3
# A change of code that no recipe mentions: where, what takes its place, and a recipe that has it.
EDITS = {
    "batch norm's momentum": (nn, "BatchNorm2d", _with(nn.BatchNorm2d, momentum=0.05), E3),
    "one cycle's end": (schedules, "OneCycleLR", _with(OneCycleLR, final_div_factor=100), E3),
    "one cycle's peak": (schedules, "OneCycleLR", _with(OneCycleLR, pct_start=0.25), E3),
    "a later fall": (schedules, "StepLR", _with(StepLR, gamma=0.2), STEP),
    "plateau's factor": (schedules, "ReduceLROnPlateau", _with(Plateau, factor=0.2), PLATEAU),
    "plateau's patience": (schedules, "ReduceLROnPlateau", _with(Plateau, patience=2), PLATEAU),
    "a policy": (augmentation, "build", _weaker, AUGMENTATION),
    "no augmentation later": (warping, "BatchedPolicy", _OffLater, AUGMENTATION),
    "the average's decay": (pieces, "get_ema_multi_avg_fn", _decayed, COMMONS["a"]),
    "its buffers": (pieces, "AveragedModel", _with(AveragedModel, use_buffers=False), COMMONS["a"]),
    "ten mistakes fewer": (training.Evaluation, "correct", TEN_MORE, AUGMENTATION),
}


@pytest.mark.parametrize(("place", "name", "other", "recipe"), EDITS.values(), ids=EDITS)
def test_changed_code_changes_the_fingerprint(monkeypatch, place, name, other, recipe):
    before = fingerprint(recipe)
    monkeypatch.setattr(place, name, other)
    assert not agree(before, fingerprint.__wrapped__(recipe))


@pytest.mark.parametrize("recipe", [DESIGN_E2, DESIGN_C3, COMMONS["a"]])
def test_another_order_of_sums_does_not_change_the_fingerprint(monkeypatch, recipe):
    """Memory laid out otherwise rounds otherwise: in single precision by up to 10 % in the end."""
    before = fingerprint(recipe)
    original = pieces.prepare

    def otherwise(*arguments):
        made = original(*arguments)
        made.model.to(memory_format=torch.channels_last)
        return made

    monkeypatch.setattr(pieces, "prepare", otherwise)
    after = fingerprint.__wrapped__(recipe)
    assert after != before
    assert max(abs(a / b - 1) for a, b in zip(after, before, strict=True)) < 1e-6


def test_it_depends_on_no_thread_count_and_leaves_threads_and_stream_alone():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    try:
        torch.set_num_threads(2)
        two = fingerprint.__wrapped__(LR_SCHEDULE)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert fingerprint.__wrapped__(LR_SCHEDULE) == two
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("torch_then", "factor", "stale"),
    [(torch.__version__, 1.01, True), ("2.0", 1.01, False), ("2.0", 1.05, True)],
)
def test_another_torch_may_round_a_pixel_otherwise(torch_then, factor, stale):
    (result, *_) = results.recorded(LR_SCHEDULE).values()
    numbers = [*result["fingerprint"][:-1], factor * result["fingerprint"][-1]]
    versions = result["versions"] | {"torch": torch_then.split("+")[0]}
    found = results.stale(result | {"fingerprint": numbers, "versions": versions}, LR_SCHEDULE)
    assert bool(found) == stale and ("or torch" in found) == (stale and torch_then == "2.0")
