// Five steps that tell the story of the paper. Each sets the page to a state, and says what is to be seen there.

import { button, percent } from "../widgets/elements.js";

const place = (id) => document.getElementById(id);

// `set({ pixel, edits })` changes the state of the page; `scene()` gives what the network found.
export function makeTour({ about, open, scene, set }) {
  let at = -1;
  const item = about.gallery.find(({ truth }) => truth) || about.gallery[0];

  // The most common class among some by name, or of all.
  function common(names) {
    const shares = scene().sharesBefore.map((share, i) => [names.includes(about.classes[i]) ? share + 1 : share, i]);
    return shares.sort((a, b) => b[0] - a[0])[0][1];
  }

  // The pixel of a class that lies deepest in it, in the fine result.
  function pixelOf(label) {
    const found = scene().classMaps().places.fine.find(([known]) => known === label);
    return found ? [found[1], found[2]] : scene().size.map((side) => Math.floor(side / 2));
  }

  // The middle of the cell whose second class is likeliest.
  function inDoubt() {
    const { values, channels, height, width } = scene().own;
    let [most, found] = [-1, 0];
    for (let cell = 0; cell < height * width; cell++) {
      const row = Array.from({ length: channels }, (_, k) => values[k * height * width + cell]).sort((a, b) => b - a);
      if (row[1] > most) [most, found] = [row[1], cell];
    }
    const [r, c] = [Math.floor(found / width), found % width];
    return [((r + 0.5) * scene().size[0]) / height, ((c + 0.5) * scene().size[1]) / width].map(Math.floor);
  }

  const car = () => common(["car"]);
  const wide = () => common(["road"]);

  // What the centers change, in numbers.
  function gain() {
    const { rightBefore, right } = scene().classMaps();
    if (right === null) return "";
    return `(The fine result is right at ${(100 * right).toFixed(1)} % of the pixels, before at ${(100 * rightBefore).toFixed(1)} %.) `;
  }

  const steps = [
    {
      title: "A guess for every pixel",
      show: "panels",
      state: () => ({ pixel: pixelOf(car()), edits: [] }),
      text: () =>
        "The network looks at the picture once and gives each place a probability P of every class: the coarse guess. Compare it with the " +
        "ground truth: thin and small things are missing, borders are rough. Most networks stop here.",
    },
    {
      title: "A class center is a mean",
      show: "centers",
      state: () => ({ pixel: pixelOf(car()), edits: [] }),
      text: () =>
        "ACFNet goes on. For each class it takes the mean of the features of all pixels, each weighted by its P. This one vector, the class " +
        "center, says what that class looks like in this very picture. Each dot is a class center, drawn in two dimensions; classes that look " +
        "alike lie close together. The cross is the feature of the marked pixel.",
    },
    {
      title: "Each pixel asks the centers",
      show: "pixel",
      state: () => ({ pixel: inDoubt(), edits: [] }),
      text: () => {
        const { row, fine } = scene().facts(inDoubt());
        const [first, second] = row.map((p, i) => [p, i]).sort((a, b) => b[0] - a[0]);
        return (
          `The marked pixel is in doubt: ${percent(first[0])} ${about.classes[first[1]]}, ${percent(second[0])} ${about.classes[second[1]]} (the bars). ` +
          "It mixes the class centers in these shares and decides again, now knowing what each class looks like here: " +
          `${about.classes[fine]}. In the maps, bright places are those that the network holds to be like this pixel, before and after it asked. ` +
          "Click other pixels of the picture."
        );
      },
    },
    {
      title: "Paint a lie",
      show: "centers",
      state: () => ({ pixel: pixelOf(car()), edits: [lie()] }),
      text: () =>
        `We painted ${about.classes[wide()]} across the upper part of the coarse guess. The center of ${about.classes[wide()]} is now a mean of ` +
        "the wrong pixels, so its dot moves, and with it the fine result: " +
        `${percent(scene().classMaps().changed)} of it changed. Most of it stays: each pixel still has its own feature, the centers only advise it.`,
    },
    {
      title: "Take the class centers away",
      show: "panels",
      state: () => ({ pixel: pixelOf(car()), edits: [{ do: "alike" }] }),
      text: () =>
        "Now every class center is the same: the mean of the whole picture. Nothing says any more what a class looks like here. " +
        `${percent(scene().classMaps().changed)} of the fine result changed. ${gain()}One picture proves nothing: the lessons count on a hundred, and ` +
        "with controls. Now it is yours: press Reset, then paint, make a class absent, use the truth, or load your own photograph.",
    },
  ];

  // A broad stroke across the upper part.
  function lie() {
    const [height, width] = scene().size;
    const y = Math.round(0.3 * height);
    return { do: "stroke", label: wide(), radius: Math.min(48, Math.round(0.16 * height)), points: [[y, 0.1 * width], [y, 0.9 * width]].map((p) => p.map(Math.floor)) };
  }

  async function go(to) {
    at = to;
    const step = steps[at];
    await set(step.state());
    place("tour-title").textContent = `${at + 1} of ${steps.length}: ${step.title}`;
    place("tour-text").textContent = step.text();
    back.disabled = at === 0;
    next.textContent = at === steps.length - 1 ? "Done" : "Next";
    for (const { show } of steps) place(show).classList.toggle("shown", show === step.show);
    place(step.show).scrollIntoView({ block: "nearest" });
    place("tour").dataset.step = at + 1;
  }

  function end() {
    place("tour").hidden = true;
    for (const { show } of steps) place(show).classList.remove("shown");
    place("tour-start").focus();
  }

  const back = button("Back", () => go(at - 1));
  const next = button("Next", () => (at === steps.length - 1 ? end() : go(at + 1)));
  place("tour-buttons").append(back, next, button("End the tour", end));
  place("tour").addEventListener("keydown", (event) => event.key === "Escape" && end());

  return {
    async start() {
      await open(item);
      place("tour").hidden = false;
      await go(0);
      next.focus();
    },
  };
}
