import numpy as np
import pytest
import torch

from utils import data


@pytest.fixture(scope="session")
def digits():
    """4,000 and 1,000 real digits that need no network: the MNIST-5k fallback."""
    return data.load("mnist-5k")


@pytest.fixture(scope="session")
def mnist():
    """The full MNIST; tests that need it are skipped, and say so, where it cannot be had."""
    images = data.settle_source()
    if not images.is_mnist:
        pytest.skip("the full MNIST is not at hand (set MNIST_ROOT)")
    return images


@pytest.fixture(autouse=True)
def _full_size(monkeypatch):
    monkeypatch.delenv("NOTEBOOK_SIZE", raising=False)  # meant for the notebooks' kernels


@pytest.fixture(autouse=True)
def _one_random_stream():
    torch.manual_seed(0)
    np.random.seed(0)
