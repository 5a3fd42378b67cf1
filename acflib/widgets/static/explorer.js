// SimilarityExplorer: click a pixel, see which pixels are alike (Fig. 5 and 6).

import { h, slider, choice, button, checkbox, bar, legend, chip, className, classAt, colorOf, rangeOf, sharesOf } from "./elements.js";
import { labelsOf, floatsOf } from "./link.js";
import { paintMap, paintLabels, paintPNG, colorBar } from "./paint.js";
import { Panel, arrange, onArrows } from "./panel.js";
import { pixelTable, table } from "./tables.js";
import { makeView } from "./frame.js";

const SHOWN_CLASSES = 6;

function build({ ask }) {
  let frame = null;
  let scenery = null;
  let seen = [];
  let room = 900; // of the page, in CSS pixels
  let shown = SHOWN_CLASSES; // lines of a table
  let labels = []; // class maps: truth, coarse, fine
  const pixel = () => frame.pixel;
  const pick = ([row, column]) => ask({ do: "pick", row, column }, { key: "pick" });
  const set = (values) => ask({ do: "set", ...values }, { key: `set ${Object.keys(values)}` });

  const picture = new Panel("picture", {
    label: "Picture. Click a pixel, or move the cross with the arrow keys; with Shift by eight pixels.",
    focusable: true,
  });
  const truth = new Panel("ground truth");
  const coarse = new Panel("coarse prediction");
  const fine = new Panel("fine prediction");
  const still = [picture, truth, coarse, fine];
  still.forEach((panel) => panel.onPick(pick));
  [truth, coarse, fine].forEach((panel, i) => panel.onHover((at) => classAt(scenery, labels[i], scenery.size, at)));
  onArrows(picture.stack, pixel, () => scenery.size, () => 8, pick);

  const layer = choice("Maps", [], (value) => set({ layer: value }));
  const width = choice("Size", [], (value) => set({ width: Number(value) }));
  const scale = choice("Colors", [["fixed", "whole range"], ["fitted", "fitted to the maps"]], (value) => set({ scale: value }));
  const smoothing = slider("Smoothing", { min: 0, max: 3, step: 0.25, value: 0, oninput: (value) => set({ smoothing: value }), format: (v) => `${v} cells` });
  const row = slider("Row", { min: 0, max: 1, step: 1, value: 0, oninput: (value) => pick([value, pixel()[1]]) });
  const column = slider("Column", { min: 0, max: 1, step: 1, value: 0, oninput: (value) => pick([pixel()[0], value]) });
  const wrong = (kind, text, title) => button(text, () => ask({ do: "wrong", kind }), title);
  const nextCorrected = wrong("corrected", "Next corrected", "the next place where coarse is wrong and fine is right");
  const nextBroken = wrong("broken", "Next broken", "the next place where coarse is right and fine is wrong");
  const pins = ["A", "B"].map((name) => button(`Pin as ${name}`, () => ask({ do: "pin", as_: name })));
  const unpin = button("Remove pins", () => ask({ do: "unpin" }));
  const all = checkbox("All classes", (on) => {
    shown = on ? Infinity : SHOWN_CLASSES;
    paint(frame);
  });
  const tools = [
    h("div", { class: "acf-tools" }, row.root, column.root, nextCorrected, nextBroken, ...pins, unpin),
    h("div", { class: "acf-tools" }, layer.root, scale.root, smoothing.root, width.root, all.root),
  ];

  const stillRow = h("div", { class: "acf-row" }, ...still.map((panel) => panel.root));
  const mapRows = h("div", {});
  const barPlace = h("div", {});
  const legendPlace = h("div", { class: "acf-legend", role: "group", "aria-label": "Classes" });
  const facts = h("div", { class: "acf-row acf-facts" });
  let mapPanels = [];

  function scene(given) {
    scenery = given;
    paintPNG(picture.canvas, scenery.image);
    const maps = [scenery.truth, scenery.coarse, scenery.fine].map((view) => labelsOf(view, scenery.size));
    labels = maps;
    [truth, coarse, fine].forEach((panel, i) => {
      panel.root.hidden = !maps[i];
      if (maps[i]) paintLabels(panel.canvas, maps[i], scenery.size, scenery.colors);
    });
    fine.setTitle(maps[1] ? "fine prediction" : "prediction");
    [truth, coarse, fine].forEach((panel, i) => maps[i] && panel.describe(sharesOf(maps[i], scenery.classes)));
    const { numbers, chips } = legend(scenery, maps);
    seen = numbers;
    legendPlace.replaceChildren(...chips);
    layer.fill([["all", "Fig. 5 and 6, all"], ...scenery.layers]);
    width.fill(scenery.widths.map((value) => [value, value ? `${value} px` : "fits the page"]));
    smoothing.input.max = scenery.max_smoothing;
    row.input.max = scenery.size[0] - 1;
    column.input.max = scenery.size[1] - 1;
    nextCorrected.disabled = nextBroken.disabled = !maps[0] || !maps[1];
    mapPanels = [];
    mapRows.replaceChildren();
  }

  function paint(given) {
    frame = given;
    const marks = frame.rows.map(({ pin, pixel }) => ({ pixel, text: pin }));
    arrange(stillRow, still, frame.width, room, (panel, width) => {
      panel.setSize(scenery.size, width);
      panel.mark(marks);
    });
    truth.write(scenery.places.truth, scenery.classes);
    coarse.write(scenery.places.coarse, scenery.classes);
    fine.write(scenery.places.fine, scenery.classes);
    paintMaps();
    barPlace.replaceChildren(colorBar(frame.range, "cosine similarity to the marked pixel (all maps)"));
    facts.replaceChildren(...frame.rows.map(pixelFacts), ...(frame.compare ? [comparison()] : []));
    row.set(frame.pixel[0]);
    column.set(frame.pixel[1]);
    layer.set(frame.layer);
    width.set(frame.width);
    scale.set(frame.scale);
    smoothing.set(frame.smoothing);
    unpin.disabled = frame.rows.length === 1;
  }

  // Panels are made anew only when their number changes: a quick hand then makes no garbage.
  function paintMaps() {
    const shape = frame.rows.map(({ maps }) => maps.length).join();
    if (mapPanels.map((group) => group.length).join() !== shape) {
      mapPanels = frame.rows.map(({ maps }) => maps.map(() => new Panel("")));
      mapPanels.flat().forEach((panel) => panel.onPick(pick));
      mapRows.replaceChildren(...mapPanels.map((group) => h("div", { class: "acf-row" }, ...group.map((p) => p.root))));
    }
    frame.rows.forEach(({ pin, pixel, maps }, i) => {
      arrange(mapRows.children[i], mapPanels[i], frame.width, room, (panel, width) => {
        panel.setSize(scenery.size, width);
        panel.mark([{ pixel, text: pin }]);
      });
      maps.forEach((map, k) => {
        const panel = mapPanels[i][k];
        panel.setTitle(pin ? `${pin}: ${map.title}` : map.title);
        const values = floatsOf(map.values);
        panel.describe(`similarity ${rangeOf(values)}`);
        paintMap(panel.canvas, { ...map, values }, scenery.size, frame.range, frame.smoothing > 0);
      });
    });
  }

  function pixelFacts({ pin, pixel, facts }) {
    const named = ["truth", "coarse", "fine"].filter((what) => facts[what] !== null);
    const classes = named.map((what) =>
      h("span", { class: "acf-fact" }, what, chip(colorOf(scenery, facts[what]), className(scenery, facts[what]))),
    );
    if (facts.coarse !== null) {
      const ofCell = chip(colorOf(scenery, facts.cell), className(scenery, facts.cell));
      classes.push(h("span", { class: "acf-fact" }, "its cell, of which P is", ofCell));
    }
    const title = pin ? `Pixel ${pin}` : "The pixel";
    return h(
      "div",
      { class: "acf-card" },
      h("h4", {}, `${title}: row ${pixel[0]}, column ${pixel[1]}`),
      h("div", {}, ...classes),
      pixelTable(scenery, facts, shown),
    );
  }

  function comparison() {
    const lines = frame.compare.map(({ layer, similarity }) => [
      h("td", {}, layer),
      h("td", {}, bar(similarity, "var(--acf-neutral)"), similarity.toFixed(2)),
    ]);
    const heading = h("h4", {}, "A beside B");
    return h("div", { class: "acf-card acf-compare" }, heading, table(["feature map", "cosine similarity"], lines));
  }

  function fit(given) {
    room = given;
    if (frame) paint(frame);
  }

  const shownPicture = () => ({
    rows: [still.filter((panel) => !panel.root.hidden), ...mapPanels],
    bar: { canvas: barPlace.querySelector("canvas"), range: frame.range, label: "cosine similarity" },
    legend: seen,
  });

  return { scene, paint, fit, tools, body: [stillRow, mapRows, barPlace, facts, legendPlace], picture: shownPicture };
}

export default { render: ({ model, el }) => makeView(model, el, "Similarity explorer", build) };
