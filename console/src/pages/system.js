// How the venue itself stands: its state and journal, its connections, why some ended, and its metrics.

import { el, head, panel, say } from "../dom.js";
import { clock } from "../format.js";
import { read } from "../native.js";

const ASK_MS = 2_000;
/** Connections and goodbyes that are shown; the API gives all, page by page. */
const ROWS = 50;

export function system({ main }) {
  const facts = el("tbody");
  const metrics = el("tbody");
  const connections = el("tbody");
  const goodbyes = el("tbody");
  const closed = el("p", {});
  const trouble = el("p", { class: "bad", role: "status" });
  let before = new Map();
  let asked = 0;
  main.append(
    el("h1", {}, "System"),
    trouble,
    el(
      "div",
      { class: "halves" },
      el(
        "div",
        { class: "column" },
        panel("State", el("table", {}, facts)),
        panel(
          "Connections",
          closed,
          el("div", { class: "wide" }, el("table", {}, head("#No.", "Dialect", "Whose", "From", "#Listens to", "#Waiting", "#Lag", "#Sent"), connections)),
        ),
        panel(
          "Goodbyes",
          el("div", { class: "wide" }, el("table", {}, head("#No.", "Dialect", "Ended", "By", "Why"), goodbyes)),
        ),
      ),
      panel("Metrics", el("div", { class: "wide" }, el("table", {}, head("What", "#Count", "#A second"), metrics))),
    ),
  );

  const ask = async () => {
    const [status, state, text] = await Promise.all([
      read("/status"),
      read("/state"),
      fetch("/metrics", { cache: "no-store" }).then((response) => response.text()),
    ]);
    trouble.textContent = "";
    facts.replaceChildren(...told({ ...status, ...state }));
    const now = performance.now();
    const all = parse(text);
    metrics.replaceChildren(
      ...[...all].map(([name, { value, help, isCounter }]) => {
        const earlier = before.get(name)?.value;
        const rate = isCounter && earlier !== undefined ? (value - earlier) / ((now - asked) / 1_000) : null;
        return el(
          "tr",
          {},
          el("th", { scope: "row", title: help }, name.replace(/^rialto_/, "").replace(/_total$/, "")),
          el("td", { class: "number" }, String(value)),
          el("td", { class: "number" }, rate === null ? "" : rate.toFixed(1)),
        );
      }),
    );
    before = all;
    asked = now;
    await askWho();
  };
  const askWho = async () => {
    let who;
    try {
      who = await Promise.all([read(`/connections?limit=${ROWS}`), read(`/goodbyes?limit=${ROWS}`)]);
    } catch (error) {
      // Elsewhere than on the venue's machine a key is needed, and then they are one's own.
      say(closed, error.message);
      return;
    }
    say(closed, "");
    const number = (text) => el("td", { class: "number" }, String(text));
    const [open, ended] = who;
    connections.replaceChildren(
      ...open.connections.map((it) =>
        el(
          "tr",
          {},
          number(it.id),
          el("td", {}, it.dialect),
          el("td", {}, it.holder?.name ?? "–"),
          el("td", {}, it.address),
          number(it.subscriptions),
          number(`${it.waiting.bytes} B`),
          number(`${it.lag_ms} ms`),
          number(`${it.sent.frames}`),
        ),
      ),
    );
    goodbyes.replaceChildren(
      ...ended.goodbyes.map((it) =>
        el(
          "tr",
          {},
          number(it.id),
          el("td", {}, it.dialect),
          el("td", {}, clock(it.ended_at)),
          el("td", {}, it.decided_by),
          el("td", { title: it.remedy }, it.explanation),
        ),
      ),
    );
  };
  const again = () => ask().catch((error) => (trouble.textContent = `The server does not answer: ${error.message}`));
  again();
  const timer = setInterval(again, ASK_MS);
  return {
    sources: "the native API (/rialto/v1/status, /state, /connections, /goodbyes) and /metrics, asked every two seconds",
    leave: () => clearInterval(timer),
  };
}

/** Rows of what is known, nested parts by their path. */
function told(value, path = "") {
  return Object.entries(value).flatMap(([name, it]) => {
    const here = path ? `${path} ${name}` : name;
    if (it !== null && typeof it === "object") return told(it, here);
    return [el("tr", {}, el("th", { scope: "row" }, here.replaceAll("_", " ")), el("td", {}, it === null ? "none" : String(it)))];
  });
}

/** Prometheus' text: counters and gauges, the sums of histograms left out. */
function parse(text) {
  const [help, kind, all] = [new Map(), new Map(), new Map()];
  for (const line of text.split("\n")) {
    const [, what, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === "HELP") help.set(name, rest);
    else if (what === "TYPE") kind.set(name, rest);
    else {
      const [, name, value] = /^(\S+) (\S+)$/.exec(line) ?? [];
      const family = name?.replace(/_total$/, "");
      if (name && ["counter", "gauge"].includes(kind.get(family))) {
        all.set(name, { value: Number(value), help: help.get(family), isCounter: kind.get(family) === "counter" });
      }
    }
  }
  return all;
}
