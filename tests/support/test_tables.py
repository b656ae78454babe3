from utils.support.tables import Table


def test_numbers_are_right_aligned_and_words_left():
    table = Table(
        ["digit", "found", "which way"], [["one", "9.5 ± 0.1", "3 of 1 as 7"], ["two", 12, ""]]
    )
    assert table.markdown().splitlines() == [
        "| digit |     found | which way   |",
        "| ----- | --------: | ----------- |",
        "| one   | 9.5 ± 0.1 | 3 of 1 as 7 |",
        "| two   |        12 |             |",
    ]
    assert str(table) == repr(table) == table._repr_markdown_()
