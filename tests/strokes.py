"""Strokes of each digit: designed by hand as paths, ten seeded variations of each.

``python tests/strokes.py`` writes tests/strokes.json: ``[{"label", "strokes"}, ...]``, a
stroke as the page holds it. Nobody drew them with a hand; a browser's test draws them with a
pointer.
"""

import json
from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "strokes.json"
# Corners of each digit's paths, in hundredths of the drawing's side.
PATHS = {
    0: ["50,18 36,24 30,40 30,58 36,74 50,80 63,74 70,58 70,40 64,24 50,18"],
    1: ["52,18 51,40 50,60 49,82"],
    2: ["32,32 38,21 52,18 65,25 66,38 56,54 42,68 31,80 48,79 70,80"],
    3: ["33,24 46,18 60,22 65,33 58,44 46,48 60,52 68,64 62,76 48,82 33,76"],
    4: ["38,20 34,38 31,54 48,55 70,53", "60,22 59,45 58,64 57,83"],
    5: ["66,20 50,20 37,21 35,34 34,46 48,42 62,47 67,60 62,74 48,81 33,76"],
    6: ["60,18 46,28 36,44 33,62 39,77 52,81 64,74 66,62 57,53 44,56 35,66"],
    7: ["31,22 48,22 68,21 60,40 52,60 45,82"],
    8: ["62,26 50,18 38,24 38,36 50,46 63,58 65,72 52,81 38,75 36,62 48,48 61,37 62,26"],
    9: ["65,34 56,22 42,22 35,34 40,46 54,47 65,36 65,52 62,68 56,82"],
}


def curve(text: str, rng: np.random.Generator, turn: np.ndarray) -> list[list[int]]:
    """Points along a path that is turned, scaled and shaken a little, 1/1024 units."""
    corners = np.array([[float(v) for v in pair.split(",")] for pair in text.split()]) - 50
    corners = (corners + rng.normal(0, 0.9, corners.shape)) @ turn + 50
    t = np.linspace(0, len(corners) - 1, 4 * (len(corners) - 1) + 1)
    points = np.stack([np.interp(t, np.arange(len(corners)), corners[:, i]) for i in (0, 1)], 1)
    return (points * 10.24).round().clip(0, 1024).astype(int).tolist()


def drawings() -> list[dict]:
    made = []
    for label, paths in PATHS.items():
        for variation in range(10):
            rng = np.random.default_rng([label, variation])
            angle, scale = rng.normal(0, 0.06), rng.uniform(0.85, 1.1)
            turn = scale * np.array(
                [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
            )
            strokes = [{"pen": 1, "points": curve(path, rng, turn)} for path in paths]
            made.append({"label": label, "strokes": strokes})
    return made


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in drawings())
    PATH.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
