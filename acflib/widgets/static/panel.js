// A picture or a map with crosses, names and a caption; and how a hand picks a pixel in it.

import { h, s } from "./elements.js";

// The pixel under the pointer. Floor, not round: a pixel is an area, and its upper left corner belongs to it.
export function pixelAt(event, element, [height, width]) {
  const box = element.getBoundingClientRect();
  const at = (start, length, pixels) => Math.max(0, Math.min(pixels - 1e-6, (start / length) * pixels));
  return [at(event.clientY - box.top, box.height, height), at(event.clientX - box.left, box.width, width)];
}

export const LETTER = 6.2; // mean width of a letter of 11 px
export const overlap = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];

export class Panel {
  constructor(title, { label = title, focusable = false } = {}) {
    this.size = [1, 1];
    this.width = 256;
    this.marks = [];
    this.tell = () => {}; // names again what lies under the pointer, after a new picture was painted
    this.title = this.label = title;
    if (focusable) this.label = label;
    this.caption = h("figcaption", {}, title);
    this.canvas = h("canvas", { role: "img", "aria-label": label });
    this.overlay = s("svg", { "aria-hidden": "true" });
    this.names = s("svg", { "aria-hidden": "true", class: "acf-names" });
    this.layers = [this.names, this.overlay];
    this.stack = h("div", { class: "acf-stack" }, this.canvas, ...this.layers);
    if (focusable) {
      this.stack.tabIndex = 0;
      this.stack.setAttribute("role", "application");
      this.stack.setAttribute("aria-label", label);
      this.canvas.removeAttribute("role");
      this.canvas.setAttribute("aria-hidden", "true");
    }
    this.root = h("figure", { class: "acf-panel" }, this.caption, this.stack);
  }

  setTitle(title) {
    this.title = this.label = title;
    this.caption.textContent = title;
    this.canvas.setAttribute("aria-label", title);
  }

  // What the canvas shows, in words for those who do not see it.
  describe(text) {
    const spoken = this.canvas.getAttribute("aria-hidden") ? this.stack : this.canvas;
    spoken.setAttribute("aria-label", `${this.label}: ${text}`);
  }

  // While the pointer is over the panel, its caption names what lies there: colors alone do not tell all readers. `point(at)`
  // does the same for a pixel that keys have reached; null ends it.
  onHover(name) {
    let at = null;
    let reached = null;
    const shown = () => at || reached;
    this.tell = () => (this.caption.textContent = shown() ? `${this.title}: ${name(shown())}` : this.title);
    this.point = (pixel) => {
      reached = pixel;
      this.tell();
    };
    this.stack.addEventListener("pointermove", (event) => {
      at = pixelAt(event, this.canvas, this.size);
      this.tell();
    });
    this.stack.addEventListener("pointerleave", () => {
      at = null;
      this.tell();
    });
  }

  // One more drawing on top, in pixels of the picture.
  addLayer() {
    const layer = s("svg", { "aria-hidden": "true", viewBox: `0 0 ${this.size[1]} ${this.size[0]}` });
    this.layers.push(layer);
    this.stack.append(layer);
    return layer;
  }

  setSize(size, given) {
    const width = Math.max(0, given); // there may be no room yet
    [this.size, this.width] = [size, width];
    this.stack.style.width = `${width}px`;
    this.stack.style.height = `${(width * size[0]) / size[1]}px`;
    for (const layer of this.layers) layer.setAttribute("viewBox", `0 0 ${size[1]} ${size[0]}`);
    this.root.style.width = `${width}px`;
  }

  // Crosses: [{ pixel: [row, column], text }].
  mark(marks) {
    this.marks = marks;
    if (!this.width) return; // nothing to be seen, and nothing to measure it by
    const unit = this.size[1] / this.width; // picture pixels per CSS pixel
    const shapes = marks.flatMap(({ pixel: [row, column], text }) => {
      const [x, y, arm] = [column + 0.5, row + 0.5, 9 * unit];
      const path = `M${x - arm},${y - arm}L${x + arm},${y + arm}M${x - arm},${y + arm}L${x + arm},${y - arm}`;
      const shapes = [s("path", { d: path, class: "acf-cross-rim" }), s("path", { d: path, class: "acf-cross" })];
      if (text) {
        const left = x > this.size[1] - 24 * unit;
        const place = { x: x + (left ? -12 : 12) * unit, y: y + 5 * unit, "font-size": 15 * unit };
        shapes.push(s("text", { ...place, "text-anchor": left ? "end" : "start", class: "acf-pin" }, text));
      }
      return shapes;
    });
    this.overlay.replaceChildren(...shapes);
  }

  // Names of classes inside their areas: [[class, row, column]]; one that would touch another or a cross is left out.
  write(places, classes) {
    if (!this.width) return;
    const unit = this.size[1] / this.width;
    const boxes = this.marks.map(({ pixel: [row, column] }) => [column - 10 * unit, row - 10 * unit, column + 10 * unit, row + 10 * unit]);
    const shapes = places.flatMap(([label, row, column]) => {
      const half = 0.5 * LETTER * classes[label].length * unit;
      const x = Math.max(half, Math.min(this.size[1] - half, column + 0.5));
      const box = [x - half, row - 6 * unit, x + half, row + 6 * unit];
      if (boxes.some((other) => overlap(box, other))) return [];
      boxes.push(box);
      return [s("text", { x, y: row + 4 * unit, "font-size": 11 * unit, "text-anchor": "middle" }, classes[label])];
    });
    this.names.replaceChildren(...shapes);
  }

  // Calls `pick([row, column])` for a click, and while the pointer is dragged.
  onPick(pick) {
    const stack = this.stack;
    const picked = (event) => pick(pixelAt(event, this.canvas, this.size).map(Math.floor));
    stack.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stack.setPointerCapture(event.pointerId);
      if (stack.tabIndex === 0) stack.focus({ preventScroll: true });
      event.preventDefault();
      picked(event);
    });
    stack.addEventListener("pointermove", (event) => stack.hasPointerCapture(event.pointerId) && picked(event));
  }
}

export const BETWEEN = 12; // panels, in CSS pixels, as in the style sheet
const LEAST = { 4: 190, 2: 150, 1: 0 }; // of each, for so many in a line
const MOST = 384;

// Panels in lines of four, two or one, so that none stands alone; as wide as `width`, or where that is 0 as there is
// room. Each is painted by `sized(panel, width)`.
export function arrange(row, panels, width, room, sized) {
  const shown = panels.filter((panel) => !panel.root.hidden);
  const least = (count) => (width ? Math.min(width, room) : LEAST[count]);
  const abreast = [4, 2, 1].find((count) => count * (least(count) + BETWEEN) - BETWEEN <= room) || 1;
  const each = width ? least(1) : Math.min(MOST, room, Math.floor((room + BETWEEN) / abreast) - BETWEEN);
  row.style.display = "grid";
  row.style.gridTemplateColumns = `repeat(${abreast}, ${each}px)`;
  shown.forEach((panel, i) => {
    panel.root.style.gridColumn = i === 0 && abreast === 2 && shown.length % 2 && shown.length > 1 ? "1 / -1" : "";
    sized(panel, each);
  });
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Arrow keys on an element move a pixel; with Shift by `leap` pixels.
export function onArrows(element, current, size, leap, move) {
  element.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const length = event.shiftKey ? leap() : 1;
    move(current().map((place, axis) => Math.max(0, Math.min(size()[axis] - 1, place + length * step[axis]))));
  });
}
