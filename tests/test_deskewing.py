"""Digits set upright, held against the moments that define it."""

import numpy as np
import pytest
import torch

from utils import deskewing


def slope(image) -> float:
    """How far the ink moves to the right from one row to the next: ``np.polyfit`` over all ink."""
    y, x = np.nonzero(image)
    return np.polyfit(y, x, 1, w=np.sqrt(image[y, x]))[0]


def test_a_leaning_bar_is_set_upright():
    image = np.zeros((28, 28), np.uint8)
    for y in range(6, 22):
        image[y, 10 + y // 2 - 3 : 13 + y // 2 - 3] = 200
    found = deskewing.deskew(torch.from_numpy(image)[None])[0].numpy().astype(float)
    assert slope(image.astype(float)) > 0.45 and abs(slope(found)) < 0.02
    assert found.sum() == pytest.approx(image.sum(), rel=0.02)


def test_the_slope_is_the_least_squares_one(digits):
    few = digits.test_images[:50]
    ours = deskewing.shears(few)[:, 0, 1]
    theirs = [slope(image) for image in few.double().numpy()]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_digits_stand_upright_afterwards_about_the_centre_of_their_ink(digits):
    few = digits.test_images[:200]
    before, after = deskewing.shears(few), deskewing.shears(deskewing.deskew(few))
    assert before[:, 0, 1].abs().mean() > 0.1
    assert after[:, 0, 1].abs().quantile(0.98) < 0.002  # a few lose ink at the edge
    y = torch.arange(28.0)
    ink = few.float()
    centre = (ink.sum(2) * y).sum(1) / ink.sum((1, 2))
    still = before[:, 0, 1] * centre + before[:, 0, 2]
    torch.testing.assert_close(still, torch.zeros(200), atol=1e-4, rtol=0)


def test_what_has_no_slope_stays_as_it_is():
    images = torch.zeros(3, 28, 28, dtype=torch.uint8)
    images[1, 5, 3:20] = 255
    images[2, 4:24, 13:15] = 255
    assert torch.equal(deskewing.deskew(images), images)


def test_images_are_independent_of_each_other(digits, monkeypatch):
    few = digits.test_images[:7]
    whole = deskewing.deskew(few)
    monkeypatch.setattr(deskewing, "TOGETHER", 3)
    assert torch.equal(deskewing.deskew(few), whole)


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \[N, 28, 28\]"):
        deskewing.deskew(torch.zeros(2, 28, 28))


def test_it_is_a_shear_of_rows():
    maps = deskewing.shears(torch.randint(0, 255, (4, 28, 28), dtype=torch.uint8))
    assert torch.equal(maps[:, 1], torch.tensor([0.0, 1.0, 0.0]).expand(4, 3))
    assert maps[:, 0, 0].eq(1).all() and maps[:, 0, 1].ne(0).all()
