"""The loop against torch by hand, and what it promises when things go wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from utils import training
from utils.experiments.steps import LR_SCHEDULE, REGULARIZATION
from utils.run import prepare


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


def fit(model, batches, epochs=1, lr=0.1, scheduler=None, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return training.fit(
        model,
        batches,
        batches,
        optimizer=optimizer,
        epochs=epochs,
        scheduler=scheduler(optimizer) if scheduler else None,
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


def test_a_long_gradient_is_shortened_and_a_short_one_left_alone():
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
    evaluation = training.Evaluation(
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
    again = training.Mistakes.from_lists(mistakes.as_lists())
    assert torch.equal(again.indices, mistakes.indices)


def test_evaluation_runs_in_evaluation_mode_and_without_gradients():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10)).train()
    first, second = (training.evaluate(model, tiny_set(), "cpu") for _ in range(2))
    assert torch.equal(first.probabilities, second.probabilities)
    assert not first.probabilities.requires_grad


def test_a_schedule_advances_once_an_epoch():
    history = fit(
        linear(), tiny_set(), epochs=3, scheduler=lambda o: LambdaLR(o, lambda e: 0.85**e)
    )
    assert history.lr == pytest.approx([0.1, 0.085, 0.07225])


def test_a_schedule_per_step_advances_after_every_step():
    history = fit(
        linear(),
        tiny_set(),
        epochs=2,
        scheduler=lambda o: OneCycleLR(o, 1.0, total_steps=6, anneal_strategy="linear"),
        scheduler_per_step=True,
    )
    assert history.lr[0] == pytest.approx(1 / 25)
    by_hand = OneCycleLR(
        torch.optim.SGD(linear().parameters(), lr=1), 1.0, total_steps=6, anneal_strategy="linear"
    )
    for _ in range(3):
        by_hand.optimizer.step()
        by_hand.step()
    assert history.lr[1] == pytest.approx(by_hand.get_last_lr()[0])


def test_the_same_seed_gives_the_same_run_bit_for_bit(digits):
    recipe = STEP(LR_SCHEDULE, "short", "short", epochs=2)
    few = digits.subset(640, 200)
    runs = []
    for seed in (0, 0, 1):
        setup = prepare(recipe, few, seed, "cpu")
        history = setup.fit(verbose=False)
        runs.append((history.train_loss, setup.model.state_dict()))
    (first, weights), (again, same), (other, _) = runs
    assert first == again and first != other
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_training_learns_real_digits(digits):
    recipe = STEP(REGULARIZATION, "short", "short", epochs=3)
    setup = prepare(recipe, digits, 0, "cpu")
    history = setup.fit(verbose=False)
    assert history.test_accuracy[-1] > 90
    assert history.train_loss[-1] < history.train_loss[0]


def test_a_loss_that_is_not_a_number_stops_and_names_where():
    with pytest.raises(training.TrainingDiverged, match=r"is nan in epoch 1, step 2, at .* 1e\+38"):
        fit(linear(), tiny_set(), lr=1e38)


def test_divergence_names_its_own_step_where_losses_are_looked_at_seldom():
    losses = torch.tensor([0.5, float("inf"), float("nan")])
    recent = [(step + 40, 0.1 * step, loss) for step, loss in enumerate(losses)]
    with pytest.raises(training.TrainingDiverged, match=r"is inf in epoch 3, step 42, .* rate 0.1"):
        training._check_finite(recent, epoch=2)


def test_an_interrupt_between_two_entries_leaves_lists_of_one_length():
    history = training.History(lr=[0.1, 0.1], seconds=[1.0, 1.0], test_correct=[5])
    history.drop_unfinished()
    assert [len(v) for v in vars(history).values() if isinstance(v, list)] == [1, 1, 0, 0, 0, 1]


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
    history = training.History(
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_runs_on_cuda(digits):
    recipe = STEP(LR_SCHEDULE, "short", "short", epochs=2)
    setup = prepare(recipe, digits, 0, "cuda")
    assert setup.fit(verbose=False).test_accuracy[-1] > 80


def test_whoever_watches_is_told_after_every_epoch():
    seen = []
    fit(linear(), tiny_set(), epochs=3, after_epoch=lambda history: seen.append(len(history)))
    assert seen == [1, 2, 3]


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


def test_the_loss_with_a_teacher_by_hand():
    logits, taught = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[1.0, 3.0, 0.0]])
    y = torch.tensor([0])

    def softmax(values):
        powers = [math.exp(value) for value in values]
        return [power / sum(powers) for power in powers]

    label = -math.log(softmax([2, 0, -1])[0])
    pairs = zip(softmax([0.5, 1.5, 0]), softmax([1, 0, -0.5]), strict=True)
    expected = (label + 4 * -sum(p * math.log(q) for p, q in pairs)) / 2
    assert training.TEMPERATURE == 2
    assert training.loss_of(logits, y, taught).item() == pytest.approx(expected, rel=1e-5)
    assert training.loss_of(logits, y).item() == pytest.approx(label, rel=1e-5)


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
