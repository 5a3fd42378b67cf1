// AttentionViewer: P class by class, the attended feature as a picture, and whose center each pixel takes most from.

import { h, slider, checkbox, bar, legend, chip, css, classAt, percent, rangeOf, sharesOf } from "./elements.js";
import { rawOf, labelsOf, floatsOf } from "./link.js";
import { paintMap, paintLabels, paintPNG, paintRGB, spread, colorBar } from "./paint.js";
import { Panel, arrange, onArrows } from "./panel.js";
import { makeView } from "./frame.js";

const SMALL = 184;
const SHOWN_CLASSES = 6;

function build({ ask }) {
  let frame = null;
  let scenery = null;
  let seen = [];
  let room = 900; // of the page, in CSS pixels
  let coarseLabels = null;
  let takenLabels = null;
  const pick = ([row, column]) => ask({ do: "pick", row, column }, { key: "pick" });

  const picture = new Panel("picture", {
    label: "Picture. Click a pixel, or move the cross with the arrow keys; with Shift by eight pixels.",
    focusable: true,
  });
  const coarse = new Panel("coarse prediction");
  const taken = new Panel("center it takes most from");
  const attended = new Panel("attended feature, false colors");
  const large = [picture, coarse, taken, attended];
  large.forEach((panel) => panel.onPick(pick));
  coarse.onHover((at) => classAt(scenery, coarseLabels, scenery.size, at));
  taken.onHover((at) => classAt(scenery, ...takenLabels, at));
  onArrows(picture.stack, () => frame.pixel, () => scenery.size, () => 8, pick);

  const row = slider("Row", { min: 0, max: 1, step: 1, value: 0, oninput: (value) => pick([value, frame.pixel[1]]) });
  const column = slider("Column", { min: 0, max: 1, step: 1, value: 0, oninput: (value) => pick([frame.pixel[0], value]) });
  const all = checkbox("All classes, also those below 50 % everywhere", (on) => ask({ do: "all", on }));
  const tools = [
    h("div", { class: "acf-tools" }, row.root, column.root, all.root),
  ];
  const largeRow = h("div", { class: "acf-row" }, ...large.map((panel) => panel.root));
  const facts = h("div", { class: "acf-facts" });
  const heading = h("h4", {}, "Attention P, one map a class (share of the whole map)");
  const smallRow = h("div", { class: "acf-row" });
  const barPlace = h("div", {}, colorBar([0, 1], "attention: the weight P of a class center"));
  const legendPlace = h("div", { class: "acf-legend", role: "group", "aria-label": "Classes" });
  let small = [];

  function scene(given) {
    scenery = given;
    paintPNG(picture.canvas, scenery.image);
    coarseLabels = labelsOf(scenery.coarse, scenery.size);
    const { numbers, chips } = legend(scenery, [coarseLabels]);
    paintLabels(coarse.canvas, coarseLabels, scenery.size, scenery.colors);
    coarse.describe(sharesOf(coarseLabels, scenery.classes));
    seen = numbers;
    legendPlace.replaceChildren(...chips);
    row.input.max = scenery.size[0] - 1;
    column.input.max = scenery.size[1] - 1;
    small = [];
  }

  function paint(given) {
    const fresh = small.map(({ label }) => label).join() !== given.maps.map(({ label }) => label).join();
    frame = given;
    if (fresh) makeMaps();
    const marks = [{ pixel: frame.pixel, text: "" }];
    arrange(largeRow, large, 0, room, (panel, width) => panel.setSize(scenery.size, width));
    for (const { panel } of small) panel.setSize(scenery.size, Math.min(SMALL, room));
    [...large, ...small.map(({ panel }) => panel)].forEach((panel) => panel.mark(marks));
    coarse.write(scenery.places.coarse, scenery.classes);
    taken.write(scenery.most_taken_places, scenery.classes);
    row.set(frame.pixel[0]);
    column.set(frame.pixel[1]);
    all.input.checked = frame.all_classes;
    facts.replaceChildren(table());
  }

  function makeMaps() {
    takenLabels = spread(labelsOf(scenery.most_taken, frame.cells), frame, scenery.size);
    paintLabels(taken.canvas, ...takenLabels, scenery.colors);
    taken.describe(sharesOf(takenLabels[0], scenery.classes));
    paintRGB(attended.canvas, ...spread(rawOf(scenery.attended), frame, scenery.size, 3));
    small = frame.maps.map((map) => {
      const panel = new Panel(`${scenery.classes[map.label]}: ${percent(map.share)}`);
      panel.caption.replaceChildren(chip(scenery.colors[map.label], panel.title));
      panel.onPick(pick);
      const grid = { values: floatsOf(map.values), height: frame.cells[0], width: frame.cells[1], align: frame.align, steps: frame.steps };
      panel.describe(`attention ${rangeOf(grid.values)}`);
      paintMap(panel.canvas, grid, scenery.size, [0, 1], false);
      return { label: map.label, panel };
    });
    smallRow.replaceChildren(...small.map(({ panel }) => panel.root));
  }

  function table() {
    const order = frame.row.map((_, i) => i).sort((a, b) => frame.row[b] - frame.row[a]).slice(0, frame.all_classes ? undefined : SHOWN_CLASSES);
    const lines = order.map((i) =>
      h(
        "tr",
        {},
        h("td", {}, chip(scenery.colors[i], scenery.classes[i])),
        h("td", {}, bar(frame.row[i], css(scenery.colors[i])), percent(frame.row[i])),
        h("td", {}, bar(frame.taken[i], "var(--acf-neutral)"), percent(frame.taken[i])),
      ),
    );
    const heads = ["class", "attention P", "share of the attended feature"];
    const head = h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text))));
    const title = `The pixel: row ${frame.pixel[0]}, column ${frame.pixel[1]}; of its cell: ${scenery.classes[order[0]]}`;
    return h("div", { class: "acf-card" }, h("h4", {}, title), h("table", {}, head, h("tbody", {}, ...lines)));
  }

  function fit(given) {
    room = given;
    if (frame) paint(frame);
  }

  function shownPicture() {
    const panels = small.map(({ panel }) => panel);
    const rows = [large];
    for (let i = 0; i < panels.length; i += 4) rows.push(panels.slice(i, i + 4));
    return { rows, bar: { canvas: barPlace.querySelector("canvas"), range: [0, 1], label: "attention P" }, legend: seen };
  }

  return { scene, paint, fit, tools, body: [largeRow, facts, heading, smallRow, barPlace, legendPlace], picture: shownPicture };
}

export default { render: ({ model, el }) => makeView(model, el, "Attention viewer", build) };
