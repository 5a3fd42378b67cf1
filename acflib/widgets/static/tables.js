// Tables of a pixel and of the class centers: names, bars and numbers.

import { h, bar, chip, css, percent } from "./elements.js";

export function table(heads, lines) {
  const head = h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text))));
  return h("table", {}, head, h("tbody", {}, ...lines.map((cells) => h("tr", {}, ...cells))));
}

// Attention P of a pixel and, where there are class centers, its similarity to each (null where that center is gone); the
// likeliest `shown` classes.
export function pixelTable(scenery, { row, to_centers }, shown) {
  const order = row.map((_, i) => i).sort((a, b) => row[b] - row[a]).slice(0, shown);
  const lines = order.map((i) => {
    const cells = [h("td", {}, chip(scenery.colors[i], scenery.classes[i]))];
    cells.push(h("td", {}, bar(row[i], css(scenery.colors[i])), percent(row[i])));
    if (to_centers) {
      const like = to_centers[i];
      cells.push(h("td", {}, ...(like === null ? ["no center"] : [bar(like, "var(--acf-neutral)"), like.toFixed(2)])));
    }
    return cells;
  });
  return table(["class", "attention P", ...(to_centers ? ["similarity of the pixel to this class’s center"] : [])], lines);
}

// How far each center moved, those that moved most first; and the share of each class, where `shares`.
export function movementTable(scenery, centers, { shares = true } = {}) {
  const order = [...centers].sort((a, b) => b.moved - a.moved);
  const lines = order.map(({ label, moved, share_before, share_after, zero }) => [
    h("td", {}, chip(scenery.colors[label], scenery.classes[label])),
    h("td", {}, ...(zero ? ["gone"] : [bar(moved, css(scenery.colors[label])), percent(moved)])),
    ...(shares ? [h("td", {}, `${percent(share_before)} to ${percent(share_after)}`)] : []),
  ]);
  return table(["class", "moved, in % of the mean distance between centers", ...(shares ? ["share of the map"] : [])], lines);
}
