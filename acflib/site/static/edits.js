// What a hand does to the coarse map, as functions of the class map P: the same as acflib/widgets/lab_edits.py.
// An edit is one of
//   { do: "stroke", label, radius, points: [[row, column], ...] }   its cells belong to one class
//   { do: "absent", label }   no cell belongs to the class
//   { do: "truth" }           the ground truth in place of P
//   { do: "alike" }           all class centers alike: for them, every cell counts the same for each class

import { cellsOf } from "./numbers.js";

export const MAX_RADIUS = 64;

// The maps of a picture: `centers` replaces P in Eq. 2, `attention` in Eq. 3 and 5.
export const ownMaps = (own) => ({ centers: own, attention: own });

// The maps after some more edits.
export function applyEdits(maps, edits, size, truth) {
  let { centers, attention } = maps;
  for (const edit of edits) {
    if (edit.do === "alike") {
      centers = { ...centers, values: new Float32Array(centers.values.length).fill(1 / centers.channels) };
      continue;
    }
    const changed = (map) => (edit.do === "truth" ? truthMap(truth, size, map) : applyEdit(map, edit, size));
    const same = centers === attention;
    centers = changed(centers);
    attention = same ? centers : changed(attention);
  }
  return { centers, attention };
}

function applyEdit(map, edit, size) {
  const count = cellsOf(map);
  const values = map.values.slice();
  if (edit.do === "stroke") {
    const covered = coveredCells(edit.points, edit.radius, size, map);
    for (let cell = 0; cell < count; cell++)
      if (covered[cell]) for (let k = 0; k < map.channels; k++) values[k * count + cell] = Number(k === edit.label);
  } else if (edit.do === "absent") {
    values.fill(0, edit.label * count, (edit.label + 1) * count);
    for (let cell = 0; cell < count; cell++) {
      let total = 0;
      for (let i = cell; i < values.length; i += count) total += values[i];
      if (total > 0) for (let i = cell; i < values.length; i += count) values[i] /= total;
    }
  } else throw new Error(`unknown edit ${edit.do}`);
  return { ...map, values };
}

// The cells that a stroke passes through, and those with their middle within its radius.
export function coveredCells(points, radius, [height, width], cells) {
  const [tall, wide] = [height / cells.height, width / cells.width]; // pixels of a cell
  const covered = new Uint8Array(cellsOf(cells));
  const pairs = points.length > 1 ? points.slice(1).map((end, i) => [points[i], end]) : [[points[0], points[0]]];
  for (const [start, end] of pairs) {
    const step = [end[0] - start[0], end[1] - start[1]];
    const squared = Math.max(step[0] ** 2 + step[1] ** 2, 1e-12);
    for (let r = 0; r < cells.height; r++)
      for (let c = 0; c < cells.width; c++) {
        const off = [(r + 0.5) * tall - start[0], (c + 0.5) * wide - start[1]];
        const along = Math.max(0, Math.min(1, (off[0] * step[0] + off[1] * step[1]) / squared));
        if ((off[0] - along * step[0]) ** 2 + (off[1] - along * step[1]) ** 2 <= radius ** 2) covered[r * cells.width + c] = 1;
      }
    const count = 1 + Math.ceil(2 * Math.max(Math.abs(step[0] / tall), Math.abs(step[1] / wide))); // two samples a cell
    for (let i = 0; i <= count; i++) {
      const [r, c] = [(start[0] + (i / count) * step[0]) / tall, (start[1] + (i / count) * step[1]) / wide];
      const inside = (place, length) => Math.max(0, Math.min(length - 1, Math.floor(place)));
      covered[inside(r, cells.height) * cells.width + inside(c, cells.width)] = 1;
    }
  }
  return covered;
}

// The share of each cell that each class covers in the ground truth; ignored pixels belong to none.
export function truthMap(truth, [height, width], { channels, height: h, width: w }) {
  const values = new Float32Array(channels * h * w);
  const part = (i, length, count) => [Math.floor((i * length) / count), Math.ceil(((i + 1) * length) / count)];
  for (let r = 0; r < h; r++)
    for (let c = 0; c < w; c++) {
      const [[top, bottom], [left, right]] = [part(r, height, h), part(c, width, w)];
      const share = 1 / ((bottom - top) * (right - left));
      for (let y = top; y < bottom; y++)
        for (let x = left; x < right; x++) {
          const label = truth[y * width + x];
          if (label !== 255) values[label * h * w + r * w + c] += share;
        }
    }
  return { values, channels, height: h, width: w };
}

// The edits that still count: the ground truth replaces all that was done before it.
export const thatCount = (edits) => edits.slice(Math.max(0, edits.findLastIndex((edit) => edit.do === "truth")));

// The edits that count in words, each kind once, in the order in which they came: "4 strokes of road".
export function inWords(edits, classes) {
  const counts = new Map();
  for (const edit of thatCount(edits)) {
    const words = describe(edit, classes);
    counts.set(words, (counts.get(words) || 0) + 1);
  }
  return [...counts].map(([words, count]) => (count > 1 && words.startsWith("stroke") ? `${count} ${words.replace("stroke", "strokes")}` : words));
}

function describe(edit, classes) {
  if (edit.do === "stroke") return `stroke of ${classes[edit.label]}`;
  if (edit.do === "absent") return `no ${classes[edit.label]}`;
  return edit.do === "truth" ? "the truth as coarse guess" : "all centers alike";
}
