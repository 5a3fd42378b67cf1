// What a hand does: marks a pixel, paints, changes the coarse guess in other ways, takes changes back.

import { tenths } from "./address.js";

const MAX_POINTS = 5000; // of a stroke; a longer one goes on as another

// `state` is that of the page; `scene()` and `about()` give what the network found and what it is; `refresh(what)` paints
// "edits" or "pixel" anew; `note(text)` shows a line.
export function makeHand({ state, scene, about, refresh, note }) {
  let past = []; // lists of edits before the one that is shown, the last one last
  let undone = []; // lists that were taken back, the last one last

  function change(edits) {
    past.push(state.edits);
    undone = [];
    state.edits = edits;
    refresh("edits");
  }

  function step(from, to) {
    if (!from.length) return;
    to.push(state.edits);
    state.edits = from.pop();
    note(""); // it spoke of what is taken back
    refresh("edits");
  }

  // A line of text where an edit would change nothing.
  function isDone(edit) {
    const name = about().classes[edit.label];
    if (edit.do === "absent" && scene().absent(edit.label)) return `${name} is absent already: no pixel of the coarse guess is ${name}.`;
    if (edit.do === "alike" && scene().alike) return "All centers are alike already.";
    return edit.do === "truth" && state.edits.at(-1)?.do === "truth" ? "The truth is in use already." : "";
  }

  return {
    note,
    past: () => past.length,
    undone: () => undone.length,
    // Edits that are there from the beginning, as those of a link, can be taken back one by one.
    begin() {
      past = state.edits.map((_, i) => state.edits.slice(0, i));
      undone = [];
    },
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
        refresh("edits");
      } else {
        const points = last && last.stroke === stroke ? [last.points.at(-1), rounded] : [rounded];
        change([...state.edits, { do: "stroke", label, radius, points, stroke }]);
      }
    },
    edit(edit) {
      const already = isDone(edit);
      const replaced = edit.do === "truth" && state.edits.length ? "The truth replaces the changes before it, centers all alike too. “Undo” brings them back." : "";
      note(already || replaced);
      if (!already) change([...state.edits, edit]);
    },
    undo: () => step(past, undone),
    redo: () => step(undone, past),
    reset: () => state.edits.length && change([]), // one step, which "Undo" takes back
  };
}
