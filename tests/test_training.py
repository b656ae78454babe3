"""The loop against torch by hand, and what it promises when things go wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from utils import training
from utils.experiments.steps import REGULARIZATION
from utils.history import Evaluation, History, Mistakes
from utils.pieces import prepare


class Batches(list):
    """A list of batches is a loader: an iterable with ``len``."""


def tiny_set(sizes=(4, 4, 2), seed=0):
    g = torch.Generator().manual_seed(seed)
    return Batches(
        (torch.randn(n, 1, 28, 28, generator=g), torch.randint(0, 10, (n,), generator=g))
        for n in sizes
    )


def linear():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def fit(model, batches, epochs=1, lr=0.1, schedule=None, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return training.fit(
        model,
        batches,
        batches,
        optimizer=optimizer,
        epochs=epochs,
        schedule=schedule(optimizer) if schedule else None,
        device="cpu",
        verbose=False,
        **options,
    )


def test_an_epoch_equals_gradient_descent_by_hand():
    model, batches = linear(), tiny_set()
    weight, bias = (p.detach().clone() for p in model[1].parameters())
    loss_sum, correct = 0.0, 0
    for x, y in batches:
        logits = x.flatten(1) @ weight.T + bias
        loss_sum += F.cross_entropy(logits, y, reduction="sum").item()
        correct += int((logits.argmax(1) == y).sum())
        error = (logits.softmax(1) - F.one_hot(y, 10)) / len(y)
        weight -= 0.1 * error.T @ x.flatten(1)
        bias -= 0.1 * error.sum(0)
    history = fit(model, batches)
    torch.testing.assert_close(model[1].weight.detach(), weight)
    torch.testing.assert_close(model[1].bias.detach(), bias)
    assert history.train_loss == [pytest.approx(loss_sum / 10, rel=1e-5)]
    assert history.train_correct == [correct] and history.train_samples == 10


def test_gradient_clipping_scales_long_gradients_only():
    batches = tiny_set(sizes=(4,))
    steps = {}
    for norm in (None, 1e-3, 1e9):
        model = linear()
        before = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        fit(model, batches, lr=0.1, max_grad_norm=norm)
        after = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
        steps[norm] = after - before
    assert steps[1e-3].norm().item() == pytest.approx(0.1 * 1e-3, rel=1e-2)
    assert torch.equal(steps[None], steps[1e9]) and steps[None].norm() > 0.1 * 1e-2


def test_losses_are_weighted_by_sample():
    model, batches = linear(), tiny_set(sizes=(7, 1))
    found = training.evaluate(model, batches, "cpu")
    with torch.no_grad():
        x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
        expected = F.cross_entropy(model(x), y).item()
    assert found.loss == pytest.approx(expected, rel=1e-6)


def test_an_evaluation_counts_and_names_the_mistakes():
    evaluation = Evaluation(
        probabilities=torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]),
        labels=torch.tensor([0, 1, 1]),
        loss=0.0,
    )
    assert evaluation.correct == 2 and evaluation.accuracy == pytest.approx(200 / 3)
    mistakes = evaluation.mistakes()
    assert mistakes.as_lists() == {
        "indices": [1],
        "labels": [1],
        "predictions": [0],
        "probabilities": [0.8],
        "true_probabilities": [0.2],
    }
    again = Mistakes.from_lists(mistakes.as_lists())
    assert torch.equal(again.indices, mistakes.indices)


def test_evaluation_runs_in_evaluation_mode_and_without_gradients():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10)).train()
    first, second = (training.evaluate(model, tiny_set(), "cpu") for _ in range(2))
    assert torch.equal(first.probabilities, second.probabilities)
    assert not first.probabilities.requires_grad


def test_training_learns_real_digits(digits):
    recipe = REGULARIZATION.variant(epochs=3)
    pieces = prepare(recipe, digits, 0, "cpu")
    history = pieces.fit(verbose=False)
    assert history.test_accuracy[-1] > 90
    assert history.train_loss[-1] < history.train_loss[0]


def test_an_interrupt_keeps_the_finished_epochs(capsys):
    class Interrupting(Batches):
        passes = 0

        def __iter__(self):
            Interrupting.passes += 1
            if Interrupting.passes == 5:  # train and test of two epochs, then the third's training
                raise KeyboardInterrupt
            return super().__iter__()

    history = fit(linear(), Interrupting(tiny_set()), epochs=9)
    assert len(history) == 2 and len(history.lr) == len(history.train_loss) == 2
    assert "2 of 9 epochs are finished" in capsys.readouterr().out


def test_the_log_reads_as_people_know_it(capsys):
    model, batches = linear(), tiny_set()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    training.fit(model, batches, batches, optimizer=optimizer, epochs=1, device="cpu")
    out = capsys.readouterr().out
    assert "EPOCH 1/1" in out and "Batch_id=2 Accuracy=" in out and "Loss=" in out
    assert "Test set: Average loss: " in out and "/10 (" in out


def test_the_history_renders_the_known_table():
    history = History(
        train_samples=200,
        test_samples=100,
        lr=[0.05],
        seconds=[3.21],
        train_loss=[0.5],
        train_correct=[150],
        test_loss=[0.25],
        test_correct=[97],
    )
    table = history.table()
    expected = "Epoch LR Time TrainLoss TrainCorrect TrainAcc ValLoss ValCorrect ValAcc"
    assert " ".join(table.columns) == expected
    cells = ["1", "0.050000", "3.2 s", "0.5000", "150/200", "75.00", "0.2500", "97/100", "97.00"]
    assert table.rows == [cells]


def test_an_average_follows_the_weights_and_is_what_is_evaluated():
    model, batches = linear(), tiny_set()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    followed = None
    original = average.update_parameters

    def follow(current):
        nonlocal followed
        weights = current.state_dict()
        if followed is None:
            followed = {name: value.clone() for name, value in weights.items()}
        else:
            followed = {n: 0.9 * followed[n] + 0.1 * value for n, value in weights.items()}
        original(current)

    average.update_parameters = follow
    history = fit(model, batches, epochs=3, average=average)
    for name, value in average.module.state_dict().items():
        assert torch.allclose(value, followed[name], atol=1e-6)
    assert history.test_loss[-1] == training.evaluate(average.module, batches, "cpu").loss
    assert history.test_loss[-1] != training.evaluate(model, batches, "cpu").loss


def test_labels_are_smoothed_in_training_and_not_in_evaluation():
    model, batches = linear(), tiny_set()
    with torch.no_grad():
        pairs = [(model(x), y) for x, y in batches]
        logits, labels = torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs])
        smoothed = F.cross_entropy(logits, labels, label_smoothing=0.2).item()
        plain = F.cross_entropy(logits, labels).item()
    history = fit(model, batches, lr=1e-12, label_smoothing=0.2)
    assert history.train_loss[0] == pytest.approx(smoothed, rel=1e-5)
    assert history.test_loss[0] == pytest.approx(plain, rel=1e-5)


def test_a_schedule_advances_after_every_update():
    seen = []
    fit(
        linear(),
        tiny_set(),
        epochs=2,
        schedule=lambda o: OneCycleLR(o, 1.0, total_steps=6, anneal_strategy="linear"),
        on_update=seen.append,
    )
    by_hand = OneCycleLR(
        torch.optim.SGD(linear().parameters(), lr=1), 1.0, total_steps=6, anneal_strategy="linear"
    )
    for number, update in enumerate(seen, 1):
        assert (update.number, update.lr) == (number, by_hand.get_last_lr()[0])
        by_hand.optimizer.step()
        by_hand.step()
    assert len(seen) == 6 and all(update.loss >= 0 for update in seen)


def test_a_plateau_advances_after_every_epoch_with_its_training_loss(monkeypatch):
    watched = []
    monkeypatch.setattr(ReduceLROnPlateau, "step", lambda self, loss: watched.append(loss))
    history = fit(linear(), tiny_set(), epochs=2, schedule=ReduceLROnPlateau)
    assert watched == history.train_loss


def test_whoever_watches_is_told_after_every_epoch():
    seen = []
    fit(linear(), tiny_set(), epochs=3, after_epoch=lambda history: seen.append(len(history)))
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("look", [1, 20])
def test_a_loss_that_is_not_a_number_stops_and_names_where(monkeypatch, look):
    """Its own update is named where losses are looked at seldom, and finished epochs are kept."""
    monkeypatch.setattr(training, "LOOK_EVERY", look)
    optimizers = []

    def explode(history):
        optimizers[0].param_groups[0]["lr"] = 1e38

    model, batches = linear(), tiny_set(sizes=(4, 4, 4, 2))
    optimizers.append(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(
        training.TrainingDiverged, match=r"is (nan|inf) in epoch 2, update 3, at .* 1e\+38"
    ) as caught:
        training.fit(
            model, batches, batches, optimizer=optimizers[0], epochs=3, device="cpu",
            verbose=False, after_epoch=explode,
        )  # fmt: skip
    assert len(caught.value.history) == 1
    assert "1 of 3 epochs are finished" in caught.value.__notes__[0]


def test_pixels_that_are_not_numbers_are_not_blamed_on_the_rate():
    x, y = tiny_set(sizes=(4,))[0]
    whole, broken = (x, y), (x.clone().fill_(math.nan), y)
    message = "itself holds pixels that are not numbers"
    with pytest.raises(training.TrainingDiverged, match=f"update 3, .*{message}"):
        fit(linear(), Batches([whole, whole, broken, whole]))
    with pytest.raises(training.TrainingDiverged, match=f"4 of 8 answers .*{message}"):
        training.evaluate(linear(), Batches([whole, broken]), "cpu")


def test_answers_that_are_not_numbers_are_no_accuracy():
    model = linear()
    nn.init.constant_(model[1].weight, math.nan)
    with pytest.raises(training.TrainingDiverged, match=r"10 of 10 answers are not .* lower"):
        training.evaluate(model, tiny_set(), "cpu")


def test_evaluation_leaves_every_layer_in_the_mode_it_had():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5).eval(), nn.Linear(784, 10)).train()
    model[1].eval()
    training.evaluate(model, tiny_set(), "cpu")
    assert [layer.training for layer in model] == [True, False, True] and model.training


X, Y = torch.zeros(2, 1, 28, 28), torch.tensor([0, 1])
WRONG_LOADERS = {
    "empty": ([], "a loader is empty"),
    "a generator": (iter([(X, Y)]), "a list_iterator is no loader"),
    "yields nothing": (type("Nothing", (list,), {"__iter__": lambda s: iter(())})([1]), "no batch"),
    "bytes": ([(X.to(torch.uint8), Y)], r"a batch is x uint8 \[2, 1, 28, 28\]"),
    "float labels": ([(X, Y.float())], r"y float32 \[2\]; expected float"),
    "uneven": ([(X, Y[:1])], r"y int64 \[1\]"),
    "empty batch": ([(X[:0], Y[:0])], "a batch is empty"),
    "arrays": ([(X.numpy(), Y)], "a ndarray, expected a torch.Tensor"),
    "a later batch": ([(X, Y), (X, Y.float())], r"y float32 \[2\]; expected float"),
}


@pytest.mark.parametrize(("loader", "message"), WRONG_LOADERS.values(), ids=WRONG_LOADERS)
def test_a_wrong_loader_is_named(loader, message):
    for call in (lambda: fit(linear(), loader), lambda: training.evaluate(linear(), loader, "cpu")):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0 is not a whole number of at least 1"),
        ({"epochs": 1.5}, "epochs=1.5 is not a whole number of at least 1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm=0.0 is not within 0 < max_grad_norm"),
        ({"max_grad_norm": math.nan}, "max_grad_norm=nan is not within"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0 is not within"),
    ],
    ids=str,
)
def test_a_wrong_argument_of_fit_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        fit(linear(), tiny_set(), **options)


def test_an_optimizer_of_another_model_is_refused():
    other = torch.optim.SGD(linear().parameters(), lr=0.1)
    with pytest.raises(ValueError, match="the optimizer holds none of the model's parameters"):
        training.fit(linear(), tiny_set(), tiny_set(), optimizer=other, epochs=1, device="cpu")
