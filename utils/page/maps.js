// Every layer's maps as a row of pictures, and each kernel's weights where a reader asks.
import { canvas, colour, element, mostOf, paintSigned } from "./paint.js";

const TILE = 48; // pixels that a map's picture is at least wide, where it is not one value
const GAP = 4;

export const WORDS = {
  conv: "convolution", norm: "batch norm", max: "max-pool", mean: "mean", add: "sum with an earlier map",
  relu: "ReLU", silu: "SiLU", gelu: "GELU",
};

export function wordsOf({ kind, kernel, stride, groups, channels, side }) {
  const size = kernel ? ` ${kernel} × ${kernel}` : "";
  const steps = kind === "conv" && stride > 1 ? `, stride ${stride}` : "";
  const apart = groups > 1 ? `, in ${groups} groups` : "";
  return [`${WORDS[kind]}${size}${steps}${apart}`, `${channels} × ${side} × ${side}`];
}

// How `count` squares of n values are laid out in a width.
function layout(count, n, width) {
  const size = Math.max(1, Math.round((n === 1 ? 24 : width < 480 ? TILE * 0.75 : TILE) / n));
  const tile = n * size;
  const columns = Math.max(1, Math.min(count, Math.floor((width + GAP) / (tile + GAP))));
  return { n, size, tile, columns, step: tile + GAP, lines: Math.ceil(count / columns), count };
}

function paintTiles(target, values, plan, most) {
  const { n, size, columns, step, count } = plan;
  const image = new ImageData(target.width, target.height);
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * step, Math.floor(i / columns) * step];
    paintSigned(image, values, i * n * n, n, most, left, top, size);
  }
  target.getContext("2d").putImageData(image, 0, 0);
}

// `point({at, channel, y, x})` is called for the unit under the pointer or the keyboard's.
export function makeMaps(home, point) {
  let rows = [];
  let width = 300;
  let shown = null; // the network

  // Only rows near the window are painted: a drawing hand must not wait for what nobody sees.
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const made = rows.find(({ picture }) => picture === target);
      if (made) made.near = isIntersecting;
      if (isIntersecting && made) paintRow(made);
    }
  }, { rootMargin: "50%" });

  function fill(network) {
    shown = network;
    watch.disconnect();
    rows = network.layers.map((layer, at) => {
      const [words, shape] = wordsOf(layer);
      const picture = canvas(10, 10, `Maps of layer ${at + 1}, ${words}, ${shape}. Arrow keys move from unit to unit.`);
      picture.className = "maps";
      picture.setAttribute("role", "application"); // so that a screen reader leaves it the arrow keys
      picture.tabIndex = 0;
      const head = element("p", {}, element("b", { textContent: `${at + 1} ${words}` }));
      head.append(element("span", { textContent: shape }));
      const row = element("div", { className: "row" }, head, picture);
      const made = { layer, at, picture, row, plan: {}, unit: null, near: false };
      if (layer.weights) head.append(weightsButton(made));
      listen(made);
      return made;
    });
    home.replaceChildren(...rows.map(({ row }) => row));
    fit();
    for (const { picture } of rows) watch.observe(picture);
  }

  // Lays the pictures out by the rows' width.
  function fit() {
    width = Math.max(240, home.clientWidth);
    for (const { layer, picture, plan } of rows) {
      Object.assign(plan, layout(layer.channels, layer.side, width));
      picture.width = plan.columns * plan.step - GAP;
      picture.height = plan.lines * plan.step - GAP;
    }
  }

  // Only for another width: laying out clears the pictures, and a phone's bars resize often.
  function refit() {
    if (Math.max(240, home.clientWidth) === width) return;
    fit();
    paint();
  }

  function paint() {
    for (const made of rows) if (made.near) paintRow(made);
  }

  function paintRow({ at, picture, plan, unit }) {
    const values = shown.maps[at + 1].data;
    paintTiles(picture, values, plan, mostOf(values));
    if (unit) outline(picture, plan, unit);
  }

  function outline(picture, { columns, step, size }, { channel, y, x }) {
    const context = picture.getContext("2d");
    context.strokeStyle = `rgb(${colour(0).map((part) => 255 - part)})`;
    context.lineWidth = 2;
    const [left, top] = [(channel % columns) * step, Math.floor(channel / columns) * step];
    context.strokeRect(left + x * size, top + y * size, size, size);
  }

  function choose(made, unit) {
    for (const other of rows) other.unit = null;
    made.unit = unit;
    point({ at: made.at, ...unit });
  }

  function listen(made) {
    made.picture.addEventListener("pointermove", (event) => {
      const unit = unitUnder(event, made);
      if (unit) choose(made, unit);
    });
    made.picture.addEventListener("pointerdown", (event) => {
      const unit = unitUnder(event, made);
      if (unit) choose(made, unit);
    });
    made.picture.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const unit = moved(made.unit ?? { channel: 0, y: 0, x: 0 }, event.key, made.layer);
      if (!unit) return;
      event.preventDefault();
      choose(made, unit);
    });
  }

  function weightsButton(made) {
    const button = element("button", { type: "button", textContent: "weights" });
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      const shown = made.row.querySelector(".kernels");
      if (shown) shown.remove();
      else made.row.append(kernels(made.layer, width));
      button.setAttribute("aria-expanded", String(!shown));
    });
    return button;
  }

  return { fill, refit, paint };
}

// Every kernel of a convolution: one line of pictures for each channel that it makes.
function kernels({ weights, kernel, channels }, width) {
  const count = weights.length / kernel ** 2;
  const each = count / channels;
  const size = Math.max(1, Math.min(8, Math.floor(width / each / (kernel + 1))));
  const step = kernel * size + (size > 2 ? 3 : 1);
  const picture = canvas(Math.max(1, each * step), channels * step, "Weights of every kernel");
  const image = new ImageData(picture.width, picture.height);
  const most = mostOf(weights);
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % each) * step, Math.floor(i / each) * step];
    paintSigned(image, weights, i * kernel ** 2, kernel, most, left, top, size);
  }
  picture.getContext("2d").putImageData(image, 0, 0);
  const words = "A line is the kernels of one map that the layer makes, a column is a map that it reads.";
  const note = element("p", { className: "note", textContent: words });
  return element("div", { className: "kernels" }, note, picture);
}

function unitUnder(event, { picture, plan, layer }) {
  const box = picture.getBoundingClientRect();
  const zoom = picture.width / box.width;
  const [across, down] = [(event.clientX - box.left) * zoom, (event.clientY - box.top) * zoom];
  const [column, line] = [Math.floor(across / plan.step), Math.floor(down / plan.step)];
  const [x, y] = [across - column * plan.step, down - line * plan.step].map((v) => Math.floor(v / plan.size));
  const channel = line * plan.columns + column;
  const within = x >= 0 && y >= 0 && x < layer.side && y < layer.side;
  return within && column < plan.columns && channel < layer.channels ? { channel, y, x } : null;
}

// The unit that an arrow key leads to; past a map's edge lies the next map.
function moved({ channel, y, x }, key, { channels, side }) {
  if (key === "ArrowUp") return { channel, y: Math.max(0, y - 1), x };
  if (key === "ArrowDown") return { channel, y: Math.min(side - 1, y + 1), x };
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!step) return null;
  if (x + step >= 0 && x + step < side) return { channel, y, x: x + step };
  const next = channel + step;
  if (next < 0 || next >= channels) return { channel, y, x };
  return { channel: next, y, x: step > 0 ? 0 : side - 1 };
}
