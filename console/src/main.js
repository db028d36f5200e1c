// The console: which page is shown, and what all pages share.

import { explorer } from "./pages/explorer.js";
import { instrument } from "./pages/instrument.js";
import { markets } from "./pages/markets.js";
import { system } from "./pages/system.js";
import { el, say } from "./dom.js";
import { Line } from "./line.js";

const main = document.getElementById("main");
const sources = document.getElementById("sources");
const state = document.getElementById("line");
const line = new Line();
let leave = () => {};

line.watch((told) => {
  say(state, told);
  state.dataset.live = told === "live";
});

/** Each page puts itself into `main` and gives what ends it and where it has its data from. */
const PAGES = [
  [/^\/$/, markets],
  [/^\/instrument\/([^/]+)$/, instrument],
  [/^\/explorer(?:\/([a-z]+))?$/, explorer],
  [/^\/system$/, system],
];

function show() {
  leave();
  const path = location.hash.slice(1) || "/";
  const [pattern, page] = PAGES.find(([pattern]) => pattern.test(path)) ?? [/$/, nowhere];
  main.replaceChildren();
  const shown = page({ main, line, parameter: pattern.exec(path)?.[1] });
  leave = shown.leave ?? (() => {});
  say(sources, `This page uses ${shown.sources}.`);
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.getAttribute("href").slice(1);
    const isCurrent = own === "/" ? path === "/" || path.startsWith("/instrument") : path.startsWith(own);
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function nowhere({ main }) {
  main.append(el("p", {}, "There is no such page. ", el("a", { href: "#/" }, "To the markets")));
  return { sources: "nothing" };
}

function theme(wanted) {
  document.documentElement.dataset.theme = wanted;
  localStorage.setItem("theme", wanted);
  dispatchEvent(new Event("theme"));
}
const isDark = () =>
  (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark")) === "dark";
const turn = () => theme(isDark() ? "light" : "dark");
if (localStorage.getItem("theme")) document.documentElement.dataset.theme = localStorage.getItem("theme");
document.getElementById("theme").addEventListener("click", turn);

const KEYS = { m: "#/", e: "#/explorer", s: "#/system" };
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "t") turn();
  else if (KEYS[event.key]) location.hash = KEYS[event.key];
});
addEventListener("hashchange", () => {
  show();
  main.focus({ preventScroll: true });
});
show();
