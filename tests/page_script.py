"""The page's own script in a JavaScript engine, without a browser."""

import json

import numpy as np
import pytest

from utils import playground

PIECES = ("arithmetic", "preparation", "state")
# What tests call: text in, text out. Images go in as one text of hexadecimal digits.
CALLS = """
let network;
const bytesFromHex = (hex) => Uint8Array.from({length: hex.length / 2},
  (_, i) => parseInt(hex.substr(2 * i, 2), 16));
const hexOf = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
function take(text, mean, std) {
  network = readyNetwork(JSON.parse(text), mean, std);
  return network.name;
}
function readAll(hex) {
  const bytes = bytesFromHex(hex), found = [];
  for (let i = 0; i < bytes.length; i += 784) {
    found.push(probabilitiesOf(network, bytes.subarray(i, i + 784)));
  }
  return JSON.stringify(found);
}
function uprightAll(hex) {
  const bytes = bytesFromHex(hex);
  let found = "";
  for (let i = 0; i < bytes.length; i += 784) found += hexOf(upright(bytes.subarray(i, i + 784)));
  return found;
}
function strokesOf(fragment) {
  const state = newState();
  readFragment(fragment, state, [], 70);
  return JSON.stringify(state.strokes);
}
function preparedHex(strokes, switches) { return hexOf(prepare(inkOf(strokes), switches).seen); }
"""


class Script:
    """The arithmetic and the preparation of the page; images are uint8 ``[N, 28, 28]``."""

    def __init__(self):
        racer = pytest.importorskip("py_mini_racer", reason="needs the package mini-racer")
        self.engine = racer.MiniRacer()
        self.engine.eval(playground.script(PIECES) + CALLS)

    def take(self, description: dict) -> None:
        self.engine.call("take", json.dumps(description), playground.MEAN, playground.STD)

    def read(self, images) -> np.ndarray:
        """Probabilities ``[N, 10]`` of the network taken last."""
        parts = images.split(500)
        found = [json.loads(self.engine.call("readAll", self._hex(part))) for part in parts]
        return np.concatenate([np.array(part) for part in found])

    def upright(self, images) -> np.ndarray:
        return self._pixels(self.engine.call("uprightAll", self._hex(images)))

    def prepared(self, strokes: list, **switches: bool) -> np.ndarray:
        return self._pixels(self.engine.call("preparedHex", strokes, switches))[0]

    def strokes(self, fragment: str) -> list:
        """The strokes that an address's fragment holds."""
        return json.loads(self.engine.call("strokesOf", fragment))

    @staticmethod
    def _hex(images) -> str:
        return images.contiguous().numpy().tobytes().hex()

    @staticmethod
    def _pixels(text: str) -> np.ndarray:
        return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 28, 28).astype(int)
