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


def test_a_table_of_rows_has_the_columns_of_the_first():
    table = Table.of({"name": name, "n": n} for name, n in (("a", 1), ("b", 2)))
    assert table == Table(["name", "n"], [["a", 1], ["b", 2]])
