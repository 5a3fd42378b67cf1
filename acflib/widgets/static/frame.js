// The frame around each view: toolbar, status, message, progress, choice of picture and upload; and saving as PNG.

import { h, button, checkbox, choice, css } from "./elements.js";
import { connect, upload } from "./link.js";

const STATES = {
  gone: "The kernel that made this view is gone, so it is a still picture. Run its cell again; in the app, load the page again.",
  silent: "Python does not answer. If a cell is running, wait; if not, run this view's cell again.",
};

// Builds the frame. `view` has paint(frame, scenery), scene(scenery), tools (elements) and body (elements).
export function makeView(model, el, name, build) {
  const status = h("div", { class: "acf-status", role: "status", "aria-live": "polite" });
  const message = h("div", { class: "acf-message", role: "alert", hidden: true });
  const note = h("div", { class: "acf-note", hidden: true });
  const progressBar = h("progress", { "aria-label": "progress" });
  const progressText = h("span", {});
  const progress = h("div", { class: "acf-progress", hidden: true }, progressBar, progressText);
  const root = h("section", { class: "acf-root", "aria-label": name, "data-lm-suppress-shortcuts": "true" });
  const live = [h("div", {}), h("div", {})]; // all that a hand can change
  const link = connect(model, paint, showState);
  const view = build({ ask: link.ask, model });

  const gallery = choice("Picture", [], (index) => link.ask({ do: "picture", index: Number(index) }));
  const file = h("input", { type: "file", accept: "image/*", "aria-label": "Upload a photograph" });
  file.addEventListener("change", () => {
    if (file.files.length) upload(file.files[0], link.ask);
    file.value = "";
  });
  const fileLabel = h("label", { class: "acf-button acf-file" }, "Upload a photograph", file);
  const save = button("Save as PNG", () => savePNG(view, model.get("scenery"), name));
  const names = checkbox("Names in the maps", (on) => root.classList.toggle("acf-unnamed", !on));
  names.input.checked = true;
  const scale = choice("Network sees it", [], (value) => link.ask({ do: "rescale", scale: value }));
  scale.root.classList.add("acf-scale");
  const pictureTools = h("div", { class: "acf-tools acf-picture-tools" }, gallery.root, fileLabel, scale.root, save, names.root);

  let version = null;

  // Without Python nothing here can change: no control takes a click, and each shows what is shown.
  function showState(state) {
    for (const part of live) part.inert = state !== "live";
    root.dataset.python = state;
    if (state === "live") return;
    const frame = model.get("frame");
    if (frame.version !== undefined) paint(frame);
    tell(STATES[state]);
  }

  function chooseShown(scenery) {
    const index = scenery.gallery.indexOf(scenery.name);
    gallery.input.selectedIndex = index < 0 ? gallery.input.length - 1 : index;
    scale.input.value = scenery.scale;
  }

  // A mistake of a call in a cell is told, but not as an alarm: nobody who looks at this view made it.
  function tell(text, quiet = false) {
    message.textContent = text && quiet ? `A call from Python: ${text}` : text;
    message.classList.toggle("acf-quiet", quiet);
    message.hidden = !text;
  }

  function paint(frame) {
    const scenery = model.get("scenery");
    const has = scenery.version !== undefined && frame.pixel !== undefined;
    if (has && scenery.version !== version) {
      version = scenery.version;
      const names = scenery.gallery.map((item, i) => [i, item]);
      const index = scenery.gallery.indexOf(scenery.name);
      if (index < 0) names.push(["", scenery.name]); // a picture of the user's own
      gallery.fill(names);
      gallery.root.hidden = names.length < 2;
      scale.fill(scenery.scales);
      scale.root.hidden = !scenery.scales.length;
      note.textContent = `${scenery.name}: ${scenery.note}`;
      note.hidden = !scenery.note;
      view.scene(scenery);
    }
    for (const element of [...view.tools, ...view.body, save]) element.hidden = !has;
    if (has) {
      chooseShown(scenery);
      view.paint(frame, scenery);
      if (status.textContent !== frame.spoken) status.textContent = status.title = frame.spoken;
      root.dataset.pixel = frame.pixel.join(",");
    }
    tell(frame.message || "", frame.quiet);
    root.dataset.version = frame.version;
  }

  function showBusy() {
    const busy = model.get("busy");
    progress.hidden = !busy.text;
    if (!busy.text) return;
    progressBar.max = busy.total;
    progressBar.value = busy.done;
    progressText.textContent = `${busy.text} (step ${busy.done + 1} of ${busy.total})`;
  }

  model.on("change:busy", showBusy);
  live[0].append(pictureTools, ...view.tools);
  live[1].append(...view.body);
  // What is said has a place of its own height: pictures must not move under a hand.
  root.append(live[0], h("div", { class: "acf-lines" }, status, message, progress, note), live[1]);
  // Keys that a control handles stay here: the notebook has shortcuts of its own.
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (view.onKey) view.onKey(event);
  });
  el.append(root);
  let room = 0;
  const observer = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (!width || width === room) return;
    room = width;
    view.fit(width);
  });
  observer.observe(root);
  root.dataset.python = "live";
  link.begin();
  showBusy();
  return () => {
    link.close();
    observer.disconnect();
    model.off("change:busy", showBusy);
  };
}

// ---- saving

const GAP = 12;
const TEXT = 18;

// All panels in rows, with captions, crosses, color bar and legend, on white, as a file.
function savePNG(view, scenery, name) {
  const { rows, bar, legend } = view.picture();
  const scale = Math.max(1, Math.round(384 / scenery.size[1]));
  const [height, width] = scenery.size.map((side) => side * scale);
  const columns = Math.max(...rows.map((row) => row.length));
  const all = columns * (width + GAP) + GAP;
  const perLine = Math.max(1, Math.floor(all / 150));
  const legendLines = Math.ceil(legend.length / perLine);
  const total = rows.length * (height + TEXT + GAP) + GAP + (bar ? 48 : 0) + legendLines * 22;
  const canvas = h("canvas", { width: all, height: total });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, all, total);
  context.font = "14px sans-serif";
  context.imageSmoothingEnabled = false;
  let y = GAP;
  for (const row of rows) {
    row.forEach((panel, i) => drawPanel(context, panel, GAP + i * (width + GAP), y, width, height, scale));
    y += height + TEXT + GAP;
  }
  if (bar) {
    context.drawImage(bar.canvas, GAP, y, 256, 12);
    context.fillStyle = "black";
    context.fillText(`${bar.range[0]} to ${bar.range[1]}: ${bar.label}`, GAP, y + 30);
    y += 48;
  }
  legend.forEach((number, i) => {
    const [left, top] = [GAP + (i % perLine) * 150, y + Math.floor(i / perLine) * 22];
    context.fillStyle = css(scenery.colors[number]);
    context.fillRect(left, top, 16, 14);
    context.strokeRect(left, top, 16, 14);
    context.fillStyle = "black";
    context.fillText(scenery.classes[number], left + 22, top + 12);
  });
  canvas.toBlob((blob) => {
    const address = URL.createObjectURL(blob);
    const link = h("a", { href: address, download: `${name.toLowerCase().replaceAll(" ", "-")}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }, "image/png");
}

function drawPanel(context, panel, x, y, width, height, scale) {
  context.fillStyle = "black";
  context.fillText(panel.title, x, y + 13, width);
  context.drawImage(panel.canvas, x, y + TEXT, width, height);
  for (const { pixel, text } of panel.marks) {
    const [mx, my] = [x + (pixel[1] + 0.5) * scale, y + TEXT + (pixel[0] + 0.5) * scale];
    for (const [color, line] of [["black", 5], ["white", 2.5]]) {
      [context.strokeStyle, context.lineWidth] = [color, line];
      context.beginPath();
      context.moveTo(mx - 9, my - 9);
      context.lineTo(mx + 9, my + 9);
      context.moveTo(mx - 9, my + 9);
      context.lineTo(mx + 9, my - 9);
      context.stroke();
    }
    [context.strokeStyle, context.lineWidth] = ["black", 3];
    if (text) context.strokeText(text, mx + 12, my + 5);
    context.fillStyle = "white";
    if (text) context.fillText(text, mx + 12, my + 5);
  }
  [context.strokeStyle, context.lineWidth] = ["black", 1];
}
