"""The page as a person uses it, in a headless Chromium: at a phone's size and a desktop's."""

import base64
import json
import os
import shutil
import zlib

import numpy as np
import pytest
import torch

from utils import data, playground, pretrained
from utils.support.paths import ROOT

DRAWINGS = json.loads((ROOT / "tests/strokes.json").read_text(encoding="utf-8"))
SIZES = {"phone": (360, 740), "desktop": (1200, 900)}


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    with api.sync_playwright() as playwright:
        found = found or playwright.chromium.executable_path
        if not os.path.exists(found):
            assert "BROWSER_TESTS" not in os.environ, "asked for: playwright install chromium"
            pytest.skip("no Chromium is found: playwright install chromium")
        # A container's root user has no sandbox.
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    names = ("frontier_2k", "frontier_20k")
    path = tmp_path_factory.mktemp("page") / "page.html"
    return playground.write(path, {name: pretrained.load(name) for name in names})


@pytest.fixture(params=SIZES)
def page(request, browser, file):
    """An open page; afterwards it has said nothing, asked for nothing and kept to its window."""
    width, height = SIZES[request.param]
    scheme = {"phone": "dark", "desktop": "light"}[request.param]
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on(
        "request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or said.append(r.url)
    )
    opened.goto(file.as_uri())
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()
    assert said == []


def draw(page, strokes):
    pad = page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    for stroke in strokes:
        points = [
            (box["x"] + x / 1024 * box["width"], box["y"] + y / 1024 * box["height"])
            for x, y in stroke["points"]
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def answer(page):
    text = page.locator("#verdict b")
    return int(text.inner_text()) if text.count() else None


def address(page):
    return page.evaluate("location.href")  # page.url is told of a change a little later


def choose(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_digits_that_are_drawn_are_read(page):
    choose(page, "frontier_20k")
    read = []
    for drawing in DRAWINGS[::20]:
        page.locator("#clear").click()
        draw(page, drawing["strokes"])
        read.append(answer(page) == drawing["label"])
    assert sum(read) >= 4, read
    bars = page.locator(".bar span:last-child").all_inner_texts()
    assert abs(sum(float(bar.removesuffix(" %")) for bar in bars) - 100) < 0.6


def test_undo_clear_and_the_address(page):
    drawing = DRAWINGS[40]["strokes"]  # a four of two strokes
    draw(page, drawing[:1])
    before, one = page.locator("#verdict").inner_text(), address(page)
    draw(page, drawing[1:])
    two = address(page)
    page.locator("#undo").click()
    assert page.locator("#verdict").inner_text() == before
    assert address(page) == one != two
    draw(page, drawing[1:])
    choose(page, "frontier_20k")
    after = page.locator("#verdict").inner_text()
    page.reload()
    assert page.locator("#verdict").inner_text() == after
    pressed = page.get_by_role("button", name="frontier_20k", exact=True)
    assert pressed.get_attribute("aria-pressed") == "true"
    page.locator("#clear").click()
    assert answer(page) is None


def test_a_unit_is_taken_apart(page):
    draw(page, DRAWINGS[30]["strokes"])
    maps = page.locator("canvas.maps")
    maps.nth(0).hover(position={"x": 20, "y": 20})
    page.wait_for_function("document.getElementById('unit').innerText.includes('9 products')")
    assert "3 × 3 pixels" in page.locator("#field").inner_text()
    maps.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert "Layer 1, convolution, map 1" in page.locator("#unit").inner_text()
    pool = page.locator(".row", has_text="max-pool").locator("canvas.maps")
    pool.hover(position={"x": 20, "y": 20})
    page.wait_for_function("document.getElementById('unit').innerText.includes('largest value')")
    page.locator(".row button").first.click()
    assert page.locator(".kernels canvas").count() == 1


def test_an_off_centre_digit_needs_its_preparation(page):
    choose(page, "frontier_20k")
    small = [
        {"points": [[x // 3 + 20, y // 3 + 20] for x, y in stroke["points"]]}
        for stroke in DRAWINGS[30]["strokes"]
    ]
    draw(page, small)
    whole = page.locator("#verdict").inner_text()
    for name in ("size", "centre"):
        page.locator(f"input[name={name}]").click()
    assert page.locator("#verdict").inner_text() != whole


def test_a_network_of_a_notebook_is_loaded(page, tmp_path):
    draw(page, DRAWINGS[70]["strokes"])
    for suffix in ("json", "html"):
        network = pretrained.load("frontier_4k")
        mine = playground.write(tmp_path / f"mine.{suffix}", {f"mine {suffix}": network})
        page.locator("#load").set_input_files(mine)
        page.wait_for_function(
            f"document.getElementById('message').innerText.includes('Loaded: mine {suffix}')"
        )
        assert page.locator("#inside").inner_text() == f"mine {suffix}"
        assert page.locator("#table tr").count() == (3 if suffix == "json" else 4)
    (tmp_path / "no.json").write_text('{"format": "other"}', encoding="utf-8")
    page.locator("#load").set_input_files(tmp_path / "no.json")
    page.wait_for_function(
        "document.getElementById('message').innerText.includes('holds no network')"
    )


def test_kept_drawings_come_back_into_a_notebook(page, tmp_path):
    kept = []
    for drawing in (DRAWINGS[10], DRAWINGS[80]):
        draw(page, drawing["strokes"])
        page.locator("#labels button").nth(drawing["label"]).click()
        kept.append(drawing["label"])
    with page.expect_download() as csv:
        page.locator("#csv").click()
    csv.value.save_as(tmp_path / "drawings.csv")
    images, labels = data.load_drawings(tmp_path / "drawings.csv")
    assert labels.tolist() == kept and images.shape == (2, 28, 28) and images.max() > 200
    found = []
    page.on("download", lambda download: found.append(download))
    page.locator("#idx").click()
    for _ in range(50):
        page.wait_for_timeout(100)
        if len(found) == 2:
            break
    for download in found:
        download.save_as(tmp_path / download.suggested_filename)
    again = data.load_drawings(tmp_path / "drawings-images-idx3-ubyte")
    assert torch.equal(again[0], images) and torch.equal(again[1], labels)


def test_samples_a_picture_and_the_occlusion_map(page, tmp_path):
    choose(page, "frontier_20k")
    page.locator("#samples button").nth(7).click()
    assert answer(page) == 7
    page.locator("#occlude").click()
    page.wait_for_function(
        "document.getElementById('field').innerText.includes('holds the 7 up')", timeout=60_000
    )
    picture = tmp_path / "one.png"
    pixels = np.full((80, 80), 250, np.uint8)
    pixels[15:65, 38:44] = 20
    picture.write_bytes(png(pixels))
    page.locator("#picture").set_input_files(picture)
    page.wait_for_function("location.hash.includes('b=p')")
    assert answer(page) == 1


def png(pixels):
    """Grey pixels as a PNG file, by hand: no package that the course needs writes one."""

    def chunk(kind, content):
        checked = kind + content
        ends = len(content).to_bytes(4, "big"), zlib.crc32(checked).to_bytes(4, "big")
        return ends[0] + checked + ends[1]

    height, width = pixels.shape
    sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 0, 0, 0, 0))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = chunk(b"IHDR", sizes), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return base64.b64decode("iVBORw0KGgo=") + b"".join(parts)


def test_the_keyboard_draws(page):
    page.locator("#pad").focus()
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert answer(page) == 1
    page.keyboard.press("Control+z")
    assert answer(page) is None


def test_bars_follow_an_event_within_a_frame(page):
    """The median over the events of a stroke; ``read`` is all that a pointer event waits for."""
    choose(page, "frontier_20k")
    page.evaluate("""() => {
        const pad = document.getElementById("pad");
        window.spent = [];
        let start = 0;
        addEventListener("pointermove", () => { start = performance.now(); }, true);
        addEventListener("pointermove", () => spent.push(performance.now() - start));
    }""")
    for drawing in DRAWINGS[80:84]:
        draw(page, drawing["strokes"])
    spent = np.array(page.evaluate("spent"))
    print(f"event to bars: median {np.median(spent):.1f} ms, 90 % {np.quantile(spent, 0.9):.1f} ms")
    assert len(spent) > 50 and np.median(spent) < 16
