"""What the tests of the page in a browser share: drawings, and hands."""

import io
import json
import shutil

from PIL import Image

from utils.support.paths import ROOT

DRAWINGS = json.loads((ROOT / "tests/strokes.json").read_text(encoding="utf-8"))


def chromium(playwright):
    """The path of the Chromium to use: the machine's, else playwright's own, there or not."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return found or playwright.chromium.executable_path


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


def png(pixels):
    """Grey pixels as the content of a PNG file."""
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()
