// One unit taken apart: what it sees of the input, its kernel, the patch below it, and the sum.
import { receptiveField } from "./arithmetic.js";
import { canvas, element, mostOf, paintGrey, paintSigned } from "./paint.js";
import { WORDS } from "./maps.js";

const number = (value) => value.toFixed(3).replace("-", "−");

// The values below a unit, and for a convolution its weights: {patch, kernel, bias, maps, side}.
export function takeApart(network, { at, channel, y, x }) {
  const layer = network.layers[at];
  const input = network.maps[at];
  const side = layer.kernel ?? 1;
  const maps = layer.kind === "conv" ? input.channels / layer.groups : 1;
  const first =
    layer.kind === "conv" ? Math.floor(channel / (layer.channels / layer.groups)) * maps : channel;
  const [top, left] = [y, x].map((place) => place * (layer.stride ?? 1) - (layer.padding ?? 0));
  const patch = new Float32Array(maps * side * side);
  for (let i = 0; i < patch.length; i++) {
    const row = top + (Math.floor(i / side) % side);
    const column = left + (i % side);
    const within = row >= 0 && column >= 0 && row < input.side && column < input.side;
    const map = first + Math.floor(i / (side * side));
    patch[i] = within ? input.data[(map * input.side + row) * input.side + column] : 0;
  }
  const length = patch.length;
  const kernel = layer.weights?.subarray(channel * length, (channel + 1) * length);
  const bias = layer.kind === "conv" ? (layer.bias?.[channel] ?? 0) : 0;
  const value = network.maps[at + 1].data[(channel * layer.side + y) * layer.side + x];
  return { layer, patch, kernel, bias, maps, side, value };
}

// The digit that the network sees, with the unit's receptive field.
export function paintSeen(target, pixels, network, unit, caption) {
  paintGrey(target, pixels, 28);
  if (!unit) {
    caption.textContent = "This is what the network sees.";
    return;
  }
  const { left, top, width, height } = receptiveField(network, unit.at, unit.y, unit.x);
  const zoom = target.width / 28;
  const context = target.getContext("2d");
  context.strokeStyle = "#ff963c";
  context.lineWidth = 3;
  context.strokeRect(left * zoom + 1.5, top * zoom + 1.5, width * zoom - 3, height * zoom - 3);
  caption.textContent = `The unit sees ${width} × ${height} pixels.`;
}

export function showUnit(home, network, unit) {
  if (!unit) {
    home.textContent = "Point at a map, or move to one with the Tab key and use the arrow keys.";
    return;
  }
  const parts = takeApart(network, unit);
  const { layer } = parts;
  const title = `Layer ${unit.at + 1}, ${WORDS[layer.kind]}, map ${unit.channel + 1}, row ${unit.y + 1}, column ${unit.x + 1}`;
  home.replaceChildren(element("p", {}, element("b", { textContent: title })), ...detail(parts, unit, network));
}

function detail(parts, unit, network) {
  const { layer, patch, value } = parts;
  const words = (text) => element("p", { className: "sum", textContent: text });
  if (layer.kind === "conv") return convolution(parts, words);
  if (layer.kind === "max" || layer.kind === "mean") {
    const how = layer.kind === "max" ? "The largest value below it" : "The mean of the values below it";
    const picked = layer.kind === "max" ? patch.indexOf(Math.max(...patch)) : -1;
    return [words(`${how} is ${number(value)}.`), squares(patch, parts, "Values below the unit", picked)];
  }
  if (layer.kind === "norm") {
    const [scale, shift] = [layer.scale[unit.channel], layer.shift[unit.channel]];
    return [words(`${number(patch[0])} × ${number(scale)} + ${number(shift)} = ${number(value)}`)];
  }
  if (layer.kind === "add") {
    const other = network.maps[layer.from];
    const more = other.data[(unit.channel * other.side + unit.y) * other.side + unit.x];
    return [words(`${number(patch[0])} + ${number(more)} = ${number(value)}`)];
  }
  return [words(`${WORDS[layer.kind]} of ${number(patch[0])} is ${number(value)}.`)];
}

function convolution(parts, words) {
  const { patch, kernel, bias, maps, side, value } = parts;
  const products = patch.map((below, i) => below * kernel[i]);
  const count = maps * side * side;
  const sum = `Sum of ${count} products ${number(value - bias)}`;
  const whole = bias ? `${sum} + bias ${number(bias)} = ${number(value)}` : `${sum}, no bias`;
  return [
    words(`${whole}.`),
    element("div", { className: "parts" },
      element("div", {}, words(maps > 1 ? `The patch below it in ${maps} maps` : "The patch below it"), squares(patch, parts, "Patch")),
      element("div", {}, words("times its kernel"), squares(kernel, parts, "Kernel")),
      element("div", {}, words("gives these products"), squares(products, parts, "Products")),
    ),
  ];
}

// Values as small squares, one picture for each map; `picked` is the place of one to outline.
function squares(values, { maps, side }, label, picked = -1) {
  const size = side > 7 ? 6 : side === 1 ? 14 : 10;
  const step = side * size + 4;
  const columns = Math.max(1, Math.min(maps, Math.floor((innerWidth < 704 ? 176 : 260) / step)));
  const picture = canvas(columns * step, Math.ceil(maps / columns) * step, label);
  const image = new ImageData(picture.width, picture.height);
  const most = mostOf(values);
  for (let map = 0; map < maps; map++) {
    const [left, top] = [(map % columns) * step, Math.floor(map / columns) * step];
    paintSigned(image, values, map * side * side, side, most, left, top, size);
  }
  const context = picture.getContext("2d");
  context.putImageData(image, 0, 0);
  if (picked >= 0) {
    context.strokeStyle = getComputedStyle(document.body).color;
    context.lineWidth = 2;
    context.strokeRect((picked % side) * size + 1, Math.floor(picked / side) * size + 1, size - 2, size - 2);
  }
  return picture;
}
