"""The pictures of all other digits: what is in them, beside what the functions make."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from utils import corruption_plots
from utils.corruptions import CORRUPTIONS, SEVERITIES
from utils.data import ImageSet


def drawn(figure):
    """The images of a figure by the name beside their row, in the order they are drawn."""
    rows, name = {}, ""
    for axes in figure.axes:
        if axes.images:
            name = axes.get_ylabel() or name
            rows.setdefault(name, []).append(np.asarray(axes.images[0].get_array()))
    return rows


def test_every_corruption_is_shown_on_the_same_five_digits(digits):
    figure = corruption_plots.corruptions(digits, seed=2)
    rows = drawn(figure)
    assert list(rows) == ["clean", *(name.replace("_", " ") for name in CORRUPTIONS)]
    clean = torch.from_numpy(np.stack(rows["clean"]))
    for name, corrupt in CORRUPTIONS.items():
        expected = corrupt(clean, seed=2).numpy()
        np.testing.assert_array_equal(np.stack(rows[name.replace("_", " ")]), expected)
    assert "under 15 corruptions after MNIST-C" in figure.get_suptitle()
    assert "[MNIST-5k]" in figure.get_suptitle()


def test_every_severity_is_shown_with_its_values(digits):
    figure = corruption_plots.severities(digits, digit=4)
    rows = drawn(figure)
    assert len(rows) == len(SEVERITIES) + 1 and list(rows)[-1].startswith("UCI digits")
    clean = digits.test_images[digits.test_labels == 4][0].numpy()
    for (name, family), (title, images) in zip(SEVERITIES.items(), rows.items(), strict=False):
        values = sorted((*family.values, family.clean))
        assert title.startswith(name) and len(images) == len(values)
        assert sum(np.array_equal(image, clean) for image in images) == 1
    words = [axes.get_xlabel() for axes in figure.axes if axes.images]
    assert words[:7] == ["0", "10", "20", "30", "40", "50", "60"]


def test_a_digit_that_is_not_there_is_said(digits):
    few = digits.test_labels == 1
    ones = replace(digits, test_images=digits.test_images[few], test_labels=digits.test_labels[few])
    assert isinstance(ones, ImageSet)
    with pytest.raises(ValueError, match="digit=3: MNIST-5k tests none of that label"):
        corruption_plots.severities(ones, digit=3)
    with pytest.raises(ValueError, match="digit=2: MNIST-5k tests none of that label"):
        corruption_plots.corruptions(ones)
