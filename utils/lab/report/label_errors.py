"""What five people read in the doubtful test images, beside a network's mistakes.

Northcutt, Athalye and Mueller (Pervasive Label Errors in Test Sets Destabilize Machine Learning
Benchmarks, 2021) showed 100 test images, picked by networks that doubted their labels, to five
readers each. assets/label_votes.json holds their votes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from utils.lab.runs import results
from utils.support.tables import Table

PATH = results.FOLDER.parent / "label_votes.json"


@dataclass(frozen=True)
class Votes:
    """How many of the readers saw the label, the digit ``other``, or neither in an image."""

    label: int
    for_the_label: int
    for_another: int
    for_neither: int
    other: int | None = None

    @property
    def readers(self) -> int:
        return self.for_the_label + self.for_another + self.for_neither

    @property
    def against(self) -> bool:
        """Whether most readers did not see the label: the image counts as a label error."""
        return 2 * self.for_the_label < self.readers

    def most_see(self, digit: int) -> bool:
        """Whether most readers saw ``digit``, another than the label."""
        return digit == self.other and 2 * self.for_another > self.readers


def read() -> dict[int, Votes]:
    """The votes, by the image's index in the test set."""
    images = json.loads(PATH.read_text())["images"]
    return {int(index): Votes(**votes) for index, votes in images.items()}


def label_errors() -> set[int]:
    """The test images in which most readers did not see the label."""
    return {index for index, votes in read().items() if votes.against}


def table(mistakes: Mapping[int, int]) -> Table:
    """How many of a network's mistakes a person makes as well.

    ``mistakes``: the network's answers, by the image's index in the test set.
    """
    votes = read()
    shown = {index: votes[index] for index in mistakes if index in votes}
    doubted = [v for v in shown.values() if v.for_the_label < v.readers]
    against = [index for index, v in shown.items() if v.against]
    agreed = [index for index in against if shown[index].most_see(mistakes[index])]
    rows = [
        ["the network's mistakes", len(mistakes)],
        ["shown to five readers, since other networks doubted the label", len(shown)],
        ["where at least one reader did not see the label either", len(doubted)],
        ["where most readers did not see the label", len(against)],
        ["where most readers saw what the network said", len(agreed)],
    ]
    return Table(["", "of 10,000 test images"], rows)
