"""Settings for every test, those of the notebooks too: `pytest --nbval` needs no other flag."""

import functools
import os

# Before anything imports torch; the notebooks' kernels inherit both.
os.environ.setdefault("NOTEBOOK_SIZE", "smoke")
if "PYTEST_XDIST_WORKER" in os.environ:  # several test processes: one thread for each
    os.environ.setdefault("OMP_NUM_THREADS", "1")


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
