// The answer's bars, the stages of preparation and the table of all networks.
import { largest } from "./arithmetic.js";
import { GRID } from "./preparation.js";
import { canvas, element, paintGrey } from "./paint.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export function makeBars(home, verdict) {
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const fill = element("i");
    const value = element("span", { textContent: "" });
    const row = element("div", { className: "bar" }, element("span", { textContent: digit }));
    row.append(element("div", {}, fill), value);
    home.append(row);
    return { row, fill, value };
  });
  return (probabilities) => {
    const best = probabilities ? largest(probabilities) : -1;
    rows.forEach(({ row, fill, value }, digit) => {
      const share = probabilities ? probabilities[digit] : 0;
      fill.style.width = `${100 * share}%`;
      value.textContent = probabilities ? percent(share) : "";
      row.classList.toggle("best", digit === best);
    });
    if (!probabilities) verdict.textContent = "Nothing is drawn yet.";
    else verdict.replaceChildren(element("b", { textContent: best }), percent(probabilities[best]));
  };
}

const STAGES = [
  ["box", null, "The ink and its box"],
  ["sized", "size", "Box to 20 × 20"],
  ["centred", "centre", "Centre of mass to the middle of 28 × 28"],
  ["seen", "upright", "Set upright"],
];

// toggle(name, on) is called when a stage's switch changes.
export function makeStages(home, state, toggle) {
  const made = STAGES.map(([stage, name, words]) => {
    const picture = canvas(GRID, GRID, words);
    const box = element("div", {}, picture);
    let input = null;
    if (name) {
      input = element("input", { type: "checkbox", checked: state.switches[name], name });
      input.addEventListener("change", () => toggle(name, input.checked));
      box.append(element("label", {}, input, words));
    } else {
      box.append(element("span", { textContent: words }));
    }
    home.append(box);
    return { stage, name, picture, input, box };
  });
  // `wants` says whether the network reads upright digits; a stage without a part is hidden.
  return (ink, found, wants) => {
    for (const { stage, name, picture, input, box } of made) {
      if (input) input.checked = state.switches[name];
      box.hidden = stage === "seen" && !wants;
      if (stage === "box") paintBox(picture, ink, found.box);
      else paintGrey(picture, found[stage], stage === "sized" ? 20 : 28);
    }
  };
}

function paintBox(picture, ink, box) {
  paintGrey(picture, Uint8Array.from(ink, (value) => 255 * value), GRID);
  if (!box) return;
  const context = picture.getContext("2d");
  context.strokeStyle = "#ff963c";
  context.lineWidth = 2;
  context.strokeRect(box.left, box.top, box.width, box.height);
}

// One row for each network; choose(name) is called for the one that is pressed.
export function makeTable(home, verdict, choose) {
  let rows = [];
  function fill(networks) {
    rows = networks.map(({ name, parameters }) => {
      const button = element("button", { type: "button", textContent: name });
      button.addEventListener("click", () => choose(name));
      const answer = element("td");
      const chances = element("div", { className: "chances" });
      for (let digit = 0; digit < 10; digit++) chances.append(element("i"));
      const row = element("tr", {}, element("td", {}, button));
      row.append(element("td", { textContent: parameters.toLocaleString("en") }), answer);
      row.append(element("td", {}, chances));
      return { name, button, answer, chances, row };
    });
    home.replaceChildren(...rows.map(({ row }) => row));
  }
  function show(name, probabilities) {
    const row = rows.find((each) => each.name === name);
    const { answer, chances } = row;
    const best = probabilities ? largest(probabilities) : null;
    row.best = best;
    answer.replaceChildren();
    if (probabilities) {
      answer.append(element("b", { textContent: best }), ` ${percent(probabilities[best])}`);
    }
    [...chances.children].forEach((bar, digit) => {
      bar.style.height = `${100 * (probabilities ? probabilities[digit] : 0)}%`;
      bar.style.background = digit === best ? "var(--accent)" : "";
    });
  }
  // Marks the rows that read another digit than the chosen network, and counts them.
  function agree(chosen) {
    const { best } = rows.find(({ name }) => name === chosen);
    const others = rows.filter((row) => row.best !== undefined && row.best !== best);
    for (const row of rows) row.answer.className = others.includes(row) ? "other" : "";
    const [few, are] = [others.length, others.length === 1 ? "reads" : "read"];
    if (best === null || rows.length === 1) verdict.textContent = "Each reads what you draw. Choose one to look inside.";
    else if (!few) verdict.textContent = `All ${rows.length} networks read the same digit.`;
    else verdict.textContent = `${few} of ${rows.length} ${are} another digit than ${chosen} (marked).`;
  }
  function mark(chosen) {
    for (const { name, button } of rows) button.setAttribute("aria-pressed", name === chosen);
  }
  return { fill, show, agree, mark };
}
