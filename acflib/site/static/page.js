// The playground: what a person does changes the state; the state is run through the network and painted.

import { h } from "../widgets/elements.js";
import { Network } from "./network.js";
import { Scene } from "./scene.js";
import { galleryPicture, ownPicture } from "./pictures.js";
import { fromAddress, tenths, toAddress } from "./address.js";
import { makeView } from "./view.js";
import { makeTour } from "./tour.js";

const OWN = "own";
const REMEMBER_MS = 250;
const MAX_POINTS = 5000; // of a stroke; a longer one goes on as another
const place = (id) => document.getElementById(id);
const root = place("play");

let network, view, tour;
let scene = null;
const state = { picture: "", pixel: [0, 0], edits: [] };
const dirty = { edits: false, pixel: false };
let opening = 0; // counts pictures that were asked for: the last one wins
let working = null;
let version = 0;
let undone = []; // edits that were taken back, the last one last

function tell(text, kind = "message") {
  for (const id of ["message", "note"]) {
    place(id).textContent = id === kind ? text : "";
    place(id).hidden = id !== kind || !text;
  }
  place("say").hidden = !text;
}

// ---- what a hand does

const hand = {
  note: (text) => tell(text, "note"),
  undone: () => undone.length,
  pick(pixel) {
    state.pixel = pixel.map(Math.floor);
    refresh("pixel");
  },
  paint(label, radius, point, stroke) {
    const last = state.edits.at(-1);
    const rounded = tenths(point);
    if (last && last.stroke === stroke && last.points.length < MAX_POINTS) {
      const end = last.points.at(-1);
      if (end[0] === rounded[0] && end[1] === rounded[1]) return;
      last.points.push(rounded);
    } else {
      state.edits.push({ do: "stroke", label, radius, points: last && last.stroke === stroke ? [last.points.at(-1), rounded] : [rounded], stroke });
      undone = [];
    }
    refresh("edits");
  },
  edit(edit) {
    const already = isDone(edit);
    tell(already, "note");
    if (already) return;
    state.edits.push(edit);
    undone = [];
    refresh("edits");
  },
  undo() {
    if (state.edits.length) undone.push(state.edits.pop());
    refresh("edits");
  },
  redo() {
    if (undone.length) state.edits.push(undone.pop());
    refresh("edits");
  },
  reset() {
    undone = state.edits.splice(0).reverse(); // "Redo" brings them back, one by one
    refresh("edits");
  },
};

// A line of text where an edit would change nothing.
function isDone(edit) {
  const name = network.about.classes[edit.label];
  if (edit.do === "absent" && scene.absent(edit.label)) return `${name} is absent already: no cell of the coarse guess is most likely ${name}.`;
  if (edit.do === "alike" && scene.alike) return "All centers are alike already.";
  return edit.do === "truth" && state.edits.at(-1)?.do === "truth" ? "The truth is in use already." : "";
}

// Ctrl+Z takes an edit back, with Shift it comes again; Cmd on a Mac.
function onKey(event) {
  if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.altKey || !scene) return;
  event.preventDefault();
  event.shiftKey ? hand.redo() : hand.undo();
}

// Runs until what is painted is what was asked for last; a second call while it runs only leaves a note.
function refresh(what) {
  dirty[what] = true;
  working ||= work().finally(() => (working = null));
  return working;
}

async function work() {
  try {
    while (scene && (dirty.edits || dirty.pixel)) {
      const [edits, current] = [dirty.edits, scene];
      dirty.edits = dirty.pixel = false;
      if (edits) {
        await current.edit([...state.edits]);
        if (current !== scene) continue;
        view.paintMaps();
      }
      view.paintPixel(state.pixel);
      root.dataset.pixel = state.pixel.join(",");
      root.dataset.edits = state.edits.length;
      root.dataset.version = ++version;
      rememberSoon();
    }
  } catch (error) {
    tell(`The network stopped: ${error.message}`);
    throw error;
  }
}

// ---- pictures

async function openPicture(load, name, { pixel = null, edits = [] } = {}) {
  const order = ++opening;
  busy("running the network");
  try {
    const picture = await load();
    const found = await Scene.of(network, picture);
    if (network.baseline) await found.addBaseline();
    if (order !== opening) return;
    const inside = pixel && pixel.every((at, axis) => at >= 0 && at < found.size[axis]);
    tell(picture.note, "note");
    if (pixel && !inside) tell(`The link names the pixel ${pixel.join(", ")}, which is outside this picture.`);
    await show(found, name, inside ? pixel : found.size.map((side) => Math.floor(side / 2)), edits);
  } catch (error) {
    if (order === opening) tell(error.message + (scene ? ". The former picture is still shown." : ""));
  } finally {
    if (order === opening) busy("");
  }
}

async function show(found, name, pixel, edits) {
  scene = found;
  undone = [];
  Object.assign(state, { picture: name, pixel, edits: [...edits] });
  for (const item of place("gallery").children) {
    item.classList.toggle("current", item.dataset.name === name);
    if (item.type === "button") item.setAttribute("aria-pressed", String(item.dataset.name === name));
  }
  root.hidden = false; // before its panels are fitted to it
  view.open(scene);
  root.dataset.picture = name;
  dirty.edits = true;
  await refresh("pixel");
}

// What is shown now, as a function that shows it again.
function keep() {
  const [kept, { picture, pixel, edits }] = [scene, structuredClone(state)];
  return async () => {
    opening++; // a picture that is still on its way comes too late
    if (network.baseline) await kept.addBaseline();
    await show(kept, picture, pixel, edits);
  };
}

const openGallery = (item, more) => openPicture(() => galleryPicture(item), item.name, more);
const openOwn = (file) => openPicture(() => ownPicture(file, network.about), OWN);

function busy(text) {
  place("busy").textContent = text;
  document.body.dataset.busy = text ? "yes" : "no";
}

function makeGallery() {
  const own = place("file").parentElement;
  own.dataset.name = OWN;
  for (const item of network.about.gallery) {
    const image = h("img", { src: item.image, alt: "", width: 128, height: 64 });
    const open = h("button", { type: "button", class: "thumb", onclick: () => openGallery(item), title: (item.holds || []).join(", ") }, image, item.title);
    open.dataset.name = item.name;
    open.setAttribute("aria-pressed", "false");
    own.before(open);
  }
  const file = place("file");
  file.addEventListener("change", () => {
    if (file.files.length) openOwn(file.files[0]);
    file.value = "";
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) openOwn(event.dataTransfer.files[0]);
  });
}

// ---- the address

let written = "";
let waiting = null;

// A little later, so that a quick hand does not write the address hundreds of times, which browsers refuse.
const rememberSoon = () => (waiting ||= setTimeout(remember, REMEMBER_MS));

function remember() {
  clearTimeout(waiting);
  waiting = null;
  if (state.picture === OWN) return; // nobody else has this photograph
  const address = toAddress(state);
  if (address === written) return;
  written = address;
  history.replaceState(null, "", address);
}

async function follow() {
  if (location.hash === written && written) return;
  const gallery = network.about.gallery;
  let given = null;
  let wrong = "";
  try {
    given = fromAddress(location.hash, { classes: network.about.classes.length });
    if (given && !gallery.some(({ name }) => name === given.picture)) throw new Error(`there is no picture "${given.picture.slice(0, 40)}"`);
    const item = gallery.find(({ name }) => name === given?.picture);
    if (given && !item.truth && given.edits.some((edit) => edit.do === "truth")) throw new Error("this picture has no ground truth");
  } catch (error) {
    [given, wrong] = [null, `This link cannot be followed: ${error.message}.`];
  }
  const item = gallery.find(({ name }) => name === given?.picture) || gallery[0];
  await openGallery(item, given || {});
  if (wrong) tell(wrong);
}

async function copyLink() {
  if (state.picture === OWN) return tell("A link cannot hold your own photograph; choose a picture of the gallery.");
  remember();
  try {
    await navigator.clipboard.writeText(location.href);
    tell("The link to this view is in the clipboard.", "note");
  } catch {
    tell("Copy the address of this page: it holds picture, pixel and changes.", "note");
  }
}

// ---- the beginning

async function begin() {
  busy("loading the network");
  try {
    network = await Network.load();
    view = makeView(network.about, hand);
    tour = makeTour({ about: network.about, open: openGallery, keep, scene: () => scene, set: (changes) => {
      Object.assign(state, changes);
      undone = [];
      dirty.pixel = true;
      return refresh("edits");
    } });
    makeGallery();
    place("tour-start").addEventListener("click", () => tour.start());
    place("copy").addEventListener("click", copyLink);
    place("hush").addEventListener("click", () => tell(""));
    document.addEventListener("keydown", onKey);
    await follow();
    window.addEventListener("hashchange", follow);
    await network.loadBaseline();
    if (scene) {
      await scene.addBaseline();
      await refresh("pixel");
    }
    document.body.dataset.ready = "yes";
  } catch (error) {
    busy("");
    tell(`The page could not start: ${error.message}`);
    throw error;
  }
}

// For the console, and for tests that compare these numbers with PyTorch's.
window.acflib = { state, scene: () => scene, network: () => network, settled: () => working };
begin();
