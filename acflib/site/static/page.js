// The playground: what a person does changes the state; the state is run through the network and painted.

import { h } from "../widgets/elements.js";
import { Network } from "./network.js";
import { Scene } from "./scene.js";
import { describe } from "./edits.js";
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

function tell(text, kind = "message") {
  for (const id of ["message", "note"]) {
    place(id).textContent = id === kind ? text : "";
    place(id).hidden = id !== kind || !text;
  }
}

// ---- what a hand does

const hand = {
  describe: (edit) => describe(edit, network.about.classes),
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
    }
    refresh("edits");
  },
  edit(edit) {
    if (edit.do === "absent" && scene.absent(edit.label)) {
      const name = network.about.classes[edit.label];
      return tell(`${name} is absent already: no cell of the coarse guess is most likely ${name}.`);
    }
    tell("");
    state.edits.push(edit);
    refresh("edits");
  },
  undo() {
    state.edits.pop();
    refresh("edits");
  },
  reset() {
    state.edits.length = 0;
    refresh("edits");
  },
};

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
    scene = found;
    const inside = pixel && pixel.every((at, axis) => at >= 0 && at < scene.size[axis]);
    Object.assign(state, { picture: name, pixel: inside ? pixel : scene.size.map((side) => Math.floor(side / 2)), edits: [...edits] });
    for (const item of place("gallery").children) item.setAttribute("aria-pressed", String(item.dataset.name === name));
    tell(picture.note, "note");
    if (pixel && !inside) tell(`The link names the pixel ${pixel.join(", ")}, which is outside this picture.`);
    root.hidden = false; // before its panels are fitted to it
    view.open(scene);
    root.dataset.picture = name;
    dirty.edits = true;
    await refresh("pixel");
  } catch (error) {
    if (order === opening) tell(error.message);
  } finally {
    if (order === opening) busy("");
  }
}

const openGallery = (item, more) => openPicture(() => galleryPicture(item), item.name, more);
const openOwn = (file) => openPicture(() => ownPicture(file, network.about), OWN);

function busy(text) {
  place("busy").textContent = text;
  document.body.dataset.busy = text ? "yes" : "no";
}

function makeGallery() {
  for (const item of network.about.gallery) {
    const image = h("img", { src: item.image, alt: "", width: 128, height: 64 });
    const open = h("button", { type: "button", class: "thumb", onclick: () => openGallery(item) }, image, item.title);
    open.dataset.name = item.name;
    open.setAttribute("aria-pressed", "false");
    place("gallery").append(open);
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
    tour = makeTour({ about: network.about, open: openGallery, scene: () => scene, set: (changes) => {
      Object.assign(state, changes);
      dirty.pixel = true;
      return refresh("edits");
    } });
    makeGallery();
    place("tour-start").addEventListener("click", () => tour.start());
    place("copy").addEventListener("click", copyLink);
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
