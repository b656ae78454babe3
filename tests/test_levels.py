"""Weights of few levels: what training sees, what the gradient says, what cannot be."""

import copy

import pytest
import torch
from torch import nn

from utils import levels, models
from utils.experiments.frontier import FRONTIER
from utils.pieces import prepare
from utils.recipes import build_model, recipe_hash

FEW = FRONTIER[2000].variant("few", levels=7, activation="relu")


def test_a_weight_is_one_of_so_many_whole_numbers_of_steps():
    model = build_model(FEW)
    for layer in [layer for layer in model if isinstance(layer, nn.Conv2d)]:
        whole, step = levels.whole(layer)
        step = step[:, None, None, None]
        assert whole.abs().max() <= 3
        torch.testing.assert_close(whole * step, layer.weight)
        original = layer.parametrizations.weight.original
        off = (layer.weight - original).abs() - step / 2
        assert off[original.abs() <= 3 * step].max() <= 1e-6


def test_what_has_levels_gets_no_others():
    with pytest.raises(ValueError, match="have levels already: round a copy of the network in flo"):
        levels.round_after_training(build_model(FEW), 3)


def test_with_many_levels_the_network_is_nearly_the_one_of_floats():
    x = torch.randn(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    floats, fine, coarse = (build_model(FEW.variant(levels=n)).eval() for n in (0, 255, 3))
    with torch.no_grad():
        apart = [(model(x) - floats(x)).abs().max().item() for model in (fine, coarse)]
    assert apart[0] < apart[1] / 5


def test_the_gradient_passes_the_rounding_and_stops_outside():
    weight = torch.tensor([[[[0.2, 1.4, 9.0]]]], requires_grad=True)
    rounding = levels.Levels(torch.ones(1, 1, 1, 1), 5)
    with torch.no_grad():
        rounding.log_step.zero_()  # a step of 1: whole numbers -2 … 2
    made = rounding(weight)
    assert made.flatten().tolist() == [0.0, 1.0, 2.0]
    made.sum().backward()
    assert weight.grad.flatten().tolist() == [1.0, 1.0, 0.0]
    # By Esser et al., equation 3: round(v) - v inside, k outside.
    assert rounding.log_step.grad.item() == pytest.approx((0 - 0.2) + (1 - 1.4) + 2)


def test_training_changes_weights_and_steps_alike(digits):
    few = digits.subset(256, 64)
    pieces = prepare(FEW.variant(epochs=1, ema=0.0), few, 0, "cpu")
    before = {name: value.clone() for name, value in pieces.model.named_parameters()}
    pieces.fit(verbose=False)
    for name, value in pieces.model.named_parameters():
        assert not torch.equal(value, before[name]), name


def test_a_step_is_one_parameter_of_an_output_channel():
    counted, model = models.count_parameters(build_model(FEW)), build_model(FEW.variant(levels=0))
    channels = sum(m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d))
    assert counted == models.count_parameters(model) + channels


def test_after_training_the_largest_weight_of_a_channel_is_its_highest_level():
    model = levels.round_after_training(build_model(FEW.variant(levels=0)), 7)
    for layer in [layer for layer in model if isinstance(layer, nn.Conv2d)]:
        whole, step = levels.whole(layer)
        original = layer.parametrizations.weight.original.detach()
        torch.testing.assert_close(3 * step, original.abs().amax((1, 2, 3)))
        assert whole.abs().amax((1, 2, 3)).eq(3).all()


@pytest.mark.parametrize("wrong", [1, 2, 4, 257, -3, 2.5, True])
def test_a_number_of_levels_that_cannot_be_is_named(wrong):
    with pytest.raises(ValueError, match=f"levels={wrong!r}"):
        FEW.variant(levels=wrong)


def test_levels_count_in_the_hash_of_a_recipe():
    assert recipe_hash(FEW) != recipe_hash(FEW.variant(levels=0))


def test_settled_weights_give_the_same_also_with_fewer_digits():
    model = build_model(FEW.variant(levels=15)).eval()
    settled = levels.settle(copy.deepcopy(model))
    half = {n: v.half() if v.is_floating_point() else v for n, v in settled.state_dict().items()}
    coarse = copy.deepcopy(settled)
    coarse.load_state_dict(half)
    pairs = zip(*(m.modules() for m in (model, settled, coarse)), strict=True)
    for layers in [trio for trio in pairs if isinstance(trio[0], nn.Conv2d)]:
        first, *others = (levels.whole(layer)[0] for layer in layers)
        assert all(torch.equal(first, other) for other in others)
    x = torch.randn(4, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(settled(x), model(x))


@pytest.mark.parametrize("make", [levels.round_weights, levels.round_after_training])
def test_a_channel_of_zeros_stays_zero(make):
    layer = nn.Conv2d(2, 3, 3)
    with torch.no_grad():
        layer.weight[1] = 0
    whole, step = levels.whole(make(nn.Sequential(layer), 7)[0])
    assert step.isfinite().all() and (whole[1] == 0).all() and (whole[0] != 0).any()
