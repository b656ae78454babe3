"""Settings for every test, the notebooks' included: `pytest --nbval` needs no flag besides."""

import functools
import os

os.environ.setdefault("NOTEBOOK_SIZE", "smoke")  # the notebooks' kernels inherit it


@functools.cache
def _full_mnist_is_at_hand() -> bool:
    from utils import data

    return data.settle_source().is_mnist


def pytest_collection_modifyitems(items):
    """Cells tagged ``needs-mnist`` show the full data set: compared only where it is at hand."""
    for item in items:
        cell = getattr(item, "cell", None)
        tags = cell.metadata.get("tags", []) if cell is not None else []
        if "needs-mnist" in tags and not _full_mnist_is_at_hand():
            item.options["check"] = False
