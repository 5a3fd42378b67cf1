// Five steps that tell the story of the paper. Each sets the page to a state, and says what is to be seen there.

import { button, className, percent } from "../widgets/elements.js";

const narrow = matchMedia("(max-width: 600px)"); // as in site.css: one panel in a row

const place = (id) => document.getElementById(id);
const said = (id) => place(id).textContent.replace(/\s+/g, " ").trim(); // words of the first lines, said again

// A link to a lesson, where the site has it, as the page itself names it.
function lesson(number) {
  const known = document.querySelector(`main a[href^="lessons/${number}"]`)?.cloneNode(true);
  if (known) known.textContent = `Lesson ${number}`;
  return known || `Lesson ${number}`;
}

// `set({ pixel, edits })` changes the `state` of the page; `scene()` gives what the network found; `keep()` gives a function
// that brings back what is shown now.
export function makeTour({ about, open, scene, state, set, keep }) {
  let at = -1;
  let shown = null; // the state that a step speaks of
  let restore = async () => {};
  const item = about.gallery.find(({ truth }) => truth) || about.gallery[0];
  const name = (label) => className(about, label);

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

  // The third step: a pixel that the class centers decide; where a network has none, one in doubt.
  function asks() {
    const found = scene().decidedByCenters();
    const { row } = scene().facts(found ? found.pixel : inDoubt());
    const [first, second] = row.map((p, i) => [p, i]).sort((a, b) => b[0] - a[0]);
    const mix = `It receives the class centers in the shares of its attention P, ${percent(first[0])} ${name(first[1])} and ${percent(second[0])} ${name(second[1])}`;
    if (!found) return `${said("good-for")} The marked pixel is in doubt. ${mix}; joined with its own feature, a small layer decides again.`;
    return (
      `${said("good-for")} At the marked pixel the coarse guess is ${name(found.coarse)}, which is wrong, and the fine result ${name(found.fine)}, which is right. ` +
      `With all centers alike it says ${name(found.alike)}. ${mix}. A small layer decides again from both, the center and the pixel’s own feature, so even a wrong center can tell it something; what it uses here is not known. ` +
      `A chosen case: we looked for it. Of the wrong patch that it belongs to, ${percent(found.mended)} becomes right.`
    );
  }

  // What the centers change, in numbers.
  function gain() {
    const { rightCoarse, rightBefore, right } = scene().classMaps();
    if (right === null) return "";
    const share = (value) => `${(100 * value).toFixed(1)} %`;
    return `Right pixels: coarse ${share(rightCoarse)}, fine ${share(rightBefore)}, fine with all centers alike ${share(right)}. `;
  }

  const steps = [
    {
      title: "A guess for every pixel",
      show: "guesses",
      near: ".coarse",
      state: () => ({ pixel: pixelOf(car()), edits: [] }),
      text: () =>
        "The network sees a small piece of the street around each pixel, and gives the pixel a probability P of every class: the coarse guess. " +
        "Compare it with the ground truth: the poles are missing, in the fine result, too.",
    },
    {
      title: "A class center is a mean",
      show: "centers",
      state: () => ({ pixel: pixelOf(car()), edits: [] }),
      text: () =>
        "For each class ACFNet takes the mean of the features of all pixels, each weighted by its P: the class center. It says what the guess takes for " +
        "that class in this very picture, even for a class that does not occur. Each dot is a class center, drawn flat: dots that lie close together may look " +
        "alike to the network. The cross is the feature of the marked pixel.",
    },
    {
      title: "What is it good for?",
      show: "pixel",
      state: () => ({ pixel: scene().decidedByCenters()?.pixel || inDoubt(), edits: [] }),
      text: asks,
    },
    {
      title: "Paint a lie",
      show: "centers",
      state: () => ({ pixel: pixelOf(car()), edits: [lie()] }),
      text: () =>
        `We painted ${name(wide())} across the upper part of the coarse guess. The center of ${name(wide())} is now a mean of ` +
        "the wrong pixels, and other centers have lost pixels: dots move. Of the fine result " +
        `${percent(scene().classMaps().changed)} changed. What stays has two possible reasons: each pixel keeps its own feature, and painted pixels take their features along into the new center.`,
      more: () => [" ", lesson("14"), " takes them apart."],
    },
    {
      title: "When does it help?",
      show: "guesses",
      near: ".truth",
      state: () => ({ pixel: pixelOf(car()), edits: [{ do: "alike" }] }),
      text: () =>
        `${said("when")} Another experiment: the trained network, each center replaced by the mean of the picture. ${gain()}One picture proves nothing; `,
      more: () => [lesson("10"), " counts on a hundred. Now it is yours: “Done” brings back what you had."],
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
    const last = at === steps.length - 1;
    shown = null;
    if (state.picture !== item.name) await open(item);
    await set(step.state());
    place("tour-title").textContent = `${at + 1} of ${steps.length}: ${step.title}`;
    shown = seen();
    say();
    back.disabled = at === 0;
    next.textContent = last ? "Done" : "Next";
    stop.hidden = last;
    for (const { show } of steps) place(show).classList.toggle("shown", show === step.show);
    dock();
    const near = narrow.matches && step.near && place(step.show).querySelector(step.near);
    (near || place(step.show)).scrollIntoView({ block: "start" });
    place("tour").dataset.step = at + 1;
  }

  const seen = () => JSON.stringify([state.picture, state.pixel, state.edits]);
  const isOpen = () => !place("tour").hidden;

  // What the step says, as long as it is what the page shows.
  function say() {
    const elsewhere = shown !== seen();
    again.hidden = !elsewhere;
    if (elsewhere === (place("tour-text").dataset.elsewhere === "yes") && elsewhere) return;
    place("tour-text").dataset.elsewhere = elsewhere ? "yes" : "no";
    const step = steps[at];
    if (elsewhere) place("tour-text").textContent = `You changed what is shown, so the words of this step do not fit any more. “${again.textContent}” brings it back.`;
    else place("tour-text").replaceChildren(step.text(), ...(step.more ? step.more() : []));
    dock();
  }

  // After each change of the page.
  const check = () => isOpen() && shown && say();

  // The page ends above the box, so that the box hides nothing that is spoken of.
  function dock() {
    const height = place("tour").hidden ? 0 : place("tour").offsetHeight;
    document.body.style.setProperty("--docked", `${height}px`);
  }

  // The page stays where it is, and the keyboard goes on at what was spoken of last.
  async function end() {
    if (!isOpen()) return;
    shown = null;
    try {
      await restore();
    } finally {
      place("tour").hidden = true;
      document.body.classList.remove("touring");
      dock();
      for (const { show } of steps) place(show).classList.remove("shown");
      place(steps[at].show).tabIndex = -1;
      place(steps[at].show).focus({ preventScroll: true });
    }
  }

  const back = button("Back", () => go(at - 1));
  const next = button("Next", () => (at === steps.length - 1 ? end() : go(at + 1)));
  const stop = button("End the tour", end);
  const again = button("Show this step again", () => go(at));
  again.hidden = true;
  place("tour-buttons").append(back, next, again, stop);
  document.addEventListener("keydown", (event) => event.key === "Escape" && end());
  new ResizeObserver(dock).observe(place("tour"));

  return {
    isOpen,
    check,
    end,
    async start() {
      if (place("tour").hidden) restore = keep();
      await open(item);
      place("tour").hidden = false;
      document.body.classList.add("touring");
      await go(0);
      next.focus({ preventScroll: true });
    },
  };
}
