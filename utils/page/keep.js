// Drawings that a reader keeps, with the labels that the reader gives, as CSV and as IDX files.
import { canvas, element, paintGrey } from "./paint.js";

// The header of MNIST's own format: a magic number and the sizes, four bytes each, high byte first.
function idx(magic, sizes, content) {
  const bytes = new Uint8Array(4 + 4 * sizes.length + content.length);
  const view = new DataView(bytes.buffer);
  [magic, ...sizes].forEach((value, i) => view.setUint32(4 * i, value));
  bytes.set(content, bytes.length - content.length);
  return bytes;
}

export function idxFiles(drawings) {
  const pixels = new Uint8Array(784 * drawings.length);
  drawings.forEach((drawing, i) => pixels.set(drawing.pixels, 784 * i));
  const labels = Uint8Array.from(drawings, ({ label }) => label);
  return {
    "drawings-images-idx3-ubyte": idx(2051, [drawings.length, 28, 28], pixels),
    "drawings-labels-idx1-ubyte": idx(2049, [drawings.length], labels),
  };
}

// A line for each drawing: its label, then 784 pixels row by row.
export function csvText(drawings) {
  const names = Array.from({ length: 784 }, (_, i) => `pixel${i}`);
  const lines = drawings.map(({ label, pixels }) => [label, ...pixels].join(","));
  return [["label", ...names].join(","), ...lines, ""].join("\n");
}

function download(name, content) {
  const address = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// Jupyter shows the page in a frame that may save no file, and fails in silence.
const mayNotSave = origin === "null" && location.protocol !== "file:";

// The text itself, to be copied into a file.
function show(text) {
  const shown = document.getElementById("text");
  shown.hidden = false;
  shown.value = text;
  shown.select();
}

// drawn() gives the 28 x 28 pixels before they are set upright; allow(ink) says if there is ink.
export function makeKeeping(get, drawn, kept) {
  const drawings = [];
  let saved = true; // or copied, or there are none

  addEventListener("beforeunload", (event) => {
    if (!saved) event.preventDefault();
  });

  function keep(label) {
    saved = false;
    const drawing = { label, pixels: drawn().slice() };
    drawings.push(drawing);
    const picture = canvas(28, 28);
    paintGrey(picture, drawing.pixels, 28);
    const remove = element("button", { type: "button", title: `A ${label}. Click to remove it.` });
    remove.setAttribute("aria-label", `Remove this ${label}`);
    remove.append(picture);
    remove.addEventListener("click", () => {
      drawings.splice(drawings.indexOf(drawing), 1);
      remove.remove();
      enable();
    });
    get("kept").append(remove);
    enable();
    kept();
  }

  function enable() {
    get("csv").disabled = get("idx").disabled = !drawings.length;
    saved ||= !drawings.length;
  }

  for (let digit = 0; digit < 10; digit++) {
    const button = element("button", { type: "button", textContent: digit });
    button.addEventListener("click", () => keep(digit));
    get("labels").append(button);
  }
  get("csv").addEventListener("click", () => {
    saved = true;
    if (mayNotSave) show(csvText(drawings));
    else download("drawings.csv", csvText(drawings));
  });
  if (mayNotSave) {
    get("csv").textContent = "Show CSV";
    get("idx").hidden = true;
    get("where").textContent =
      "This frame may save no file. Copy the text into drawings.csv, or open the page's file in a browser.";
  }
  get("idx").addEventListener("click", () => {
    saved = true;
    // One after the other: a browser drops the first of two that are asked for at once.
    Object.entries(idxFiles(drawings)).forEach(([name, content], i) => {
      setTimeout(() => download(name, content), 300 * i);
    });
  });
  return {
    allow(ink) {
      for (const button of get("labels").children) button.disabled = !ink;
    },
  };
}
