// Elements of a page: controls, bars, and the classes with their colors and names.

const SVG = "http://www.w3.org/2000/svg";

// An element: h("button", { class: "x", onclick: f }, "text", child). Names in camel case are properties of the element.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on") || name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const css = ([red, green, blue]) => `rgb(${red}, ${green}, ${blue})`;
export const percent = (share) => (share > 0 && share < 0.005 ? "<1 %" : `${(100 * share).toFixed(0)} %`);

// ---- controls

export function slider(label, { min, max, step, value, oninput, format = String, spoken = label }) {
  const output = h("output");
  const input = h("input", { type: "range", min, max, step, value, "aria-label": spoken });
  input.addEventListener("input", () => {
    show(input.valueAsNumber);
    oninput(input.valueAsNumber);
  });
  const set = (given) => {
    if (input.valueAsNumber !== given) input.value = given;
    show(given);
  };
  const show = (given) => {
    output.textContent = format(given);
    input.setAttribute("aria-valuetext", format(given));
  };
  show(value);
  return { root: h("label", { class: "acf-control" }, label, input, output), input, set };
}

// `spoken` is for those who hear the label alone, without what stands around it.
export function choice(label, options, onchange, spoken = label) {
  const input = h("select", { "aria-label": spoken });
  const fill = (given) => input.replaceChildren(...given.map(([value, text]) => h("option", { value }, text)));
  fill(options);
  input.addEventListener("change", () => onchange(input.value));
  const set = (value) => input.value !== String(value) && (input.value = value);
  return { root: h("label", { class: "acf-control" }, label, input), input, set, fill };
}

export function checkbox(label, onchange) {
  const input = h("input", { type: "checkbox" });
  input.addEventListener("change", () => onchange(input.checked));
  return { root: h("label", { class: "acf-control" }, input, label), input };
}

export const button = (text, onclick, title = "") => h("button", { type: "button", class: "acf-button", onclick, title }, text);

// ---- classes and shares

export function swatch(color) {
  return h("span", { class: "acf-swatch", style: `background: ${css(color)}`, "aria-hidden": "true" });
}

export const chip = (color, text) => h("span", { class: "acf-chip" }, swatch(color), text);

export function className(scenery, number) {
  return number === null || number === undefined ? "unknown" : number === 255 ? "ignored" : scenery.classes[number];
}

// The cell under a pixel of a side: as CellGrid.cell of Python.
export function cellAt(pixel, length, cells, align, step) {
  return align ? Math.floor(pixel / step + 0.5) : Math.floor((pixel * cells) / length);
}

// The name of the class at [row, column] of a picture, from a class map of `cells` that part it equally.
export function classAt(scenery, labels, cells, at) {
  const [row, column] = at.map((place, axis) => cellAt(place, scenery.size[axis], cells[axis], false));
  return className(scenery, labels[row * cells[1] + column]);
}

// The classes of a class map in words, the largest first.
export function sharesOf(labels, classes) {
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) || 0) + 1);
  const order = [...counts].filter(([label]) => label < classes.length).sort((a, b) => b[1] - a[1]);
  return order.map(([label, count]) => `${classes[label]} ${percent(count / labels.length)}`).join(", ") || "no class";
}

// A map of values in words.
export function rangeOf(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  return `from ${low.toFixed(2)} to ${high.toFixed(2)}, mean ${mean.toFixed(2)}`;
}

export const colorOf = (scenery, number) => scenery.colors[number] || [0, 0, 0];

// The classes that occur in class maps, as chips.
export function legend(scenery, maps) {
  const seen = new Set();
  for (const labels of maps) if (labels) for (const label of labels) seen.add(label);
  seen.delete(255);
  const numbers = [...seen].sort((a, b) => a - b);
  return { numbers, chips: numbers.map((i) => chip(colorOf(scenery, i), scenery.classes[i])) };
}

export function bar(share, color) {
  const width = `${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%`;
  return h("span", { class: "acf-bar" }, h("span", { style: `width: ${width}; background: ${color}` }));
}
