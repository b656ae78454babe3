"""The readers' votes: as published, on these images, and counted by hand."""

import pytest

from utils.lab.report import label_errors


def test_every_image_was_read_by_five():
    found = label_errors.read()
    assert len(found) == 100 and {one.readers for one in found.values()} == {5}
    assert all(0 <= index < 10_000 for index in found)
    assert all((one.other is None) or one.other != one.label for one in found.values())


def test_as_many_label_errors_as_the_paper_counts():
    """Its table 1: 100 images checked, 15 errors."""
    assert len(label_errors.label_errors()) == 15


def test_the_labels_are_those_of_the_test_set(mnist):
    for index, one in label_errors.read().items():
        assert mnist.test_labels[index] == one.label, index


def test_most_against_the_label_is_more_than_half():
    for seen, against in ((0, True), (2, True), (3, False), (5, False)):
        assert label_errors.Votes(8, seen, 5 - seen, 0, 9).against is against


def test_mistakes_are_counted_by_hand():
    # 947: nobody saw the label. 4823: three of five did. 247: all did. 0 and 1: never shown.
    answers = {0: 1, 1: 1, 247: 1, 947: 9, 4823: 4}
    assert [row[1] for row in label_errors.table(answers).rows] == [5, 3, 2, 1, 1]
    assert [row[1] for row in label_errors.table(answers | {947: 3}).rows] == [5, 3, 2, 1, 0]
    assert [row[1] for row in label_errors.table({}).rows] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("index", [947, 6651])
def test_images_that_nobody_reads_as_their_label_are_errors(index):
    assert label_errors.read()[index].for_the_label == 0 and index in label_errors.label_errors()
