"""The readers' votes: as published, on these images, and counted by hand."""

import pytest
import torch

from utils.history import Mistakes
from utils.lab.report import label_errors


def test_every_image_was_read_by_five():
    found = label_errors.votes()
    assert len(found) == 100 and set(found.readers) == {5}
    assert found.index.isin(range(10_000)).all() and (found.other != found.label).all()


def test_as_many_label_errors_as_the_paper_counts():
    """Its table 1: 100 images checked, 15 errors."""
    found = label_errors.votes()
    assert len(label_errors.label_errors()) == found.against.sum() == 15
    assert found[found.against].for_the_label.max() == 2, "of five readers"
    assert found[~found.against].for_the_label.min() == 3


def test_the_labels_are_those_of_the_test_set(mnist):
    found = label_errors.votes()
    assert mnist.test_labels[found.index.tolist()].tolist() == found.label.tolist()


@pytest.mark.parametrize(
    ("answers", "counts"),
    [
        # 947: nobody saw the label. 4823: three of five did. 247: all did. 0 and 1: never shown.
        ({0: 1, 1: 1, 247: 1, 947: 9, 4823: 4}, [5, 3, 2, 1, 1]),
        ({0: 1, 1: 1, 247: 1, 947: 3, 4823: 4}, [5, 3, 2, 1, 0]),
        ({}, [0, 0, 0, 0, 0]),
    ],
)
def test_mistakes_are_counted_by_hand(answers, counts):
    indices, predictions = (torch.tensor(list(part)) for part in (answers, answers.values()))
    mistakes = Mistakes(indices, predictions, predictions, predictions, predictions)
    assert [cells[1] for cells in label_errors.table(mistakes).rows] == counts


@pytest.mark.parametrize("index", [947, 6651])
def test_images_that_nobody_reads_as_their_label_are_errors(index):
    assert label_errors.votes().for_the_label[index] == 0 and index in label_errors.label_errors()
