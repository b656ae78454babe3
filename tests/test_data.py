"""Finding, verifying and splitting the data."""

import os
import shutil
import struct

import numpy as np
import pytest
import torch

from utils import data, mnist_files


def write_set(folder, train=40, test=20, prefix=""):
    """Four files in MNIST's format with random pixels."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for half, n in (("train", train), ("t10k", test)):
        pixels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        images_file = folder / f"{prefix}{half}-images-idx3-ubyte"
        images_file.write_bytes(struct.pack(">4I", 2051, n, 28, 28) + pixels.tobytes())
        labels_file = folder / f"{prefix}{half}-labels-idx1-ubyte"
        labels_file.write_bytes(struct.pack(">2I", 2049, n) + labels.tobytes())
    return folder


@pytest.fixture(autouse=True)
def online(monkeypatch):
    """As if nobody had found out yet that there is no network."""
    monkeypatch.delenv("MNIST_OFFLINE", raising=False)


@pytest.fixture
def no_download(monkeypatch):
    def refuse(root, md5):
        raise OSError("no network in this test")

    monkeypatch.setattr(mnist_files, "download_mnist", refuse)


# --------------------------------------------------------------------------- which set it is


def test_mnist_is_named_by_its_checksums(mnist):
    assert mnist.name == "MNIST"
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_labels.shape == (10_000,)
    published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert list(data.class_counts(mnist.train_labels).values()) == published


def test_the_normalization_constants_are_the_training_sets(mnist):
    pixels = mnist.train_images.double() / 255
    assert round(pixels.mean().item(), 4) == data.MEAN
    assert round(pixels.std().item(), 4) == data.STD


def test_the_5k_digits_are_mnist_training_images(digits, mnist):
    originals = {image.tobytes() for image in mnist.train_images.numpy()}
    ours = torch.cat([digits.train_images, digits.test_images]).numpy()
    assert len(ours) == 5000
    assert all(image.tobytes() in originals for image in ours)


def test_the_5k_split_is_stratified_and_fixed(digits):
    assert digits.name == "MNIST-5k"
    assert set(data.class_counts(digits.train_labels).values()) == {400}
    assert set(data.class_counts(digits.test_labels).values()) == {100}
    assert torch.equal(data.load("mnist-5k").train_images, digits.train_images)


@pytest.mark.parametrize("below", ["FashionMNIST/raw", "FashionMNIST", "."])
def test_another_set_is_used_under_its_own_name(tmp_path, below):
    write_set(tmp_path / "FashionMNIST" / "raw")
    root = {".": tmp_path}.get(below, tmp_path / below)
    found = data.load("mnist", root)
    assert found.name == "FashionMNIST (not MNIST)"
    assert found.train_images.shape == (40, 28, 28)
    assert found.train_labels.dtype == torch.int64


def test_emnist_digits_are_found_by_their_prefix(tmp_path):
    folder = write_set(tmp_path / "EMNIST" / "raw", prefix="emnist-digits-")
    for path in list(folder.iterdir()):
        shutil.copy(path, folder / path.name.replace("digits", "letters"))
    assert data.load("mnist", tmp_path).name == "EMNIST (not MNIST)"


def test_several_sets_under_one_root_are_not_guessed(tmp_path, no_download):
    write_set(tmp_path / "KMNIST" / "raw")
    write_set(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(RuntimeError, match=r"several sets \(FashionMNIST, KMNIST\)"):
        data.load("mnist", tmp_path)


def test_the_environment_names_the_root(tmp_path, monkeypatch):
    write_set(tmp_path / "KMNIST" / "raw")
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path))
    assert data.load().name == "KMNIST (not MNIST)"


# --------------------------------------------------------------------------- what is wrong


def test_a_folder_that_says_mnist_must_hold_mnist(tmp_path, no_download):
    write_set(tmp_path / "MNIST" / "raw")
    with pytest.raises(RuntimeError, match=r"train-images-idx3-ubyte is broken: its content"):
        data.load("mnist", tmp_path)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("train-images-idx3-ubyte", lambda b: b[:10], "10 bytes, too few for the 16-byte header"),
        ("train-images-idx3-ubyte", lambda b: b[:-1], "its header announces 31,376"),
        ("t10k-images-idx3-ubyte", lambda b: b + b"x", "its header announces 15,696"),
        ("train-labels-idx1-ubyte", lambda b: b"", "0 bytes, too few"),
        ("t10k-labels-idx1-ubyte", lambda b: b"\1" + b[1:], "magic number"),
        ("train-labels-idx1-ubyte", lambda b: b[:-1] + b"\12", "a label 10, expected 0..9"),
        (
            "train-images-idx3-ubyte",
            lambda b: struct.pack(">4I", 2051, 40, 14, 56) + b[16:],
            "its images are 14x56",
        ),
        (
            "train-labels-idx1-ubyte",
            lambda b: struct.pack(">2I", 2049, 39) + b[8:-1],
            "40 train images but 39 train labels",
        ),
        (
            "train-images-idx3-ubyte",
            lambda b: struct.pack(">4I", 2051, 0, 28, 28),
            "announces 0 items",
        ),
    ],
)
def test_a_damaged_file_is_named_with_its_damage(tmp_path, file, damage, message):
    folder = write_set(tmp_path / "KMNIST" / "raw")
    path = folder / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RuntimeError, match=message) as caught:
        data.load("auto", tmp_path)
    assert str(folder) in str(caught.value)


FILES = [
    f"{half}-{kind}-ubyte" for half in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]
DAMAGES = {
    "empty": lambda content: b"",
    "cut in the magic number": lambda content: content[:3],
    "cut in the header": lambda content: content[:6],
    "cut after the header": lambda content: content[:16],
    "cut in the middle": lambda content: content[: len(content) // 2],
    "last byte lost": lambda content: content[:-1],
    "a byte too many": lambda content: content + b"\0",
    "the other kind's magic number": lambda content: (
        content[:3] + (b"\1" if content[3] == 3 else b"\3") + content[4:]
    ),
    "announces more": lambda content: content[:7] + bytes([content[7] + 1]) + content[8:],
    "little-endian": lambda content: content[3::-1] + content[4:],
}


@pytest.fixture
def passes_for_mnist(tmp_path, monkeypatch, no_download):
    """A small set in a folder that says MNIST, whose checksums pass for MNIST's."""
    import hashlib

    folder = write_set(tmp_path / "MNIST" / "raw")
    files = mnist_files.four_files(folder).items()
    sums = {part: hashlib.md5(path.read_bytes()).hexdigest() for part, path in files}
    monkeypatch.setattr(data, "MNIST_MD5", sums)
    return folder


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", ["MNIST", "KMNIST"])
def test_any_of_the_four_files_damaged_is_named(request, tmp_path, no_download, name, file, damage):
    """MNIST is missing then, which the strict source says; another set is never replaced."""
    if name == "MNIST":
        folder, refusal = request.getfixturevalue("passes_for_mnist"), data.NoMnist
    else:
        folder, refusal = write_set(tmp_path / name / "raw"), mnist_files.UnusableSet
    path = folder / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(refusal, match=f"{file} is broken: it"):
        data.load("mnist", tmp_path)


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_byte_in_mnist_is_noticed(tmp_path, passes_for_mnist, file):
    path = passes_for_mnist / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(data.NoMnist, match=f"{file} is broken"):
        data.load("mnist", tmp_path)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_swapped_training_and_test_files_of_mnist_are_noticed(tmp_path, passes_for_mnist, kind):
    train, test = (passes_for_mnist / f"{half}-{kind}-ubyte" for half in ("train", "t10k"))
    one, other = train.read_bytes(), test.read_bytes()
    train.write_bytes(other)
    test.write_bytes(one)
    with pytest.raises(data.NoMnist, match=f"train-{kind}-ubyte is broken: its content differs"):
        data.load("mnist", tmp_path)


def test_swapped_training_and_test_images_of_another_set_are_noticed(tmp_path, no_download):
    folder = write_set(tmp_path / "KMNIST" / "raw")
    train, test = folder / "train-images-idx3-ubyte", folder / "t10k-images-idx3-ubyte"
    one, other = train.read_bytes(), test.read_bytes()
    train.write_bytes(other)
    test.write_bytes(one)
    with pytest.raises(mnist_files.UnusableSet, match="20 train images but 40 train labels"):
        data.load("mnist", tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path, no_download):
    folder = write_set(tmp_path / "KMNIST" / "raw")
    (folder / "train-images-idx3-ubyte").chmod(0)
    with pytest.raises(
        mnist_files.UnusableSet, match="train-images-idx3-ubyte cannot be read: Permission"
    ):
        data.load("mnist", tmp_path)


def test_a_folder_in_a_files_place_is_named(tmp_path, no_download):
    folder = write_set(tmp_path / "KMNIST" / "raw")
    path = folder / "train-images-idx3-ubyte"
    path.unlink()
    path.mkdir()
    with pytest.raises(mnist_files.UnusableSet, match="train-images-idx3-ubyte cannot be read"):
        data.load("mnist", tmp_path)


def test_without_mnist_auto_says_so_and_uses_the_5k(tmp_path, no_download, capsys):
    assert data.load("auto", tmp_path).name == "MNIST-5k"
    said = capsys.readouterr().out
    assert "MNIST-5k" in said and "MNIST_ROOT" in said and "no network in this test" in said


def test_without_mnist_the_strict_source_says_what_it_tried(tmp_path, no_download):
    with pytest.raises(RuntimeError, match=r"(?s)does not hold.*download: no network.*Remedy"):
        data.load("mnist", tmp_path)


def test_no_second_download_is_tried_where_the_first_failed(tmp_path, no_download, monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path))
    assert data.settle_source().name == "MNIST-5k"
    with pytest.raises(data.NoMnist, match="switched off by MNIST_OFFLINE"):
        data.load("mnist", tmp_path)


@pytest.mark.parametrize("change", [lambda p: p.unlink(), lambda p: p.rename(f"{p}.gz")])
def test_part_of_another_set_is_an_error_and_never_mnist(tmp_path, change):
    folder = write_set(tmp_path / "FashionMNIST" / "raw")
    change(folder / "t10k-labels-idx1-ubyte")
    with pytest.raises(
        mnist_files.UnusableSet, match=r"lacks test_labels: expected the four files"
    ):
        data.load("auto", tmp_path)


def test_an_empty_neighbour_does_not_hide_a_set(tmp_path):
    write_set(tmp_path / "FashionMNIST" / "raw")
    (tmp_path / "AAA" / "raw").mkdir(parents=True)
    assert data.load("mnist", tmp_path).name == "FashionMNIST (not MNIST)"


def test_a_working_mirror_comes_first_and_nobody_waits_for_ever(tmp_path, monkeypatch):
    import socket

    import torchvision.datasets

    seen = []

    def fake(self, root, download):
        seen.append((self.mirrors, socket.getdefaulttimeout()))
        raise RuntimeError("nothing there")

    monkeypatch.setattr(torchvision.datasets.MNIST, "__init__", fake)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://dead/", "https://live/"])
    before = socket.getdefaulttimeout()
    with pytest.raises(RuntimeError, match="nothing there"):
        mnist_files.download_mnist(tmp_path, data.MNIST_MD5)
    assert seen == [(["https://live/", "http://dead/"], mnist_files.DOWNLOAD_TIMEOUT_S)]
    assert socket.getdefaulttimeout() == before and list(tmp_path.iterdir()) == []


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match="source='cifar' is not one of auto, mnist, mnist-5k"):
        data.load("cifar")


def test_a_download_is_verified_and_leaves_all_or_nothing(tmp_path, monkeypatch):
    import torchvision.datasets

    def fake(self, root, download):
        write_set(tmp_path / root / self.__class__.__name__ / "raw")

    monkeypatch.setattr(torchvision.datasets.MNIST, "__init__", fake)
    with pytest.raises(RuntimeError, match="downloaded train-images-idx3-ubyte has md5"):
        mnist_files.download_mnist(tmp_path / "data", data.MNIST_MD5)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_verified_download_replaces_a_broken_set(tmp_path, monkeypatch):
    import hashlib

    import torchvision.datasets

    def fake(self, root, download):
        write_set(tmp_path / root / self.__class__.__name__ / "raw")

    good = write_set(tmp_path / "good")
    sums = {
        part: hashlib.md5(path.read_bytes()).hexdigest()
        for part, path in mnist_files.four_files(good).items()
    }
    monkeypatch.setattr(data, "MNIST_MD5", sums)
    monkeypatch.setattr(torchvision.datasets.MNIST, "__init__", fake)
    broken = write_set(tmp_path / "data" / "MNIST" / "raw")
    (broken / "train-images-idx3-ubyte").write_bytes(b"cut short")
    assert data.load("mnist", tmp_path / "data").is_mnist
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["MNIST"]


# --------------------------------------------------------------------------- splitting


def test_the_validation_split_is_stratified_disjoint_and_fixed(mnist):
    split = data.validation_split(mnist)
    assert len(split.train_labels) == 50_000 and len(split.test_labels) == 10_000
    whole = data.class_counts(mnist.train_labels)
    for digit, count in data.class_counts(split.test_labels).items():
        assert abs(count - whole[digit] / 6) <= 1
    again = data.validation_split(mnist)
    assert torch.equal(split.test_images, again.test_images)
    kept, held = (
        {image.tobytes() for image in half.numpy()}
        for half in (split.train_images, split.test_images)
    )
    assert not kept & held


def test_the_validation_split_leaves_the_test_set_out(digits):
    split = data.validation_split(digits, 1000)
    test = {image.tobytes() for image in digits.test_images.numpy()}
    assert not test & {image.tobytes() for image in split.test_images.numpy()}
    assert split.name == "MNIST-5k validation"


@pytest.mark.parametrize("size", [0, -1, 101])
def test_a_split_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match=f"size={size} is not within 1..100"):
        data.stratified_indices(torch.arange(100) % 10, size, seed=0)
