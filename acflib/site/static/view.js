// The panels of the page. They are painted by the modules of the notebook widgets; the numbers come from scene.js.

import { h, button, choice, slider, chip, className, classAt, colorOf, legend, percent } from "../widgets/elements.js";
import { paintMap, paintLabels, paintRGBA, colorBar } from "../widgets/paint.js";
import { Panel, onArrows } from "../widgets/panel.js";
import { Plane } from "../widgets/plane.js";
import { addBrush } from "../widgets/brush.js";
import { movementTable, pixelTable } from "../widgets/tables.js";

const MAPS = { baseline: "without class centers", coarse: "ACFNet, before centers", fine: "ACFNet, after centers" };
const [GAP, PADDING] = [14, 8]; // of .panels in site.css
const UNCHANGED = [225, 225, 225];
const place = (id) => document.getElementById(id);

// Builds the panels; `hand` says what is to be done: pick(pixel), paint(label, radius, point, stroke), edit(edit), undo(), reset().
export function makeView(about, hand) {
  let scene = null;
  let maps = null;
  let pixel = [0, 0];

  const picture = new Panel("Picture: click a pixel", { label: "Picture. Click a pixel, or move the cross with the arrow keys; with Shift by eight pixels.", focusable: true });
  const coarse = new Panel("Coarse guess: paint here", { label: "Coarse guess. Paint with the mouse or a finger; or move the brush with the arrow keys and paint with the space bar.", focusable: true });
  const fine = new Panel("Fine result");
  const truth = new Panel("Ground truth");
  const changed = new Panel("What changed in the fine result");
  const main = [picture, coarse, fine, truth];
  const similar = Object.entries(MAPS).map(([name, title]) => ({ name, panel: new Panel(title) }));
  const panels = [...main, changed, ...similar.map(({ panel }) => panel)];
  for (const panel of panels) if (panel !== coarse) panel.onPick(hand.pick);
  const named = (panel, labels) => panel.onHover((at) => (maps ? classAt({ ...about, size: scene.size }, labels(), scene.size, at) : ""));
  named(coarse, () => maps.coarse);
  named(fine, () => maps.fine);
  named(truth, () => maps.truth);
  onArrows(picture.stack, () => pixel, () => scene.size, () => 8, hand.pick);

  const options = about.classes.map((name, i) => [i, name]);
  const brush = choice("Paint", options, () => {}, "Class of the brush");
  const radius = slider("Size", { min: 1, max: 48, step: 1, value: 12, oninput: () => brushed.show(), format: (v) => `${v} px`, spoken: "Radius of the brush" });
  const gone = choice("Class", options, () => {}, "Class to make absent");
  const absent = button("Make absent", () => hand.edit({ do: "absent", label: Number(gone.input.value) }), "no cell of the coarse guess belongs to this class any more");
  const alike = button("Centers all alike", () => hand.edit({ do: "alike" }), "every class gets the mean of the whole picture as its center");
  const useTruth = button("Use the truth", () => hand.edit({ do: "truth" }), "the ground truth in place of the coarse guess");
  const undo = button("Undo", hand.undo);
  const reset = button("Reset", hand.reset);
  const brushed = addBrush(coarse, {
    size: () => scene && scene.size,
    radius: () => radius.input.valueAsNumber,
    paint: (point, stroke) => hand.paint(Number(brush.input.value), radius.input.valueAsNumber, point, stroke),
  });
  const group = (name, ...parts) => h("fieldset", { class: "acf-group" }, h("legend", {}, name), ...parts);
  place("tools").append(group("Brush", brush.root, radius.root), group("Absent class", gone.root, absent), alike, useTruth, undo, reset);

  const plane = new Plane();
  place("panels").append(...main.map((panel) => panel.root));
  place("plane").append(plane.root);
  place("changed").append(changed.root);
  place("maps").append(...similar.map(({ panel }) => panel.root));
  place("bar").append(colorBar([0, 1], "cosine similarity to the marked pixel"));

  // Widths fit the page; a phone shows one panel a row.
  function fit() {
    if (!scene || !place("panels").clientWidth) return; // hidden: no width to fit
    const across = (id, most, least) => {
      const room = place(id).clientWidth - PADDING;
      const columns = Math.max(1, Math.min(most, Math.floor((room + GAP) / (least + GAP))));
      return Math.floor((room - GAP * (columns - 1)) / columns);
    };
    const tall = Math.max(1, scene.size[0] / scene.size[1] / 0.75); // an upright photograph is made narrower
    const wide = Math.floor(across("panels", main.filter((panel) => !panel.root.hidden).length, 250) / tall);
    const narrow = Math.floor(across("maps", 3, 160) / tall);
    for (const panel of main) panel.setSize(scene.size, Math.min(wide, 520));
    for (const { panel } of similar) panel.setSize(scene.size, Math.min(narrow, 420));
    changed.setSize(scene.size, Math.min(Math.floor(place("changed").clientWidth / tall), 420));
    if (maps) marksAndNames();
  }

  function open(given) {
    scene = given;
    maps = null;
    paintRGBA(picture.canvas, scene.picture.pixels, scene.size);
    truth.root.hidden = useTruth.hidden = !scene.picture.truth;
    const common = scene.sharesBefore.map((share, i) => [share, i]).sort((a, b) => b[0] - a[0])[0][1];
    const known = (name) => (about.classes.includes(name) ? about.classes.indexOf(name) : common);
    if (!brush.touched) brush.set(known("road"));
    if (!gone.touched) gone.set(known("car"));
    brushed.toMiddle();
    fit();
  }
  for (const select of [brush, gone]) select.input.addEventListener("change", () => (select.touched = true));

  function marksAndNames() {
    for (const panel of panels) if (panel !== coarse) panel.mark([{ pixel, text: "" }]);
    for (const name of ["coarse", "fine", "truth"]) ({ coarse, fine, truth })[name].write(maps.places[name], about.classes);
  }

  // After an edit, or a new picture: class maps and centers.
  function paintMaps() {
    maps = scene.classMaps();
    paintLabels(coarse.canvas, maps.coarse, scene.size, about.colors);
    paintLabels(fine.canvas, maps.fine, scene.size, about.colors);
    if (maps.truth) paintLabels(truth.canvas, maps.truth, scene.size, about.colors);
    const shown = maps.fine.map((label, i) => (label === scene.fineBefore[i] ? about.classes.length : label));
    paintLabels(changed.canvas, shown, scene.size, [...about.colors, UNCHANGED]);
    [coarse, fine, truth].forEach((panel) => panel.tell());
    const list = scene.edits.map((edit) => hand.describe(edit));
    const short = (list.length > 6 ? `${list.length - 6} earlier; ` : "") + list.slice(-6).join("; ");
    place("edits").textContent = list.length ? `Your changes: ${short}.` : "Nothing is changed: the coarse guess is the network's own.";
    place("scores").textContent = scores();
    undo.disabled = reset.disabled = changed.root.hidden = place("gray").hidden = !list.length;
    place("legend").replaceChildren(...legend(about, [maps.truth, maps.coarse, maps.fine]).chips);
  }

  function scores() {
    const edited = scene.edits.length > 0;
    const parts = [];
    if (maps.right !== null) {
      parts.push(`Right pixels: coarse ${share(maps.rightCoarse)}, fine ${share(maps.rightBefore)}${edited ? `; after your changes fine ${share(maps.right)}` : ""}.`);
    }
    if (edited) parts.push(`${percent(maps.changed)} of the fine result changed.`);
    return parts.join(" ");
  }

  const share = (value) => `${(100 * value).toFixed(1)} %`;

  // After another pixel was chosen, too.
  function paintPixel(given) {
    pixel = given;
    marksAndNames();
    const found = new Map(scene.similarity(pixel).map((map) => [map.name, map]));
    const values = [...found.values()];
    const low = values.some((map) => map.values.some((value) => value < -1e-6)) ? -1 : 0;
    for (const { name, panel } of similar) {
      panel.root.hidden = !found.has(name);
      if (found.has(name)) paintMap(panel.canvas, found.get(name), scene.size, [low, 1], false);
    }
    place("bar").replaceChildren(colorBar([low, 1], "cosine similarity to the marked pixel"));
    const facts = scene.facts(pixel);
    const words = ["truth", "coarse", "fine"].filter((what) => facts[what] !== null);
    const chips = words.map((what) => h("span", { class: "acf-fact" }, what, chip(colorOf(about, facts[what]), className(about, facts[what]))));
    place("facts").replaceChildren(h("div", {}, ...chips), pixelTable(about, facts, 5));
    const frame = scene.plane(pixel);
    plane.paint(frame, about);
    const far = frame.centers.filter((center) => center.moved >= 0.005 || center.zero).sort((a, b) => b.moved - a.moved).slice(0, 7);
    const still = h("p", {}, scene.edits.length ? "No center has moved." : "Paint on the coarse guess above, and see the dots move.");
    place("moved").replaceChildren(far.length ? movementTable(about, far) : still);
    place("status").textContent = `row ${pixel[0]}, column ${pixel[1]}: ${words.map((what) => `${what} ${className(about, facts[what])}`).join(", ")}`;
  }

  new ResizeObserver(fit).observe(place("panels"));
  return { open, paintMaps, paintPixel, panels: { picture, coarse, fine, truth, changed } };
}
