"""The training loop: a model and batches in, a ``History`` out.

Of MNIST it knows the ten classes: ``train_loader`` and ``test_loader`` are iterables with ``len``
of batches ``(x, y)``, float ``[B, ...]`` and int64 ``[B]``. Accuracies are in per cent; losses are
mean cross-entropies per sample, in training with smoothed labels where a recipe says so.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from utils.history import Evaluation, History
from utils.schedules import Schedule
from utils.support import checks

# Updates between two looks at the losses. A look makes a GPU wait for its queue, and on a CPU it
# takes as long as a tenth of a small network's update.
LOOK_EVERY = 20
LOWER_RATE = "A lower learning rate usually helps."
NO_NUMBERS = "A batch itself holds pixels that are not numbers."


class TrainingDiverged(RuntimeError):
    """A loss or an answer of the network is not a number; ``history`` has the finished epochs."""

    history: History | None = None


class Update(NamedTuple):
    """What ``fit`` tells ``on_update`` of an optimizer step: its number, from 1 over all epochs,
    the loss of its batch, and the learning rate it was made with."""

    number: int
    loss: float
    lr: float


def default_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def fit(
    model: nn.Module,
    train_loader: Iterable,
    test_loader: Iterable,
    *,
    optimizer: Optimizer,
    epochs: int,
    schedule: Schedule | None = None,
    max_grad_norm: float | None = None,
    label_smoothing: float = 0.0,
    average: AveragedModel | None = None,
    learn: Callable[[Tensor, Tensor], None] | None = None,
    device: torch.device | str | None = None,
    verbose: bool = True,
    judge: str = "Test set",
    on_update: Callable[[Update], None] | None = None,
    after_epoch: Callable[[History], None] | None = None,
) -> History:
    """Train ``model`` in place for ``epochs`` and evaluate it after each; return the ``History``.

    ``schedule`` advances after every update (``ReduceLROnPlateau`` after every epoch, with its
    training loss). A gradient longer than ``max_grad_norm``, over all weights together, is scaled
    down to it. ``average`` follows the model after every update and is evaluated in its place.
    ``learn`` is handed the logits and labels of every batch: a loader that selects its images.
    ``judge`` is what the log calls the images of ``test_loader``. ``on_update`` is handed each
    ``Update``, ``after_epoch`` the history so far.

    An interrupt (Ctrl-C, the stop button) ends training and returns the epochs that are finished;
    the network is as the interrupt left it.
    Raises ``ValueError`` for arguments or batches of the wrong kind, and ``TrainingDiverged``,
    with the finished epochs, when a loss is not a number.
    """
    checks.whole(1, epochs=epochs)
    checks.number(0, 1, label_smoothing=label_smoothing)
    if max_grad_norm is not None:
        checks.number(0, open_low=True, max_grad_norm=max_grad_norm)
    _check_optimizer(model, optimizer, schedule)
    checks.loader(test_loader)
    device = torch.device(device or default_device())
    model.to(device)
    evaluated = model if average is None else average.to(device).module
    watches = isinstance(schedule, ReduceLROnPlateau)
    history, number, started = History(), 0, time.perf_counter()
    try:
        for at in range(epochs):
            epoch = _Epoch(at, epochs, optimizer, device, started, verbose)
            model.train()
            for x, y in epoch.batches(train_loader):
                optimizer.zero_grad()
                logits = model(x)
                checks.logits(logits, y)
                loss = F.cross_entropy(logits, y, label_smoothing=label_smoothing)
                loss.backward()
                if max_grad_norm is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
                optimizer.step()
                if learn is not None:
                    learn(logits, y)
                number += 1
                epoch.count(loss.detach(), x, logits, y)
                if on_update is not None:
                    on_update(Update(number, loss.item(), optimizer.param_groups[0]["lr"]))
                if schedule is not None and not watches:
                    schedule.step()
                if average is not None:
                    average.update_parameters(model)
            if watches:
                schedule.step(epoch.loss)
            test = evaluate(evaluated, test_loader, device)
            history.add(epoch.samples, test, **epoch.found())
            if verbose:
                print(f"{judge}: {test}\n", flush=True)
            if after_epoch is not None:
                after_epoch(history)
    except KeyboardInterrupt:
        print(
            f"\nInterrupted: {len(history)} of {epochs} epochs are finished and in the history. "
            "The network is as the interrupt left it."
        )
    except TrainingDiverged as error:
        error.history = history
        error.add_note(f"{len(history)} of {epochs} epochs are finished: see its history.")
        raise
    return history


def _check_optimizer(model: nn.Module, optimizer: Optimizer, schedule: Schedule | None) -> None:
    held = {id(weights) for group in optimizer.param_groups for weights in group["params"]}
    if not held & {id(weights) for weights in model.parameters()}:
        raise ValueError(
            "the optimizer holds none of the model's parameters, so it would train nothing: "
            "make it with model.parameters()"
        )
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError("the schedule moves another optimizer's rate: make it with this optimizer")


class _Epoch:
    """One epoch of training as it goes: its sums, its seconds and its progress bar."""

    def __init__(self, at: int, of: int, optimizer, device, started: float, verbose: bool):
        self.number, self.optimizer, self.device, self.verbose = at + 1, optimizer, device, verbose
        self.lr = optimizer.param_groups[0]["lr"]
        self.samples, self.seconds, self.loss = 0, 0.0, math.nan
        # Sums stay on the device: reading them at every update would make a GPU wait.
        self._loss_sum = torch.zeros((), device=device)
        self.correct = torch.zeros((), dtype=torch.long, device=device)
        self._recent: list[tuple[float, Tensor, Tensor]] = []  # not looked at yet
        if verbose:
            left = (time.perf_counter() - started) / max(at, 1) * (of - at) / 60
            note = f", about {left:.1f} min left" if at else ""
            print(f"EPOCH {at + 1}/{of} (learning rate {self.lr:.5f}{note})", flush=True)

    def batches(self, loader: Iterable) -> Iterator[tuple[Tensor, Tensor]]:
        """The loader's batches on the device, checked; ``count`` is called for each of them."""
        checks.loader(loader)
        started = time.perf_counter()
        bar = tqdm(loader, file=sys.stdout, disable=not self.verbose, mininterval=0.5)
        for at, (x, y) in enumerate(bar):
            checks.batch(x, y)
            yield x.to(self.device), y.to(self.device)
            last = at + 1 == len(loader)
            if last or at % LOOK_EVERY == 0:
                loss = self._look(at + 1)
                bar.set_description_str(
                    f"Loss={loss:.4f} Batch_id={at} "
                    f"Accuracy={100 * self.correct.item() / self.samples:.2f}",
                    refresh=last,
                )
        if not self.samples:
            raise ValueError("a loader gives no batch")
        self.loss = self._loss_sum.item() / self.samples
        self.seconds = time.perf_counter() - started

    def count(self, loss: Tensor, x: Tensor, logits: Tensor, y: Tensor) -> None:
        """Add what one update gave."""
        self._loss_sum += loss * len(y)
        self.correct += (logits.argmax(1) == y).sum()
        self.samples += len(y)
        rate, pixels = self.optimizer.param_groups[0]["lr"], x.detach().sum()
        self._recent.append((rate, loss, pixels))  # a sum is a number where all pixels are

    def found(self) -> dict[str, float]:
        """What the history notes of the epoch."""
        correct = int(self.correct)
        return {
            "lr": self.lr,
            "seconds": self.seconds,
            "train_loss": self.loss,
            "train_correct": correct,
        }

    def _look(self, updates: int) -> float:
        """The latest loss; ``TrainingDiverged`` where one since the last look is not a number."""
        rates, losses, sums = zip(*self._recent, strict=True)
        values, sums = torch.stack(losses).tolist(), torch.stack(sums).tolist()
        for at, (lr, loss, pixels) in enumerate(zip(rates, values, sums, strict=True)):
            if math.isfinite(loss):
                continue
            remedy = LOWER_RATE
            if not math.isfinite(lr):
                remedy = "The schedule gives that rate: look at schedules.rates(...)."
            if not math.isfinite(pixels):
                remedy = NO_NUMBERS
            update = updates - len(values) + at + 1
            raise TrainingDiverged(
                f"the loss is {loss} in epoch {self.number}, update {update}, at learning rate "
                f"{lr:g}. {remedy}"
            )
        self._recent.clear()
        return values[-1]


@torch.no_grad()
def evaluate(
    model: nn.Module, loader: Iterable, device: torch.device | str | None = None
) -> Evaluation:
    """The model's answers over ``loader``, in evaluation mode, gathered on the CPU.

    The model keeps the mode it had. Raises ``ValueError`` for batches of the wrong kind,
    ``TrainingDiverged`` where an answer is not a number.
    """
    checks.loader(loader)
    device = torch.device(device or default_device())
    logits, labels, pixels = [], [], torch.zeros((), device=device)
    with evaluating(model.to(device)):
        for x, y in loader:
            checks.batch(x, y)
            x = x.to(device)
            pixels += x.sum()
            logits.append(model(x))
            checks.logits(logits[-1], y)
            labels.append(y.to(device))
    if not labels:
        raise ValueError("a loader gives no batch")
    logits, labels = torch.cat(logits), torch.cat(labels)
    if wrong := int((~logits.isfinite().all(1)).sum()):
        remedy = LOWER_RATE if pixels.isfinite() else NO_NUMBERS
        raise TrainingDiverged(
            f"{wrong} of {len(labels)} answers are not numbers in evaluation. {remedy}"
        )
    return Evaluation(
        probabilities=logits.softmax(1).cpu(),
        labels=labels.cpu(),
        loss=F.cross_entropy(logits, labels).item(),
    )


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """``model`` in evaluation mode; afterwards every layer is in the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
