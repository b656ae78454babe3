"""A training step on a stand-in for a GPU: a tensor made on the wrong device is seen here.

torch's device ``meta`` computes shapes and no values, so a whole run on it takes no GPU. It lets
some mixtures pass that a GPU refuses; ``OneDevice`` refuses them as well.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from utils import deskewing, pieces, training
from utils.experiments.few_bytes import BYTES
from utils.experiments.frontier import FRONTIER
from utils.experiments.robust import ROBUST
from utils.experiments.speed import FASTEST, SPEEDRUN
from utils.experiments.steps import STEPS

META = torch.device("meta")
COPIES = {"aten::_to_copy", "aten::copy_"}  # from one device to another: what ``to`` does
INDEXES = {"aten::index.Tensor", "aten::index_put_", "aten::_index_put_impl_"}
VALUE = "aten::_local_scalar_dense"  # item(): the one number that meta has not


class OneDevice(TorchDispatchMode):
    """Refuses an operation on a tensor of the stand-in and one of the CPU, as a GPU would.

    A GPU takes numbers (tensors of no dimension) and indices from the CPU. Where a value is asked
    for, ``value`` is the answer: the size of the batch makes all its images distorted.
    """

    def __init__(self, value=0):
        super().__init__()
        self.value = value

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        name = operation.name()
        if name == VALUE and arguments[0].device == META:
            return self.value
        if name == "aten::_to_copy" and arguments[0].device == META != options.get("device", META):
            return torch.zeros(arguments[0].shape, dtype=arguments[0].dtype)  # values for the CPU
        among = arguments[0] if name in INDEXES else arguments
        tensors = [t for t in tree_leaves((among, options)) if isinstance(t, torch.Tensor)]
        devices = {t.device.type for t in tensors if t.ndim}
        if len(devices) > 1 and name not in COPIES:
            raise RuntimeError(f"{name} on {' and '.join(sorted(devices))}")
        return operation(*arguments, **(options or {}))


class Generator(torch.Generator):
    """A generator that says it is the stand-in's, where it is asked for one: meta draws nothing."""

    def __new__(cls, device="cpu"):
        found = super().__new__(cls, "cpu")
        found.where = torch.device(device)
        return found

    @property
    def device(self):
        return self.where

    def manual_seed(self, seed):
        super().manual_seed(seed)
        return self


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(torch, "Generator", Generator)


def step(recipe, images):
    """One batch loaded, learned from and averaged, and one evaluated, on the stand-in."""
    made = pieces.prepare(recipe, images, 0, META)
    with OneDevice(value=recipe.batch_size):
        x, y = next(iter(made.train_loader))
        logits = made.model.train()(x)
        loss = torch.nn.functional.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
        loss.backward()
        if recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(made.model.parameters(), recipe.max_grad_norm)
        made.optimizer.step()
        made.schedule.step()
        if made.average is not None:
            made.average.to(META).update_parameters(made.model)
        if recipe.selection:
            made.train_loader.learn(logits, y)
            assert made.train_loader._chosen().device == META
        for shown, labels in made.test_loader:
            made.network.eval()(shown)
            assert shown.device == labels.device == META
    return x, loss


RECIPES = [*STEPS, SPEEDRUN, FASTEST, FRONTIER[8000], BYTES[3000], ROBUST]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_training_step_stays_on_its_device(recipe, digits):
    x, loss = step(recipe, digits.subset(600, 100))
    assert x.device == loss.device == META


def test_digits_are_set_upright_on_their_device():
    with OneDevice():
        images = torch.zeros(10, 28, 28, dtype=torch.uint8, device=META)
        assert deskewing.set_upright(images).device == META


@pytest.mark.parametrize("what", ["conv2d", "matmul", "add"])
def test_a_mixture_is_refused(what):
    here, there = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4, device=META)
    with OneDevice(), pytest.raises(RuntimeError, match=r"on cpu and meta|not on the expected"):
        getattr(torch, what)(there, here)


def test_evaluation_takes_its_answers_home(digits):
    made = pieces.prepare(FASTEST, digits.subset(600, 100), 0, META)
    with OneDevice():
        found = training.evaluate(made.network, made.test_loader, META)
    assert found.probabilities.shape == (100, 10)
    assert found.probabilities.device == found.labels.device == torch.device("cpu")


def test_an_epoch_s_sums_stay_on_its_device(digits):
    made = pieces.prepare(SPEEDRUN, digits.subset(600, 100), 0, META)
    epoch = training._Epoch(0, 1, made.optimizer, META, 0.0, False)
    with OneDevice():
        x, y = next(iter(made.train_loader))
        logits = made.model(x)
        epoch.count(logits.mean(), x, logits, y)
    assert epoch.correct.device == META
