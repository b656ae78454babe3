"""The networks against their published summaries."""

import pytest
import torch

from utils import layers, loaders, models, receptive_field, stages
from utils.experiments import catalogue
from utils.experiments.published import DESIGN_E1
from utils.experiments.steps import SKELETON
from utils.recipes import build_model

# The rows published with design B (its README), and those of its skeleton, which differ by the
# batch-norm and dropout layers: layer type, output shape, parameters.
B2 = """
Conv2d 12,26,26 108 | ReLU 12,26,26 0 | BatchNorm2d 12,26,26 24 | Dropout 12,26,26 0
Conv2d 14,24,24 1512 | ReLU 14,24,24 0 | BatchNorm2d 14,24,24 28 | MaxPool2d 14,12,12 0
Conv2d 10,12,12 140
Conv2d 14,10,10 1260 | ReLU 14,10,10 0 | BatchNorm2d 14,10,10 28 | Dropout 14,10,10 0
Conv2d 14,8,8 1764 | ReLU 14,8,8 0 | BatchNorm2d 14,8,8 28 | Dropout 14,8,8 0
Conv2d 16,6,6 2016 | ReLU 16,6,6 0 | BatchNorm2d 16,6,6 32 | Dropout 16,6,6 0
Conv2d 16,4,4 2304 | ReLU 16,4,4 0 | BatchNorm2d 16,4,4 32 | Dropout 16,4,4 0
AvgPool2d 16,1,1 0 | Conv2d 10,1,1 160
"""


# Designs A, C1, C2, D and E2, as their texts print them.
A = """
Conv2d 4,28,28 40 | BatchNorm2d 4,28,28 8 | Conv2d 4,28,28 148 | BatchNorm2d 4,28,28 8
MaxPool2d 4,14,14 0 | Dropout 4,14,14 0
Conv2d 8,14,14 296 | BatchNorm2d 8,14,14 16 | Conv2d 8,14,14 584 | BatchNorm2d 8,14,14 16
MaxPool2d 8,7,7 0 | Dropout 8,7,7 0
Conv2d 16,7,7 1168 | BatchNorm2d 16,7,7 32 | Conv2d 16,7,7 2320 | BatchNorm2d 16,7,7 32
Dropout 16,7,7 0 | Conv2d 10,7,7 170 | AdaptiveAvgPool2d 10,1,1 0
"""
C1 = """
Conv2d 8,26,26 80 | Conv2d 8,24,24 584 | MaxPool2d 8,12,12 0
Conv2d 16,12,12 144 | Conv2d 16,10,10 2320 | Conv2d 16,8,8 2320 | MaxPool2d 16,4,4 0
Conv2d 32,4,4 544 | Conv2d 32,2,2 9248 | Conv2d 10,1,1 1290
"""
C2 = """
Conv2d 4,28,28 40 | BatchNorm2d 4,28,28 8 | Conv2d 4,28,28 148 | BatchNorm2d 4,28,28 8
Conv2d 4,28,28 148 | BatchNorm2d 4,28,28 8 | MaxPool2d 4,14,14 0 | Dropout 4,14,14 0
Conv2d 8,14,14 296 | BatchNorm2d 8,14,14 16 | Conv2d 8,14,14 584 | BatchNorm2d 8,14,14 16
Conv2d 8,14,14 584 | BatchNorm2d 8,14,14 16 | MaxPool2d 8,7,7 0 | Dropout 8,7,7 0
Conv2d 8,7,7 584 | BatchNorm2d 8,7,7 16 | Conv2d 8,7,7 584 | BatchNorm2d 8,7,7 16
Conv2d 8,7,7 584 | BatchNorm2d 8,7,7 16 | AdaptiveAvgPool2d 8,1,1 0 | Conv2d 10,1,1 90
"""
D = """
Conv2d 16,26,26 144 | ReLU 16,26,26 0 | BatchNorm2d 16,26,26 32 | Dropout 16,26,26 0
Conv2d 16,24,24 2304 | ReLU 16,24,24 0 | BatchNorm2d 16,24,24 32 | Dropout 16,24,24 0
Conv2d 16,22,22 2304 | ReLU 16,22,22 0 | BatchNorm2d 16,22,22 32 | Dropout 16,22,22 0
AvgPool2d 16,11,11 0
Conv2d 32,9,9 4608 | ReLU 32,9,9 0 | BatchNorm2d 32,9,9 64 | Dropout 32,9,9 0
Conv2d 16,7,7 4608 | ReLU 16,7,7 0 | BatchNorm2d 16,7,7 32
AdaptiveAvgPool2d 16,1,1 0 | Conv2d 10,1,1 160
"""
E2 = """
Conv2d 8,26,26 72 | BatchNorm2d 8,26,26 16 | ReLU 8,26,26 0 | Dropout 8,26,26 0
Conv2d 16,24,24 1152 | BatchNorm2d 16,24,24 32 | ReLU 16,24,24 0 | Dropout 16,24,24 0
MaxPool2d 16,12,12 0 | Conv2d 8,12,12 128 | BatchNorm2d 8,12,12 16 | ReLU 8,12,12 0
Conv2d 12,10,10 864 | BatchNorm2d 12,10,10 24 | ReLU 12,10,10 0 | Dropout 12,10,10 0
Conv2d 16,8,8 1728 | BatchNorm2d 16,8,8 32 | ReLU 16,8,8 0 | Dropout 16,8,8 0
Conv2d 20,6,6 2880 | BatchNorm2d 20,6,6 40 | ReLU 20,6,6 0 | Dropout 20,6,6 0
AvgPool2d 20,1,1 0
Conv2d 16,1,1 320 | BatchNorm2d 16,1,1 32 | ReLU 16,1,1 0 | Dropout 16,1,1 0
Conv2d 10,1,1 160
"""
PRINTED = {
    "design_a": (A, 4838),
    "design_c1": (C1, 16530),
    "design_c2": (C2, 3762),
    "design_d": (D, 14320),
    "design_e2": (E2, 7496),
}


def published_rows(text):
    cells = [cell.split() for cell in text.replace("|", "\n").strip().splitlines()]
    return [(name, f"[-1, {shape.replace(',', ', ')}]", int(count)) for name, shape, count in cells]


def printed_rows(summary):
    rows = []
    for line in summary.splitlines():
        head, _, tail = line.strip().partition("[")
        if tail and head.strip()[-1].isdigit():
            shape, _, count = tail.partition("]")
            layer = head.strip().rpartition("-")[0]
            rows.append((layer, f"[{shape}]", int(count.replace(",", ""))))
    return rows


def bare():
    return models.build("skeleton", batch_norm=False, dropout=0.0, seed=0)


def regularized():
    return models.build("skeleton", batch_norm=True, dropout=0.1, seed=0)


def test_the_regularized_network_prints_the_published_rows():
    assert printed_rows(models.summary(regularized())) == published_rows(B2)


def test_the_skeleton_prints_the_same_rows_without_what_regularizes():
    kept = [row for row in published_rows(B2) if row[0] not in ("BatchNorm2d", "Dropout")]
    assert printed_rows(models.summary(bare())) == kept


@pytest.mark.parametrize("name", PRINTED)
def test_a_published_design_prints_the_published_rows(name):
    rows, parameters = PRINTED[name]
    printed = models.summary(build_model(catalogue.recipe(name)))
    assert printed_rows(printed) == published_rows(rows)
    assert f"Total params: {parameters:,}" in printed


def test_our_stand_in_for_design_e1_has_its_size():
    assert 5200 <= models.count_parameters(build_model(DESIGN_E1)) <= 5400


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize(("batch_norm", "dropout"), [(True, 0.1), (False, 0.0)])
def test_every_design_takes_both_switches_and_learns(name, batch_norm, dropout):
    model = models.build(name, batch_norm=batch_norm, dropout=dropout, seed=0).train()
    kinds = {type(layer) for layer in model}
    assert (torch.nn.BatchNorm2d in kinds) == batch_norm
    logits = model(torch.rand(4, 1, 28, 28))
    assert logits.shape == (4, 10)
    logits.logsumexp(1).sum().backward()
    assert all(weights.grad is not None for weights in model.parameters())


# Counted by hand: 9 weights for each pair of channels, 2 numbers of batch norm for each, and a
# classifier with biases.
SIZES = {
    "4-4/6-6/8-8": 1890,
    "4-6/8-8/10-12": 3286,
    "8-8/12-12/16-16": 7154,
    "8-10/14-14/18-18": 9354,
}


@pytest.mark.parametrize(("stages", "parameters"), SIZES.items())
def test_a_plain_network_has_the_channels_that_its_text_lists(stages, parameters):
    model = models.build("plain", stages=stages, batch_norm=True, dropout=0, seed=0)
    assert models.count_parameters(model) == parameters
    widths = [layer.out_channels for layer in model if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [*map(int, stages.replace("/", "-").split("-")), 10]
    assert [type(layer) for layer in model].count(torch.nn.MaxPool2d) == 2


def test_a_plain_network_pools_before_it_normalizes():
    model = models.build("plain", stages="4-6/8", batch_norm=True, dropout=0.1, seed=0)
    kinds = [type(layer).__name__ for layer in model[3:8]]
    assert kinds == ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU", "Dropout"]
    assert sum(isinstance(layer, layers.Dropout) for layer in model) == 1


def test_a_head_weighs_every_place_of_every_channel():
    switches = {"stages": "8-8/12-12/16-16", "batch_norm": True, "dropout": 0, "seed": 0}
    mean = models.build("plain", head="mean", **switches)
    position = models.build("plain", head="position", **switches)
    more = models.count_parameters(position) - models.count_parameters(mean)
    assert more == 16 * 7 * 7
    x = torch.rand(2, 1, 28, 28)
    kept = torch.nn.Sequential(*position.eval()[:-2])(x)
    sums = (kept * position[-2].weight[:, 0]).sum((2, 3))
    expected = sums @ position[-1].weight[:, :, 0, 0].T + position[-1].bias
    assert torch.allclose(position(x), expected, atol=1e-5)


def test_kernels_strides_and_padding_shape_the_maps():
    options = {"stages": "16k5s2-20", "batch_norm": False, "dropout": 0, "seed": 0}
    padded = models.build("plain", **options)
    unpadded = models.build("plain", unpadded=True, **options)
    x = torch.rand(1, 1, 28, 28)
    assert torch.nn.Sequential(*padded[:-2])(x).shape == (1, 20, 14, 14)
    assert torch.nn.Sequential(*unpadded[:-2])(x).shape == (1, 20, 10, 10)


def build_plain(stages, **options):
    options = {"batch_norm": True, "dropout": 0, "seed": 0} | options
    return models.build("plain", stages=stages, **options)


def test_an_entry_is_read_part_by_part():
    entry = stages.Entry(16, kernel=5, stride=2, times=3, separable=True, residual=True)
    assert stages.read("16k5s2x3dr/8") == [[entry], [stages.Entry(8)]]


def test_a_separable_entry_is_a_filter_a_channel_and_a_mixture():
    model = build_plain("8-16d")
    each, mixture = model[3], model[4]
    assert each.groups == 8 and each.weight.shape == (8, 1, 3, 3)
    assert mixture.weight.shape == (16, 8, 1, 1)
    assert models.count_parameters(model) == 72 + 16 + 72 + 128 + 32 + 170


def test_shared_weights_act_twice_and_count_once():
    once, twice = build_plain("8-8"), build_plain("8-8x2")
    assert twice[3] is twice[6] and twice[4] is not twice[7]
    # The second application has a batch norm of its own.
    assert models.count_parameters(twice) - models.count_parameters(once) == 16
    x = torch.rand(2, 1, 28, 28)
    by_hand = x
    for layer in list(twice.eval())[:9]:
        by_hand = layer(by_hand)
    assert torch.equal(torch.nn.Sequential(*twice[:9])(x), by_hand)
    printed = models.summary(twice)
    assert f"Total params: {models.count_parameters(twice):,}" in printed
    assert receptive_field.final(twice) == receptive_field.final(build_plain("8-8-8"))


def test_a_residual_entry_adds_its_input():
    model = build_plain("8-8r/4").eval()
    x = torch.randn(2, 8, 28, 28)
    residual = model[3]
    assert torch.equal(residual(x), x + torch.nn.Sequential(*residual)(x))
    assert isinstance(model[4], torch.nn.MaxPool2d)


def test_a_bias_an_activation_and_the_largest_value_are_what_they_say():
    model = build_plain("8-8", bias=True, activation="silu", head="largest").eval()
    assert model[0].bias is not None and isinstance(model[2], torch.nn.SiLU)
    x = torch.rand(2, 1, 28, 28)
    maps = torch.nn.Sequential(*model[:-2])(x)
    assert torch.allclose(model(x), model[-1](maps.amax((2, 3), keepdim=True)).flatten(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": "8-16r"}, "must keep its shape, but 8 channels become 16"),
        ({"stages": "8-8x2", "unpadded": True}, "must keep its shape"),
        ({"stages": "8", "activation": "rely"}, "did you mean 'relu'"),
        ({"stages": ""}, "'' is not like 16 or 16k5s2"),
        ({"stages": "8-x"}, "'x' is not like 16 or 16k5s2"),
        ({"stages": "8-0"}, "in .0. channels are not within"),
        ({"stages": "8/8/8/8", "unpadded": True}, "leave no map after 8 channels"),
        ({"head": "means"}, "did you mean 'mean'"),
    ],
)
def test_a_plain_network_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.build("plain", batch_norm=True, dropout=0, seed=0, **options)


def test_hidden_relus_stand_where_the_design_has_them():
    """Replacing them by layers gives the same logits: they follow norms, or convolutions."""
    x = torch.randn(3, 1, 28, 28)
    for name, batch_norm in (("padded_4_8_16", True), ("unpadded_8_16_32", False)):
        model = models.build(name, batch_norm=batch_norm, dropout=0.0, seed=0).eval()
        after = torch.nn.BatchNorm2d if batch_norm else torch.nn.Conv2d
        found = []
        for layer in model:
            found += [layer, torch.nn.ReLU()] if isinstance(layer, after) else [layer]
        if not batch_norm:
            found.pop()  # no ReLU on the logits
        assert torch.equal(model(x), layers.ConvNet(*found)(x))
        assert not any(isinstance(layer, torch.nn.ReLU) for layer in model)


def test_multiply_adds_by_hand():
    convolutions = [(26, 1, 12, 3), (24, 12, 14, 3), (12, 14, 10, 1), (10, 10, 14, 3)]
    convolutions += [(8, 14, 14, 3), (6, 14, 16, 3), (4, 16, 16, 3), (1, 16, 10, 1)]
    by_hand = sum(side**2 * before * after * k**2 for side, before, after, k in convolutions)
    assert models.count_macs(regularized()) == by_hand


@pytest.mark.parametrize(("network", "parameters"), [(bare, 9264), (regularized, 9436)])
def test_the_published_number_of_parameters(network, parameters):
    assert models.count_parameters(network()) == parameters
    assert f"Total params: {parameters:,}" in models.summary(network())


def test_what_is_frozen_is_counted_apart():
    model = regularized()
    model[0].requires_grad_(False)
    frozen = model[0].weight.numel()
    counts = ("Total", 9436), ("Trainable", 9436 - frozen), ("Non-trainable", frozen)
    said = models.summary(model)
    assert all(f"\n{what} params: {n:,}" in said for what, n in counts)


def test_an_unknown_word_in_an_order_is_named():
    with pytest.raises(ValueError, match=r"no layer is called 'rleu'; did you mean 'relu'\?"):
        layers.following(8, order="norm rleu drop", batch_norm=True, dropout=0.1)


def test_a_summary_changes_neither_the_model_nor_the_random_stream():
    model = regularized().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stream = torch.get_rng_state()
    models.summary(model)
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training and not any(layer._forward_hooks for layer in model.modules())


def test_weights_come_from_the_seed_alone():
    stream = torch.get_rng_state()
    first, again = (models.build("skeleton", batch_norm=True, dropout=0.1, seed=3) for _ in "ab")
    other = regularized()
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert torch.equal(torch.get_rng_state(), stream)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5])
def test_dropout_drops_the_share_p_and_keeps_the_mean(p):
    x = torch.ones(100, 100, 101)
    y = layers.Dropout(p)(x)
    n = x.numel()
    dropped = (y == 0).double().mean().item()
    assert abs(dropped - p) < 4 * (p * (1 - p) / n) ** 0.5 + 1 / 65536
    assert y[y != 0].unique().item() == pytest.approx(1 / (1 - p), rel=1e-3)


def test_dropout_drops_neighbours_independently():
    """One 64-bit draw serves four activations: its four parts must not go together."""
    dropped = (layers.Dropout(0.3)(torch.ones(400_000)) == 0).view(-1, 4).double()
    correlation = torch.corrcoef(dropped.T)
    assert (correlation - torch.eye(4)).abs().max() < 0.015


def test_dropout_passes_gradients_only_where_it_kept():
    x = torch.ones(1000, requires_grad=True)
    y = layers.Dropout(0.4)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_does_nothing_in_evaluation():
    x = torch.randn(10, 10)
    assert torch.equal(layers.Dropout(0.5).eval()(x), x)


def test_a_standardized_image_gives_the_same_whatever_its_paper_and_contrast(digits):
    model = build_model(SKELETON.variant(standardize=True)).eval()
    plain = build_model(SKELETON).eval()
    x = loaders.normalize(digits.test_images[:8])
    by_hand = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True, correction=0)
    close = {"atol": 1e-4, "rtol": 1e-3}
    with torch.no_grad():
        torch.testing.assert_close(model(x), plain(by_hand), **close)
        torch.testing.assert_close(model(0.3 * x + 2), model(x), **close)
    assert models.count_parameters(model) == models.count_parameters(plain)
