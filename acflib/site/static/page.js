// The playground: what a person does changes the state; the state is run through the network and painted.

import { h } from "../widgets/elements.js";
import { paintRGBA } from "../widgets/paint.js";
import { Network } from "./network.js";
import { Scene } from "./scene.js";
import { galleryPicture, ownPicture } from "./pictures.js";
import { OWN, fromAddress, toAddress } from "./address.js";
import { makeHand } from "./hand.js";
import { makeView } from "./view.js";
import { makeTour } from "./tour.js";

const REMEMBER_MS = 250;
const place = (id) => document.getElementById(id);
const root = place("play");

let network, view, tour;
let scene = null;
const state = { picture: "", pixel: [0, 0], edits: [] };
const dirty = { edits: false, pixel: false };
let opening = 0; // counts pictures that were asked for: the last one wins
let working = null;
let version = 0;
let keptOwn = null; // shows the own photograph again, as it was left

function tell(text, kind = "message") {
  for (const id of ["message", "note"]) {
    place(id).textContent = id === kind ? text : "";
    place(id).hidden = id !== kind || !text;
  }
  place("say").hidden = !text;
  dodge();
}

// The line may speak of "Undo": it never lies over the tools.
function dodge() {
  const line = place("say");
  line.classList.remove("low");
  const [own, tools] = [line, place("tools")].map((element) => element.getBoundingClientRect());
  line.classList.toggle("low", own.top < tools.bottom && tools.top < own.bottom);
}

// ---- what a hand does

const hand = makeHand({ state, scene: () => scene, about: () => network.about, refresh, note: (text) => tell(text, "note") });

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
      tour?.check();
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
  leave(name);
  scene = found;
  Object.assign(state, { picture: name, pixel, edits: [...edits] });
  hand.begin();
  for (const item of place("gallery").children) {
    item.classList.toggle("current", item.dataset.name === name);
    if (item.type === "button") item.setAttribute("aria-pressed", String(item.dataset.name === name));
  }
  showOwn(name === OWN);
  root.hidden = false; // before its panels are fitted to it
  view.open(scene);
  root.dataset.picture = name;
  dirty.edits = true;
  await refresh("pixel");
}

// Before another picture is shown: what this one shows stays in the address, for the browser's "Back".
function leave(name) {
  if (!scene || name === state.picture || tour.isOpen()) return;
  if (state.picture === OWN) keptOwn = keep();
  if (writtenPicture === name) return; // the browser went back or forward
  remember();
  if (state.edits.length) tell("The former picture begins anew when you choose it. “Back” of the browser brings it with your changes.", "note");
}

// The tile of the photograph: its thumbnail and name, and whether it is what is shown.
function showOwn(chosen) {
  place("of-own").hidden = !chosen;
  place("of-streets").hidden = chosen;
  const { name } = scene.picture;
  if (chosen) {
    const small = h("canvas", { width: scene.size[1], height: scene.size[0], "aria-hidden": "true" });
    paintRGBA(small, scene.picture.pixels, scene.size);
    document.querySelector(".own > :first-child").replaceWith(small);
    place("own-name").textContent = name;
  }
  const file = place("file");
  file.parentElement.title = chosen ? `${name}; it stays on this computer` : "It stays on this computer";
  file.setAttribute("aria-label", `Load your own photograph; it stays on this computer${chosen ? `. Chosen now: ${name}` : ""}`);
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
// The tile of the picture that is shown takes all changes back.
const choose = (item) => (state.picture === item.name ? hand.reset() : openGallery(item));
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
    const open = h("button", { type: "button", class: "thumb", onclick: () => choose(item), title: (item.holds || []).join(", ") }, image, item.title);
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
let writtenPicture = "";
let waiting = null;

// A little later, so that a quick hand does not write the address hundreds of times, which browsers refuse.
const rememberSoon = () => (waiting ||= setTimeout(remember, REMEMBER_MS));

// Another picture is another entry, so that "Back" leads to the former one. What a tour shows is not written: a reload
// brings back what was there before it.
function remember() {
  clearTimeout(waiting);
  waiting = null;
  const address = toAddress(state);
  if (address === written || tour.isOpen()) return;
  const another = writtenPicture && writtenPicture !== state.picture;
  [written, writtenPicture] = [address, state.picture];
  if (another) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

async function follow() {
  if (location.hash === written && written) return;
  if (scene && !location.hash.includes("picture=")) return; // a place of this page, such as #found
  await tour.end(); // if there is one
  const gallery = network.about.gallery;
  let given = null;
  let wrong = "";
  try {
    given = fromAddress(location.hash, { classes: network.about.classes.length, side: network.about.max_side });
    if (given?.picture === OWN) return await followOwn();
    if (given && !gallery.some(({ name }) => name === given.picture)) throw new Error(`there is no picture "${given.picture.slice(0, 40)}"`);
    const item = gallery.find(({ name }) => name === given?.picture);
    if (given && !item.truth && given.edits.some((edit) => edit.do === "truth")) throw new Error("this picture has no ground truth");
  } catch (error) {
    [given, wrong] = [null, `This link cannot be followed: ${error.message}.`];
  }
  const item = gallery.find(({ name }) => name === given?.picture) || gallery[0];
  [written, writtenPicture] = [location.hash, given ? item.name : writtenPicture];
  await openGallery(item, given || {});
  if (wrong) tell(wrong);
}

// "Back" to the photograph while the page is open shows it again; after a reload it is gone.
async function followOwn() {
  [written, writtenPicture] = [location.hash, OWN];
  if (keptOwn) return keptOwn();
  writtenPicture = ""; // the street takes the place of the photograph in the address
  await openGallery(network.about.gallery[0]);
  tell("Your photograph was not kept: load it again.");
}

async function copyLink() {
  if (state.picture === OWN) return tell("A link cannot hold your own photograph; choose a picture of the gallery.");
  remember();
  const link = new URL(toAddress(state), location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    tell("The link to this view is in the clipboard.", "note");
  } catch {
    tell(tour.isOpen() ? `The link to this view: ${link}` : "Copy the address of this page: it holds picture, pixel and changes.", "note");
  }
}

// ---- the beginning

async function begin() {
  busy("loading the network");
  try {
    network = await Network.load();
    view = makeView(network.about, hand);
    tour = makeTour({ about: network.about, open: openGallery, keep, scene: () => scene, state, set: (changes) => {
      Object.assign(state, changes);
      hand.begin();
      dirty.pixel = true;
      return refresh("edits");
    } });
    makeGallery();
    place("tour-start").addEventListener("click", () => tour.start());
    place("copy").addEventListener("click", copyLink);
    place("hush").addEventListener("click", () => tell(""));
    document.addEventListener("keydown", onKey);
    document.addEventListener("scroll", dodge, { passive: true });
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
