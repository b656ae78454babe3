"""What five people read in the doubtful test images, beside a network's mistakes.

Northcutt, Athalye and Mueller (Pervasive Label Errors in Test Sets Destabilize Machine Learning
Benchmarks, 2021) showed 100 test images, picked by networks that doubted their labels, to five
readers each. assets/label_votes.json holds their votes.
"""

from __future__ import annotations

import pandas as pd

from utils.history import Mistakes
from utils.support.files import read_json
from utils.support.paths import ASSETS
from utils.support.tables import Table


def votes() -> pd.DataFrame:
    """A row per image that was shown, by its index in the test set.

    Columns: its ``label``; how many of the ``readers`` saw the label (``for_the_label``), the digit
    ``other`` (``for_another``) or neither (``for_neither``); whether most are ``against`` the
    label, which makes it a label error; and the digit besides the label that ``most_see``, if any.
    """
    images = read_json(ASSETS / "label_votes.json")["images"]
    found = pd.DataFrame.from_dict(images, orient="index").rename(index=int)
    found["readers"] = found.for_the_label + found.for_another + found.for_neither
    found["against"] = 2 * found.for_the_label < found.readers
    found["most_see"] = found.other.where(2 * found.for_another > found.readers)
    return found


def label_errors() -> set[int]:
    """The test images in which most readers did not see the label."""
    found = votes()
    return set(found.index[found.against])


def table(mistakes: Mistakes) -> Table:
    """How many of a network's mistakes in the test set a person makes as well."""
    answers = pd.Series(mistakes.predictions.tolist(), mistakes.indices.tolist(), name="answer")
    shown = votes().join(answers, how="inner")
    agreed = shown.against & (shown.most_see == shown.answer)
    rows = [
        ["the network's mistakes", len(answers)],
        ["shown to five readers, since other networks doubted the label", len(shown)],
        [
            "where at least one reader did not see the label either",
            (shown.for_the_label < shown.readers).sum(),
        ],
        ["where most readers did not see the label", shown.against.sum()],
        ["where most readers saw what the network said", agreed.sum()],
    ]
    return Table(["", "of 10,000 test images"], rows)
