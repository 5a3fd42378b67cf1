// ClassCenterLab: spoil the coarse map with a brush, a mixture, a temperature; watch class centers and fine result.

import { h, slider, choice, button, legend, chip, className, classAt, colorOf, percent, sharesOf } from "./elements.js";
import { labelsOf } from "./link.js";
import { paintLabels, paintPNG, spread } from "./paint.js";
import { BETWEEN, Panel, onArrows } from "./panel.js";
import { addBrush } from "./brush.js";
import { movementTable, table } from "./tables.js";
import { makeView } from "./frame.js";
import { Plane } from "./plane.js";

const [PANEL_MOST, SIDE] = [312, 360]; // CSS pixels
const SHOWN_CLASSES = 6;

function build({ ask }) {
  let frame = null;
  let scenery = null;
  let seen = [];
  let known = ""; // the classes in the menus
  let room = 900; // of the page, in CSS pixels
  let fineBefore = null;
  let labels = new Map(); // class maps by panel: [labels, cells]
  const pick = ([row, column]) => ask({ do: "pick", row, column }, { key: "pick" });

  const picture = new Panel("picture", {
    label: "Picture. Click a pixel, or move the cross with the arrow keys; with Shift by eight pixels.",
    focusable: true,
  });
  const coarse = new Panel("coarse map, edited (paint here)", {
    label: "Coarse map. Paint with the mouse; or move the brush with the arrow keys and paint with the space bar.",
    focusable: true,
  });
  const truth = new Panel("ground truth");
  const before = new Panel("fine result, before");
  const after = new Panel("fine result, after");
  const changed = new Panel("what changed in the fine result");
  const panels = [picture, coarse, before, after, truth, changed];
  [picture, truth, before, after, changed].forEach((panel) => panel.onPick(pick));
  [truth, coarse, before, after].forEach((panel) => panel.onHover((at) => classAt(scenery, ...labels.get(panel), at)));
  onArrows(picture.stack, () => frame.pixel, () => scenery.size, () => 8, pick);

  // ---- the brush
  const brush = choice("Class", [], () => {}, "Class of the brush");
  const radius = slider("Radius", { min: 1, max: 48, step: 1, value: 10, oninput: () => brushed.show(), format: (v) => `${v} px`, spoken: "Radius of the brush" });
  const brushed = addBrush(coarse, {
    size: () => scenery && scenery.size,
    radius: () => radius.input.valueAsNumber,
    paint: (point, number) => {
      const action = { do: "paint", label: Number(brush.input.value), radius: radius.input.valueAsNumber, points: [point], number };
      ask(action, { key: `stroke ${number}`, merge: (old, next) => ({ ...next, points: [...old.points, ...next.points] }) });
    },
  });

  // ---- the other edits
  const first = choice("Class", [], () => {}, "First class to mix");
  const second = choice("with", [], () => {}, "Second class to mix");
  const share = slider("Share", { min: 0, max: 1, step: 0.05, value: 0.5, oninput: () => {}, format: percent, spoken: "Share to mix" });
  const number = (select) => Number(select.input.value);
  const mix = button("Mix", () => ask({ do: "mix", first: number(first), second: number(second), share: share.input.valueAsNumber }));
  const swap = button("Swap person and rider", () => ask({ do: "mix", first: "person", second: "rider", share: 1 }));
  const gone = choice("", [], () => {}, "Class to make absent");
  const absent = button("Make absent", () => ask({ do: "absent", label: number(gone) }));
  // The slider is logarithmic: its middle is 1, which changes nothing.
  const temperature = slider("T", { min: -1, max: 1, step: 0.05, value: 0, oninput: (value) => ask({ do: "temperature", value: Number((10 ** value).toPrecision(3)) }, { key: "temperature" }), format: (v) => (10 ** v).toPrecision(2), spoken: "Temperature" });
  const useTruth = button("Use ground truth as coarse", () => ask({ do: "truth" }));
  const use = choice("The edited map is used for", [["both", "centers and attention"], ["centers", "centers only (Eq. 2)"], ["attention", "attention only (Eq. 3, 5)"]], (value) => ask({ do: "use", use: value }));
  const undo = button("Undo", () => ask({ do: "undo" }), "Ctrl+Z");
  const redo = button("Redo", () => ask({ do: "redo" }), "Ctrl+Shift+Z");
  const reset = button("Reset", () => ask({ do: "reset" }));
  const group = (name, ...parts) => h("fieldset", { class: "acf-group" }, h("legend", {}, name), ...parts);
  const tools = [
    h(
      "div",
      { class: "acf-tools" },
      group("Brush", brush.root, radius.root),
      group("Absent class", gone.root, absent),
      group("Temperature", temperature.root),
      group("Mix classes", first.root, second.root, share.root, mix, swap),
    ),
    h("div", { class: "acf-tools" }, use.root, useTruth, undo, redo, reset),
  ];

  const plane = new Plane(SIDE - 2, 260);
  const list = h("div", { class: "acf-note acf-edits" });
  const moved = h("div", { class: "acf-card" });
  const facts = h("div", {});
  const numbersPlace = h("div", {});
  const rows = h("div", { class: "acf-row acf-bench-panels" }, ...panels.map((panel) => panel.root));
  const planeCard = h("div", { class: "acf-card" }, h("h4", {}, "Class centers, before (open) and after (filled)"), plane.root);
  const bench = h("div", { class: "acf-bench" }, rows, h("div", { class: "acf-side" }, planeCard, numbersPlace, moved));
  const legendPlace = h("div", { class: "acf-legend", role: "group", "aria-label": "Classes" });

  function scene(given) {
    scenery = given;
    paintPNG(picture.canvas, scenery.image);
    fineBefore = labelsOf(scenery.fine, scenery.size);
    const truthLabels = labelsOf(scenery.truth, scenery.size);
    labels = new Map([[truth, [truthLabels, scenery.size]], [before, [fineBefore, scenery.size]]]);
    truth.root.hidden = !truthLabels;
    useTruth.disabled = !truthLabels;
    if (truthLabels) paintLabels(truth.canvas, truthLabels, scenery.size, scenery.colors);
    paintLabels(before.canvas, fineBefore, scenery.size, scenery.colors);
    if (scenery.classes.join() !== known) fillMenus();
    brushed.toMiddle();
    plane.forget();
    setSizes();
  }

  // Once for a set of classes: a new picture leaves the brush as it is.
  function fillMenus() {
    known = scenery.classes.join();
    const options = scenery.classes.map((name, i) => [i, name]);
    for (const select of [brush, first, second, gone]) select.fill(options);
    const at = (name, other) => Math.max(0, scenery.classes.includes(name) ? scenery.classes.indexOf(name) : other);
    brush.set(at("person", 0));
    first.set(at("person", 0));
    second.set(at("rider", 1));
    gone.set(at("car", 0));
    swap.hidden = !(scenery.classes.includes("person") && scenery.classes.includes("rider"));
  }

  function paint(given) {
    frame = given;
    const edited = labelsOf(frame.coarse, frame.cells);
    const fine = labelsOf(frame.fine, scenery.size);
    labels.set(coarse, spread(edited, frame, scenery.size)).set(after, [fine, scenery.size]);
    paintLabels(coarse.canvas, ...labels.get(coarse), scenery.colors);
    paintLabels(after.canvas, fine, scenery.size, scenery.colors);
    paintChanged(fine);
    for (const [panel, [map]] of labels) if (map) panel.describe(sharesOf(map, scenery.classes));
    changed.describe(`${percent(frame.changed)} of the pixels`);
    [coarse, after].forEach((panel) => panel.tell());
    for (const panel of panels) if (panel !== coarse) panel.mark([{ pixel: frame.pixel, text: "" }]);
    coarse.write(frame.places.coarse, scenery.classes);
    after.write(frame.places.fine, scenery.classes);
    truth.write(scenery.places.truth, scenery.classes);
    before.write(scenery.places.fine, scenery.classes);
    plane.paint(frame, scenery);
    moved.replaceChildren(...movements());
    facts.replaceChildren(pixelFacts());
    list.textContent = list.title = frame.edits.length ? `Edits: ${short(frame.edits)}` : "No edits: the coarse map is the network's own.";
    numbersPlace.textContent = numbers();
    use.set(frame.use);
    temperature.set(Math.log10(frame.temperature));
    undo.disabled = reset.disabled = !frame.edits.length;
    redo.disabled = !frame.undone;
    const found = legend(scenery, [...labels.values()].map(([map]) => map));
    seen = found.numbers;
    legendPlace.replaceChildren(...found.chips);
  }

  const short = (edits) => (edits.length > 6 ? `${edits.length - 6} earlier; ` : "") + edits.slice(-6).join("; ");

  // Changed pixels in their new class, all others light gray.
  function paintChanged(fine) {
    const shown = fine.map((label, i) => (label === fineBefore[i] ? scenery.classes.length : label));
    paintLabels(changed.canvas, shown, scenery.size, [...scenery.colors, [225, 225, 225]]);
  }

  function numbers() {
    const right = frame.right_before === null ? "" : ` Right pixels: ${percent(frame.right_before)} before, ${percent(frame.right_after)} after.`;
    return `${percent(frame.changed)} of the fine result changed.${right}`;
  }

  function movements() {
    return [h("h4", {}, "How far each center moved"), movementTable(scenery, frame.centers)];
  }

  function pixelFacts() {
    const here = frame.classes_here;
    const parts = ["truth", "coarse", "before", "after"].filter((what) => here[what] !== null);
    const words = { truth: "truth", coarse: "coarse, edited", before: "fine before", after: "fine after" };
    const classes = parts.map((what) => h("div", { class: "acf-fact" }, words[what], chip(colorOf(scenery, here[what]), className(scenery, here[what]))));
    const weight = (i) => Math.max(frame.row_before[i], frame.row_after[i]);
    const order = frame.row_before.map((_, i) => i).sort((a, b) => weight(b) - weight(a)).slice(0, SHOWN_CLASSES);
    const lines = order.map((i) => [
      h("td", {}, chip(scenery.colors[i], scenery.classes[i])),
      h("td", {}, percent(frame.row_before[i])),
      h("td", {}, percent(frame.row_after[i])),
    ]);
    const title = `The pixel: row ${frame.pixel[0]}, column ${frame.pixel[1]}`;
    return h("div", { class: "acf-card" }, h("h4", {}, title), ...classes.map((line) => h("div", {}, line)), table(["class", "P before", "P edited"], lines));
  }

  // The plane of centers beside the pictures, where there is room: what a stroke does is seen while it is painted.
  function setSizes() {
    const beside = room >= 2 * 200 + SIDE + 2 * BETWEEN;
    bench.classList.toggle("acf-beside", beside);
    const left = beside ? room - SIDE - BETWEEN : room;
    const width = Math.min(PANEL_MOST, Math.floor((left - BETWEEN) / 2));
    rows.style.gridTemplateColumns = `repeat(2, ${width}px)`;
    for (const panel of panels) panel.setSize(scenery.size, width);
  }

  function fit(given) {
    room = given;
    if (!frame) return;
    setSizes();
    paint(frame);
  }

  // Ctrl+Z takes an edit back, with Shift it comes again; Cmd on a Mac.
  function onKey(event) {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    event.preventDefault();
    const again = event.shiftKey;
    if (!(again ? redo : undo).disabled) ask({ do: again ? "redo" : "undo" });
  }

  const ordered = () => [picture, coarse, truth, before, after, changed];
  const shownPicture = () => ({ rows: [ordered().slice(0, 3).filter((p) => !p.root.hidden), ordered().slice(3)], bar: null, legend: seen });
  return { scene, paint, fit, onKey, tools, body: [list, bench, facts, legendPlace], picture: shownPicture };
}

export default { render: ({ model, el }) => makeView(model, el, "Class center laboratory", build) };
