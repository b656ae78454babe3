"""The training loop: a model and batches in, a history out.

Knows nothing of MNIST: ``train_loader`` and ``test_loader`` are iterables of batches ``(x, y)``
with ``len``. Accuracies are in per cent, losses are means per sample: the cross-entropy, in
training with smoothed labels or a teacher where a recipe says so (``loss_of``).
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from utils import schedules
from utils.support import checks, memory
from utils.support.tables import Table

# Steps between two looks at the numbers. A look makes a GPU wait for its queue, and on a CPU it
# takes as long as a tenth of a small network's step.
LOOK_EVERY = 20
TEMPERATURE = 2.0  # of a teacher's answers and of those held against them


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite."""


@dataclass(repr=False)
class History:
    """What training left behind: one entry per epoch in every list.

    ``lr`` is the rate at the epoch's start, ``seconds`` its training time without evaluation.
    ``train_accuracy`` is counted on the fly, over the batches as the changing network saw them.
    """

    train_samples: int = 0
    test_samples: int = 0
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_correct: list[int] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_correct: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.test_correct)

    def drop_unfinished(self) -> None:
        """Cut every list to the epochs that were finished, evaluation included."""
        for values in vars(self).values():
            if isinstance(values, list):
                del values[len(self) :]

    @property
    def train_accuracy(self) -> list[float]:
        return [100 * correct / self.train_samples for correct in self.train_correct]

    @property
    def test_accuracy(self) -> list[float]:
        return [100 * correct / self.test_samples for correct in self.test_correct]

    def table(self) -> Table:
        """The epochs as a table; the "Val" columns are the test loader's."""
        columns = ["Epoch", "LR", "Time", "TrainLoss", "TrainCorrect", "TrainAcc"]
        columns += ["ValLoss", "ValCorrect", "ValAcc"]
        rows = [
            [
                f"{i + 1}",
                f"{self.lr[i]:.6f}",
                f"{self.seconds[i]:.1f} s",
                f"{self.train_loss[i]:.4f}",
                f"{self.train_correct[i]}/{self.train_samples}",
                f"{self.train_accuracy[i]:.2f}",
                f"{self.test_loss[i]:.4f}",
                f"{self.test_correct[i]}/{self.test_samples}",
                f"{self.test_accuracy[i]:.2f}",
            ]
            for i in range(len(self))
        ]
        return Table(columns, rows)

    def _repr_markdown_(self) -> str:
        return self.table().markdown()

    __repr__ = _repr_markdown_


@dataclass(frozen=True)
class Mistakes:
    """Misclassified images, one entry each: where they stand, what they are and were taken for.

    ``probabilities`` are the network's for its own answer, ``true_probabilities`` for the label.
    """

    indices: Tensor
    labels: Tensor
    predictions: Tensor
    probabilities: Tensor
    true_probabilities: Tensor

    def __len__(self) -> int:
        return len(self.indices)

    def as_lists(self) -> dict[str, list]:
        return {name: [round(v, 4) for v in t.tolist()] for name, t in vars(self).items()}

    @classmethod
    def from_lists(cls, lists: dict[str, list]) -> Mistakes:
        return cls(**{name: torch.tensor(values) for name, values in lists.items()})


@dataclass(frozen=True)
class Evaluation:
    """A model's answers over a loader: ``probabilities`` [N, 10], ``labels`` [N], mean ``loss``."""

    probabilities: Tensor
    labels: Tensor
    loss: float

    @property
    def predictions(self) -> Tensor:
        return self.probabilities.argmax(1)

    @property
    def correct(self) -> int:
        return int((self.predictions == self.labels).sum())

    @property
    def accuracy(self) -> float:
        return 100 * self.correct / len(self.labels)

    def mistakes(self) -> Mistakes:
        """The wrong answers, in the loader's order."""
        wrong = (self.predictions != self.labels).nonzero().squeeze(1)
        labels, predictions = self.labels[wrong], self.predictions[wrong]
        return Mistakes(
            indices=wrong,
            labels=labels,
            predictions=predictions,
            probabilities=self.probabilities[wrong, predictions],
            true_probabilities=self.probabilities[wrong, labels],
        )


def default_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@contextlib.contextmanager
def cpu_threads(n: int) -> Iterator[None]:
    """torch computes with ``n`` CPU threads inside, with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def loss_of(
    logits: Tensor, y: Tensor, taught: Tensor | None = None, *, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy per sample; half of it, where there is a teacher, with its answers.

    ``taught`` ``[B, 10]`` are the teacher's logits for the same ``x``. Both are softened by
    ``TEMPERATURE``, whose square keeps the gradients' size: Hinton, Vinyals and Dean, Distilling
    the Knowledge in a Neural Network, 2015, §2.
    """
    labelled = F.cross_entropy(logits, y, label_smoothing=label_smoothing)
    if taught is None:
        return labelled
    soft = (taught.to(logits) / TEMPERATURE).softmax(1)
    return (labelled + TEMPERATURE**2 * F.cross_entropy(logits / TEMPERATURE, soft)) / 2


def fit(
    model: nn.Module,
    train_loader: Iterable,
    test_loader: Iterable,
    *,
    optimizer: Optimizer,
    epochs: int,
    scheduler: LRScheduler | None = None,
    scheduler_per_step: bool = False,
    max_grad_norm: float | None = None,
    label_smoothing: float = 0.0,
    average: AveragedModel | None = None,
    device: torch.device | str | None = None,
    verbose: bool = True,
    after_epoch: Callable[[History], None] | None = None,
) -> History:
    """Train ``model`` in place for ``epochs`` and evaluate it after each; return the ``History``.

    ``scheduler`` advances after every epoch, or after every optimizer step with
    ``scheduler_per_step``. A gradient longer than ``max_grad_norm`` (over all weights together) is
    shortened to it: one bad batch cannot throw the weights far off. ``label_smoothing`` is
    ``F.cross_entropy``'s, in training only; a batch of three holds a teacher's logits as well
    (see ``loss_of``). ``average`` follows the model after every step and is
    evaluated in its place. ``after_epoch`` is handed the history so far after each epoch, for
    whoever watches from afar. An interrupt (Ctrl-C, the stop button) ends training and returns
    the epochs that were finished. Raises ``ValueError`` for a number of epochs below 1, an empty
    loader, batches of the wrong kind or an optimizer of another model, ``TrainingDiverged`` when
    a loss is not a number.
    """
    checks.whole(1, epochs=epochs)
    if max_grad_norm is not None:
        checks.number(0, open_low=True, max_grad_norm=max_grad_norm)
    if len(train_loader) == 0 or len(test_loader) == 0:
        raise ValueError("a loader is empty: it gives no batch")
    checks.number(0, 1, label_smoothing=label_smoothing)
    _check_optimizer(model, optimizer)
    device = torch.device(device) if device is not None else default_device()
    memory.keep_freed()
    model.to(device)
    history = History()
    evaluated = model if average is None else average.to(device).module
    loss_function = partial(loss_of, label_smoothing=label_smoothing)

    def after_step() -> None:
        if scheduler is not None and scheduler_per_step:
            scheduler.step()
        if average is not None:
            average.update_parameters(model)

    started = time.perf_counter()
    try:
        for epoch in range(epochs):
            lr = optimizer.param_groups[0]["lr"]
            if verbose:
                left = (time.perf_counter() - started) / max(epoch, 1) * (epochs - epoch)
                note = f", about {left / 60:.1f} min left" if epoch else ""
                print(f"EPOCH {epoch + 1}/{epochs} (learning rate {lr:.5f}{note})", flush=True)
            loss, correct, samples, seconds = train_epoch(
                model,
                train_loader,
                optimizer,
                loss_function,
                max_grad_norm,
                after_step,
                device,
                epoch,
                verbose,
            )
            if scheduler is not None and not scheduler_per_step:
                schedules.after_epoch(scheduler, loss)
            test = evaluate(evaluated, test_loader, device)
            if verbose:
                print(
                    f"Test set: Average loss: {test.loss:.4f}, Accuracy: "
                    f"{test.correct}/{len(test.labels)} ({test.accuracy:.2f}%)\n",
                    flush=True,
                )
            history.train_samples, history.test_samples = samples, len(test.labels)
            history.lr.append(lr)
            history.seconds.append(seconds)
            history.train_loss.append(loss)
            history.train_correct.append(correct)
            history.test_loss.append(test.loss)
            history.test_correct.append(test.correct)
            if after_epoch is not None:
                after_epoch(history)
    except KeyboardInterrupt:
        history.drop_unfinished()
        print(f"\nInterrupted: {len(history)} of {epochs} epochs are finished and kept.")
    return history


def _check_optimizer(model: nn.Module, optimizer: Optimizer) -> None:
    held = {id(weights) for group in optimizer.param_groups for weights in group["params"]}
    if not held & {id(weights) for weights in model.parameters()}:
        raise ValueError(
            "the optimizer holds none of the model's parameters, so it would train nothing: "
            "make it with model.parameters()"
        )


def train_epoch(
    model: nn.Module,
    loader: Iterable,
    optimizer: Optimizer,
    loss_function: Callable[..., Tensor],
    max_grad_norm: float | None,
    after_step: Callable[[], None],
    device: torch.device,
    epoch: int,
    verbose: bool,
) -> tuple[float, int, int, float]:
    """One pass over ``loader``: mean loss, correct answers, samples, seconds."""
    model.train()
    # Sums stay on the device: reading them at every step would make the GPU wait.
    loss_sum = torch.zeros((), device=device)
    correct = torch.zeros((), dtype=torch.long, device=device)
    samples = 0
    recent: list[tuple[int, float, Tensor]] = []  # step, learning rate and loss, not looked at yet
    started = time.perf_counter()
    bar = tqdm(loader, file=sys.stdout, disable=not verbose, mininterval=0.5)
    for step, (x, y, *taught) in enumerate(bar):
        if step == 0:
            checks.batch(x, y)
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        logits = model(x)
        loss = loss_function(logits, y, *taught)
        loss.backward()
        if max_grad_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
        loss_sum += loss.detach() * len(y)
        correct += (logits.argmax(1) == y).sum()
        samples += len(y)
        recent.append((step, optimizer.param_groups[0]["lr"], loss.detach()))
        last = step + 1 == len(loader)
        if last or step % LOOK_EVERY == 0:
            _check_finite(recent, epoch)
            recent.clear()
            bar.set_description_str(
                f"Loss={loss.item():.4f} Batch_id={step} "
                f"Accuracy={100 * correct.item() / samples:.2f}",
                refresh=last,
            )
        after_step()
    return loss_sum.item() / samples, int(correct), samples, time.perf_counter() - started


def _check_finite(recent: list[tuple[int, float, Tensor]], epoch: int) -> None:
    steps, rates, losses = zip(*recent, strict=True)
    for step, lr, loss in zip(steps, rates, torch.stack(losses).tolist(), strict=True):
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss} in epoch {epoch + 1}, step {step + 1}, at learning rate "
                f"{lr:g}. A lower learning rate usually mends it."
            )


@torch.no_grad()
def evaluate(
    model: nn.Module, loader: Iterable, device: torch.device | str | None = None
) -> Evaluation:
    """The model's answers over ``loader``, in evaluation mode, gathered on the CPU."""
    device = torch.device(device) if device is not None else default_device()
    model.to(device).eval()
    if len(loader) == 0:
        raise ValueError("the loader is empty: it gives no batch")
    logits, labels = [], []
    for x, y in loader:
        checks.batch(x, y)
        logits.append(model(x.to(device)))
        labels.append(y.to(device))
    logits, labels = torch.cat(logits), torch.cat(labels)
    return Evaluation(
        probabilities=logits.softmax(1).cpu(),
        labels=labels.cpu(),
        loss=F.cross_entropy(logits, labels).item(),
    )
