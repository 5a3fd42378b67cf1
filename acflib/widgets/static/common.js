// What the three views share: elements, panels that show a picture or a map, and the way of an action to Python and back.

// matplotlib's viridis, 256 colors of three bytes: perceptually even, and readable without color vision.
export const VIRIDIS = Uint8Array.from(
  (
    "44015444025544035745055845065a45085b46095c460b5e460c5f460e61470f6247116347126547146647156747166947186a" +
    "48196b481a6c481c6e481d6f481e70482071482172482273482374472575472676472777472878472a79472b7a472c7b462d7c" +
    "462f7c46307d46317e45327f45347f453580453681443781443982433a83433b83433c84423d84423e85424085414186414286" +
    "4043874044873f45873f47883e48883e49893d4a893d4b893d4c893c4d8a3c4e8a3b508a3b518a3a528b3a538b39548b39558b" +
    "38568b38578c37588c37598c365a8c365b8c355c8c355d8c345e8d345f8d33608d33618d32628d32638d31648d31658d31668d" +
    "30678d30688d2f698d2f6a8d2e6b8e2e6c8e2e6d8e2d6e8e2d6f8e2c708e2c718e2c728e2b738e2b748e2a758e2a768e2a778e" +
    "29788e29798e287a8e287a8e287b8e277c8e277d8e277e8e267f8e26808e26818e25828e25838d24848d24858d24868d23878d" +
    "23888d23898d22898d228a8d228b8d218c8d218d8c218e8c208f8c20908c20918c1f928c1f938b1f948b1f958b1f968b1e978a" +
    "1e988a1e998a1e998a1e9a891e9b891e9c891e9d881e9e881e9f881ea0871fa1871fa2861fa38620a48520a58521a68521a784" +
    "22a78423a88323a98224aa8225ab8126ac8127ad8028ae7f29af7f2ab07e2bb17d2cb17d2eb27c2fb37b30b47a32b57a33b679" +
    "35b77836b87738b97639b9763bba753dbb743ebc7340bd7242be7144be7045bf6f47c06e49c16d4bc26c4dc26b4fc36951c468" +
    "53c56755c66657c66559c7645bc8625ec96160c96062ca5f64cb5d67cc5c69cc5b6bcd596dce5870ce5672cf5574d05477d052" +
    "79d1517cd24f7ed24e81d34c83d34b86d44988d5478bd5468dd64490d64392d74195d73f97d83e9ad83c9dd93a9fd938a2da37" +
    "a5da35a7db33aadb32addc30afdc2eb2dd2cb5dd2bb7dd29bade27bdde26bfdf24c2df22c5df21c7e01fcae01ecde01dcfe11c" +
    "d2e11bd4e11ad7e219dae218dce218dfe318e1e318e4e318e7e419e9e419ece41aeee51bf1e51cf3e51ef6e61ff8e621fae622" +
    "fde724"
  ).match(/../g),
  (byte) => parseInt(byte, 16),
);

const SVG = "http://www.w3.org/2000/svg";
const NO_ANSWER_MS = 20000;
const UPLOAD_PART = 4 * 2 ** 20; // bytes; servers close a connection on a message above 10 MB

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

// Buffers arrive as DataViews at any offset.
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
export const rawOf = (view) => bytesOf(view).slice();
export const floatsOf = (view) => new Float32Array(bytesOf(view).slice().buffer);

// A class map of (height, width), from runs of three bytes: label, and length with its lower byte first.
export function labelsOf(view, [height, width]) {
  if (!view) return null;
  const runs = bytesOf(view);
  const labels = new Uint8Array(height * width);
  for (let i = 0, place = 0; i < runs.length; i += 3) {
    const end = place + runs[i + 1] + 256 * runs[i + 2];
    labels.fill(runs[i], place, end);
    place = end;
  }
  return labels;
}

// ---- to Python and back

// One action is on its way at a time. Actions that wait: a new one is merged with the last if both have the same `key`,
// by default by taking its place. So a quick hand never fills the line, and the last state is the last asked for.
export function connect(model, onFrame, onSilence) {
  const client = Math.random().toString(36).slice(2);
  const queue = [];
  let seq = 0;
  let sent = null;
  let shown = -1;

  function ask(action, { key = null, merge = (_, next) => next, parts = null } = {}) {
    const last = queue[queue.length - 1];
    if (key !== null && last && last.key === key) last.action = merge(last.action, action);
    else queue.push({ action, key, parts });
    next();
  }

  function next() {
    if (sent || !queue.length) return;
    const { action, parts } = queue.shift();
    seq += 1;
    sent = { seq, at: performance.now() };
    if (!parts) model.send({ ...action, client, seq });
    else parts.forEach((part, i) => model.send({ ...action, client, seq, part: i, parts: parts.length }, undefined, [part]));
  }

  function receive() {
    const frame = model.get("frame");
    const reply = frame.reply;
    if (sent && reply && reply.client === client && reply.seq >= sent.seq) sent = null;
    if (frame.version > shown || frame.version === 1) {
      shown = frame.version;
      onFrame(frame);
    }
    next();
  }

  const alive = () => sent && (sent.at = performance.now());
  const watch = setInterval(() => {
    if (sent && performance.now() - sent.at > NO_ANSWER_MS) {
      sent = null;
      onSilence();
      next();
    }
  }, 1000);
  model.on("change:frame", receive);
  model.on("change:busy", alive);
  return {
    ask,
    receive,
    idle: () => !sent && !queue.length,
    close() {
      clearInterval(watch);
      model.off("change:frame", receive);
      model.off("change:busy", alive);
    },
  };
}

// ---- painting

export function paintLabels(canvas, labels, [height, width], colors) {
  const picture = new ImageData(width, height);
  for (let i = 0; i < labels.length; i++) {
    const color = colors[labels[i]] || [0, 0, 0]; // ignored pixels are black
    picture.data.set([color[0], color[1], color[2], 255], 4 * i);
  }
  put(canvas, picture);
}

// Values (h, w) over a picture of `size`, as the network upsamples: the nearest cell, or bilinear where `smooth`.
export function paintMap(canvas, { values, height, width, align }, size, [low, high], smooth) {
  const picture = new ImageData(size[1], size[0]);
  const rows = line(size[0], height, align, smooth);
  const columns = line(size[1], width, align, smooth);
  const factor = 255 / (high - low || 1);
  let place = 0;
  for (const [r0, r1, rt] of rows) {
    for (const [c0, c1, ct] of columns) {
      const top = (1 - ct) * values[r0 * width + c0] + ct * values[r0 * width + c1];
      const bottom = (1 - ct) * values[r1 * width + c0] + ct * values[r1 * width + c1];
      const value = ((1 - rt) * top + rt * bottom - low) * factor;
      const color = 3 * Math.max(0, Math.min(255, Math.round(value)));
      picture.data[place] = VIRIDIS[color];
      picture.data[place + 1] = VIRIDIS[color + 1];
      picture.data[place + 2] = VIRIDIS[color + 2];
      picture.data[place + 3] = 255;
      place += 4;
    }
  }
  put(canvas, picture);
}

// For each of `length` pixels: the two cells it lies between, and its way from the first to the second (0 to 1).
export function line(length, cells, align, smooth) {
  const found = [];
  for (let i = 0; i < length; i++) {
    let at = align ? (length > 1 ? (i / (length - 1)) * (cells - 1) : 0) : ((i + 0.5) * cells) / length - 0.5;
    if (!smooth) at = align ? Math.floor(at + 0.5) : Math.floor((i * cells) / length);
    at = Math.max(0, Math.min(cells - 1, at));
    const first = Math.floor(at);
    found.push([first, Math.min(first + 1, cells - 1), at - first]);
  }
  return found;
}

export function paintRGB(canvas, bytes, [height, width]) {
  const picture = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) picture.data.set([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255], 4 * i);
  put(canvas, picture);
}

function put(canvas, picture) {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  canvas.paints = (canvas.paints || 0) + 1; // an image that is still being decoded must not paint over this
}

// A PNG is decoded in the background; a newer picture that was painted meanwhile stays.
export async function paintPNG(canvas, view, [height, width]) {
  const order = (canvas.paints = (canvas.paints || 0) + 1);
  const bitmap = await createImageBitmap(new Blob([bytesOf(view)], { type: "image/png" }), { colorSpaceConversion: "none" });
  if (canvas.paints !== order) return;
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

// ---- panels

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
    this.title = title;
    this.caption = h("figcaption", {}, title);
    this.canvas = h("canvas", { role: "img", "aria-label": label });
    this.overlay = s("svg", { "aria-hidden": "true" });
    this.names = s("svg", { "aria-hidden": "true", class: "acf-names" });
    this.stack = h("div", { class: "acf-stack" }, this.canvas, this.names, this.overlay);
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
    this.title = title;
    this.caption.textContent = title;
    this.canvas.setAttribute("aria-label", title);
  }

  // While the pointer is over the panel, its caption names what lies there: colors alone do not tell all readers.
  onHover(name) {
    let at = null;
    this.tell = () => (this.caption.textContent = at ? `${this.title}: ${name(at)}` : this.title);
    this.stack.addEventListener("pointermove", (event) => {
      at = pixelAt(event, this.canvas, this.size);
      this.tell();
    });
    this.stack.addEventListener("pointerleave", () => {
      at = null;
      this.tell();
    });
  }

  setSize(size, width) {
    [this.size, this.width] = [size, width];
    this.stack.style.width = `${width}px`;
    this.stack.style.height = `${(width * size[0]) / size[1]}px`;
    for (const layer of [this.names, this.overlay]) layer.setAttribute("viewBox", `0 0 ${size[1]} ${size[0]}`);
    this.root.style.width = `${width}px`;
  }

  // Crosses: [{ pixel: [row, column], text }].
  mark(marks) {
    this.marks = marks;
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

// Read a file and send it in parts.
export async function upload(file, ask) {
  const content = await file.arrayBuffer();
  const parts = [];
  for (let from = 0; from === 0 || from < content.byteLength; from += UPLOAD_PART) {
    parts.push(content.slice(from, from + UPLOAD_PART));
  }
  ask({ do: "upload", name: file.name }, { parts });
}

export function swatch(color) {
  return h("span", { class: "acf-swatch", style: `background: ${css(color)}`, "aria-hidden": "true" });
}

export const chip = (color, text) => h("span", { class: "acf-chip" }, swatch(color), text);

export function className(scenery, number) {
  return number === null || number === undefined ? "unknown" : number === 255 ? "ignored" : scenery.classes[number];
}

// The name of the class at [row, column] of a picture, from a class map of `cells` that covers it.
export function classAt(scenery, labels, cells, at) {
  const [row, column] = at.map((place, axis) => Math.floor((place * cells[axis]) / scenery.size[axis]));
  return className(scenery, labels[row * cells[1] + column]);
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

export function colorBar([low, high], label) {
  const canvas = h("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const picture = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) picture.data.set([...VIRIDIS.slice(3 * i, 3 * i + 3), 255], 4 * i);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  const ticks = [low, (low + high) / 2, high].map((value) => h("span", {}, String(Math.round(1000 * value) / 1000)));
  return h("div", { class: "acf-colorbar" }, h("div", {}, label), canvas, h("div", { class: "acf-ticks" }, ...ticks));
}
