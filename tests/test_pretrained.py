"""Trained weights: the recorded run's, one call to load and classify, the same through ONNX."""

import hashlib
import io
import shutil
import subprocess

import pytest
import torch

from utils import deskewing, integers, pretrained, smoke
from utils.experiments import catalogue
from utils.experiments.few_bytes import EXPERIMENTS
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import BadResult, path_of
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import REGULARIZATION
from utils.lab.report import card
from utils.lab.runs import one, results, weights
from utils.recipes import build_model

RECIPE, DESKEWED = smoke.smaller(SPEEDRUN), smoke.smaller(FRONTIER[2000])
WHOLE_NUMBERS = smoke.smaller(EXPERIMENTS[1].recipe)
MADE = (RECIPE, DESKEWED, WHOLE_NUMBERS)


@pytest.fixture(scope="module")
def made(digits, tmp_path_factory):
    """Recorded runs on a few digits, the weights saved of them, and what each run reads."""
    pytest.importorskip("onnxscript")
    few = digits.subset(400, 200)
    folder, runs = (tmp_path_factory.mktemp(name) for name in ("weights", "results"))
    correct = {}
    for recipe in MADE:
        run = one.run(recipe, weights.seed_of(recipe), few, "cpu", verbose=False, keep_network=True)
        results.write(run, path_of(recipe, weights.seed_of(recipe), runs))
        weights.make(recipe, few, folder, runs)
        counted = run["rounded"] if recipe.levels else run["history"]
        correct[recipe.name] = counted["correct" if recipe.levels else "test_correct"]
    return folder, few, correct


def run_onnx(path, images):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    parts = [session.run(["logits"], {"images": part.numpy()})[0] for part in images.split(1000)]
    return torch.cat([torch.from_numpy(part) for part in parts])


def assert_alike(network, path, images):
    with torch.no_grad():
        ours = torch.cat([network(part) for part in images.split(1000)])
    theirs = run_onnx(path, images)
    # A deskewed pixel is rounded to a grey level: near a half, the last bit decides which.
    # Whole numbers may then round to a neighbour as well.
    close = 0.2 if network.whole else 0.02 if network.deskew else 1e-3
    torch.testing.assert_close(theirs, ours, atol=close, rtol=1e-3)
    assert ((theirs - ours).abs().amax(1) > 1e-3).float().mean() < 0.002
    assert torch.equal(theirs.argmax(1), ours.argmax(1))
    return ours


@pytest.mark.parametrize("recipe", MADE, ids=lambda recipe: recipe.name)
def test_what_was_saved_is_what_was_trained(made, recipe):
    folder, few, correct = made
    network, expected = pretrained.load(recipe.name, folder), correct[recipe.name]
    assert pretrained.correct(network, few) == (expected if recipe.levels else expected[-1])
    assert not network.training


@pytest.mark.parametrize("name", [recipe.name for recipe in MADE])
def test_onnx_gives_the_logits_of_torch_for_any_number_of_images(made, name):
    folder, few, _ = made
    network = pretrained.load(name, folder)
    for n in (1, 3, 200):
        assert_alike(network, folder / f"{name}.onnx", few.test_images[:n])


def test_whole_numbers_answer_the_same_in_numpy_torch_and_onnx(made):
    folder, few, _ = made
    path = folder / f"{WHOLE_NUMBERS.name}.bin"
    assert path.stat().st_size == integers.size(WHOLE_NUMBERS.stages, WHOLE_NUMBERS.levels)
    upright = pretrained.load(WHOLE_NUMBERS.name, folder).prepared(few.test_images)[:, 0]
    ours = integers.answers(integers.from_bytes(path.read_bytes()), upright.byte().numpy())
    theirs = run_onnx(path.with_suffix(".onnx"), few.test_images).argmax(1)
    assert ours.tolist() == theirs.tolist()


def test_one_image_and_many_are_classified(made):
    folder, few, _ = made
    network = pretrained.load(RECIPE.name, folder)
    digits, probabilities = pretrained.classify(network, few.test_images)
    assert digits.shape == (200,) and digits.dtype == torch.int64
    torch.testing.assert_close(probabilities.sum(1), torch.ones(200))
    one, of_ten = pretrained.classify(network, few.test_images[0])
    assert one.item() == digits[0] and of_ten.shape == (1, 10)


def test_reading_leaves_a_network_in_training_mode_as_it_was(digits):
    network = build_model(REGULARIZATION).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    reader = pretrained.FromPixels(network, deskew=False)
    first, again = (pretrained.classify(reader, digits.test_images[:50])[1] for _ in range(2))
    assert torch.equal(first, again), "dropout is off"
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    assert network.training


def test_a_run_that_keeps_no_network_saves_nothing(digits, tmp_path):
    few = digits.subset(100, 50)
    run = one.run(RECIPE, weights.seed_of(RECIPE), few, "cpu", verbose=False)
    results.write(run, path_of(RECIPE, weights.seed_of(RECIPE), tmp_path / "results"))
    with pytest.raises(BadResult, match="keeps no network"):
        weights.make(RECIPE, few, tmp_path / "weights", tmp_path / "results")
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(28, 28), "expected uint8"),
        (torch.zeros(1, 3, 28, 28, dtype=torch.uint8), "expected uint8"),
        ([[0]], "expected a torch.Tensor"),
    ],
)
def test_what_is_no_image_is_refused(made, images, message):
    with pytest.raises(ValueError, match=message):
        pretrained.classify(pretrained.load(RECIPE.name, made[0]), images)


def test_a_network_without_weights_is_named(made):
    with pytest.raises(ValueError, match="no trained network is called 'tiny'"):
        pretrained.load("tiny", made[0])


def test_every_size_has_its_weights():
    for recipe in FRONTIER.values():
        assert recipe.name in pretrained.saved()
        assert (pretrained.FOLDER / f"{recipe.name}.onnx").exists()


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


WHOLE = (pretrained.FOLDER / "frontier_2k.pt").read_bytes()
DAMAGED = {
    "text": b"not weights",
    "empty": b"",
    "cut": WHOLE[:-1000],
    "a pickle": b"\x80\x02N.",
    "no dict": saved([1, 2]),
    "no tensors": saved({"weight": "heavy"}),
    "another network": (pretrained.FOLDER / "frontier_4k.pt").read_bytes(),
    "unreadable": None,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "frontier_2k.pt"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=r"frontier_2k\.pt is damaged or holds another network"):
        pretrained.load("frontier_2k", tmp_path)


@pytest.fixture
def with_checksum(tmp_path):
    """One of the networks in a folder of its own, its checksum noted."""
    path = tmp_path / "frontier_2k.pt"
    path.write_bytes(WHOLE)
    pretrained.note_checksum(path)
    return path


@pytest.mark.parametrize("at", range(0, len(WHOLE), len(WHOLE) // 24))
def test_a_flipped_bit_is_noticed(with_checksum, at):
    content = bytearray(WHOLE)
    content[at] ^= 4
    with_checksum.write_bytes(content)
    with pytest.raises(ValueError, match=r"frontier_2k\.pt is damaged") as caught:
        pretrained.load("frontier_2k", with_checksum.parent)
    assert "checksum is not the one in SHA256SUMS" in str(caught.value.__cause__)


def test_checksums_are_noted_as_sha256sum_reads_them(with_checksum):
    folder = with_checksum.parent
    pretrained.load("frontier_2k", folder)
    other = folder / "of my own.pt"
    other.write_bytes(b"first")
    pretrained.note_checksum(other)
    other.write_bytes(b"second")
    pretrained.note_checksum(other)
    assert list(pretrained.checksums(folder)) == ["frontier_2k.pt", "of my own.pt"]
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, check=True)


def test_a_folder_without_checksums_is_taken_at_its_word(tmp_path, capsys):
    (tmp_path / "frontier_2k.pt").write_bytes(WHOLE)
    pretrained.load("frontier_2k", tmp_path)
    assert capsys.readouterr() == ("", "")


def test_every_committed_file_has_its_checksum():
    noted = pretrained.checksums()
    files = [
        path for path in pretrained.FOLDER.iterdir() if path.suffix in (".pt", ".bin", ".onnx")
    ]
    assert {path.name for path in files} == noted.keys()
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == noted[path.name] for path in files)


@pytest.mark.parametrize("name", pretrained.saved())
def test_the_committed_networks_are_the_recorded_runs_and_agree_with_their_onnx(name, mnist):
    network, images = pretrained.load(name), mnist.test_images
    logits = assert_alike(network, pretrained.FOLDER / f"{name}.onnx", images)
    right = (logits.argmax(1) == mnist.test_labels).sum().item()
    recipe = catalogue.recipe(name)
    assert right / 100 == pytest.approx(card.read(recipe)[weights.seed_of(recipe)])


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in pretrained.saved() if catalogue.recipe(n).levels])
def test_numpy_reads_all_test_digits_as_onnx_does(name, mnist):
    layers = integers.from_bytes((pretrained.FOLDER / f"{name}.bin").read_bytes())
    upright = deskewing.deskew(mnist.test_images).numpy()
    theirs = run_onnx(pretrained.FOLDER / f"{name}.onnx", mnist.test_images).argmax(1)
    assert integers.answers(layers, upright).tolist() == theirs.tolist()
