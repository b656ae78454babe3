"""Digits of other people, as alike to MNIST's as they can be made."""

import sys
from dataclasses import replace

import pytest
import torch

from utils import data, other_digits, pretrained
from utils.corruptions import corrupted
from utils.deskewing import deskewed
from utils.other_digits import uci_digits


def test_they_are_scikit_learns_1797_and_the_training_half_stays(digits):
    made = uci_digits(digits)
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as scikit-learn's page has them
    assert made.test_labels.bincount().tolist() == counts and sum(counts) == 1797
    assert "8 × 8" in made.name and not made.is_mnist
    assert torch.equal(made.train_images, digits.train_images)
    assert 200 < made.test_images.max() <= 255


def test_their_ink_is_centred_as_mnists_is(digits):
    ink, at = uci_digits(digits).test_images.double(), torch.arange(28.0).double()
    for axis in (1, 2):
        means = (ink.sum(3 - axis) * at).sum(1) / ink.sum((1, 2))
        assert (means - 14).abs().max() <= 0.51


def test_no_ink_is_lost(digits):
    from sklearn.datasets import load_digits

    pixels = torch.from_numpy(load_digits().images).float() / 16
    large = other_digits.enlarged(pixels)
    made = uci_digits(digits).test_images
    assert torch.equal(made.sum((1, 2)), large.sum((1, 2)))
    # 6.25 pixels for one: what is lost lies beyond the outermost pixels' centres.
    torch.testing.assert_close(
        large.double().mean() / 255, pixels.double().mean(), rtol=0.02, atol=0
    )


def test_a_spot_is_enlarged_and_centred_by_hand():
    ink = torch.zeros(2, 8, 8)
    ink[0, :2] = 1.0  # the upper quarter: rows 0 to 4 of 20, whose mean is near 2
    made = other_digits.centred(other_digits.enlarged(ink))
    assert made[0].sum(1).nonzero().squeeze(1).tolist() == [8, 9, 10, 11, 12, 13]
    assert made[0, 8, 4:24].tolist() == [255] * 20 and made[1].max() == 0


def test_what_cannot_be_is_said(digits, monkeypatch):
    with pytest.raises(ValueError, match="is deskewed"):
        uci_digits(deskewed(digits.subset(10, 10)))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(RuntimeError, match="pip install scikit-learn"):
        uci_digits(digits)


def test_drawings_that_the_page_kept_are_a_set_like_any_other(digits, tmp_path):
    few = digits.subset(10, 20)
    lines = ["label,pixels"]
    for label, image in zip(few.test_labels.tolist(), few.test_images, strict=True):
        lines.append(",".join(map(str, [label, *image.flatten().tolist()])))
    (tmp_path / "drawings.csv").write_text("\n".join(lines), encoding="utf-8")
    images, labels = data.load_drawings(tmp_path / "drawings.csv")
    drawn = replace(digits, test_images=images, test_labels=labels)
    network = pretrained.load("frontier_2k")
    assert pretrained.accuracy(network, drawn) == pretrained.accuracy(network, few) >= 90
    foggy = corrupted(drawn, "fog").test_images
    assert torch.equal(foggy, corrupted(few, "fog").test_images)
