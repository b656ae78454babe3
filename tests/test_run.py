"""Run and compare: from a recipe to numbers, with pieces of one's own, the same every time."""

from dataclasses import replace

import albumentations as A
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torchvision.transforms import v2

from utils import deskewing, loaders, training, warping
from utils import run as run_module
from utils.experiments.speed import FASTEST, SPEEDRUN
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, REGULARIZATION, SKELETON
from utils.experiments.studies import STOCK_ENGINE
from utils.pieces import Pieces, prepare
from utils.run import Run, compare

SHORT = LR_SCHEDULE.variant(epochs=2)


@pytest.fixture(scope="module")
def few(digits):
    return digits.subset(320, 100)


def losses(run: Run) -> list[float]:
    return run.fit(verbose=False).train_loss


# --------------------------------------------------------------------------- the same numbers


def test_fit_starts_from_the_seed_every_time(few):
    """Twice gives the same numbers twice; so does whatever is drawn or prepared in between."""
    run, other = Run(SHORT, few, 0, device="cpu"), Run(SHORT, few, 1, device="cpu")
    first, second = losses(run), losses(other)
    assert first != second
    weights = {name: value.clone() for name, value in run.model.state_dict().items()}
    torch.rand(7)
    assert losses(other) == second and losses(run) == first
    again = run.model.state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_fit_leaves_the_global_streams_alone(few):
    state = torch.get_rng_state()
    losses(Run(SHORT, few, device="cpu"))
    assert torch.equal(torch.get_rng_state(), state)


def test_fit_after_an_interrupt_starts_anew(few):
    def interrupt(history):
        raise KeyboardInterrupt

    run = Run(SHORT, few, device="cpu")
    expected = losses(run)
    assert len(run.fit(verbose=False, after_epoch=interrupt)) == 1
    assert losses(run) == expected


def test_the_history_ends_with_the_evaluation_of_the_network_that_fit_leaves(few):
    for recipe in (SHORT, SPEEDRUN.variant(epochs=2)):
        run = Run(recipe, few, device="cpu")
        history, answers = run.fit(verbose=False), run.evaluate()
        assert history.test_correct[-1] == answers.correct
        assert history.test_loss[-1] == answers.loss
        direct = run.network.eval()(next(iter(run.test_loader))[0]).argmax(1)
        assert int((direct == few.test_labels).sum()) == answers.correct


# --------------------------------------------------------------------------- own pieces


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def flip(images):
    return images.flip(2)


def noise(images):
    return (images + torch.randn(images.shape)).clamp(0, 255)


OWN = {
    "a network": {"model": net()},
    "a function that makes one": {"model": net},
    "a batched policy": {"policy": A.Compose([A.Rotate(limit=(-20, 20), border_mode=0)])},
    "a policy run image by image": {"policy": A.Compose([A.GaussNoise(p=1.0)])},
    "one transform": {"policy": A.HorizontalFlip(p=1.0)},
    "a function on a batch": {"policy": flip},
    "a function that draws": {"policy": noise},
    "a schedule": {"schedule": lambda o, n: OneCycleLR(o, 0.1, total_steps=n)},
    "an optimizer": {"optimizer": lambda parameters: torch.optim.AdamW(parameters, lr=0.01)},
}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_every_piece_can_be_ones_own(few, own):
    run = Run(SHORT, few, device="cpu", **own)
    first = losses(run)
    assert first == losses(run) and first != losses(Run(SHORT, few, device="cpu"))
    assert run.beside_recorded().columns == ["", "this run (MNIST-5k subset)"]


def test_a_network_is_copied_so_that_fit_starts_from_its_weights(few):
    mine = net()
    before = mine[1].weight.detach().clone()
    run = Run(SHORT, few, model=mine, device="cpu")
    losses(run)
    assert torch.equal(mine[1].weight, before) and run.model is not mine


def fixed_schedule(optimizer, updates):
    return OneCycleLR(torch.optim.SGD(net().parameters(), lr=1), 0.1, total_steps=updates)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, 10))

    def forward(self, x):
        return x * self.scale


class Twice(nn.Sequential):
    def forward(self, x):
        return x, x


WRONG = {
    "a network's name": ({"model": "resnet"}, "model= is a str, expected a torch.nn.Module or a"),
    "no network": ({"model": lambda: 3}, "model= makes a int, expected a Module"),
    "11 outputs": (
        {"model": nn.Sequential(nn.Flatten(), nn.Linear(784, 11))},
        r"the network gives \[128, 11\] for 128 images, expected one score for each digit",
    ),
    "5 outputs": ({"model": nn.Sequential(nn.Flatten(), nn.Linear(784, 5))}, r"gives \[128, 5\]"),
    "maps": ({"model": nn.Conv2d(1, 10, 3)}, r"gives \[128, 10, 26, 26\] for 128 images"),
    "two answers": (
        {"model": Twice(nn.Linear(1, 1))},
        "the network's answer: a tuple, expected a torch.Tensor",
    ),
    "another shape": ({"policy": lambda images: images[:, :14]}, r"\[128, 14, 28\]"),
    "an optimizer itself": (
        {"optimizer": torch.optim.SGD(net().parameters(), lr=1)},
        "optimizer= is a SGD, expected a function of the parameters, such as lambda",
    ),
    "no optimizer": ({"optimizer": list}, "optimizer= makes a list, expected a Optim"),
    "a scheduler itself": (
        {"schedule": LambdaLR(torch.optim.SGD(net().parameters(), lr=1), lambda n: 1.0)},
        "schedule= is a LambdaLR, expected a function of the optimizer and the",
    ),
    "no scheduler": (
        {"schedule": lambda o, n: 0.1},
        "schedule= makes a float, expected a LRScheduler",
    ),
    "another's scheduler": ({"schedule": fixed_schedule}, "the schedule moves another optimizer"),
}


@pytest.mark.parametrize(("own", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_piece_is_one_clear_error(few, own, message):
    with pytest.raises(ValueError, match=message):
        Run(SHORT, few, device="cpu", **own).fit(verbose=False)


def test_a_schedule_that_gives_no_number_is_named(few):
    nan = {"schedule": lambda o, n: LambdaLR(o, lambda update: float("nan") if update else 1.0)}
    run = Run(SHORT, few, device="cpu", **nan)
    with pytest.raises(training.TrainingDiverged, match="The schedule gives that rate"):
        run.fit(verbose=False)


def test_a_piece_cannot_be_set_afterwards(few):
    run = Run(SHORT, few, device="cpu")
    with pytest.raises(AttributeError, match=r"hand yours over as Run\(recipe, images, model="):
        run.model = net()


def test_a_diverged_run_keeps_its_finished_epochs(few):
    run = Run(
        SHORT, few, device="cpu", schedule=lambda o, n: LambdaLR(o, lambda i: 1e38 ** (i > 3))
    )
    with pytest.raises(training.TrainingDiverged) as caught:
        run.fit(verbose=False)
    assert len(run.history) == len(caught.value.history) == 1


# --------------------------------------------------------------------------- beside, compare


def test_a_run_stands_beside_what_is_known_of_its_recipe(few):
    run = Run(SKELETON, few, device="cpu")
    assert run.beside_recorded().rows == [], "nothing is trained yet, and nothing is raised"
    run.history = training.History(2, 1, [0.1], [1.0], [0.5], [1], [0.5], [1])
    table = run.beside_recorded()
    own, recorded, published = table.columns[1:]
    assert recorded.endswith("recorded seeds (MNIST)") and published == "published (B1)"
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["test accuracy, best epoch"][2] == "98.76"
    assert (
        rows["test accuracy, last epoch"][0] == "100.00"
        and "±" in rows["test accuracy, last epoch"][1]
    )
    run = Run(SKELETON, replace(few, judge="Validation"), device="cpu")
    run.history = training.History(2, 1, [0.1], [1.0], [0.5], [1], [0.5], [1])
    table = run.beside_recorded()
    assert table.columns[1:] == [own, published], "recorded runs are judged on the test set"
    assert ["validation accuracy, last epoch", "100.00", ""] in table.rows
    run = Run(SKELETON.variant(dropout=0.5), few, device="cpu")
    assert run.beside_recorded().columns[1:] == [own], "nothing is recorded of it"


def test_arguments_in_another_order_are_one_clear_error(few):
    for call in (lambda: Run(few, SKELETON), lambda: compare(SKELETON, few, SKELETON)):
        with pytest.raises(ValueError, match="ImageSet stands in the place of Recipe"):
            call()
    with pytest.raises(ValueError, match="str stands in the place of Recipe"):
        Run("01_skeleton", few)


def test_compare_pairs_seeds_on_images_outside_the_test_set(few, capsys, monkeypatch):
    used = []
    original = run_module._last_of

    def watch(run):
        used.append(torch.cat([run.images.train_images, run.images.test_images]))
        return original(run)

    monkeypatch.setattr(run_module, "_last_of", watch)
    table = compare(SHORT, SHORT.variant(dropout=0.5), few, seeds=2, device="cpu")
    assert table.columns == [
        "seed",
        SHORT.title,
        f"{SHORT.title}, dropout: 0.1 → 0.5",
        "difference in points",
    ]
    assert [row[0] for row in table.rows] == [0, 1, "mean"]
    gaps = [float(row[3]) for row in table.rows[:2]]
    assert table.rows[2][3].startswith(f"{sum(gaps) / 2:+.2f} [") and len(used) == 4
    test = {image.numpy().tobytes() for image in few.test_images}
    assert not test & {image.numpy().tobytes() for images in used for image in images}
    assert "seed 1: " in capsys.readouterr().out


def test_compare_takes_pieces_for_the_second(few):
    table = compare(SHORT, SHORT, few, seeds=2, device="cpu", verbose=False, model=net)
    assert table.columns[2] == f"{SHORT.title}, own model"
    with pytest.raises(ValueError, match="seeds=1 is not a whole number of at least 2"):
        compare(SHORT, SHORT, few, seeds=1)


def test_compare_refuses_two_recipes_that_do_not_differ(few):
    for own in ({}, {"model": None}):
        with pytest.raises(ValueError, match=r"differ in nothing: change one with recipe\.variant"):
            compare(SHORT, SHORT, few, device="cpu", **own)
    changed = SHORT.variant(dropout=0.5)
    table = compare(SHORT, changed, few, seeds=2, device="cpu", verbose=False, model=None)
    assert table.columns[2] == changed.title


def test_a_mistake_in_a_piece_of_ones_own_shows_before_the_other_recipe_trains(few, monkeypatch):
    trained, original = [], run_module._last_of
    monkeypatch.setattr(
        run_module, "_last_of", lambda run: trained.append(run.title) or original(run)
    )
    nine = nn.Sequential(nn.Flatten(), nn.Linear(784, 9))
    with pytest.raises(ValueError, match="one score for each digit"):
        compare(SHORT, SHORT, few, device="cpu", model=nine)
    assert trained == [f"{SHORT.title}, own model"]


def test_a_run_that_diverges_in_compare_says_which(few):
    wild = SHORT.variant(lr=1e9, schedule="constant", max_grad_norm=None)
    with pytest.raises(training.TrainingDiverged) as caught:
        compare(SHORT, wild, few, device="cpu", verbose=False)
    assert f"This was {wild.title}, seed 0." in caught.value.__notes__


def test_a_run_with_a_network_of_ones_own_says_so(few):
    run = Run(SHORT, few, model=net(), device="cpu")
    assert run.title == f"{SHORT.title}, own model" and repr(run).startswith(run.title)
    assert Run(SHORT, few, device="cpu").title == SHORT.title


def test_a_policy_of_torchvision_is_refused_where_it_would_change_a_batch_alike(few):
    turn = v2.RandomRotation(30)
    with pytest.raises(ValueError, match=r"one image.*torch\.stack"):
        Run(SHORT, few, policy=turn, device="cpu")
    each = lambda x: torch.stack([turn(image[None])[0] for image in x])  # noqa: E731
    assert len(Run(SHORT, few, policy=each, device="cpu").fit(verbose=False)) == SHORT.epochs


def test_a_function_that_gives_one_network_again_is_refused(few):
    network = net()
    with pytest.raises(ValueError, match=r"same weights at every call.* hand over the network"):
        Run(SHORT, few, model=lambda: network, device="cpu")


@pytest.mark.parametrize(
    ("own", "change"),
    [
        ("model", {"dropout": 0.3}),
        ("policy", {"augmentation": "affine"}),
        ("schedule", {"schedule": "constant"}),
        ("optimizer", {"lr": 0.01}),
    ],
)
def test_a_change_that_a_piece_takes_the_place_of_is_refused(few, own, change):
    (name,) = change
    with pytest.raises(ValueError, match=rf"your own {own} takes the place of {name}, so"):
        compare(LR_SCHEDULE, LR_SCHEDULE.variant(**change), few, **{own: print})


@pytest.mark.parametrize("setting", [{"standardize": True}, {"whitened": True}, {"levels": 7}])
def test_a_network_does_not_take_the_place_of_one_with_more_in_it(few, setting):
    (name,) = setting
    recipe = FASTEST.variant(**{"whitened": False, "epochs": 2} | setting)
    with pytest.raises(ValueError, match=rf"and {name} would be lost .* recipe\.variant\({name}="):
        Run(recipe, few, model=net, device="cpu")


def test_each_seed_of_compare_draws_the_weights_of_a_network(few, monkeypatch):
    starts = []
    monkeypatch.setattr(
        run_module, "_last_of", lambda run: starts.append((run.title, run.model)) or 0
    )
    network = net()
    compare(SHORT, SHORT, few, seeds=2, device="cpu", verbose=False, model=network)
    own = [model for title, model in starts if title == f"{SHORT.title}, own model"]
    first, second = ([*model.parameters()] for model in own)
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True) if a.dim() > 1)


def test_a_network_whose_weights_cannot_be_drawn_is_refused(few):
    network = net()
    network.append(Scale())
    with pytest.raises(ValueError, match=r"scale cannot be drawn anew.* hand over a function"):
        compare(SHORT, SHORT, few, seeds=2, device="cpu", verbose=False, model=network)


def test_an_interrupt_ends_compare_at_once_and_keeps_the_finished_seeds(few, monkeypatch):
    trained = []
    original = Pieces.fit

    def third_is_interrupted(pieces, *rest, **options):
        trained.append(pieces.recipe.dropout)
        history = original(pieces, *rest, **options)
        return training.History() if len(trained) == 3 else history

    monkeypatch.setattr(Pieces, "fit", third_is_interrupted)
    table = compare(SHORT, SHORT.variant(dropout=0.5), few, seeds=3, device="cpu", verbose=False)
    assert trained == [0.5, SHORT.dropout, 0.5] and [row[0] for row in table.rows] == [0]


def test_an_interrupt_while_a_run_is_prepared_keeps_the_finished_seeds(few, monkeypatch):
    original = Run.__init__

    def interrupted(run, recipe, images, seed=0, **options):
        if seed == 1:
            raise KeyboardInterrupt
        original(run, recipe, images, seed, **options)

    monkeypatch.setattr(Run, "__init__", interrupted)
    table = compare(SHORT, SHORT.variant(dropout=0.5), few, seeds=3, device="cpu", verbose=False)
    assert [row[0] for row in table.rows] == [0]


def test_half_a_run_is_none_for_whoever_needs_a_whole_one(few):
    def interrupt(history):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(SHORT, few, 0, "cpu").fit_whole(after_epoch=interrupt)
    assert len(prepare(SHORT, few, 0, "cpu").fit_whole()) == SHORT.epochs


def test_in_smoke_size_a_run_takes_seconds(digits, monkeypatch):
    monkeypatch.setenv("NOTEBOOK_SIZE", "smoke")
    run = Run(SKELETON, digits, device="cpu")
    assert (run.recipe.epochs, len(run.images.train_images)) == (2, 2000)
    monkeypatch.setenv("NOTEBOOK_SIZE", "tiny")
    with pytest.raises(ValueError, match="no NOTEBOOK_SIZE is called 'tiny'"):
        Run(SKELETON, digits)


# --------------------------------------------------------------------------- prepare


def test_a_recipe_becomes_the_pieces_it_names(digits):
    pieces = prepare(AUGMENTATION, digits, 0, "cpu")
    assert pieces.optimizer.param_groups[0]["lr"] == AUGMENTATION.lr
    assert pieces.optimizer.param_groups[0]["momentum"] == 0.9
    assert isinstance(pieces.train_loader.augment, warping.BatchedPolicy)
    assert pieces.train_loader.batch_size == 128 and pieces.train_loader.shuffle
    assert pieces.test_loader.augment is None and not pieces.test_loader.shuffle
    stock = prepare(STOCK_ENGINE[AUGMENTATION], digits, 0, "cpu")
    assert isinstance(stock.train_loader, torch.utils.data.DataLoader)
    plain = prepare(REGULARIZATION, digits, 0, "cpu")
    assert (
        isinstance(plain.train_loader, loaders.MemoryLoader) and plain.train_loader.augment is None
    )


def test_the_same_seed_shares_its_weights_and_order_across_steps(digits):
    """What pairs two recipes: at one seed they see the images in the same order."""
    piecess = [
        prepare(recipe, digits.subset(1000, 100), 5, "cpu")
        for recipe in (REGULARIZATION, *next(iter(STOCK_ENGINE.items())))
    ]
    first, *others = [pieces.model.state_dict() for pieces in piecess]
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)
    for _ in range(2):
        first, *others = [torch.cat([y for _, y in pieces.train_loader]) for pieces in piecess]
        assert all(torch.equal(first, other) for other in others)


def test_the_layout_in_memory_changes_nothing_but_speed(digits):
    few = digits.subset(256, 64)
    base = SPEEDRUN.variant(epochs=1, channels_last=False)
    piecess = [prepare(base.variant(channels_last=last), few, 0, "cpu") for last in (False, True)]
    kernels = [
        next(w for w in pieces.model.parameters() if w.ndim == 4 and len(w[0]) > 1)
        for pieces in piecess
    ]
    assert not kernels[0].is_contiguous(memory_format=torch.channels_last)
    assert kernels[1].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(*kernels)
    losses = [pieces.fit(verbose=False).train_loss[0] for pieces in piecess]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_recipe_shows_its_network_upright_digits(few):
    upright = prepare(SKELETON.variant(deskew=True), few, 0, "cpu")
    by_hand = prepare(SKELETON, deskewing.deskewed(few), 0, "cpu")
    twice = prepare(SKELETON.variant(deskew=True), deskewing.deskewed(few), 0, "cpu")
    for found, expected, again in zip(
        upright.train_loader, by_hand.train_loader, twice.train_loader, strict=True
    ):
        assert torch.equal(found[0], expected[0]) and torch.equal(found[0], again[0])
    (x, _), *_ = upright.test_loader
    (u, _), *_ = by_hand.test_loader
    assert torch.equal(x, u)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_runs_on_cuda(digits):
    before = torch.cuda.get_rng_state()
    assert Run(SHORT, digits, device="cuda").fit(verbose=False).test_accuracy[-1] > 80
    assert torch.equal(torch.cuda.get_rng_state(), before)
