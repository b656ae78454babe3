"""Ten drawings of each digit, recorded by the page itself while a pointer draws on it.

``python tests/strokes.py`` moves a headless Chromium's pointer along designed paths and writes
what the page then holds to tests/strokes.json: ``[{"label", "strokes"}, ...]``. The paths are two
or three ways to write each digit, with every pen, larger and smaller, turned, slanted, off the
centre, by a hand that trembles and slows down in bends. No person drew them.
"""

import json

import numpy as np
from page_browser import chromium, draw
from page_script import Script
from playwright.sync_api import sync_playwright

from utils.support.files import write_text
from utils.support.paths import ASSETS, ROOT

PATH = ROOT / "tests/strokes.json"
VARIATIONS = 10
# Ways to write a digit, each of one or two strokes: corners in hundredths of the drawing's side.
WAYS = {
    0: [
        ["50,18 36,24 30,40 30,58 36,74 50,80 63,74 70,58 70,40 64,24 50,18"],
        ["58,20 46,24 38,40 37,58 42,74 50,80 58,76 63,60 64,42 61,26 55,20 48,22"],
    ],
    1: [
        ["52,18 51,40 50,60 49,82"],
        ["40,34 46,26 52,18 51,50 51,82"],
        ["40,33 52,18 51,50 51,82", "38,82 51,82 64,82"],
    ],
    2: [
        ["32,32 38,21 52,18 65,25 66,38 56,54 42,68 31,80 48,79 70,80"],
        ["32,30 42,20 58,20 65,32 60,46 46,64 35,77 37,82 45,79 55,79 71,80"],
    ],
    3: [
        ["33,24 46,18 60,22 65,33 58,44 46,48 60,52 68,64 62,76 48,82 33,76"],
        ["32,20 50,20 67,20 57,34 47,45 60,48 67,60 60,75 46,82 32,76"],
    ],
    4: [
        ["38,20 34,38 31,54 48,55 70,53", "60,22 59,45 58,64 57,83"],
        ["58,18 44,38 30,60 50,60 72,59", "58,18 58,50 58,83"],
    ],
    5: [
        ["66,20 50,20 37,21 35,34 34,46 48,42 62,47 67,60 62,74 48,81 33,76"],
        ["38,20 37,32 36,45 50,42 64,50 66,64 56,78 40,82 31,76", "38,20 52,19 67,19"],
    ],
    6: [
        ["60,18 46,28 36,44 33,62 39,77 52,81 64,74 66,62 57,53 44,56 35,66"],
        ["52,17 43,34 37,52 37,68 46,80 59,78 64,67 58,58 46,58 38,67"],
    ],
    7: [
        ["31,22 48,22 68,21 60,40 52,60 45,82"],
        ["31,22 48,22 68,21 60,40 52,60 45,82", "40,52 52,51 66,50"],
    ],
    8: [
        ["62,26 50,18 38,24 38,36 50,46 63,58 65,72 52,81 38,75 36,62 48,48 61,37 62,26"],
        [
            "50,48 39,40 38,26 50,18 62,26 61,40 50,48",
            "50,48 36,58 35,74 50,82 65,74 64,58 50,48",
        ],
    ],
    9: [
        ["65,34 56,22 42,22 35,34 40,46 54,47 65,36 65,52 62,68 56,82"],
        ["64,30 52,20 39,26 36,39 47,48 61,40 64,30 64,48 63,66 62,83"],
    ],
}


def drawing(label: int, variation: int) -> list[dict]:
    """A hand's way through the corners of one way to write ``label``."""
    rng = np.random.default_rng([label, variation])
    way = WAYS[label][variation % len(WAYS[label])]
    angle, slant, size = rng.normal(0, 0.08), rng.normal(0.08, 0.1), rng.uniform(0.5, 1.05)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    change = size * turn @ np.array([[1, 0], [-slant, 1]])
    place = 50 + rng.uniform(-1, 1, 2) * 40 * (1.1 - size)
    strokes = []
    for text in way:
        corners = np.array([[float(v) for v in pair.split(",")] for pair in text.split()]) - 50
        corners = (corners + rng.normal(0, 1, corners.shape)) @ change + place
        # Unlike steps: short ones near a corner, as a hand slows down there.
        t = np.linspace(0, len(corners) - 1, 9 * (len(corners) - 1) + 1)
        t = t - 0.8 * np.sin(2 * np.pi * t) / (2 * np.pi)
        line = np.stack([np.interp(t, np.arange(len(corners)), corners[:, i]) for i in (0, 1)], 1)
        line += rng.normal(0, 0.12, line.shape)
        points = (line * 10.24).clip(20, 1004)
        strokes.append({"points": points.tolist()})
    return strokes


def main() -> None:
    script, found = Script(), []
    with sync_playwright() as playwright:
        path = chromium(playwright)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((ASSETS / "playground.html").as_uri())
        for label in WAYS:
            for variation in range(VARIATIONS):
                page.locator("#clear").click()
                page.locator("#pens button").nth(variation % 3).click()
                draw(page, drawing(label, variation))
                held = script.strokes(page.evaluate("location.hash"))
                found.append({"label": label, "strokes": held})
        browser.close()
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in found)
    write_text(f"[\n{lines}\n]\n", PATH)


if __name__ == "__main__":
    main()
