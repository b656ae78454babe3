"""The networks against their published summaries."""

import pytest
import torch

from utils import models

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


@pytest.mark.parametrize(("network", "parameters"), [(bare, 9264), (regularized, 9436)])
def test_the_published_number_of_parameters(network, parameters):
    assert models.count_parameters(network()) == parameters
    assert f"Total params: {parameters:,}" in models.summary(network())


def test_a_summary_changes_neither_the_model_nor_the_random_stream():
    model = regularized().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stream = torch.get_rng_state()
    models.summary(model)
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training and not any(layer._forward_hooks for layer in model.modules())


def test_logits_are_one_row_of_ten_per_image():
    assert regularized()(torch.randn(5, 1, 28, 28)).shape == (5, 10)


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
    y = models.Dropout(p)(x)
    n = x.numel()
    dropped = (y == 0).double().mean().item()
    assert abs(dropped - p) < 4 * (p * (1 - p) / n) ** 0.5 + 1 / 65536
    assert y[y != 0].unique().item() == pytest.approx(1 / (1 - p), rel=1e-3)


def test_dropout_drops_neighbours_independently():
    """One 64-bit draw serves four activations: its four parts must not go together."""
    dropped = (models.Dropout(0.3)(torch.ones(400_000)) == 0).view(-1, 4).double()
    correlation = torch.corrcoef(dropped.T)
    assert (correlation - torch.eye(4)).abs().max() < 0.015


def test_dropout_passes_gradients_only_where_it_kept():
    x = torch.ones(1000, requires_grad=True)
    y = models.Dropout(0.4)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_does_nothing_in_evaluation():
    x = torch.randn(10, 10)
    assert torch.equal(models.Dropout(0.5).eval()(x), x)


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'skeleton'"):
        models.build("skeletn", batch_norm=True, dropout=0.1, seed=0)
