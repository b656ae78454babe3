"""The two loaders: the same batches, reproducible, and never the same twice."""

import pytest
import torch

from utils import augmentation, loaders


def epoch(loader):
    batches = list(loader)
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def make(kind, images, labels, workers=0, seed=0, augment=True, shuffle=True, batch_size=32):
    policy = augmentation.build("rotate_perspective") if augment else None
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed}
    if kind == "stock":
        return loaders.stock_loader(images, labels, transform=policy, workers=workers, **options)
    engine = augmentation.BatchedPolicy(policy) if policy else None
    return loaders.MemoryLoader(images, labels, augment=engine, **options)


@pytest.fixture
def few(digits):
    at = torch.arange(0, 4000, 40)
    return digits.train_images[at], digits.train_labels[at]


def test_both_loaders_give_the_same_plain_batches(few):
    options = {"augment": False, "shuffle": False}
    stock, memory = make("stock", *few, **options), make("memory", *few, **options)
    assert len(stock) == len(memory) == 4
    for (x, y), (u, v) in zip(stock, memory, strict=True):
        assert x.dtype == u.dtype == torch.float32 and y.dtype == v.dtype == torch.int64
        assert x.shape[1:] == (1, 28, 28)
        torch.testing.assert_close(x, u)
        assert torch.equal(y, v)


def test_a_batch_is_normalized_by_hand(few):
    (x, _), *_ = make("memory", *few, augment=False, shuffle=False)
    pixel = few[0][3, 14, 14].item()
    assert x[3, 0, 14, 14].item() == pytest.approx((pixel / 255 - 0.1307) / 0.3081, abs=1e-6)


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
    assert len(set(loaders.streams(0, 50) + loaders.streams(1, 50))) == 100


@pytest.mark.parametrize(("kind", "workers"), [("stock", 2), ("memory", 0)])
def test_workers_and_epochs_augment_one_image_differently(few, kind, workers):
    same = few[0][:1].expand(64, 28, 28).contiguous()
    loader = make(kind, same, torch.zeros(64, dtype=torch.int64), workers=workers, batch_size=8)
    seen = {image.numpy().tobytes() for _ in range(2) for image in epoch(loader)[0]}
    assert len(seen) > 120, "of 128 draws (2 epochs, 2 workers) almost none should repeat"
