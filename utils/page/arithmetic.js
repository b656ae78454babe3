// The arithmetic of a network, layer by layer, as torch does it in evaluation mode.
//
// A map is {channels, side, data}: `data` is a Float32Array, channel by channel, row by row.
// Nothing here touches the document, so the same lines run in a bare JavaScript engine.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The bytes of a base64 text. A bare engine has no `atob`.
export function bytesOf(text) {
  const clean = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of clean) {
    held = ((held << 6) | DIGITS.indexOf(letter)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  return bytes;
}

function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

// A float of 16 bits: 1 of sign, 5 of exponent, 10 of fraction.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// The weights of a convolution: floats of 32 or 16 bits, or whole numbers of fewer bits in one
// stream, the lowest bit first, times a scale for each channel.
function weightsOf({ bits, data, scale }, channels) {
  const bytes = bytesOf(data);
  if (bits === 32) return new Float32Array(bytes.buffer);
  if (bits === 16) return Float32Array.from(new Uint16Array(bytes.buffer), half);
  const scales = floatsOf(scale);
  const weights = new Float32Array(Math.floor((8 * bytes.length) / bits / channels) * channels);
  const each = weights.length / channels;
  for (let i = 0; i < weights.length; i++) {
    const at = (i * bits) >> 3;
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    const whole = ((word >> ((i * bits) & 7)) & (2 ** bits - 1)) - 2 ** (bits - 1);
    weights[i] = whole * scales[Math.floor(i / each)];
  }
  return weights;
}

function emptyMap(channels, side) {
  return { channels, side, data: new Float32Array(channels * side * side) };
}

// A map with `padding` zeros around each channel.
function padded(map, padding) {
  if (!padding) return map;
  const side = map.side + 2 * padding;
  const wide = emptyMap(map.channels, side);
  for (let row = 0; row < map.channels * map.side; row++) {
    const channel = Math.floor(row / map.side);
    const start = (channel * side + (row % map.side) + padding) * side + padding;
    wide.data.set(map.data.subarray(row * map.side, (row + 1) * map.side), start);
  }
  return wide;
}

function convolve(layer, input, output) {
  const wide = padded(input, layer.padding);
  const { kernel, stride, groups, weights, bias } = layer;
  const ins = input.channels / groups;
  const outs = output.channels / groups;
  const area = output.side * output.side;
  const add = kernel === 3 && stride === 1 ? addThree : addAny;
  for (let o = 0; o < output.channels; o++) {
    const sums = output.data.subarray(o * area, (o + 1) * area);
    sums.fill(bias ? bias[o] : 0);
    const first = Math.floor(o / outs) * ins;
    for (let i = 0; i < ins; i++) {
      const plane = (first + i) * wide.side * wide.side;
      add(sums, output.side, wide, plane, weights, (o * ins + i) * kernel * kernel, layer);
    }
  }
}

// Adds one channel's share, for a kernel of any size.
function addAny(sums, side, wide, plane, weights, at, { kernel, stride }) {
  for (let ky = 0; ky < kernel; ky++) {
    for (let kx = 0; kx < kernel; kx++) {
      const weight = weights[at + ky * kernel + kx];
      for (let y = 0; y < side; y++) {
        const from = plane + (y * stride + ky) * wide.side + kx;
        for (let x = 0; x < side; x++) sums[y * side + x] += weight * wide.data[from + x * stride];
      }
    }
  }
}

// The same for 3 x 3 and stride 1, where nearly all the time goes: nine weights in registers.
function addThree(sums, side, wide, plane, weights, at) {
  const [a, b, c, d, e, f, g, h, i] = weights.subarray(at, at + 9);
  const p = wide.data;
  const n = wide.side;
  for (let y = 0; y < side; y++) {
    let t = plane + y * n;
    const row = y * side;
    for (let x = 0; x < side; x++, t++) {
      const m = t + n;
      const l = m + n;
      sums[row + x] +=
        a * p[t] + b * p[t + 1] + c * p[t + 2] + d * p[m] + e * p[m + 1] + f * p[m + 2] +
        g * p[l] + h * p[l + 1] + i * p[l + 2];
    }
  }
}

// Calls use(output's place, first input's place) for each unit of a pool.
function overPool({ stride }, input, output, use) {
  const { side } = output;
  for (let c = 0; c < output.channels; c++) {
    for (let y = 0; y < side; y++) {
      const row = (c * input.side + y * stride) * input.side;
      for (let x = 0; x < side; x++) use((c * side + y) * side + x, row + x * stride);
    }
  }
}

function poolMax(layer, input, output) {
  overPool(layer, input, output, (to, from) => {
    let most = -Infinity;
    for (let y = 0; y < layer.kernel; y++) {
      for (let x = 0; x < layer.kernel; x++) {
        most = Math.max(most, input.data[from + y * input.side + x]);
      }
    }
    output.data[to] = most;
  });
}

function poolMean(layer, input, output) {
  overPool(layer, input, output, (to, from) => {
    let sum = 0;
    for (let y = 0; y < layer.kernel; y++) {
      for (let x = 0; x < layer.kernel; x++) sum += input.data[from + y * input.side + x];
    }
    output.data[to] = sum / layer.kernel ** 2;
  });
}

function normalizeChannels({ scale, shift }, input, output) {
  const area = input.side * input.side;
  for (let i = 0; i < input.data.length; i++) {
    const channel = Math.floor(i / area);
    output.data[i] = input.data[i] * scale[channel] + shift[channel];
  }
}

// The error function, to 1.2e-7: Numerical Recipes, 2nd edition, §6.2.
function erf(x) {
  const t = 1 / (1 + Math.abs(x) / 2);
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398,
    1.48851587, -0.82215223, 0.17087277,
  ];
  const sum = terms.reduceRight((total, term) => term + t * total, 0);
  const rest = t * Math.exp(sum - x * x);
  return x >= 0 ? 1 - rest : rest - 1;
}

const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => (x * (1 + erf(x * Math.SQRT1_2))) / 2,
};

function activate(activation) {
  return (layer, input, output) => {
    for (let i = 0; i < input.data.length; i++) output.data[i] = activation(input.data[i]);
  };
}

function addMaps(layer, input, output, maps) {
  const other = maps[layer.from].data;
  for (let i = 0; i < input.data.length; i++) output.data[i] = input.data[i] + other[i];
}

const KINDS = {
  conv: convolve,
  norm: normalizeChannels,
  max: poolMax,
  mean: poolMean,
  add: addMaps,
  relu: activate(ACTIVATIONS.relu),
  silu: activate(ACTIVATIONS.silu),
  gelu: activate(ACTIVATIONS.gelu),
};

function readLayer(layer) {
  if (!Object.hasOwn(KINDS, layer.kind)) throw new Error(`no layer is called "${layer.kind}"`);
  const read = { ...layer };
  for (const name of ["bias", "scale", "shift"]) if (layer[name]) read[name] = floatsOf(layer[name]);
  if (layer.weights) read.weights = weightsOf(layer.weights, layer.channels);
  return read;
}

// A network that is ready to read: its layers with their weights, and room for all of its maps.
// `maps[0]` is the input, `maps[i + 1]` the output of layer i.
export function readyNetwork(description, mean, std) {
  const layers = description.layers.map(readLayer);
  const maps = [emptyMap(1, 28), ...layers.map((layer) => emptyMap(layer.channels, layer.side))];
  if (maps.at(-1).data.length !== 10) throw new Error("the network does not end in ten values");
  return { ...description, layers, maps, mean, std };
}

// Ten probabilities for the pixels 0..255 that the network sees; its maps hold all that it saw.
export function probabilitiesOf(network, pixels) {
  const { layers, maps, mean, std } = network;
  for (let i = 0; i < pixels.length; i++) maps[0].data[i] = (pixels[i] / 255 - mean) / std;
  layers.forEach((layer, i) => KINDS[layer.kind](layer, maps[i], maps[i + 1], maps));
  return softmax(maps.at(-1).data);
}

export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

// The place of the largest of several numbers, the first one where two are alike.
export function largest(numbers) {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] > numbers[best]) best = i;
  return best;
}

// The input pixels that a unit of layer `at` sees: {left, top, side}, cut off at the edges.
export function receptiveField(network, at, y, x) {
  let jump = 1;
  let side = 1;
  let start = 0;
  for (const { kind, kernel = 1, stride = 1, padding = 0 } of network.layers.slice(0, at + 1)) {
    if (!["conv", "max", "mean"].includes(kind)) continue;
    start -= padding * jump;
    side += (kernel - 1) * jump;
    jump *= stride;
  }
  const left = Math.max(0, start + x * jump);
  const top = Math.max(0, start + y * jump);
  const right = Math.min(28, start + x * jump + side);
  const bottom = Math.min(28, start + y * jump + side);
  return { left, top, width: right - left, height: bottom - top };
}
