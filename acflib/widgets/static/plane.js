// The class centers as points in the plane of their first two principal components: open as they were, filled as they are.
// A class that is gone has no center now, and keeps an empty mark.

import { s, h, css } from "./elements.js";
import { overlap } from "./panel.js";

const MARGIN = 46;
const PLOT_LETTER = 6.6; // mean width of a letter of 12 px

export class Plane {
  constructor(width = 440, height = 330) {
    this.size = [width, height];
    this.svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "acf-plot", role: "img" });
    this.root = h("div", {}, this.svg);
  }

  paint(frame, scenery) {
    const points = [...frame.centers.flatMap(({ before, after, zero }) => (zero ? [before] : [before, after])), frame.point];
    const place = scaleTo(points, this.size);
    const shapes = [axisText(this.size)];
    const boxes = [];
    // Marks first, so that no name lies on one.
    const dots = frame.centers.map(({ before, after, zero }) => [place(before), place(zero ? before : after)]);
    dots.flat().forEach(([x, y]) => boxes.push([x - 6, y - 6, x + 6, y + 6]));
    const pixel = place(frame.point);
    boxes.push([pixel[0] - 9, pixel[1] - 9, pixel[0] + 9, pixel[1] + 9]);
    frame.centers.forEach(({ label, zero }, i) => {
      const [[x0, y0], [x1, y1]] = dots[i];
      const color = css(scenery.colors[label]);
      shapes.push(s("line", { x1: x0, y1: y0, x2: x1, y2: y1, class: "acf-way" }));
      shapes.push(s("circle", { cx: x0, cy: y0, r: 5, class: "acf-open-rim" }));
      shapes.push(s("circle", { cx: x0, cy: y0, r: 5, fill: "none", stroke: color, "stroke-width": 2, class: "acf-open" }));
      if (!zero) shapes.push(s("circle", { cx: x1, cy: y1, r: 5.5, fill: color, class: "acf-rim" }));
    });
    // Where names are crowded, those that are gone or moved most come first.
    const weight = ({ moved, zero }) => moved + (zero ? 1000 : 0);
    const order = frame.centers.map((_, i) => i).sort((a, b) => weight(frame.centers[b]) - weight(frame.centers[a]));
    shapes.push(...cross(pixel), nameNear("the pixel", pixel, boxes, this.size));
    const [first, ...others] = frame.centers;
    const alike = others.length && others.every(({ after }) => after.every((at, axis) => Math.abs(at - first.after[axis]) < 1e-6));
    if (alike) shapes.push(nameNear("all centers", dots[0][1], boxes, this.size));
    else for (const i of order) shapes.push(nameNear(nameOf(scenery, frame.centers[i]), dots[i][1], boxes, this.size));
    this.svg.replaceChildren(...shapes);
    const far = [...frame.centers].sort((a, b) => b.moved - a.moved)[0];
    const text = far && far.moved > 0.005 ? `${scenery.classes[far.label]} moved most` : "none has moved";
    this.svg.setAttribute("aria-label", `Class centers in two dimensions; ${text}`);
  }
}

const nameOf = (scenery, { label, zero }) => scenery.classes[label] + (zero ? " (gone)" : "");

// One scale for both axes, so that distances can be compared in all directions.
function scaleTo(points, [width, height]) {
  const low = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const high = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  const unit = Math.min((width - 2 * MARGIN) / (high[0] - low[0] || 1), (height - 2 * MARGIN) / (high[1] - low[1] || 1));
  const middle = [0, 1].map((axis) => (low[axis] + high[axis]) / 2);
  return ([x, y]) => [width / 2 + unit * (x - middle[0]), height / 2 - unit * (y - middle[1])];
}

// The first of eight places around a point where a name covers nothing; a name that finds none stays away.
function nameNear(name, [x, y], boxes, size) {
  const width = PLOT_LETTER * name.length;
  const places = [[9, 4], [-9 - width, 4], [-width / 2, -10], [-width / 2, 20], [8, -8], [8, 16], [-8 - width, -8], [-8 - width, 16]];
  for (const [dx, dy] of places) {
    const box = [x + dx, y + dy - 10, x + dx + width, y + dy + 3];
    const inside = box[0] > 0 && box[2] < size[0] && box[1] > 0 && box[3] < size[1] - 16;
    if (inside && !boxes.some((other) => overlap(box, other))) {
      boxes.push(box);
      return s("text", { x: x + dx, y: y + dy }, name);
    }
  }
  return s("title", {}, name);
}

function cross([x, y]) {
  const path = `M${x - 7},${y - 7}L${x + 7},${y + 7}M${x - 7},${y + 7}L${x + 7},${y - 7}`;
  return [s("path", { d: path, class: "acf-cross-rim" }), s("path", { d: path, class: "acf-cross" })];
}

const axisText = ([, height]) => s("text", { x: 8, y: height - 6 }, "two principal components, before the edits");
