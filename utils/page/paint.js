// Colours, and pixels onto canvases.

const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

// Blue for negative, orange for positive: told apart by every common kind of colour vision.
const ENDS = { negative: [33, 102, 172], positive: [217, 95, 2] };
const BRIGHT = { negative: [92, 165, 240], positive: [255, 150, 60] };

// The colour of a value from -1 to 1; zero is the page's own ground.
export function colour(value) {
  const middle = dark() ? [24, 29, 34] : [246, 246, 244];
  const ends = dark() ? BRIGHT : ENDS;
  const end = value < 0 ? ends.negative : ends.positive;
  const share = Math.min(1, Math.abs(value));
  return middle.map((from, i) => Math.round(from + share * (end[i] - from)));
}

const scales = new Map();

// 511 colours for -255 to 255, made once for light and once for dark; each as the four bytes of a
// pixel, red the lowest.
function scale() {
  const key = dark();
  if (!scales.has(key)) {
    const pixel = ([red, green, blue]) => red | (green << 8) | (blue << 16) | (255 << 24);
    scales.set(key, Uint32Array.from({ length: 511 }, (_, i) => pixel(colour((i - 255) / 255))));
  }
  return scales.get(key);
}

export function canvas(width, height, label) {
  const made = Object.assign(document.createElement("canvas"), { width, height });
  if (label) {
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", label);
  }
  return made;
}

// Grey pixels 0..255, n x n, in the canvas's own size.
export function paintGrey(target, pixels, n) {
  const image = new ImageData(n, n);
  for (let i = 0; i < n * n; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  if (target.width === n) target.getContext("2d").putImageData(image, 0, 0);
  else enlarge(target, image, n);
}

const small = new Map();

function enlarge(target, image, n) {
  if (!small.has(n)) small.set(n, canvas(n, n));
  small.get(n).getContext("2d").putImageData(image, 0, 0);
  const context = target.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small.get(n), 0, 0, target.width, target.height);
}

// Signed values as squares of `size` pixels, n in a row, their corner at (left, top).
export function paintSigned(image, values, start, n, most, left, top, size) {
  const colours = scale();
  const to = new Uint32Array(image.data.buffer);
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const at = Math.round((values[start + y * n + x] / most) * 255);
      const pixel = colours[255 + Math.max(-255, Math.min(255, at || 0))];
      for (let v = 0; v < size; v++) {
        const place = (top + y * size + v) * image.width + left + x * size;
        for (let u = 0; u < size; u++) to[place + u] = pixel;
      }
    }
  }
}

export function mostOf(values) {
  let most = 1e-9;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

// Calls paint() at the next frame, once, however often it was asked for.
export function eachFrame(paint) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      paint();
    });
  };
}

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
