"""The baseline is what it says, and every way to load is timed on the same terms."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from utils import layers
from utils.experiments import catalogue
from utils.experiments.published import COMMONS, DESIGN_A, DESIGN_E2
from utils.history import History
from utils.lab.timing import baseline, benchmark, loading
from utils.lab.timing.benchmark import ALBUMENTATIONS, AUGMENTED, FLOOR, OURS, PLAIN, TORCHVISION
from utils.loaders import MemoryLoader
from utils.pieces import Pieces, prepare

CPU = torch.device("cpu")


@pytest.fixture
def few(digits):
    return digits.subset(256, 64)


@pytest.fixture
def batch(digits):
    """The 50 images of one batch of torchvision's loader and of ours, in the same order."""
    train = (digits.test_images[:50], digits.test_labels[:50])

    def in_order(loader):
        ((x, y),) = loader
        order = x.sum((1, 2, 3)).argsort()
        return x[order], y[order]

    loaders = (
        baseline.torchvision_loader(*train, batch_size=50),
        MemoryLoader(*train, batch_size=50),
    )
    return [in_order(loader) for loader in loaders]


def test_torchvision_gives_the_same_digits_as_ours(batch):
    (theirs, their_labels), (ours, our_labels) = batch
    assert torch.allclose(theirs, ours, atol=1e-6) and torch.equal(their_labels, our_labels)


def test_torchvisions_augmentation_moves_digits_and_fills_corners(digits):
    train = (digits.test_images[:50], digits.test_labels[:50])
    ((moved, _),) = baseline.torchvision_loader(*train, batch_size=50, augmented=True)
    black = moved.min()
    assert (moved[:, 0, 0, 0] > black).float().mean() > 0.3  # rotation uncovers the corners


def test_the_baseline_has_torchs_dropout_optimizer_and_the_same_schedule(few):
    ours, torchs = prepare(DESIGN_A, few, 0, "cpu"), prepare(DESIGN_A, few, 0, "cpu")
    torchs = baseline.as_torch_makes_it(torchs)
    kinds = [[type(layer) for layer in pieces.model.modules()] for pieces in (ours, torchs)]
    assert kinds[1] == [nn.Dropout if kind is layers.Dropout else kind for kind in kinds[0]]
    assert layers.Dropout in kinds[0] and not torchs.optimizer.defaults["fused"]
    x = torch.randn(4, 1, 28, 28)
    assert torch.equal(ours.model.eval()(x), torchs.model.eval()(x))
    assert torchs.schedule.optimizer is torchs.optimizer
    assert torchs.schedule.total_steps == ours.schedule.total_steps == 10 * 4


def test_the_baseline_is_plain_sgd(few):
    with pytest.raises(ValueError, match="common_a is not trained with plain SGD"):
        baseline.as_torch_makes_it(prepare(COMMONS["a"], few, 0, "cpu"))


def test_every_way_trains_what_its_name_says(few):
    made = {way: make() for way, make in loading.ways(DESIGN_E2, few, CPU).items()}
    ours = {*OURS.values(), FLOOR}
    for way, pieces in made.items():
        drawn = any(type(layer) is layers.Dropout for layer in pieces.model.modules())
        assert drawn == bool(pieces.optimizer.defaults["fused"]) == (way in ours), way
    kinds = {way: type(pieces.train_loader) for way, pieces in made.items()}
    assert kinds[ALBUMENTATIONS] is kinds[TORCHVISION[PLAIN]] is DataLoader
    assert (
        kinds[OURS[PLAIN]] is MemoryLoader and kinds[FLOOR] is kinds[benchmark.TORCH_FLOOR] is list
    )
    augments = [made[OURS[kind]].train_loader.augment for kind in (PLAIN, AUGMENTED)]
    assert augments[0] is None and augments[1] is not None
    for way, items in ((TORCHVISION[AUGMENTED], (0, 0)), (ALBUMENTATIONS, ((0, 1), (0, 2)))):
        one, other = (made[way].train_loader.dataset[item][0] for item in items)
        assert not torch.equal(one, other), way


def test_ways_take_turns_and_the_first_turn_does_not_count(few, monkeypatch):
    order = []

    def fit(pieces, verbose, **_):
        order.append(type(pieces.train_loader).__name__)
        assert pieces.recipe.epochs == 1
        return History(seconds=[float(len(order))], test_correct=[1])

    monkeypatch.setattr(Pieces, "fit", fit)
    seconds = loading.in_turns(loading.ways(DESIGN_E2, few, CPU), 2, "x")
    assert order[:7] == order[7:14] == order[14:]
    assert seconds[TORCHVISION[PLAIN]] == [8.0, 15.0]


def test_an_interrupted_epoch_is_no_measurement(few, monkeypatch):
    monkeypatch.setattr(Pieces, "fit", lambda pieces, verbose, **_: History())
    with pytest.raises(KeyboardInterrupt):
        loading.in_turns({"a": lambda: prepare(DESIGN_A, few, 0, "cpu")}, 1, "x")


def test_a_measurement_has_a_case_for_every_batch_size_once(few, monkeypatch):
    monkeypatch.setattr(loading, "COMPARED", ["design_a"])
    measured = loading.measure(few, CPU, repeats=1, batch_sizes=[64, 128])
    assert [case["batch_size"] for case in measured["cases"]] == [64, 128]
    assert measured["images"] == 256 and measured["device"] == "cpu"
    assert all(len(took) == 1 and took[0] > 0 for took in measured["cases"][0]["seconds"].values())


def test_recipes_are_timed_on_one_thread(few, monkeypatch):
    timed = catalogue.get("design_a")
    untimed = catalogue.get("common_a")
    monkeypatch.setattr(catalogue, "EXPERIMENTS", {"design_a": timed, "common_a": untimed})
    before = torch.get_num_threads()
    measured = loading.measure_recipes(few, repeats=1)
    assert measured["threads"] == 1 and torch.get_num_threads() == before
    assert measured["seconds"].keys() == {"design_a"}


@pytest.fixture
def measured():
    seconds = {
        TORCHVISION[PLAIN]: [8, 9, 100],
        TORCHVISION[AUGMENTED]: [30, 30, 30],
        ALBUMENTATIONS: [10, 20, 30],
        benchmark.TORCH_FLOOR: [3, 6, 9],
        OURS[PLAIN]: [3, 3, 6],
        OURS[AUGMENTED]: [5, 5, 10],
        FLOOR: [2.5, 2.5, 4],
    }
    case = {"recipe": "design_a", "model": "m", "batch_size": 64, "seconds": seconds}
    return {"images": 6000, "cases": [case, case | {"batch_size": 128}]}


def test_the_table_gives_epochs_of_60_000_images(measured):
    rows = {row[1]: row[2:] for row in benchmark.table(measured).rows if row[0] == "m, 64"}
    assert rows[TORCHVISION[PLAIN]] == ["90.0", "80.0 to 1000.0", "667", "33 %"]
    assert rows[OURS[PLAIN]] == ["30.0", "30.0 to 60.0", "2,000", "17 %"]
    assert rows[FLOOR][-1] == rows[benchmark.TORCH_FLOOR][-1] == "0 %"


def test_ratios_are_summed_up_in_both_ways(measured):
    """Turn by turn 3/2.5, 3/2.5 and 6/4; the medians 3 and 2.5. A slow floor parts the two ways."""
    assert benchmark.ratios(measured).rows[:2] == [
        ["m, 64", "plain", "3.0", "+20.0 %", "+20.0 to +50.0 %", "+20.0 %"],
        ["m, 64", "augmented", "6.0", "+100.0 %", "+100.0 to +150.0 %", "+100.0 %"],
    ]
    measured["cases"][0]["seconds"][FLOOR] = [2.5, 4, 4]
    plain, _ = benchmark.ratios(measured).rows[:2]
    assert plain[3:] == ["+20.0 %", "-25.0 to +50.0 %", "-25.0 %"]


def test_targets_are_held_against_designs_as_they_are(measured):
    assert benchmark.targets(measured) == [
        ["m: loading over the floor, plain", "≤ 3 %", "20.0 % (ratio of medians 20.0 %)", "no"],
        [
            "m: loading over the floor, augmented",
            "≤ 10 %",
            "100.0 % (ratio of medians 100.0 %)",
            "no",
        ],
    ]
    measured["cases"][0]["seconds"][FLOOR] = [3, 3, 6]
    plain, _ = benchmark.targets(measured)
    assert plain[2:] == ["0.0 % (ratio of medians 0.0 %)", "yes"]


def test_what_is_committed_can_be_read_and_what_is_missing_says_how_to_measure_it(tmp_path):
    timed = [known.recipe for known in catalogue.EXPERIMENTS.values() if known.timed]
    assert all(1 < benchmark.seconds_of(recipe) < 100 for recipe in timed)
    with pytest.raises(ValueError, match="common_a is not timed"):
        benchmark.seconds_of(COMMONS["a"])
    for content in (None, "{"):
        path = tmp_path / f"{content}.json"
        if content:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"python -m utils\.lab race --record"):
            benchmark.read(path, "race")
