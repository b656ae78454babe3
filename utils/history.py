"""What training and evaluation leave: a history, answers, and the mistakes among them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from utils.support.tables import Table


@dataclass(repr=False)
class History:
    """What training left behind: one entry per epoch in every list.

    ``lr`` is the rate at the epoch's start, ``seconds`` its training time without evaluation.
    ``train_samples`` is the size of the training set; ``trained``, how many images an epoch took
    of it (empty in older records: all). ``train_accuracy`` is counted on the fly, over the batches
    as the changing network saw them.
    """

    train_samples: int = 0
    test_samples: int = 0
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_correct: list[int] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_correct: list[int] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.test_correct)

    def add(self, samples: int, test: Evaluation, **epoch: float) -> None:
        """Append a finished epoch: its ``lr``, ``seconds``, ``train_loss``, ``train_correct``."""
        self.train_samples = max(samples, self.train_samples)
        self.test_samples = len(test.labels)
        self.trained.append(samples)
        for name, value in {**epoch, "test_loss": test.loss, "test_correct": test.correct}.items():
            getattr(self, name).append(value)

    @property
    def train_accuracy(self) -> list[float]:
        counts = zip(self.train_correct, self.images_per_epoch, strict=True)
        return [100 * correct / images for correct, images in counts]

    @property
    def images_per_epoch(self) -> list[int]:
        """How many images each epoch took."""
        return self.trained or [self.train_samples] * len(self)

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
                f"{self.train_correct[i]}/{self.images_per_epoch[i]}",
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

    def __str__(self) -> str:
        correct = f"{self.correct}/{len(self.labels)} ({self.accuracy:.2f}%)"
        return f"Average loss: {self.loss:.4f}, Accuracy: {correct}"

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
