// For 404.html, which a server shows in place of any page that is missing: its links cannot know how deep it stands. This
// file knows where the site begins: one folder above its own.

const site = new URL("../", import.meta.url);

for (const element of document.querySelectorAll("a, link")) {
  const given = element.getAttribute("href");
  if (!given.includes("://")) element.href = new URL(given, site).href;
}
