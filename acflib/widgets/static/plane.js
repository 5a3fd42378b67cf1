// The class centers as points in the plane of their first two principal components: open as they were, filled as they are.
// A class that is gone has no center now, and keeps an empty mark.

import { s, h, css } from "./elements.js";
import { overlap } from "./panel.js";

const MARGIN = 46;
const EDGE = 12; // how near to the frame a point may lie
const PLOT_LETTER = 6.6; // mean width of a letter of 12 px
const [FARTHEST, TURNS] = [90, 16]; // how far from its dot a name may stand, and in how many directions

export class Plane {
  constructor(width = 440, height = 330) {
    this.size = [width, height];
    this.svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "acf-plot", role: "img" });
    this.spoken = h("div", { class: "acf-spoken", "aria-live": "polite" });
    this.root = h("div", { class: "acf-plane", tabIndex: 0, role: "group", "aria-label": "Dots of the class centers: the arrow keys name one after the other" }, this.svg, this.spoken);
    this.chosen = null; // the class whose dot the arrow keys have reached
    this.root.addEventListener("keydown", (event) => this.step(event));
    this.root.addEventListener("blur", () => this.choose(null));
    this.forget();
  }

  // Another picture has axes of its own.
  forget() {
    this.axes = null;
  }

  // The axes stay those of the picture's centers, so that what has not changed does not move; they reach farther while a dot
  // would leave the frame.
  scale({ centers, point }) {
    const before = centers.map((center) => center.before);
    this.axes ||= axesOf(before.length ? before : [point], this.size);
    const { middle } = this.axes;
    const points = [...before, ...centers.flatMap(({ after, zero }) => (zero ? [] : [after]))];
    const unit = Math.min(this.axes.unit, this.reach(points.map((at) => at.map((x, axis) => x - middle[axis]))));
    return ([x, y]) => [this.size[0] / 2 + unit * (x - middle[0]), this.size[1] / 2 - unit * (y - middle[1])];
  }

  // The factor with which all of some ways from the middle end in the frame.
  reach(ways) {
    return Math.min(Infinity, ...ways.flatMap((way) => way.map((far, axis) => (far ? (this.size[axis] / 2 - EDGE) / Math.abs(far) : Infinity))));
  }

  // Where the marked pixel is drawn: one far from all centers at the frame, on its side.
  markOf([x, y]) {
    const middle = this.size.map((side) => side / 2);
    const way = [x - middle[0], y - middle[1]];
    const factor = Math.min(1, this.reach([way]));
    return { pixel: way.map((far, axis) => middle[axis] + factor * far), name: factor < 1 ? "the pixel, farther away" : "the pixel" };
  }

  // What the pointer learns from a dot, the arrow keys tell as well: a ring around it, and its name.
  step(event) {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!way || !this.dots?.length || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const at = this.dots.findIndex(({ label }) => label === this.chosen);
    const next = at < 0 ? (way > 0 ? 0 : this.dots.length - 1) : (at + way + this.dots.length) % this.dots.length;
    this.choose(this.dots[next].label);
  }

  choose(label) {
    this.chosen = label;
    this.svg.querySelectorAll(".acf-chosen").forEach((shape) => shape.remove());
    const dot = this.dots?.find((known) => known.label === label);
    this.spoken.textContent = dot ? dot.name : "";
    if (!dot) return;
    const [width, height] = this.size;
    this.svg.append(s("circle", { cx: dot.at[0], cy: dot.at[1], r: 10, class: "acf-chosen acf-ring" }), s("text", { x: width - 8, y: height - 6, "text-anchor": "end", class: "acf-chosen acf-named" }, dot.name));
  }

  paint(frame, scenery) {
    const place = this.scale(frame);
    const shapes = [axisText(this.size)];
    const boxes = [];
    // Marks first, so that no name lies on one.
    const dots = frame.centers.map(({ before, after, zero }) => [place(before), place(zero ? before : after)]);
    dots.flat().forEach(([x, y]) => boxes.push([x - 6, y - 6, x + 6, y + 6]));
    const { pixel, name } = this.markOf(place(frame.point));
    boxes.push([pixel[0] - 9, pixel[1] - 9, pixel[0] + 9, pixel[1] + 9]);
    // Where names are crowded, those that are gone or moved most come first; and their dots lie above the others.
    const weight = ({ moved, zero }) => moved + (zero ? 1000 : 0);
    const order = frame.centers.map((_, i) => i).sort((a, b) => weight(frame.centers[b]) - weight(frame.centers[a]));
    for (const i of [...order].reverse()) {
      const { label, zero } = frame.centers[i];
      const [[x0, y0], [x1, y1]] = dots[i];
      const color = css(scenery.colors[label]);
      const dot = s("g", {}, s("title", {}, nameOf(scenery, frame.centers[i]))); // seen while the pointer is on it
      dot.append(s("line", { x1: x0, y1: y0, x2: x1, y2: y1, class: "acf-way" }));
      dot.append(s("circle", { cx: x0, cy: y0, r: 5, class: "acf-open-rim" }));
      dot.append(s("circle", { cx: x0, cy: y0, r: 5, fill: "none", stroke: color, "stroke-width": 2, class: "acf-open", "pointer-events": "all" }));
      if (!zero) dot.append(s("circle", { cx: x1, cy: y1, r: 5.5, fill: color, class: "acf-rim" }));
      shapes.push(dot);
    }
    shapes.push(...cross(pixel), nameNear(name, pixel, boxes, this.size));
    const heaps = heapsOf(frame.centers);
    for (const heap of heaps)
      shapes.push(nameNear(heap.length === frame.centers.length ? "all centers" : `${heap.length} centers`, dots[heap[0]][1], boxes, this.size));
    for (const i of order) if (!heaps.flat().includes(i)) shapes.push(nameNear(nameOf(scenery, frame.centers[i]), dots[i][1], boxes, this.size));
    this.svg.replaceChildren(...shapes);
    this.svg.setAttribute("aria-label", `Class centers in two dimensions; ${inWords(scenery, frame.centers)}`);
    this.dots = frame.centers.map((center, i) => ({ label: center.label, name: nameOf(scenery, center), at: dots[i][1] }));
    this.choose(this.chosen);
  }
}

const nameOf = (scenery, { label, zero }) => scenery.classes[label] + (zero ? " (gone)" : "");

// Centers on one spot share a name: lists of three or more, or of all there are.
function heapsOf(centers) {
  const spots = new Map();
  centers.forEach(({ after, zero }, i) => {
    const spot = zero ? `gone ${i}` : [...spots.keys()].find((known) => after.every((at, axis) => Math.abs(at - known[axis]) < 1e-6)) || after;
    spots.set(spot, [...(spots.get(spot) || []), i]);
  });
  return [...spots.values()].filter((heap) => heap.length > 2 || (heap.length > 1 && heap.length === centers.length));
}

// Which centers are gone, and which of the others moved most.
function inWords(scenery, centers) {
  const gone = centers.filter(({ zero }) => zero).map(({ label }) => scenery.classes[label]);
  const far = centers.filter(({ zero }) => !zero).sort((a, b) => b.moved - a.moved)[0];
  const parts = gone.length ? [`gone: ${gone.join(", ")}`] : [];
  if (far && far.moved > 0.005) parts.push(`${scenery.classes[far.label]} moved most`);
  return parts.join("; ") || "none has moved";
}

// One scale for both axes, so that distances can be compared in all directions.
function axesOf(points, [width, height]) {
  const low = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const high = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  const unit = Math.min((width - 2 * MARGIN) / (high[0] - low[0] || 1), (height - 2 * MARGIN) / (high[1] - low[1] || 1));
  return { unit, middle: [0, 1].map((axis) => (low[axis] + high[axis]) / 2) };
}

// The first of eight places around a point where a name covers nothing. Where all are taken: the nearest one farther away,
// and a line to it; a name that finds no room at all stays away.
function nameNear(name, [x, y], boxes, size) {
  const width = PLOT_LETTER * name.length;
  const near = [[9, 4], [-9 - width, 4], [-width / 2, -10], [-width / 2, 20], [8, -8], [8, 16], [-8 - width, -8], [-8 - width, 16]];
  const found = near.find(([dx, dy]) => free(boxOf(x + dx, y + dy, width), boxes, size));
  if (found) return written(name, x + found[0], y + found[1], width, boxes);
  for (let reach = 26; reach <= FARTHEST; reach += 8)
    for (let turn = 0; turn < TURNS; turn++) {
      const [right, down] = [Math.cos((2 * Math.PI * turn) / TURNS), Math.sin((2 * Math.PI * turn) / TURNS)];
      const [left, base] = [x + reach * right - (right < -0.1 ? width : right < 0.1 ? width / 2 : 0), y + reach * down + 4];
      if (!free(boxOf(left, base, width), boxes, size)) continue;
      const line = s("line", { x1: x + 6 * right, y1: y + 6 * down, x2: x + (reach - 2) * right, y2: y + (reach - 2) * down, class: "acf-way" });
      return s("g", {}, line, written(name, left, base, width, boxes));
    }
  return s("g");
}

const boxOf = (left, base, width) => [left, base - 10, left + width, base + 3];
const free = (box, boxes, size) =>
  box[0] > 0 && box[2] < size[0] && box[1] > 0 && box[3] < size[1] - 16 && !boxes.some((other) => overlap(box, other));

function written(name, left, base, width, boxes) {
  boxes.push(boxOf(left, base, width));
  return s("text", { x: left, y: base }, name);
}

function cross([x, y]) {
  const path = `M${x - 7},${y - 7}L${x + 7},${y + 7}M${x - 7},${y + 7}L${x + 7},${y - 7}`;
  return [s("path", { d: path, class: "acf-cross-rim" }), s("path", { d: path, class: "acf-cross" })];
}

const axisText = ([, height]) => s("text", { x: 8, y: height - 6 }, "two principal components, before the edits");
