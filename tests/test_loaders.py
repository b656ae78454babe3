"""The two loaders: the same batches, reproducible, and never the same twice."""

import albumentations as A
import pytest
import torch

from utils import augmentation, loaders
from utils.support.seeds import spawned
from utils.warping import BatchedPolicy


def epoch(loader):
    batches = list(loader)
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def make(kind, images, labels, workers=0, seed=0, augment=True, shuffle=True, batch_size=32):
    policy = augmentation.build("rotate_perspective") if augment else None
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed}
    if kind == "stock":
        return loaders.stock_loader(images, labels, transform=policy, workers=workers, **options)
    engine = BatchedPolicy(policy) if policy else None
    return loaders.MemoryLoader(images, labels, augment=engine, **options)


@pytest.fixture
def few(digits):
    at = torch.arange(0, 4000, 40)
    return digits.train_images[at], digits.train_labels[at]


def test_both_loaders_give_the_same_batches(few):
    options = {"augment": False, "shuffle": False}
    stock, memory = make("stock", *few, **options), make("memory", *few, **options)
    assert len(stock) == len(memory) == 4
    for (x, y), (u, v) in zip(stock, memory, strict=True):
        assert x.dtype == u.dtype == torch.float32 and y.dtype == v.dtype == torch.int64
        assert x.shape[1:] == (1, 28, 28)
        torch.testing.assert_close(x, u)
        assert torch.equal(y, v)


@pytest.mark.parametrize("kind", ["stock", "memory"])
def test_every_image_comes_once_an_epoch(few, kind):
    x, y = epoch(make(kind, *few, augment=False))
    expected = loaders.normalize(few[0])
    assert sorted(x.sum((1, 2, 3)).tolist()) == pytest.approx(
        sorted(expected.sum((1, 2, 3)).tolist()), abs=1e-3
    )
    assert torch.equal(y.sort().values, few[1].sort().values)


@pytest.mark.parametrize("kind", ["stock", "memory"])
def test_two_epochs_differ_and_two_runs_agree(few, kind):
    loader, again = make(kind, *few), make(kind, *few)
    first, second = epoch(loader), epoch(loader)
    assert not torch.equal(first[1], second[1])
    for ours in (first, second):
        theirs = epoch(again)
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
    assert not torch.equal(first[0], epoch(make(kind, *few, seed=1))[0])


def test_any_number_of_workers_gives_the_same_batches(few):
    loaders = [make("stock", *few, workers=workers) for workers in (0, 1, 2)]
    for _ in range(2):  # the second epoch too: worker processes start anew
        (x, y), *others = [epoch(loader) for loader in loaders]
        for u, v in others:
            assert torch.equal(x, u) and torch.equal(y, v)


def test_both_loaders_share_their_order_in_every_epoch(few):
    stock, memory = make("stock", *few), make("memory", *few)
    for _ in range(3):
        assert torch.equal(epoch(stock)[1], epoch(memory)[1])


@pytest.mark.parametrize("batch_size", [7, 32, 100, 1000])
def test_what_is_prepared_together_changes_no_batch(few, batch_size, monkeypatch):
    options = {"batch_size": batch_size}
    together = list(make("memory", *few, **options))
    monkeypatch.setattr(loaders, "TOGETHER", 1)  # each batch by itself
    alone = list(make("memory", *few, **options))
    for (x, y), (u, v) in zip(together, alone, strict=True):
        assert torch.equal(x, u) and torch.equal(y, v)


def test_the_random_streams_of_a_seed_are_unrelated(few):
    """On the CPU torch keeps 32 bits of a seed: seed and seed + 2**32 are one stream."""
    loader = make("memory", *few)
    drawn = [torch.rand(1000, generator=g) for g in (loader._order, loader._augment)]
    assert torch.corrcoef(torch.stack(drawn))[0, 1].abs() < 0.15
    assert len(set(spawned(0, 50) + spawned(1, 50))) == 100


@pytest.mark.parametrize(("kind", "workers"), [("stock", 2), ("memory", 0)])
def test_workers_and_epochs_augment_one_image_differently(few, kind, workers):
    same = few[0][:1].expand(64, 28, 28).contiguous()
    loader = make(kind, same, torch.zeros(64, dtype=torch.int64), workers=workers, batch_size=8)
    seen = {image.numpy().tobytes() for _ in range(2) for image in epoch(loader)[0]}
    assert len(seen) > 120, "of 128 draws (2 epochs, 2 workers) almost none should repeat"


# --------------------------------------------------------------------------- wrong pixels

PIXELS = torch.randint(0, 256, (4, 28, 28), dtype=torch.uint8)
WRONG_PIXELS = {
    "array": (PIXELS.numpy(), "a ndarray, expected a torch.Tensor, uint8 or float"),
    "list": ([[0]], "a list, expected a torch.Tensor"),
    "whole numbers": (PIXELS.long(), r"int64 \[4, 28, 28\], expected uint8 or float \[N, 28, 28"),
    "channel": (PIXELS.unsqueeze(1), r"uint8 \[4, 1, 28, 28\]"),
    "0 to 1": (PIXELS / 255, "run from 0 to 1, expected pixels 0..255"),
    "normalized": (loaders.normalize(PIXELS)[:, 0], "run from -0.42.* to 2.8.*, expected pixels"),
    "too bright": (PIXELS * 1.5, "expected pixels 0..255"),
    "nan": (PIXELS.float().index_put((torch.tensor(1),), torch.tensor(torch.nan)), "from nan"),
    "infinite": (PIXELS.float().index_put((torch.tensor(1),), torch.tensor(torch.inf)), "to inf"),
}


@pytest.mark.parametrize(("images", "message"), WRONG_PIXELS.values(), ids=WRONG_PIXELS)
def test_what_is_no_image_is_not_normalized(images, message):
    with pytest.raises(ValueError, match=f"images(:| are)? .*{message}"):
        loaders.normalize(images)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float16, torch.float32, torch.float64])
def test_pixels_of_any_float_kind_give_the_same_input(kind):
    assert torch.equal(loaders.normalize(PIXELS.to(kind)), loaders.normalize(PIXELS))
    blank = torch.zeros(1, 28, 28, dtype=kind)
    assert loaders.normalize(blank).dtype == torch.float32


@pytest.mark.parametrize(
    ("transform", "made"),
    [
        (A.Normalize(mean=0.1307, std=0.3081), r"float32 \[28, 28\]"),
        (A.ToFloat(), r"float32 \[28, 28\]"),
        (A.Resize(32, 32), r"uint8 \[32, 32\]"),
        (A.ToTensorV2(), r"torch.uint8 \[1, 28, 28\]"),
    ],
)
def test_a_transform_that_leaves_no_pixels_is_refused(few, transform, made):
    loader = loaders.stock_loader(*few, batch_size=8, transform=transform)
    with pytest.raises(ValueError, match=f"the transform makes {made}, expected uint8"):
        next(iter(loader))


# --------------------------------------------------------------------------- own functions


def own(few, function, batch_size=32):
    augment = loaders.OwnPolicy(function)
    return loaders.MemoryLoader(*few, batch_size=batch_size, augment=augment)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64])
def test_a_function_gets_one_batch_of_pixels_at_a_time(few, kind):
    seen = []

    def flipped(pixels):
        seen.append(pixels.clone())
        return pixels.flip(2).to(kind)

    x, _ = epoch(own(few, flipped))
    assert [len(batch) for batch in seen] == [32, 32, 32, 4]
    assert torch.equal(torch.cat(seen), few[0])
    assert torch.equal(x, loaders.normalize(few[0].flip(2)))


def test_a_function_draws_from_the_global_streams_and_cannot_change_the_images(few):
    def noisy(pixels):
        pixels += torch.randint_like(pixels, 9)
        return pixels

    before = few[0].clone()
    loader, seen = own(few, noisy), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        seen.append(epoch(loader)[0])
    assert torch.equal(few[0], before)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda pixels: None, "a NoneType, expected a torch.Tensor"),
        (lambda pixels: pixels.numpy(), "a ndarray, expected a torch.Tensor"),
        (
            lambda pixels: pixels.unsqueeze(1),
            r"are uint8 \[32, 1, 28, 28\], expected uint8 or float",
        ),
        (lambda pixels: pixels[:, 2:-2, 2:-2], r"are uint8 \[32, 24, 24\], expected"),
        (lambda pixels: pixels.resize_(16, 28, 28), "makes 16 images of a batch of 32"),
        (lambda pixels: pixels.long(), r"are int64 \[32, 28, 28\], expected"),
        (lambda pixels: pixels / 255, "run from 0 to 1, expected pixels 0..255"),
        (lambda pixels: pixels - 0.1, "run from -0.1 to .*, expected pixels 0..255"),
        (lambda pixels: pixels / pixels, "run from nan to nan, expected pixels 0..255"),
    ],
)
def test_a_function_that_makes_something_else_is_refused(few, function, message):
    with pytest.raises(ValueError, match=f"the policy('s images:?)? {message}"):
        next(iter(own(few, function)))
