// Looks for words in lessons and documents. The index is a file of the site; nothing is asked of anybody else.

const MAX_FOUND = 40;
const FIRST = 1000; // more than any score of a place
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

// Entries of the glossary that are called so come before all else.
const scored = (words) => (page) => {
  const of = (parts, entry) => parts.map(([anchor, heading, text]) => {
    const found = score(words, entry ? "" : page.title.toLowerCase(), heading.toLowerCase(), text.toLowerCase());
    const name = heading.toLowerCase();
    const named = entry && found && words.every((word) => name.includes(word));
    return { page, anchor, heading, text, score: found + (named ? FIRST : 0) + (named && name.startsWith(words.join(" ")) ? FIRST : 0) };
  });
  return [...of(page.entries || [], true), ...of(page.sections, false)];
};

// The text around a word, from the beginning of a word to the end of one.
function excerpt(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word));
  const before = at > AROUND ? text.indexOf(" ", at - AROUND) + 1 : 0;
  const cut = at + AROUND < text.length ? text.lastIndexOf(" ", at + AROUND) : text.length;
  const [start, end] = [Math.min(before, at), cut > at ? cut : text.length];
  return (start ? "… " : "") + text.slice(start, end) + (end < text.length ? " …" : "");
}

function look() {
  const words = place("words").value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
  const found = words.length ? pages.flatMap(scored(words)).filter((item) => item.score).sort((a, b) => b.score - a.score) : [];
  place("count").textContent = words.length ? `${found.length || "no"} place${found.length === 1 ? "" : "s"} found` : "";
  place("found").replaceChildren(...found.slice(0, MAX_FOUND).map(({ page, anchor, heading, text }) => {
    const link = element("a", { href: page.page + (anchor ? `#${anchor}` : "") }, heading && heading !== page.title ? `${page.title}: ${heading}` : page.title);
    return element("li", {}, link, element("div", { className: "acf-note" }, excerpt(text, words[0])));
  }));
}

place("words").addEventListener("input", look);
look();
