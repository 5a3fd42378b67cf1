// The state of the page in its address, behind the #, so that a link shows what its sender saw:
//   #picture=street-3&pixel=90,130&edits=s11.10.605,1203_5,12~a13~t
// A stroke holds class, radius and points in tenths of a pixel, the first one whole, the others as steps from the last.

import { MAX_RADIUS } from "./edits.js";

const MAX_EDITS = 500;
const MAX_POINTS = 5000;

export const OWN = "own"; // the name of a person's own photograph, which nobody else has

export const tenths = (point) => point.map((place) => Math.floor(place * 10) / 10);

export function toAddress({ picture, pixel, edits }) {
  if (picture === OWN) return `#picture=${OWN}`;
  const parts = [`picture=${encodeURIComponent(picture)}`, `pixel=${pixel.join(",")}`];
  if (edits.length) parts.push(`edits=${edits.map(writeEdit).join("~")}`);
  return `#${parts.join("&")}`;
}

function writeEdit(edit) {
  if (edit.do === "truth") return "t";
  if (edit.do === "alike") return "e";
  if (edit.do === "absent") return `a${edit.label}`;
  let last = [0, 0];
  const steps = edit.points.map((point) => {
    const whole = point.map((place) => Math.round(10 * place));
    const step = whole.map((place, axis) => place - last[axis]);
    last = whole;
    return step.join(",");
  });
  return `s${edit.label}.${edit.radius}.${steps.join("_")}`;
}

// What an address says, { picture, pixel, edits }; null where it says nothing. Throws an Error with a line of text where
// it cannot be understood. `about` holds the number of classes, and the longest side of a picture in pixels.
export function fromAddress(hash, about) {
  const given = new Map(hash.replace(/^#/, "").split("&").filter((part) => part.includes("=")).map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at), decoded(part.slice(at + 1))];
  }));
  if (!given.has("picture")) return null;
  const pixel = given.has("pixel") ? given.get("pixel").split(",").map(whole) : null;
  if (pixel && pixel.length !== 2) throw new Error(`"${given.get("pixel")}" is no pixel`);
  const edits = given.get("edits") ? given.get("edits").split("~") : [];
  if (edits.length > MAX_EDITS) throw new Error(`${edits.length} edits are too many`);
  return { picture: given.get("picture"), pixel, edits: edits.map((text) => readEdit(text, about)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`"${text.slice(0, 40)}" is not well written`);
  }
}

function whole(text) {
  if (!/^-?\d{1,7}$/.test(text)) throw new Error(`"${text.slice(0, 40)}" is no whole number`);
  return Number(text);
}

function label(text, classes) {
  const found = whole(text);
  if (!(found >= 0 && found < classes)) throw new Error(`there is no class ${found}`);
  return found;
}

function readEdit(text, { classes, side }) {
  if (text === "t") return { do: "truth" };
  if (text === "e") return { do: "alike" };
  if (text[0] === "a") return { do: "absent", label: label(text.slice(1), classes) };
  const parts = text.slice(1).split(".");
  if (text[0] !== "s" || parts.length !== 3) throw new Error(`"${text.slice(0, 40)}" is no edit`);
  const radius = whole(parts[1]);
  if (!(radius >= 0 && radius <= MAX_RADIUS)) throw new Error(`a brush of ${radius} pixels is none of this page`);
  const steps = parts[2].split("_");
  if (steps.length > MAX_POINTS) throw new Error(`a stroke of ${steps.length} points is too long`);
  let last = [0, 0];
  const points = steps.map((step) => {
    const places = step.split(",").map(whole);
    if (places.length !== 2) throw new Error(`"${step.slice(0, 40)}" is no point`);
    last = [last[0] + places[0], last[1] + places[1]];
    if (last.some((place) => Math.abs(place) > 20 * side)) throw new Error(`"${step.slice(0, 40)}" leads off the picture`);
    return last.map((place) => place / 10);
  });
  return { do: "stroke", label: label(parts[0], classes), radius, points };
}
