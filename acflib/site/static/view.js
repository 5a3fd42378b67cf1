// The panels of the page. They are painted by the modules of the notebook widgets; the numbers come from scene.js.

import { h, button, choice, slider, chip, className, classAt, colorOf, legend, percent, sharesOf } from "../widgets/elements.js";
import { paintMap, paintLabels, paintRGBA, colorBar } from "../widgets/paint.js";
import { Panel, onArrows } from "../widgets/panel.js";
import { Plane } from "../widgets/plane.js";
import { addBrush } from "../widgets/brush.js";
import { movementTable, pixelTable, table } from "../widgets/tables.js";
import { inWords } from "./edits.js";

const MAPS = { baseline: "without class centers", coarse: "ACFNet, before centers", fine: "ACFNet, after centers" };
const WORDS = { truth: "truth", coarse: "coarse", fine: "fine", alike: "fine with all centers alike" };
const [GAP, PADDING] = [14, 8]; // of .panels in site.css
const UNCHANGED = { light: [225, 225, 225], dark: [195, 195, 195] };
const theme = matchMedia("(prefers-color-scheme: dark)");
const [MOST_WIDE, MOST_TALL] = [520, 270]; // of a panel, in CSS pixels
const place = (id) => document.getElementById(id);
const root = place("play");
const phone = matchMedia("(max-width: 600px)"); // as in site.css: one panel in a row
const finger = matchMedia("(pointer: coarse)").matches;
const ROWS = 7; // of the table of centers that moved
const share = (value) => `${(100 * value).toFixed(1)} %`;

// Builds the panels; `hand` says what is to be done: pick(pixel), paint(label, radius, point, stroke), edit(edit), undo(), ...
export function makeView(about, hand) {
  let scene = null;
  let maps = null;
  let pixel = [0, 0];

  const picture = new Panel(`Picture: ${finger ? "tap" : "click"} a pixel`, { label: "Picture. Choose a pixel, or move the cross with the arrow keys; with Shift by eight pixels.", focusable: true });
  const coarse = new Panel("Coarse guess: paint here", { label: "Coarse guess. Paint with the mouse or a finger; or move the brush with the arrow keys and paint with the space bar.", focusable: true });
  const fine = new Panel("Fine result");
  const truth = new Panel("Ground truth");
  const changed = new Panel("What changed in the fine result");
  const main = [picture, coarse, fine, truth];
  const similar = Object.entries(MAPS).map(([name, title]) => ({ name, panel: new Panel(title) }));
  const panels = [...main, changed, ...similar.map(({ panel }) => panel)];
  for (const panel of panels) if (panel !== coarse) panel.onPick(hand.pick);
  const named = (panel, labels) => panel.onHover((at) => (maps && labels() ? classAt({ ...about, size: scene.size }, labels(), scene.size, at) : ""));
  named(coarse, () => maps.coarse);
  named(fine, () => maps.fine);
  named(truth, () => maps.truth);
  // While the keyboard is at the picture, the maps name the marked pixel, as they do for a pointer.
  const nameMarked = (on) => [coarse, fine, truth].forEach((panel) => panel.point(on ? pixel : null));
  picture.stack.addEventListener("focus", () => nameMarked(true));
  picture.stack.addEventListener("blur", () => nameMarked(false));
  onArrows(picture.stack, () => pixel, () => scene.size, () => 8, hand.pick);
  // Seen while the keyboard has led to the panel; a hand that points needs no hint over the picture.
  for (const { stack } of [picture, coarse]) {
    stack.addEventListener("pointerdown", () => stack.classList.add("pointed"), { capture: true });
    stack.addEventListener("keydown", () => stack.classList.remove("pointed"));
  }
  picture.stack.append(h("div", { class: "keys" }, "arrow keys move the cross, with Shift by 8"));
  coarse.stack.append(h("div", { class: "keys" }, "arrow keys move the brush, with Shift by 8; space paints"));

  const options = about.classes.map((name, i) => [i, name]);
  const brush = choice("Paint", options, () => {}, "Class of the brush");
  const radius = slider("Size", { min: 1, max: 48, step: 1, value: 12, oninput: () => brushed.show(), format: (v) => `${v} px`, spoken: "Radius of the brush" });
  const gone = choice("Class", options, () => {}, "Class to make absent");
  const absent = button("Make absent", () => hand.edit({ do: "absent", label: Number(gone.input.value) }), "no cell of the coarse guess belongs to this class any more");
  const alike = button("Centers all alike", () => hand.edit({ do: "alike" }), "every class gets the mean of the whole picture as its center");
  const useTruth = button("Use the truth", () => hand.edit({ do: "truth" }), "the ground truth in place of the coarse guess");
  const undo = button("Undo", hand.undo, "Ctrl+Z");
  const redo = button("Redo", hand.redo, "Ctrl+Shift+Z");
  const reset = button("Reset", hand.reset, "take all changes back");
  // A finger scrolls over the coarse guess until it is told to paint.
  const paints = button("Paint with a finger", () => setPaints(paints.getAttribute("aria-pressed") !== "true"), "while this is on, a finger on the coarse guess paints, and does not scroll");
  paints.classList.add("finger");
  function setPaints(on) {
    paints.setAttribute("aria-pressed", String(on));
    if (on) hand.note("");
    coarse.root.classList.toggle("resting", !on);
  }
  setPaints(false);
  const rests = (event) => event.pointerType === "touch" && coarse.root.classList.contains("resting");
  coarse.stack.addEventListener("click", (event) => rests(event) && hand.note("Switch “Paint with a finger” on first; until then a finger scrolls the page."));
  const brushed = addBrush(coarse, {
    size: () => scene && scene.size,
    radius: () => radius.input.valueAsNumber,
    paint: (point, stroke) => hand.paint(Number(brush.input.value), radius.input.valueAsNumber, point, stroke),
    rests,
    reach: (point) => coarse.point(point),
  });
  const group = (name, ...parts) => h("fieldset", { class: "acf-group" }, h("legend", {}, name), ...parts);
  place("tools").append(group("Brush", brush.root, radius.root, paints), group("Absent class", gone.root, absent), alike, useTruth, undo, redo, reset);

  const plane = new Plane();
  place("panels").append(...main.map((panel) => panel.root));
  truth.root.classList.add("truth");
  coarse.root.classList.add("coarse");
  fine.root.classList.add("fine");
  place("plane").append(plane.root);
  place("changed").append(changed.root);
  place("maps").append(...similar.map(({ panel }) => panel.root));
  place("bar").append(colorBar([0, 1], "cosine similarity to the marked pixel"));

  // A phone shows the picture on its first screen: above the gallery and the tools.
  function lift() {
    const shelf = document.querySelector(".shelf");
    if (phone.matches === root.contains(shelf)) return; // what is moved loses the focus
    if (phone.matches) place("tools").before(picture.root, shelf);
    else {
      place("panels").prepend(picture.root);
      root.before(shelf);
    }
  }
  phone.addEventListener("change", lift);

  // Widths fit the page; a phone shows one panel a row. Two rows of panels fit a small laptop.
  function fit() {
    if (!scene || !place("panels").clientWidth) return; // hidden: no width to fit
    const upright = scene.size[0] / scene.size[1];
    const across = (id, most, least, tall = MOST_TALL) => {
      const room = place(id).clientWidth - PADDING;
      const columns = Math.max(1, Math.min(most, Math.floor((room + GAP) / (least + GAP))));
      return Math.floor(Math.min((room - GAP * (columns - 1)) / columns, tall / upright));
    };
    const wide = across("panels", 2, 250);
    const narrow = across("maps", similar.filter(({ panel }) => !panel.root.hidden).length, phone.matches ? 96 : 160);
    for (const panel of main) panel.setSize(scene.size, Math.min(wide, MOST_WIDE));
    for (const { panel } of similar) panel.setSize(scene.size, Math.min(narrow, 420));
    changed.setSize(scene.size, Math.min(across("changed", 1, 0, 190), 420));
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
    plane.forget();
    lift();
    fit();
  }
  for (const select of [brush, gone]) select.input.addEventListener("change", () => (select.touched = true));

  function marksAndNames() {
    for (const panel of panels) panel.mark([{ pixel, text: "" }]);
    for (const name of ["coarse", "fine", "truth"]) ({ coarse, fine, truth })[name].write(maps.places[name], about.classes);
  }

  // After an edit, or a new picture: class maps and centers.
  function paintMaps() {
    maps = scene.classMaps();
    paintLabels(coarse.canvas, maps.coarse, scene.size, about.colors);
    paintLabels(fine.canvas, maps.fine, scene.size, about.colors);
    if (maps.truth) paintLabels(truth.canvas, maps.truth, scene.size, about.colors);
    const shown = maps.fine.map((label, i) => (label === scene.fineBefore[i] ? about.classes.length : label));
    paintLabels(changed.canvas, shown, scene.size, [...about.colors, UNCHANGED[theme.matches ? "dark" : "light"]]);
    changed.setTitle(`Changed in the fine result: ${percent(maps.changed)} (gray: as before)`);
    for (const [panel, labels] of [[coarse, maps.coarse], [fine, maps.fine], [truth, maps.truth]]) {
      panel.tell();
      if (labels) panel.describe(sharesOf(labels, about.classes));
    }
    const edited = scene.edits.length > 0;
    const size = `${scene.own.height} x ${scene.own.width} cells`;
    const squares = scene.edits.some((edit) => edit.do !== "alike") ? ` The network guesses for ${size}: changed ones are drawn as squares.` : "";
    place("edits").textContent = edited ? `Your changes: ${inWords(scene.edits, about.classes).join("; ")}.${squares}` : "Nothing is changed: the coarse guess is the network's own.";
    place("truth-note").hidden = !scene.edits.some((edit) => edit.do === "truth");
    place("truth-cells").textContent = maps.right === null ? "" : `As coarse guess the truth is right in ${share(maps.rightCoarseAfter)}, not in 100 %: it is cut into ${size} first.`;
    place("scores").replaceChildren(...scores(edited));
    undo.disabled = !hand.past();
    reset.disabled = changed.root.hidden = place("rings").hidden = place("reasons").hidden = !edited;
    redo.disabled = !hand.undone();
    const found = legend(about, [maps.truth, maps.coarse, maps.fine]).chips;
    if (maps.truth?.includes(255)) found.push(chip([0, 0, 0], "black in the truth: does not count"));
    place("legend").replaceChildren(...found);
  }

  // Right pixels, beside what is left of the gain where the class centers say nothing.
  function scores(edited) {
    const parts = [];
    if (maps.right !== null) {
      const lines = [["the network's", share(maps.rightCoarse), share(maps.rightBefore), share(maps.rightAlike)]];
      if (edited) lines.push(["after your changes", share(maps.rightCoarseAfter), share(maps.right), "–"]);
      const cells = lines.map(([name, ...numbers]) => [h("th", { scope: "row" }, name), ...numbers.map((text) => h("td", {}, text))]);
      parts.push(table(["right pixels", "coarse", "fine", "fine with all centers alike"], cells));
      const why = "The last number: the same network, each center replaced by the mean of the picture (–: not counted after a change). It was trained with centers that differ, so what it loses here shows that it uses them, not that it needs them. For networks trained without centers see ";
      parts.push(h("p", { class: "acf-note" }, why, h("a", { href: "#found" }, "what was found"), "."));
    }
    if (edited) parts.push(h("p", { class: "numbers" }, `${percent(maps.changed)} of the fine result changed.`));
    return parts;
  }

  // After another pixel was chosen, too.
  function paintPixel(given) {
    pixel = given;
    if (document.activeElement === picture.stack) nameMarked(true);
    const found = new Map(scene.similarity(pixel).map((map) => [map.name, map]));
    const values = [...found.values()];
    const low = values.some((map) => map.values.some((value) => value < -1e-6)) ? -1 : 0;
    const before = similar.filter(({ panel }) => panel.root.hidden).length;
    for (const { name, panel } of similar) {
      panel.root.hidden = !found.has(name);
      if (found.has(name)) paintMap(panel.canvas, found.get(name), scene.size, [low, 1], false);
    }
    if (similar.filter(({ panel }) => panel.root.hidden).length !== before) fit();
    marksAndNames();
    place("bar").replaceChildren(colorBar([low, 1], "cosine similarity to the marked pixel"));
    const facts = scene.facts(pixel);
    const words = Object.keys(WORDS).filter((what) => facts[what] !== null);
    const chips = words.map((what) => h("span", { class: "acf-fact" }, WORDS[what], chip(colorOf(about, facts[what]), className(about, facts[what]))));
    place("facts").replaceChildren(h("div", {}, ...chips), pixelTable(about, facts, 5));
    const frame = scene.plane(pixel);
    plane.paint(frame, about);
    const far = frame.centers.filter((center) => center.moved >= 0.005 || center.zero).sort((a, b) => b.moved - a.moved);
    const more = far.length > ROWS ? [h("p", { class: "acf-note" }, `and ${far.length - ROWS} more`)] : [];
    const still = h("p", {}, scene.edits.length ? "No center has moved." : "Paint on the coarse guess, and see the dots move.");
    const rows = far.slice(0, ROWS);
    place("moved").replaceChildren(...(far.length ? [movementTable(about, rows, { shares: !scene.alike }), ...more] : [still]));
    const spoken = words.map((what) => `${WORDS[what]} ${className(about, facts[what])}`).join(", ");
    const where = `row ${pixel[0]}, column ${pixel[1]}`;
    place("status").replaceChildren(h("span", { "aria-hidden": "true" }, where), h("span", { class: "spoken" }, `${where}: ${spoken}`));
  }

  theme.addEventListener("change", () => maps && paintMaps());
  new ResizeObserver(fit).observe(place("panels"));
  return { open, paintMaps, paintPixel, panels: { picture, coarse, fine, truth, changed } };
}
