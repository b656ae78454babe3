// From strokes to the 28 x 28 pixels that a network sees, as MNIST's digits were prepared.
//
// `tests/drawing_oracle.py` does the same, and a test holds the two together.

export const SPAN = 1024; // the drawing's side in the units of its points
export const GRID = 140; // the drawing's side in cells, 5 x 5 of them for one of 28 pixels
export const PENS = [4, 6.5, 10]; // radii in cells: fine, medium, broad
const INK = 0.05; // a cell with less is background

// Two rounds of corner cutting (Chaikin) make a smooth line of the points of a pointer.
export function smooth(points) {
  let line = points;
  for (let round = 0; round < 2 && line.length > 2; round++) {
    const cut = [line[0]];
    for (let i = 0; i + 1 < line.length; i++) {
      const [ax, ay] = line[i];
      const [bx, by] = line[i + 1];
      cut.push([0.75 * ax + 0.25 * bx, 0.75 * ay + 0.25 * by]);
      cut.push([0.25 * ax + 0.75 * bx, 0.25 * ay + 0.75 * by]);
    }
    cut.push(line.at(-1));
    line = cut;
  }
  return line;
}

// Draws a stroke {pen, points} into the cells `ink`, 0 to 1; a cell keeps the most it had.
export function addStroke(ink, { pen, points }) {
  const line = smooth(points).map(([x, y]) => [(x * GRID) / SPAN, (y * GRID) / SPAN]);
  if (line.length === 1) line.push(line[0]);
  for (let i = 0; i + 1 < line.length; i++) addSegment(ink, line[i], line[i + 1], PENS[pen]);
}

function addSegment(ink, [ax, ay], [bx, by], radius) {
  const reach = radius + 1;
  const [left, right] = [Math.min(ax, bx) - reach, Math.max(ax, bx) + reach];
  const [top, bottom] = [Math.min(ay, by) - reach, Math.max(ay, by) + reach];
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(GRID, Math.ceil(bottom)); y++) {
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(GRID, Math.ceil(right)); x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const [ex, ey] = [px - along * dx, py - along * dy];
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.sqrt(ex * ex + ey * ey)));
      if (cover > ink[y * GRID + x]) ink[y * GRID + x] = cover;
    }
  }
}

export function inkOf(strokes) {
  const ink = new Float64Array(GRID * GRID);
  for (const stroke of strokes) addStroke(ink, stroke);
  return ink;
}

// The smallest box that holds all ink, in cells; null where there is none.
export function boxOf(ink) {
  let [left, top, right, bottom] = [GRID, GRID, 0, 0];
  for (let y = 0; y < GRID; y++) {
    for (let x = 0; x < GRID; x++) {
      if (ink[y * GRID + x] < INK) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  return right ? { left, top, width: right - left, height: bottom - top } : null;
}

// The centre of mass of the ink, [x, y] in cells.
function centreOf(ink) {
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let y = 0; y < GRID; y++) {
    for (let x = 0; x < GRID; x++) {
      const here = ink[y * GRID + x];
      mass += here;
      sumX += here * (x + 0.5);
      sumY += here * (y + 0.5);
    }
  }
  return [sumX / mass, sumY / mass];
}

// Where the corner of n pixels of `pitch` cells lies along one axis, and each pixel's mean over it.
function shares(start, pitch, n) {
  return Array.from({ length: n }, (_, pixel) => {
    const [low, high] = [start + pixel * pitch, start + (pixel + 1) * pitch];
    const parts = [];
    for (let cell = Math.max(0, Math.floor(low)); cell < Math.min(GRID, Math.ceil(high)); cell++) {
      const overlap = Math.min(high, cell + 1) - Math.max(low, cell);
      if (overlap > 0) parts.push([cell, overlap / pitch]);
    }
    return parts;
  });
}

// n x n pixels 0..255, each the mean of the cells below it.
export function resample(ink, left, top, pitch, n) {
  const columns = shares(left, pitch, n);
  const rows = shares(top, pitch, n);
  const pixels = new Uint8Array(n * n);
  rows.forEach((row, y) => {
    columns.forEach((column, x) => {
      let sum = 0;
      for (const [cy, share] of row) {
        let part = 0;
        for (const [cx, overlap] of column) part += ink[cy * GRID + cx] * overlap;
        sum += part * share;
      }
      pixels[y * n + x] = Math.floor(sum * 255 + 0.5);
    });
  });
  return pixels;
}

// Every stage of a drawing's preparation. `switches` are {size, centre, upright}, true for on.
// Returns {box, sized, centred, seen}: 20 x 20 pixels, 28 x 28, and 28 x 28 as the network sees it.
export function prepare(ink, switches) {
  const box = boxOf(ink);
  if (!box) {
    const empty = new Uint8Array(784);
    return { box, sized: new Uint8Array(400), centred: empty, seen: empty };
  }
  const pitch = switches.size ? Math.max(box.width, box.height) / 20 : GRID / 28;
  const middle = [box.left + box.width / 2, box.top + box.height / 2];
  const sized = resample(ink, middle[0] - 10 * pitch, middle[1] - 10 * pitch, pitch, 20);
  const whole = [GRID / 2, GRID / 2];
  const [x, y] = switches.centre ? centreOf(ink) : switches.size ? middle : whole;
  const centred = resample(ink, x - 14 * pitch, y - 14 * pitch, pitch, 28);
  return { box, sized, centred, seen: switches.upright ? upright(centred) : centred };
}

// A digit sheared until its ink leans neither left nor right: `utils/deskewing.py`.
export function upright(pixels) {
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let i = 0; i < 784; i++) {
    mass += pixels[i];
    sumX += pixels[i] * (i % 28);
    sumY += pixels[i] * Math.floor(i / 28);
  }
  const [x, y] = [sumX / Math.max(1, mass), sumY / Math.max(1, mass)];
  let [leaning, spread] = [0, 0];
  for (let i = 0; i < 784; i++) {
    const height = Math.floor(i / 28) - y;
    leaning += pixels[i] * ((i % 28) - x) * height;
    spread += pixels[i] * height * height;
  }
  const slope = leaning / Math.max(1, spread);
  return sheared(pixels, slope, y);
}

// Each row moved sideways by `slope` times its height above the row `middle`.
function sheared(pixels, slope, middle) {
  const moved = new Uint8Array(784);
  for (let row = 0; row < 28; row++) {
    for (let column = 0; column < 28; column++) {
      const source = column + slope * (row - middle);
      const left = Math.floor(source);
      const share = source - left;
      const at = (place) => (place >= 0 && place < 28 ? pixels[row * 28 + place] : 0);
      const value = at(left) * (1 - share) + at(left + 1) * share;
      moved[row * 28 + column] = Math.floor(value + 0.5);
    }
  }
  return moved;
}
