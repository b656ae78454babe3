"""The two engines: the same pixels for the same parameters, the same statistics for random ones."""

import albumentations as A
import albumentations.augmentations.geometric.functional as geometric
import cv2
import numpy as np
import pytest
import torch

from utils import augmentation, data, loaders


@pytest.fixture(scope="module")
def images(digits):
    return digits.train_images[::10]


def test_rotation_equals_albumentations_pixel_for_pixel(images):
    degrees = torch.linspace(-6, 6, len(images))
    ours = augmentation.warp(images.float(), augmentation.rotations(degrees), fill=33)
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
    maps = augmentation.perspectives(torch.tensor(np.array(jitter), dtype=torch.float32))
    ours = augmentation.warp(images.float(), maps, fill=0)
    difference = (ours - torch.from_numpy(np.stack(theirs))).abs()
    assert difference.max() <= 3 and difference.mean() < 0.01


def test_the_engines_agree_in_their_statistics(images):
    """Pixel mean and spread, centre of mass, and share of filled corners, over 4,000 draws each."""
    policy = augmentation.build("rotate_perspective")
    many = images.repeat(10, 1, 1)
    labels = torch.zeros(len(many), dtype=torch.int64)
    stock = loaders.stock_loader(many, labels, batch_size=500, transform=policy)
    theirs = torch.cat([x for x, _ in stock])
    batched = loaders.MemoryLoader(
        many, labels, batch_size=500, augment=augmentation.BatchedPolicy(policy)
    )
    ours = torch.cat([x for x, _ in batched])
    for name, statistic in STATISTICS.items():
        u, v = statistic(ours).double(), statistic(theirs).double()
        gap = (u.mean() - v.mean()).abs()
        noise = (u.var() / len(u) + v.var() / len(v)).sqrt()
        assert gap < 4 * noise, f"{name}: {u.mean():.4f} against {v.mean():.4f}"


def _ink(x):
    return (x * data.STD + data.MEAN).squeeze(1).clamp_min(0)


def _centre(axis):
    def centre(x):
        weight = _ink(x).sum(axis)
        return (weight * torch.arange(28)).sum(1) / weight.sum(1)

    return centre


STATISTICS = {
    "mean": lambda x: _ink(x).mean((1, 2)),
    "spread": lambda x: _ink(x).std((1, 2)),
    "row of the centre": _centre(2),
    "column of the centre": _centre(1),
    "corner": lambda x: _ink(x)[:, 0, 0],
    "ink above half": lambda x: (_ink(x) > 0.5).float().mean((1, 2)),
}


def test_the_policy_keeps_digits_centred_and_whole(digits):
    """The trap it avoids: without fit_output albumentations 2.0.8 enlarges and shifts the digit."""
    images = digits.train_images[::4]
    x = loaders.normalize(images)
    engine = augmentation.BatchedPolicy(augmentation.build("rotate_perspective"))
    y = loaders.normalize(engine(images.float(), torch.Generator().manual_seed(0)))
    for axis in (1, 2):
        shift = _centre(axis)(y).mean() - _centre(axis)(x).mean()
        assert abs(shift) < 0.15, f"digits move by {shift:.2f} pixels on average"


def test_half_the_images_are_distorted():
    policy = A.Compose([A.Perspective(scale=(0.1, 0.1), fit_output=True, p=0.5)])
    images = torch.rand(2000, 28, 28) * 255
    out = augmentation.BatchedPolicy(policy)(images, torch.Generator().manual_seed(0))
    changed = (out != images).flatten(1).any(1).float().mean()
    assert 0.45 < changed < 0.55


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (A.HorizontalFlip(), "has no HorizontalFlip"),
        (A.Perspective(), "fit_output=True only"),
        (A.Rotate(crop_border=True), "crop_border=False only"),
        (A.Rotate(border_mode=cv2.BORDER_REFLECT), "border_mode=0 only"),
    ],
)
def test_what_the_batched_engine_cannot_run_is_named(transform, message):
    with pytest.raises(ValueError, match=message):
        augmentation.BatchedPolicy(A.Compose([transform]))


def test_an_unknown_policy_is_named():
    with pytest.raises(ValueError, match="no policy is called 'blur'"):
        augmentation.build("blur")


def test_retired_arguments_are_errors_here():
    with pytest.raises(UserWarning, match="not valid"):
        A.Rotate(limit=6, value=33)
