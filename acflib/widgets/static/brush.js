// A brush on a panel: mouse, finger or keys (arrows move it, the space bar paints).

import { s } from "./elements.js";
import { onArrows, pixelAt } from "./panel.js";

// `size` and `radius` give those of the picture and of the brush, in its pixels. `paint(point, stroke)` is called for
// each point [row, column], in pixels and fractions; points of one stroke have the same number. `rests(event)` says that a
// pointer does not paint now: a finger may want to scroll. `reach(point)` is told where keys have led it, null when they leave.
export function addBrush(panel, { size, radius, paint, rests = () => false, reach = () => {} }) {
  let cursor = [0, 0];
  let stroke = 0;
  const { stack } = panel;
  const layer = panel.addLayer();
  panel.root.classList.add("acf-paint");

  function show() {
    if (!size()) return;
    const place = { cx: cursor[1], cy: cursor[0], r: radius() };
    layer.replaceChildren(s("circle", { ...place, class: "acf-brush-rim" }), s("circle", { ...place, class: "acf-brush" }));
  }

  const hide = () => layer.replaceChildren();
  const under = (event) => pixelAt(event, panel.canvas, size());

  function paintAt(point) {
    cursor = point;
    show();
    paint(point, stroke);
  }

  function begin(point) {
    stroke = 1 + Math.floor(Math.random() * 1e9); // two views of one laboratory must not continue each other's strokes
    paintAt(point);
  }

  stack.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || rests(event)) return;
    stack.setPointerCapture(event.pointerId);
    stack.focus({ preventScroll: true });
    event.preventDefault();
    reach(null); // the pointer has taken over
    begin(under(event));
  });
  stack.addEventListener("pointermove", (event) => {
    if (rests(event)) return;
    cursor = under(event);
    show();
    if (stack.hasPointerCapture(event.pointerId)) paintAt(cursor);
  });
  stack.addEventListener("pointerleave", hide);
  stack.addEventListener("blur", () => {
    hide();
    reach(null);
  });
  stack.addEventListener("focus", () => {
    show();
    if (stack.matches(":focus-visible")) reach(cursor);
  });
  onArrows(stack, () => cursor.map(Math.floor), size, () => 8, ([row, column]) => {
    cursor = [row + 0.5, column + 0.5];
    show();
    reach(cursor);
  });
  stack.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat) begin(cursor); // a key held down is one stroke
  });
  const toMiddle = () => (cursor = [size()[0] / 2, size()[1] / 2]);
  return { show, toMiddle };
}
