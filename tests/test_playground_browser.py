"""The page as a person uses it, in a headless Chromium: at a phone's size and a desktop's."""

import json

import numpy as np
import pytest
import torch
from page_browser import DRAWINGS, address, answer, choose, draw, png

from utils import data, playground, pretrained


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
    assert answer(page) == 3
    assert page.locator("#agreement").inner_text() == "All 2 networks read the same digit."
    for name in ("size", "centre"):
        page.locator(f"input[name={name}]").click()
    assert answer(page) != 3


def test_networks_are_seen_to_disagree(page):
    choose(page, "frontier_20k")
    shown = []
    for digit in range(20):
        page.locator("#gallery button").nth(digit).click()
        rows = "[...document.querySelectorAll('#table td b')].map((each) => each.innerText)"
        page.wait_for_timeout(100)
        (small, large), other = page.evaluate(rows), page.locator("td.other")
        assert other.count() == (small != large)
        shown.append(page.locator("#agreement").inner_text())
    assert "1 of 2 reads another digit than frontier_20k (marked)." in shown


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
    layer = {"kind": "conv", "channels": 10, "side": 1, "kernel": 28, "stride": 1, "padding": 0}
    broken = {"name": "broken", "parameters": 1, "layers": [layer | {"groups": 1}]}
    no_weights = {"format": playground.FORMAT, "mean": 0.1, "std": 0.3, "networks": [broken]}
    for content in ({"format": "other"}, no_weights):
        (tmp_path / "no.json").write_text(json.dumps(content), encoding="utf-8")
        page.evaluate("document.getElementById('message').innerText = ''")
        page.locator("#load").set_input_files(tmp_path / "no.json")
        page.wait_for_function(
            "document.getElementById('message').innerText.includes('holds no network')"
        )
        assert page.locator("#table tr").count() == 4
    page.locator("#clear").click()
    draw(page, DRAWINGS[70]["strokes"])
    assert answer(page) == 7, "the page goes on with the networks that it has"


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


@pytest.mark.slow  # a time is measured: for an otherwise idle machine
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
