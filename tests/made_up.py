"""Made-up runs, and how tests look at the tables and pictures made of them."""


def of(*last, best=99.0):
    """Runs of two epochs: ``{seed: test accuracies}``, the last ones in per cent."""
    return {seed: [best, accuracy] for seed, accuracy in enumerate(last)}


def columns(table):
    """A table as ``{column: cells}``."""
    return dict(zip(table.columns, map(list, zip(*table.rows, strict=True)), strict=True))


def row(table, first):
    """The row whose first cell starts so, as ``{column: cell}``."""
    (found,) = (cells for cells in table.rows if str(cells[0]).startswith(first))
    return dict(zip(table.columns, found, strict=True))


def words(figure):
    """A picture's title in one line."""
    return " ".join(figure.get_suptitle().split())
