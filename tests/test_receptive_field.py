"""The receptive field: against the table published with design E, and against the gradient."""

from dataclasses import astuple

import pytest
import torch
from torch import nn

from utils import receptive_field
from utils.experiments.steps import REGULARIZATION, SKELETON, STEPS
from utils.recipes import build_model

# n_in n_out ch_in ch_out padding kernel stride j_in j_out r_in r_out (design E's README)
PUBLISHED_E = """
28 26 1 8 0 3 1 1 1 1 3
26 24 8 16 0 3 1 1 1 3 5
24 12 16 16 0 2 2 1 2 5 6
12 12 16 8 0 1 1 2 2 6 6
12 10 8 12 0 3 1 2 2 6 10
10 8 12 16 0 3 1 2 2 10 14
8 6 16 20 0 3 1 2 2 14 18
6 1 20 20 0 6 1 2 2 18 28
1 1 20 16 0 1 1 2 2 28 28
1 1 16 10 0 1 1 2 2 28 28
"""


def design_e(pool):
    def conv(i, o, k=3):
        return nn.Conv2d(i, o, k, bias=False)

    return nn.Sequential(
        *(conv(1, 8), nn.ReLU(), conv(8, 16), nn.ReLU(), nn.MaxPool2d(2), conv(16, 8, 1)),
        *(conv(8, 12), nn.ReLU(), conv(12, 16), nn.ReLU(), conv(16, 20), nn.ReLU()),
        *(pool, conv(20, 16, 1), conv(16, 10, 1)),
    )


@pytest.mark.parametrize("pool", [nn.AvgPool2d(6), nn.AdaptiveAvgPool2d(1)])
def test_the_table_is_the_published_one(pool):
    expected = [tuple(map(int, line.split())) for line in PUBLISHED_E.strip().splitlines()]
    assert [astuple(row)[1:] for row in receptive_field.rows(design_e(pool))] == expected


@pytest.mark.parametrize("recipe", STEPS, ids=lambda recipe: recipe.name)
def test_the_gradient_sees_what_the_arithmetic_says(recipe):
    model = build_model(recipe)
    expected = [row.r_out for row in receptive_field.rows(model)]
    assert receptive_field.measured(model) == expected
    assert receptive_field.final(model) == 28


def test_padding_and_stride_by_hand():
    model = nn.Sequential(nn.Conv2d(1, 4, 5, stride=2, padding=2), nn.Conv2d(4, 4, 3, padding=1))
    first, second = receptive_field.rows(model)
    assert (first.n_out, first.j_out, first.r_out) == (14, 2, 5)
    assert (second.n_out, second.j_out, second.r_out) == (14, 2, 9)
    assert receptive_field.measured(model) == [5, 9]


def test_what_takes_whole_maps_sees_all_of_what_they_see():
    linear = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(4 * 13 * 13, 20), nn.ReLU(), nn.Linear(20, 10)),
    )
    largest = nn.Sequential(nn.Conv2d(1, 10, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    assert [row.r_out for row in receptive_field.rows(linear)] == [3, 4, 28, 28]
    assert receptive_field.measured(linear) == [3, 4, 28, 28]
    assert receptive_field.final(largest) == 28
    assert [row.ch_out for row in receptive_field.rows(linear)] == [4, 4, 20, 10]


def test_measuring_leaves_the_model_as_it_was():
    model = build_model(REGULARIZATION).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    receptive_field.measured(model)
    assert model.training and not any(layer._forward_hooks for layer in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_table_has_the_published_columns():
    head = str(receptive_field.table(build_model(SKELETON))).splitlines()[0]
    expected = "operation n_in n_out ch_in ch_out padding kernel stride j_in j_out r_in r_out"
    assert head.replace("|", " ").split() == expected.split()
