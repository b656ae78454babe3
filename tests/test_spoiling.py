"""What the robust policy does to digits: each change alone, and all of them on a share."""

import pytest
import torch

from utils import augmentation, spoiling
from utils.pieces import build_loaders
from utils.recipes import Recipe
from utils.spoiling import Spoiling

CHANGES = (
    spoiling.blurred, spoiling.on_grey_paper, spoiling.crossed_out, spoiling.patched,
    spoiling.noisy,
)  # fmt: skip


@pytest.fixture(scope="module")
def ink(digits):
    return digits.train_images[:200].float()


def test_without_a_share_digits_are_moved_alone(digits):
    still = Spoiling(0, degrees=0, scale=0, shift=0)
    images = digits.train_images[:20]
    assert torch.equal(still(images), images.float())
    moved = Spoiling(0)(images)
    assert not torch.equal(moved, images.float())
    assert (moved.sum((1, 2)) / images.float().sum((1, 2))).sub(1).abs().max() < 0.6


def test_each_change_falls_on_its_share_of_the_digits(digits):
    images = digits.train_images.repeat(2, 1, 1)[:8000]
    still = Spoiling(0.2, degrees=0, scale=0, shift=0)
    same = (still(images) == images).flatten(1).all(1).double().mean()
    expected = 0.8**5  # a line, and all other changes, alter every digit they fall on
    assert abs(same - expected) < 4 * (expected * (1 - expected) / 8000) ** 0.5


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_differs_from_digit_to_digit_and_repeats_with_its_seed(change, ink):
    torch.manual_seed(1)
    one = change(ink[:1].expand(50, 28, 28))
    torch.manual_seed(1)
    assert torch.equal(one, change(ink[:1].expand(50, 28, 28)))
    assert one.unique(dim=0).shape[0] == 50 and one.shape == (50, 28, 28)


def test_a_blur_keeps_the_ink_and_flattens_it(ink):
    found = spoiling.blurred(ink)
    assert found.sum((1, 2)) == pytest.approx(ink.sum((1, 2)), rel=0.01)
    assert (found.amax((1, 2)) <= ink.amax((1, 2)) + 1e-3).all()


def test_paper_is_grey_and_ink_still_lighter(ink):
    found = spoiling.on_grey_paper(ink)
    blank = spoiling.on_grey_paper(torch.zeros(500, 28, 28))
    assert blank.min() >= 0 and blank.max() <= 180 and 80 < blank.mean() < 100
    bends = blank.diff(n=2, dim=1).abs().max()
    assert bends < 1e-2, "along an edge paper has one slope"
    assert found.max() <= 255
    inked, clear = found[ink > 200].mean(), found[ink == 0].mean()
    assert inked > clear + 50


def test_a_line_goes_through_the_image_and_hides_no_ink(ink):
    lines = spoiling.crossed_out(torch.zeros(500, 28, 28)) / 255
    assert (spoiling.crossed_out(ink) >= ink).all()
    assert 20 < lines.sum((1, 2)).median() < 70  # 1 to 3 pixels wide, about as long as a side


def test_a_patch_is_one_rectangle_of_one_grey():
    patches = spoiling.patched(torch.full((300, 28, 28), -1.0))
    for image in patches:
        rows, columns = (image >= 0).nonzero(as_tuple=True)
        assert len(image[rows, columns].unique()) <= 1
        if len(rows):
            high, wide = (int(at.max() - at.min()) + 1 for at in (rows, columns))
            assert len(rows) == high * wide and max(high, wide) <= 10


def test_noise_has_no_bias_and_a_strength_of_its_own(ink):
    noise = spoiling.noisy(ink) - ink
    spread = noise.flatten(1).std(1)
    assert abs(noise.mean()) < 1 and spread.min() < 10 and 70 < spread.max() < 85


def test_a_recipe_trains_on_what_it_makes(digits):
    recipe = Recipe("spoiled", "Spoiled", augmentation="robust", batch_size=50)
    few = digits.subset(200, 20)
    loader, test = build_loaders(recipe, few, seed=0)
    (x, y), *_ = loader
    assert x.shape == (50, 1, 28, 28) and y.shape == (50,) and torch.isfinite(x).all()
    (clean, _), *_ = test
    assert clean.shape == (20, 1, 28, 28)
    assert augmentation.build("robust_mild").share == augmentation.build("robust").share / 2


@pytest.mark.parametrize("share", [-0.1, 1, None])
def test_a_share_that_is_none_is_named(share):
    with pytest.raises(ValueError, match="share="):
        Spoiling(share)
