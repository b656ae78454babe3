// The page: one state, and what follows from it.
import { probabilitiesOf, readyNetwork } from "./arithmetic.js";
import { PENS, prepare, upright } from "./preparation.js";
import { fragmentOf, newState, readFragment } from "./state.js";
import { canvas, colour, eachFrame, element } from "./paint.js";
import { makePad } from "./drawing.js";
import { PICTURE, listenForPictures, readPicture, sampleButtons, sampleOf } from "./pictures.js";
import { makeBars, makeStages, makeTable } from "./views.js";
import { makeMaps } from "./maps.js";
import { paintSeen, showUnit } from "./unit.js";
import { occlusionMap, paintOcclusion } from "./occlusion.js";
import { makeKeeping } from "./keep.js";

const get = (id) => document.getElementById(id);
const data = JSON.parse(get("data").textContent);
const { samples } = data;
const sampled = samples.map(sampleOf);
const state = newState();
readFragment(location.hash, state, samples, PICTURE);

const networks = new Map(); // by name; a table's row each
let unit = null; // the unit that a reader points at
let occluded = null; // the occlusion map, while it is shown
let comparing = false; // while the other networks read
const past = []; // {strokes, base} before each change, for undo
let turn = 0; // counts what is read, so that slow work on an older drawing stops
let last = null; // {ink, found, pixels}: what was prepared last

function addNetworks({ format, mean, std, networks: described }) {
  if (format !== data.format) throw new Error(`its format is "${format}", expected "${data.format}"`);
  const added = described.map((description) => readyNetwork(description, mean, std));
  for (const network of added) {
    const numbers = probabilitiesOf(network, new Uint8Array(28 * 28));
    if (!numbers.every(Number.isFinite)) throw new Error(`${network.name} gives no ten numbers`);
  }
  for (const network of added) networks.set(network.name, network);
  return added;
}

function base() {
  if (!state.base) return null;
  if (state.base.picture) return { pixels: state.base.picture, side: PICTURE, most: 15 };
  return { pixels: sampled[state.base.sample], side: 28, most: 255 };
}

// A sample alone is prepared already; another time would blur it.
const isPrepared = () => state.base?.sample !== undefined && !state.strokes.length;
const wantsUpright = (network) => network.upright && state.switches.upright;

function prepared() {
  const ink = pad.cells();
  const found = prepare(ink, { ...state.switches, upright: false });
  const centred = isPrepared() ? sampled[state.base.sample] : found.centred;
  return { ink, found: { ...found, centred }, straight: null };
}

// The pixels for one network; digits are set upright once for all that want it.
function pixelsFor(network, made) {
  if (!wantsUpright(network)) return made.found.centred;
  made.straight ??= upright(made.found.centred);
  return made.straight;
}

// From the drawing to the chosen network's bars, at every pointer event.
function read() {
  turn += 1;
  occluded = null;
  get("occlude").setAttribute("aria-pressed", "false");
  const network = networks.get(state.network);
  last = prepared();
  last.pixels = pixelsFor(network, last);
  last.probabilities = last.found.box ? probabilitiesOf(network, last.pixels) : null;
  if (!last.found.box) probabilitiesOf(network, last.pixels);
  showBars(last.probabilities);
  get("occlude").disabled = !last.found.box;
  keeping.allow(last.found.box);
  repaint();
}

const repaint = eachFrame(() => {
  pad.paint();
  const network = networks.get(state.network);
  showStages(last.ink, { ...last.found, seen: last.pixels }, network.upright);
  get("prepared").textContent = isPrepared()
    ? `This test digit is labelled ${samples[state.base.sample].label}. It comes prepared, so that the ` +
      "first stages change nothing. Draw on it, and they do."
    : "Leave a stage out and see what the networks then say.";
  maps.paint();
  showUnit(get("unit"), network, unit);
  if (!occluded) paintSeen(get("seen"), last.pixels, network, unit, get("field"));
  compareNetworks();
});

// The table's answers, the oldest first and one at a time, so that the pen is never kept waiting
// and every row follows it.
async function compareNetworks() {
  if (comparing) return;
  comparing = true;
  for (;;) {
    const [network] = [...networks.values()].sort((a, b) => (a.read ?? 0) - (b.read ?? 0));
    if (network.read === turn) break;
    network.read = turn;
    if (network.name === state.network) {
      table.show(network.name, last.probabilities);
    } else {
      table.show(network.name, last.found.box ? probabilitiesOf(network, pixelsFor(network, last)) : null);
      await new Promise((next) => setTimeout(next));
    }
    table.agree(state.network);
  }
  comparing = false;
}

function save() {
  try {
    history.replaceState(null, "", `#${fragmentOf(state)}`);
  } catch {
    // A frame within a notebook may have no address of its own.
  }
}

function changed(finished) {
  // What changes with every point of a stroke is said once, when the pen is lifted.
  for (const said of ["verdict", "unit"]) get(said).ariaBusy = String(!finished);
  read();
  if (finished) save();
}

function remember() {
  past.push({ strokes: [...state.strokes], base: state.base });
}

function redraw(drawing) {
  Object.assign(state, drawing);
  pad.forget();
  changed(true);
}

// Another drawing in place of this one, which undo brings back.
function replace(base) {
  if (state.strokes.length || state.base) remember();
  redraw({ strokes: [], base });
}

function choose(name) {
  state.network = name;
  unit = null;
  table.mark(name);
  get("inside").textContent = name;
  maps.fill(networks.get(name));
  changed(true);
}

async function occlude() {
  const now = turn;
  const { pixels } = last;
  const button = get("occlude");
  const wanted = () => now === turn && button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", "true");
  get("field").textContent = "Taking ink away, square by square …";
  const { name } = networks.get(state.network);
  const apart = separate.get(name) ?? readyNetwork(described.get(name), data.mean, data.std);
  separate.set(name, apart);
  const found = await occlusionMap(apart, pixels, wanted);
  if (!found) return;
  occluded = found;
  paintOcclusion(get("seen"), found, pixels, get("field"));
}

// Networks of their own for the occlusion map: its maps must not overwrite those on the page.
const separate = new Map();
const described = new Map();

async function load(file) {
  const text = await file.text();
  let loaded = text;
  if (/^\s*</.test(text)) {
    loaded = new DOMParser().parseFromString(text, "text/html").getElementById("data")?.textContent;
  }
  try {
    const content = JSON.parse(loaded ?? "");
    const added = addNetworks(content);
    for (const network of content.networks) described.set(network.name, network);
    for (const { name } of added) separate.delete(name);
    table.fill([...networks.values()]);
    choose(added[0].name);
    get("message").textContent = `Loaded: ${added.map(({ name }) => name).join(", ")}.`;
  } catch (error) {
    get("message").textContent = `${file.name} holds no network of this page: ${error.message}`;
  }
}

function makePens() {
  const names = ["Fine pen", "Medium pen", "Broad pen"];
  const buttons = PENS.map((radius, pen) => {
    const dot = element("i");
    dot.style.width = dot.style.height = `${2 * radius}px`;
    const button = element("button", { type: "button", title: names[pen] }, dot);
    button.setAttribute("aria-label", names[pen]);
    button.addEventListener("click", () => {
      state.pen = pen;
      mark();
      save();
    });
    return button;
  });
  const mark = () => buttons.forEach((b, pen) => b.setAttribute("aria-pressed", pen === state.pen));
  get("pens").append(...buttons);
  mark();
}

function makeLegend() {
  const strip = canvas(101, 1, "From blue through the ground's colour to orange");
  const context = strip.getContext("2d");
  const home = get("legend");
  const paint = () => {
    for (let i = 0; i <= 100; i++) {
      context.fillStyle = `rgb(${colour((i - 50) / 50)})`;
      context.fillRect(i, 0, 1, 1);
    }
  };
  home.append("negative", strip, "positive", element("span", {
    textContent: "Zero has the colour of the ground. Each row has its own largest value at the ends.",
  }));
  paint();
  return paint;
}

// A step back. A drawing that came with the address has no past: its last stroke goes, then what
// lies under the strokes.
function undo() {
  const { strokes, base } = state;
  redraw(past.pop() ?? { strokes: strokes.slice(0, -1), base: strokes.length ? base : null });
}

const pad = makePad(get("pad"), { state, base, remember, changed, repaint: () => repaint() });
const showBars = makeBars(get("bars"), get("verdict"));
const showStages = makeStages(get("stages"), state, (name, on) => {
  state.switches[name] = on;
  changed(true);
});
const table = makeTable(get("table"), get("agreement"), choose);
const maps = makeMaps(get("rows"), (pointed) => {
  unit = pointed;
  occluded = null;
  get("occlude").setAttribute("aria-pressed", "false");
  repaint();
});
const paintLegend = makeLegend();
makePens();
const keeping = makeKeeping(get, () => last.found.centred, () => replace(null));
sampleButtons(samples, sampled, (place) => replace({ sample: place }));
listenForPictures(get("picture"), async (file) => {
  try {
    replace({ picture: await readPicture(file) });
  } catch {
    get("message").textContent = `${file.name} cannot be read as a picture.`;
  }
});
get("undo").addEventListener("click", undo);
get("clear").addEventListener("click", () => replace(null));
get("occlude").addEventListener("click", () => {
  if (get("occlude").getAttribute("aria-pressed") === "true") read();
  else occlude();
});
get("load").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) load(file);
  event.target.value = "";
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  undo();
});
addEventListener("hashchange", () => location.reload());
addEventListener("resize", eachFrame(() => {
  maps.refit();
  repaint();
}));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  paintLegend();
  repaint();
});

addNetworks(data);
for (const network of data.networks) described.set(network.name, network);
if (!networks.has(state.network)) state.network = data.networks[0].name;
table.fill([...networks.values()]);
table.mark(state.network);
get("inside").textContent = state.network;
maps.fill(networks.get(state.network));
read();
