"""The two engines: the same pixels for the same parameters, the same statistics for random ones."""

import albumentations as A
import albumentations.augmentations.geometric.functional as geometric
import cv2
import numpy as np
import pytest
import torch

from utils import augmentation, data, loaders, warping


@pytest.fixture(scope="module")
def images(digits):
    return digits.train_images[::10]


def test_rotation_equals_albumentations_pixel_for_pixel(images):
    degrees = torch.linspace(-6, 6, len(images))
    ours = warping.warp(images.float(), warping.rotations(degrees), fill=33)
    theirs = np.stack(
        [
            A.Rotate((a, a), fill=33, border_mode=cv2.BORDER_CONSTANT, p=1)(image=i)["image"]
            for i, a in zip(images.numpy(), degrees.tolist(), strict=True)
        ]
    )
    difference = (ours - torch.from_numpy(theirs)).abs()
    assert difference.max() <= 2 and difference.mean() < 0.01


def test_perspective_equals_albumentations_pixel_for_pixel(images):
    rng = np.random.default_rng(0)
    jitter, theirs = [], []
    for image in images.numpy():
        drawn = rng.normal(0, rng.uniform(0, 0.2), (4, 2))
        fixed = type("Drawn", (), {"normal": lambda self, *_, d=drawn: d})()
        points = geometric.order_points(geometric.generate_perspective_points((28, 28), 0.2, fixed))
        matrix, *_ = geometric.compute_perspective_params(points, (28, 28))
        matrix, width, height = geometric.expand_transform(matrix, (28, 28))
        theirs.append(
            geometric.perspective(
                image, matrix, width, height, 0, cv2.BORDER_CONSTANT, True, cv2.INTER_LINEAR
            )
        )
        jitter.append(np.mod(np.abs(drawn), 0.32))
    maps = warping.perspectives(torch.tensor(np.array(jitter), dtype=torch.float32))
    ours = warping.warp(images.float(), maps, fill=0)
    difference = (ours - torch.from_numpy(np.stack(theirs))).abs()
    assert difference.max() <= 3 and difference.mean() < 0.01


def test_affine_equals_albumentations_pixel_for_pixel(images):
    n = len(images)
    degrees, scales = torch.linspace(-10, 10, n), torch.linspace(0.9, 1.1, n).roll(n // 3)
    shifts = torch.stack([torch.arange(n) % 5 - 2.0, torch.arange(n) % 3 - 1.0], 1)
    ours = warping.warp(images.float(), warping.affines(degrees, scales, shifts), fill=0)
    theirs = [
        A.Affine(rotate=(a, a), scale=(s, s), translate_px={"x": (dx, dx), "y": (dy, dy)}, p=1)(
            image=image
        )["image"]
        for image, a, s, (dx, dy) in zip(
            images.numpy(), degrees.tolist(), scales.tolist(), shifts.int().tolist(), strict=True
        )
    ]
    difference = (ours - torch.from_numpy(np.stack(theirs))).abs()
    assert difference.max() <= 3 and difference.mean() < 0.02


@pytest.mark.parametrize("name", ["affine", "affine_mild", "affine_strong"])
def test_the_engines_agree_on_affine(images, name):
    policy = augmentation.build(name)
    gap, where = largest_gap(by_batch(policy, images), by_stock(policy, images))
    assert gap < 4.5, f"{where}: {gap:.1f} standard errors"


DRAWS = 20  # of each digit by each engine


def by_stock(policy, images):
    many = images.repeat(DRAWS, 1, 1)
    labels = torch.zeros(len(many), dtype=torch.int64)
    stock = loaders.stock_loader(many, labels, batch_size=1000, transform=policy)
    return torch.cat([x for x, _ in stock]).view(DRAWS, len(images), 28, 28)


def by_batch(policy, images):
    generator = torch.Generator().manual_seed(0)
    engine = warping.BatchedPolicy(policy)
    draws = [engine(images.float(), generator) for _ in range(DRAWS)]
    return torch.stack([loaders.normalize(drawn).squeeze(1) for drawn in draws])


def largest_gap(ours, theirs):
    """The two engines' difference in any statistic, paired by digit, in standard errors.

    Of each digit the mean and the spread over its draws are compared.
    """
    gaps = {}
    for name, statistic in STATISTICS.items():
        for kind, reduce in (("mean", torch.mean), ("spread", torch.std)):
            u, v = (reduce(statistic(x).double(), dim=0) for x in (ours, theirs))
            difference = u - v
            error = difference.std() / len(difference) ** 0.5
            gaps[f"{kind} of {name}"] = (difference.mean() / error).abs().item()
    worst = max(gaps, key=gaps.get)
    return gaps[worst], worst


def _ink(x):
    return (x * data.STD + data.MEAN).clamp_min(0)


def _centre(axis):
    """Of the ink, along ``axis`` of the last two: -2 for the row, -1 for the column."""

    def centre(x):
        weight = _ink(x).sum(-3 - axis)
        return (weight * torch.arange(28)).sum(-1) / weight.sum(-1)

    return centre


def _slant(x):
    """The ink's covariance of row and column over its variance of rows: what a rotation turns."""
    ink, steps = _ink(x), torch.arange(28.0)
    ink = ink / ink.sum((-2, -1), keepdim=True)
    row = steps.view(28, 1) - _centre(-2)(x)[..., None, None]
    column = steps.view(1, 28) - _centre(-1)(x)[..., None, None]
    return (ink * row * column).sum((-2, -1)) / (ink * row**2).sum((-2, -1))


STATISTICS = {
    "ink": lambda x: _ink(x).mean((-2, -1)),
    "contrast": lambda x: _ink(x).std((-2, -1)),
    "row of the centre": _centre(-2),
    "column of the centre": _centre(-1),
    "slant": _slant,
    "corner": lambda x: _ink(x)[..., 0, 0],
}


@pytest.fixture(scope="module")
def stock_draws(images):
    return by_stock(augmentation.build("rotate_perspective"), images)


def test_the_engines_agree_in_their_statistics(images, stock_draws):
    gap, where = largest_gap(
        by_batch(augmentation.build("rotate_perspective"), images), stock_draws
    )
    assert gap < 4.5, f"{where}: {gap:.1f} standard errors"


@pytest.mark.parametrize(
    "change", [{"degrees": 5}, {"degrees": 7}, {"fill": 0}, {"p": 0.4}, {"scale": 0.16}], ids=str
)
def test_the_comparison_would_see_a_policy_that_differs_a_little(images, stock_draws, change):
    numbers = {"degrees": 6, "fill": 33, "p": 0.5, "scale": 0.2} | change
    degrees = numbers["degrees"]
    other = A.Compose(
        [
            A.Rotate((-degrees, degrees), fill=numbers["fill"], border_mode=0, p=1.0),
            A.Perspective((0.0, numbers["scale"]), fit_output=True, p=numbers["p"]),
        ]
    )
    gap, _ = largest_gap(by_batch(other, images), stock_draws)
    assert gap > 4.5


def test_the_policy_keeps_digits_centred_and_whole(digits):
    """The trap it avoids: without fit_output albumentations 2.0.8 enlarges and shifts the digit."""
    images = digits.train_images[::4]
    x = loaders.normalize(images)
    engine = warping.BatchedPolicy(augmentation.build("rotate_perspective"))
    y = loaders.normalize(engine(images.float(), torch.Generator().manual_seed(0)))
    for axis in (-2, -1):
        shift = _centre(axis)(y).mean() - _centre(axis)(x).mean()
        assert abs(shift) < 0.15, f"digits move by {shift:.2f} pixels on average"


WARPS = ["rotate_perspective", "affine", "affine_mild", "affine_strong"]


@pytest.mark.parametrize("name", WARPS)
def test_many_batches_get_the_numbers_of_one_after_another(images, name):
    engine = warping.BatchedPolicy(augmentation.build(name))
    few = images[:100].float()
    together = engine(few, torch.Generator().manual_seed(0), 32)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(together, torch.cat([engine(batch, generator) for batch in few.split(32)]))
    assert not torch.equal(together, engine(few, torch.Generator().manual_seed(0)))


def test_half_the_images_are_distorted():
    policy = A.Compose([A.Perspective(scale=(0.1, 0.1), fit_output=True, p=0.5)])
    images = torch.rand(2000, 28, 28) * 255
    out = warping.BatchedPolicy(policy)(images, torch.Generator().manual_seed(0))
    changed = (out != images).flatten(1).any(1).float().mean()
    assert 0.45 < changed < 0.55


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (A.HorizontalFlip(), "has no HorizontalFlip"),
        (A.Perspective(), "fit_output=True only"),
        (A.Affine(rotate=5), "keep_ratio=True only"),
        (A.Affine(rotate=5, keep_ratio=True, shear=5), "runs Affine with shear="),
        (A.Rotate(crop_border=True), "crop_border=False only"),
        (A.Rotate(border_mode=cv2.BORDER_REFLECT), "border_mode=0 only"),
    ],
)
def test_what_the_batched_engine_cannot_run_is_named(transform, message):
    with pytest.raises(ValueError, match=message):
        warping.BatchedPolicy(A.Compose([transform]))


def test_retired_arguments_are_errors_here():
    with pytest.raises(UserWarning, match="not valid"):
        A.Rotate(limit=6, value=33)
