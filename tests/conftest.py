import os

import numpy as np
import pytest
import torch

from utils import data, playground, pretrained


@pytest.fixture(scope="session")
def digits():
    """4,000 and 1,000 real digits that need no network: the MNIST-5k fallback."""
    return data.load("mnist-5k")


@pytest.fixture(scope="session")
def mnist():
    """The full MNIST; tests that need it are skipped, and say so, where it cannot be had."""
    images = data.settle_source()
    if not images.is_mnist:
        assert "MNIST_TESTS" not in os.environ, "asked for: MNIST was neither found nor fetched"
        pytest.skip("the full MNIST is not at hand (set MNIST_ROOT)")
    return images


@pytest.fixture(autouse=True)
def _full_size(monkeypatch):
    monkeypatch.delenv("NOTEBOOK_SIZE", raising=False)  # meant for the notebooks' kernels


@pytest.fixture(autouse=True)
def _one_random_stream():
    torch.manual_seed(0)
    np.random.seed(0)


SIZES = {"phone": (360, 640), "desktop": (1280, 900)}


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    from page_browser import chromium  # here: it reads the drawings

    with api.sync_playwright() as playwright:
        found = chromium(playwright)
        if not os.path.exists(found):
            assert "BROWSER_TESTS" not in os.environ, "asked for: playwright install chromium"
            pytest.skip("no Chromium is found: playwright install chromium")
        # A container's root user has no sandbox.
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    names = ("frontier_2k", "frontier_20k")
    path = tmp_path_factory.mktemp("page") / "page.html"
    return playground.write(path, {name: pretrained.load(name) for name in names})


@pytest.fixture(params=SIZES)
def page(request, browser, page_file):
    """An open page; afterwards it has said nothing, asked for nothing and kept to its window."""
    width, height = SIZES[request.param]
    phone = request.param == "phone"
    opened = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if phone else "light",
        has_touch=phone,
        is_mobile=phone,
    )
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on(
        "request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or said.append(r.url)
    )
    opened.goto(page_file.as_uri())
    yield opened
    # A phone widens its window for what does not fit.
    assert opened.evaluate("Math.max(innerWidth, document.documentElement.scrollWidth)") <= width
    opened.close()
    assert said == []
