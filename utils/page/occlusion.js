// Which ink holds the answer up: the lead of the answer when a small square of ink is taken away.
import { largest, probabilitiesOf } from "./arithmetic.js";
import { colour } from "./paint.js";

const SQUARE = 5; // pixels of a side
const TOGETHER = 14; // squares between two chances for the page to answer its reader

// How far the answer's logit lies above the highest other one.
function leadOf(network, digit) {
  const logits = network.maps.at(-1).data;
  return logits[digit] - Math.max(...logits.filter((_, other) => other !== digit));
}

// For each pixel with ink, how much the lead falls without the square around it.
export async function occlusionMap(network, pixels, isCurrent) {
  const digit = largest(probabilitiesOf(network, pixels));
  const whole = leadOf(network, digit);
  const falls = new Float32Array(784);
  const reach = Math.floor(SQUARE / 2);
  let done = 0;
  for (let at = 0; at < 784; at++) {
    if (!pixels[at]) continue;
    const without = pixels.slice();
    const [row, column] = [Math.floor(at / 28), at % 28];
    for (let y = Math.max(0, row - reach); y <= Math.min(27, row + reach); y++) {
      without.fill(0, y * 28 + Math.max(0, column - reach), y * 28 + Math.min(27, column + reach) + 1);
    }
    probabilitiesOf(network, without);
    falls[at] = whole - leadOf(network, digit);
    if (++done % TOGETHER === 0) await new Promise((next) => setTimeout(next));
    if (!isCurrent()) return null;
  }
  return { digit, falls };
}

export function paintOcclusion(target, { digit, falls }, pixels, caption) {
  const most = falls.reduce((high, fall) => Math.max(high, Math.abs(fall)), 1e-9);
  const context = target.getContext("2d");
  const zoom = target.width / 28;
  for (let at = 0; at < 784; at++) {
    const share = pixels[at] ? falls[at] / most : 0;
    context.fillStyle = `rgb(${colour(share)})`;
    context.fillRect((at % 28) * zoom, Math.floor(at / 28) * zoom, zoom, zoom);
  }
  caption.textContent =
    `Orange ink holds the ${digit} up: without the ${SQUARE} × ${SQUARE} square around it the lead ` +
    "over the next digit falls. Blue ink speaks against it.";
}
