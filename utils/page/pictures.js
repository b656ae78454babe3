// Sample digits, and pictures that a reader pastes, drops or opens.
import { bytesOf } from "./arithmetic.js";
import { canvas, element, paintGrey } from "./paint.js";

export const PICTURE = 70; // pixels of a picture's side; 16 grey levels keep an address short

// A sample's 28 x 28 pixels; the page holds only the box that has ink.
export function sampleOf({ box: [left, top, width], data }) {
  const pixels = new Uint8Array(784);
  bytesOf(data).forEach((value, i) => {
    pixels[(top + Math.floor(i / width)) * 28 + left + (i % width)] = value;
  });
  return pixels;
}

// Buttons with a digit each; choose(place) is called for the one that is pressed.
export function sampleButtons(samples, pixels, choose) {
  samples.forEach(({ label, wrong }, place) => {
    const picture = canvas(28, 28);
    paintGrey(picture, pixels[place], 28);
    const name = wrong ? `A ${label} that is often read wrongly` : `A sample ${label}`;
    const button = element("button", { type: "button", title: name, onclick: () => choose(place) });
    button.setAttribute("aria-label", name);
    button.append(picture);
    document.getElementById(wrong ? "gallery" : "samples").append(button);
  });
}

// A picture as white ink on black: PICTURE x PICTURE pixels of 0 to 15.
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file);
  const room = canvas(PICTURE, PICTURE);
  const context = room.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, PICTURE, PICTURE);
  const scale = PICTURE / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const [left, top] = [(PICTURE - width) / 2, (PICTURE - height) / 2];
  context.drawImage(bitmap, left, top, width, height);
  const inside = context.getImageData(
    Math.floor(left), Math.floor(top), Math.max(1, Math.floor(width)), Math.max(1, Math.floor(height)),
  );
  const { paper, span } = paperOf(greys(inside.data));
  const all = greys(context.getImageData(0, 0, PICTURE, PICTURE).data);
  const ink = Array.from(all, (grey, i) => {
    const [x, y] = [i % PICTURE, Math.floor(i / PICTURE)];
    const within = x >= left && x < left + width && y >= top && y < top + height;
    // A fifth of the contrast is the paper's own texture.
    return within ? Math.max(0, Math.abs(grey - paper) / span - 0.2) / 0.8 : 0;
  });
  return Uint8Array.from(ink, (value) => Math.round(15 * Math.min(1, value)));
}

function greys(data) {
  const found = new Float32Array(data.length / 4);
  for (let i = 0; i < found.length; i++) {
    found[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  }
  return found;
}

// The paper is what most pixels are; the ink is what differs most from it.
function paperOf(values) {
  const sorted = Float32Array.from(values).sort();
  const paper = sorted[Math.floor(sorted.length / 2)];
  return { paper, span: Math.max(32, paper - sorted[0], sorted.at(-1) - paper) };
}

// take(file) for the first picture that is opened, dropped on the page or pasted.
export function listenForPictures(input, take) {
  const first = (files) => [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  input.addEventListener("change", () => {
    const file = first(input.files);
    input.value = ""; // the same file may be chosen again
    if (file) take(file);
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = first(event.dataTransfer?.files);
    if (file) take(file);
  });
  addEventListener("paste", (event) => {
    const file = first(event.clipboardData?.files);
    if (file) take(file);
  });
}
