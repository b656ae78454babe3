"""Digits set upright, held against the moments that define it."""

import numpy as np
import pytest
import torch

from utils import deskew
from utils.experiments.steps import SKELETON
from utils.run import prepare


def slope(image) -> float:
    """How far the ink moves to the right from one row to the next: ``np.polyfit`` over all ink."""
    y, x = np.nonzero(image)
    return np.polyfit(y, x, 1, w=np.sqrt(image[y, x]))[0]


def test_a_leaning_bar_is_set_upright():
    image = np.zeros((28, 28), np.uint8)
    for y in range(6, 22):
        image[y, 10 + y // 2 - 3 : 13 + y // 2 - 3] = 200
    found = deskew.deskew(torch.from_numpy(image)[None])[0].numpy().astype(float)
    assert slope(image.astype(float)) > 0.45 and abs(slope(found)) < 0.02
    assert found.sum() == pytest.approx(image.sum(), rel=0.02)


def test_the_slope_is_the_least_squares_one(digits):
    few = digits.test_images[:50]
    ours = deskew.shears(few)[:, 0, 1]
    theirs = [slope(image) for image in few.double().numpy()]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_digits_stand_upright_afterwards_about_the_centre_of_their_ink(digits):
    few = digits.test_images[:200]
    before, after = deskew.shears(few), deskew.shears(deskew.deskew(few))
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
    assert torch.equal(deskew.deskew(images), images)


def test_images_are_independent_of_each_other(digits, monkeypatch):
    few = digits.test_images[:7]
    whole = deskew.deskew(few)
    monkeypatch.setattr(deskew, "TOGETHER", 3)
    assert torch.equal(deskew.deskew(few), whole)


def test_a_recipe_shows_its_network_upright_digits(digits):
    few = digits.subset(300, 100)
    recipe = STEP(SKELETON, "x", "x", deskew=True)
    setup = prepare(recipe, few, 0, "cpu")
    plain = prepare(SKELETON, deskew.deskewed(few), 0, "cpu")
    for found, expected in zip(setup.train_loader, plain.train_loader, strict=True):
        assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    (x, _), *_ = setup.test_loader
    (u, _), *_ = plain.test_loader
    assert torch.equal(x, u)


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \[N, 28, 28\]"):
        deskew.deskew(torch.zeros(2, 28, 28))


def test_a_teacher_sees_the_same_digits(digits):
    with pytest.raises(ValueError, match="sees other images"):
        STEP(SKELETON, "x", "x", deskew=True, teacher="speedrun")


def test_it_is_a_shear_of_rows():
    maps = deskew.shears(torch.randint(0, 255, (4, 28, 28), dtype=torch.uint8))
    assert torch.equal(maps[:, 1], torch.tensor([0.0, 1.0, 0.0]).expand(4, 3))
    assert maps[:, 0, 0].eq(1).all() and maps[:, 0, 1].ne(0).all()
