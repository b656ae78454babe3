// The page's state, and its text in the address after "#".
//
// Points are whole numbers from 0 to SPAN, so that a drawing that is read back is the same one.
import { PENS, SPAN } from "./preparation.js";

export const SWITCHES = ["size", "centre", "upright"];

export function newState() {
  return {
    strokes: [], // {pen, points: [[x, y], ...]}
    base: null, // what is under the strokes: {sample: place} or {picture: Uint8Array of 70 x 70}
    pen: 1,
    network: "",
    switches: { size: true, centre: true, upright: true },
  };
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Numbers below 4096 as two letters each.
function pair(value) {
  return LETTERS[value >> 6] + LETTERS[value & 63];
}

function unpair(text, at) {
  return letter(text, at) * 64 + letter(text, at + 1);
}

function letter(text, at) {
  const value = LETTERS.indexOf(text[at]);
  if (value < 0) throw new Error("not a drawing");
  return value;
}

// The first point whole, then steps: one letter each way for up to 31 units, else "." and two.
function strokeText({ pen, points }) {
  let text = String(pen) + pair(points[0][0]) + pair(points[0][1]);
  for (let i = 1; i < points.length; i++) {
    const steps = [points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]];
    const short = steps.every((step) => Math.abs(step) < 32);
    if (short) text += steps.map((step) => LETTERS[step + 32]).join("");
    else text += "." + points[i].map(pair).join("");
  }
  return text;
}

function strokeOf(text) {
  const pen = Number(text[0]);
  if (!(pen in PENS)) throw new Error("not a pen");
  const points = [[unpair(text, 1), unpair(text, 3)]];
  for (let at = 5; at < text.length; ) {
    const [x, y] = points.at(-1);
    if (text[at] === ".") {
      points.push([unpair(text, at + 1), unpair(text, at + 3)]);
      at += 5;
    } else {
      points.push([x + letter(text, at) - 32, y + letter(text, at + 1) - 32]);
      at += 2;
    }
  }
  const within = (value) => value >= 0 && value <= SPAN;
  if (!points.every((point) => point.every(within))) throw new Error("outside the drawing");
  return { pen, points };
}

// A picture has 16 grey levels, so that two pixels are four letters less than whole.
function baseText(base) {
  if (!base) return "";
  if (base.sample !== undefined) return `s${base.sample}`;
  const pairs = [];
  for (let i = 0; i < base.picture.length; i += 2) {
    pairs.push(pair((base.picture[i] << 4) | base.picture[i + 1]));
  }
  return `p${pairs.join("")}`;
}

function baseOf(text, samples, side) {
  if (text[0] === "s" && Number(text.slice(1)) in samples) return { sample: Number(text.slice(1)) };
  if (text[0] !== "p" || text.length !== side * side + 1) throw new Error("not a picture");
  const picture = new Uint8Array(side * side);
  for (let i = 0; i < picture.length; i += 2) {
    const both = unpair(text, i + 1);
    picture[i] = (both >> 4) & 15;
    picture[i + 1] = both & 15;
  }
  return { picture };
}

export function fragmentOf(state) {
  const fields = {
    n: encodeURIComponent(state.network),
    p: state.pen,
    o: SWITCHES.map((name) => Number(state.switches[name])).join(""),
    b: baseText(state.base),
    d: state.strokes.map(strokeText).join("~"),
  };
  return Object.entries(fields).filter(([, value]) => value !== "").map((f) => f.join("=")).join("&");
}

// Reads a fragment into `state`; a part that cannot be read is left out.
export function readFragment(text, state, samples, side) {
  const fields = new Map(text.replace(/^#/, "").split("&").map((field) => field.split("=")));
  const attempt = (name, read) => {
    try {
      if (fields.has(name)) read(fields.get(name));
    } catch {
      // An address that someone has cut or typed: the rest of it still counts.
    }
  };
  attempt("n", (value) => { state.network = decodeURIComponent(value); });
  attempt("p", (value) => { if (Number(value) in PENS) state.pen = Number(value); });
  attempt("o", (value) => SWITCHES.forEach((name, i) => { state.switches[name] = value[i] !== "0"; }));
  attempt("b", (value) => { state.base = baseOf(value, samples, side); });
  attempt("d", (value) => { state.strokes = value.split("~").map(strokeOf); });
}
