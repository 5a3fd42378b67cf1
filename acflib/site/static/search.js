// Looks for words in lessons and documents. The index is a file of the site; nothing is asked of anybody else.

const MAX_FOUND = 40;
const AROUND = 90; // letters of text on each side of a word
const place = (id) => document.getElementById(id);
const answer = await fetch("search.json");
const pages = answer.ok ? await answer.json() : [];
if (!answer.ok) place("count").textContent = "The index search.json is missing; make the site again.";

const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// All words must occur, in the heading or in the text; in the heading they count more.
function score(words, title, heading, text) {
  let total = 0;
  for (const word of words) {
    const inHead = heading.includes(word) || title.includes(word);
    const times = text.split(word).length - 1;
    if (!inHead && !times) return 0;
    total += (inHead ? 20 : 0) + Math.min(times, 8);
  }
  return total;
}

function look() {
  const words = place("words").value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
  const found = words.length ? pages.flatMap((page) => page.sections.map(([anchor, heading, text]) => ({
    page, anchor, heading, text, score: score(words, page.title.toLowerCase(), heading.toLowerCase(), text.toLowerCase()),
  }))).filter((item) => item.score).sort((a, b) => b.score - a.score) : [];
  place("count").textContent = words.length ? `${found.length || "no"} place${found.length === 1 ? "" : "s"} found` : "";
  place("found").replaceChildren(...found.slice(0, MAX_FOUND).map(({ page, anchor, heading, text }) => {
    const link = element("a", { href: page.page + (anchor ? `#${anchor}` : "") }, heading && heading !== page.title ? `${page.title}: ${heading}` : page.title);
    const at = Math.max(0, text.toLowerCase().indexOf(words[0]) - AROUND);
    return element("li", {}, link, element("div", { className: "acf-note" }, (at ? "… " : "") + text.slice(at, at + 2 * AROUND)));
  }));
}

place("words").addEventListener("input", look);
look();
