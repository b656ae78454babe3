"""What holds for any input, tried on inputs nobody thought of."""

import dataclasses
import json
import struct

import numpy as np
import pytest
import torch

from utils import data, loaders, mnist_files, schedules
from utils.experiments.recorded import BadResult, path_of
from utils.experiments.steps import SKELETON
from utils.lab.report.intervals import estimate, paired_difference
from utils.lab.runs import results

hypothesis = pytest.importorskip("hypothesis", reason="needs the extra: pip install -e '.[test]'")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

settings.register_profile("few", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("few")

ACCURACIES = st.lists(st.floats(90, 100), min_size=2, max_size=10)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.data(), st.integers(0, 99))
def test_a_split_is_a_stratified_partition(digits, draw, seed):
    labels = torch.tensor(digits)
    size = draw.draw(st.integers(1, len(digits)))
    chosen, rest = data.stratified_indices(labels, size, seed)
    assert len(chosen) == size
    assert sorted(chosen.tolist() + rest.tolist()) == list(range(len(digits)))
    for digit in set(digits):
        share = digits.count(digit) * size / len(digits)
        assert abs(int((labels[chosen] == digit).sum()) - share) < 1


@given(st.integers(1, 70), st.integers(1, 80), st.integers(0, 2**40), st.booleans())
def test_a_loader_gives_every_image_once_in_each_epoch(n, batch_size, seed, stock):
    images = torch.arange(n, dtype=torch.uint8).view(n, 1, 1).expand(n, 28, 28).contiguous()
    make = loaders.stock_loader if stock else loaders.MemoryLoader
    loader = make(images, torch.arange(n) % 10, batch_size=batch_size, shuffle=True, seed=seed)
    assert len(loader) == -(-n // batch_size)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        pixels = torch.cat([x[:, 0, 0, 0] for x, _ in batches])
        seen = (pixels * data.STD + data.MEAN) * 255
        assert sorted(seen.round().int().tolist()) == list(range(n))
        assert torch.equal(torch.cat([y for _, y in batches]), seen.round().long() % 10)


@given(st.binary(max_size=60), st.sampled_from(list(mnist_files.NAMES)))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, part):
    folder = tmp_path_factory.mktemp("set")
    (folder / mnist_files.NAMES[part]).write_bytes(content)
    try:
        array, _ = mnist_files.read(folder, part)
    except mnist_files.UnusableSet as error:
        assert f"{mnist_files.NAMES[part]} is broken: it" in str(error)
    else:
        assert array.size > 0


@given(st.integers(0, 8 + 20), st.integers(1, 255))
def test_a_flipped_byte_in_a_label_file_changes_a_label_or_is_refused(at, flip):
    labels = bytes(range(10)) * 2
    whole = struct.pack(">2I", 2049, 20) + labels
    damaged = bytearray(whole)
    damaged[min(at, len(whole) - 1)] ^= flip
    reason = mnist_files.what_is_wrong(bytes(damaged), "train_labels")
    if not reason:
        assert at >= 8, "a damaged header was not noticed"
        assert max(damaged[8:]) <= 9


@given(st.floats(0, 1))
def test_a_result_cut_anywhere_is_refused(tmp_path_factory, share):
    source = path_of(SKELETON, 0)
    text = source.read_text(encoding="utf-8")
    cut = min(int(share * len(text)), len(text.rstrip()) - 1)
    path = tmp_path_factory.mktemp("cut") / "seed-0.json"
    path.write_text(text[:cut], encoding="utf-8")
    with pytest.raises(BadResult, match=r"seed-0\.json cannot be read"):
        results.read(path, SKELETON, 0)


@given(st.data())
def test_a_result_with_any_number_changed_is_refused(tmp_path_factory, draw):
    result = json.loads(path_of(SKELETON, 0).read_text(encoding="utf-8"))
    part = draw.draw(st.sampled_from(["train_loss", "test_loss", "test_correct", "seconds", "lr"]))
    at = draw.draw(st.integers(0, len(result["history"][part]) - 1))
    result["history"][part][at] += draw.draw(st.sampled_from([1, -1, 0.001]))
    path = tmp_path_factory.mktemp("changed") / "seed-0.json"
    path.write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(BadResult, match="edited since it was recorded"):
        results.read(path, SKELETON, 0)


@given(ACCURACIES)
def test_an_estimate_holds_its_mean(values):
    found = estimate(values)
    assert found.low <= found.mean <= found.high
    assert found.mean == pytest.approx(np.mean(values))
    assert found.std == pytest.approx(np.std(values, ddof=1), abs=1e-9)


@given(ACCURACIES, st.floats(-5, 5))
def test_a_shift_of_every_seed_is_the_paired_difference(values, shift):
    found = paired_difference(values, [value + shift for value in values])
    assert found.mean == pytest.approx(shift, abs=1e-9)
    assert found.std == pytest.approx(0, abs=1e-9)


@given(st.sampled_from(list(schedules.SCHEDULES)), st.integers(1, 8), st.integers(2, 30))
def test_a_schedule_never_exceeds_its_rate(name, epochs, steps_per_epoch):
    rates = schedules.rates(name, 0.1, epochs, steps_per_epoch, losses=[1.0] * epochs)
    assert len(rates) == epochs * steps_per_epoch
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)


@given(st.sampled_from(["batch_size", "epochs"]), st.integers(max_value=0))
def test_no_recipe_has_a_size_below_one(name, value):
    with pytest.raises(ValueError, match=f"{name}={value} is not a whole number of at least 1"):
        dataclasses.replace(SKELETON, **{name: value})
