// Drawing with a mouse, a finger, a pen or the keyboard.
import { GRID, PENS, SPAN, addStroke, smooth } from "./preparation.js";
import { paintGrey } from "./paint.js";

const NEAR = 4; // units; a point nearer to the last one adds nothing
const STEP = 24; // units that an arrow key moves the keyboard's pen

// The cells of what lies under the strokes: a sample's 28 x 28 pixels or a picture's 70 x 70.
export function baseCells(pixels, side, most) {
  const ink = new Float64Array(GRID * GRID);
  const each = GRID / side;
  for (let i = 0; i < ink.length; i++) {
    const [y, x] = [Math.floor(i / GRID), i % GRID];
    ink[i] = pixels[Math.floor(y / each) * side + Math.floor(x / each)] / most;
  }
  return ink;
}

// Draws a stroke as a line on a canvas.
export function strokeOn(context, { pen, points }) {
  const unit = context.canvas.width / SPAN;
  const line = smooth(points);
  context.lineWidth = (2 * PENS[pen] * context.canvas.width) / GRID;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#fff";
  context.beginPath();
  context.moveTo(line[0][0] * unit, line[0][1] * unit);
  for (const [x, y] of line) context.lineTo(x * unit, y * unit);
  context.stroke();
}

// `page` has state, base() (cells and pixels below the strokes, or null), remember() for what is
// about to change, and changed(finished).
export function makePad(pad, page) {
  const { state } = page;
  const context = pad.getContext("2d");
  let current = null; // the stroke under the pointer
  let cursor = null; // the keyboard's pen
  let finished = null; // the cells of all strokes but the current one

  function place(event) {
    const box = pad.getBoundingClientRect();
    const at = (value, length) => Math.round((SPAN * value) / length);
    const clip = (value) => Math.max(0, Math.min(SPAN, value));
    return [clip(at(event.clientX - box.left, box.width)), clip(at(event.clientY - box.top, box.height))];
  }

  function begin(point) {
    page.remember();
    cells(); // of what is there already, while `current` is not part of it
    current = { pen: state.pen, points: [point] };
    state.strokes.push(current);
  }

  function extend(point) {
    const [x, y] = current.points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= NEAR) current.points.push(point);
  }

  function end() {
    forget();
    page.changed(true);
  }

  // The cells of the whole drawing; while a stroke grows, only that one is drawn anew.
  function cells() {
    if (!finished) {
      const base = page.base();
      finished = base ? baseCells(base.pixels, base.side, base.most) : new Float64Array(GRID * GRID);
      for (const stroke of state.strokes) if (stroke !== current) addStroke(finished, stroke);
    }
    if (!current) return finished;
    const ink = finished.slice();
    addStroke(ink, current);
    return ink;
  }

  // Another drawing is there, or the current stroke is one of the others now.
  function forget() {
    current = null;
    finished = null;
  }

  function paint() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, pad.width, pad.height);
    const base = page.base();
    if (base) paintGrey(pad, base.pixels.map((value) => (value * 255) / base.most), base.side);
    for (const stroke of state.strokes) strokeOn(context, stroke);
    if (!base && !state.strokes.length) paintHint();
    if (cursor && document.activeElement === pad) paintCursor();
  }

  function paintHint() {
    context.fillStyle = "#8a949e";
    context.font = "32px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("Draw a digit here", pad.width / 2, pad.height / 2);
    if (!pad.matches(":focus-visible")) return;
    context.font = "22px system-ui, sans-serif";
    context.fillText("Arrow keys move a pen, the space bar", pad.width / 2, pad.height / 2 + 50);
    context.fillText("sets it down and lifts it.", pad.width / 2, pad.height / 2 + 80);
  }

  function paintCursor() {
    context.strokeStyle = "#ff963c";
    context.lineWidth = 3;
    context.beginPath();
    const unit = pad.width / SPAN;
    context.arc(cursor[0] * unit, cursor[1] * unit, (PENS[state.pen] * pad.width) / GRID, 0, 7);
    context.stroke();
  }

  pad.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || event.ctrlKey) return;
    if (current?.pointer !== undefined && current.pointer !== event.pointerId) return; // a second finger
    if (current) end(); // the keyboard's stroke, or one whose end was not heard
    event.preventDefault();
    pad.focus({ preventScroll: true });
    pad.setPointerCapture(event.pointerId);
    cursor = null;
    begin(place(event));
    current.pointer = event.pointerId;
    page.changed(false);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!current || current.pointer !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) extend(place(each));
    page.changed(false);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    pad.addEventListener(name, (event) => {
      if (current && current.pointer === event.pointerId) end();
    });
  }
  pad.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(move || event.key === " ")) return;
    event.preventDefault();
    cursor ??= [SPAN / 2, SPAN / 4];
    if (move) {
      cursor = cursor.map((at, i) => Math.max(0, Math.min(SPAN, at + move[i] * STEP)));
      if (current) extend(cursor);
    } else if (current) {
      end();
    } else {
      begin(cursor);
    }
    if (current || move) page.changed(!current);
  });
  pad.addEventListener("focus", page.repaint);
  pad.addEventListener("blur", () => {
    if (current && current.pointer === undefined) end();
    else page.repaint();
  });

  return { cells, forget, paint };
}
