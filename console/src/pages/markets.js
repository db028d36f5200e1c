// All instruments with live prices.

import { el, head, painter, say } from "../dom.js";
import { direction, percent, short } from "../format.js";
import { instruments, read } from "../native.js";

/** How often those that no socket tells of in this way are asked for. */
const ASK_MS = 2_000;
const DIALECTS = ["bitstamp", "xrocket", "timex", "finazon", "confluencecode"];

export function markets({ main, line }) {
  const body = el("tbody");
  const table = el(
    "table",
    { class: "markets" },
    el("caption", { class: "hidden" }, "All instruments"),
    head("Instrument", "#Last", "#24 h", "#High", "#Low", "#Volume", "Known as"),
    body,
  );
  main.append(el("h1", {}, "Markets"), el("div", { class: "wide" }, table));
  const rows = new Map();
  const fresh = new Map();
  let isLeft = false;
  let timer;

  const paint = painter(() => {
    for (const [symbol, ticker] of fresh) {
      const row = rows.get(symbol);
      if (!row) continue;
      const rises = Number(ticker.last) - Number(row.last.textContent);
      say(row.last, ticker.last);
      row.last.className = `number ${direction(rises)}`;
      say(row.change, percent(ticker.changeRate));
      row.change.className = `number ${direction(ticker.changeRate)}`;
      say(row.high, ticker.high);
      say(row.low, ticker.low);
      say(row.volume, short(ticker.baseVolume));
    }
    fresh.clear();
  });

  const topic = {
    params: { channel: "allTickers", interval: "1day" },
    told: ({ tickers }) => {
      for (const ticker of tickers) fresh.set(ticker.symbol, ticker);
      paint();
    },
  };
  let leave = () => {};

  instruments().then((all) => {
    if (isLeft) return;
    for (const it of all) {
      const number = () => el("td", { class: "number" }, "–");
      const row = { last: number(), change: number(), high: number(), low: number(), volume: number() };
      const names = DIALECTS.filter((dialect) => it.symbols[dialect]);
      const known = names.map((dialect) =>
        el("span", { class: "tag", title: `${dialect}: ${it.symbols[dialect]}` }, dialect),
      );
      const link = el("a", { href: `#/instrument/${it.instrument}` }, it.instrument.replace("-", "/"));
      const name = el("th", { scope: "row" }, link, " ", el("small", {}, it.description));
      body.append(el("tr", {}, name, Object.values(row), el("td", {}, known)));
      rows.set(it.symbols.xrocket ?? it.instrument, row);
    }
    leave = line.subscribe(topic);
    const others = all.filter((it) => !it.symbols.xrocket);
    const ask = () =>
      Promise.all(others.map((it) => read(`/instruments/${it.instrument}/ticker`))).then(
        (tickers) => {
          for (const { instrument, last, open, high, low, volume } of tickers) {
            if (last === null) continue;
            const changeRate = open ? String(Number(last) / Number(open) - 1) : "0";
            fresh.set(instrument, { last, changeRate, high, low, baseVolume: volume });
          }
          paint();
        },
        () => {},
      );
    if (others.length > 0) {
      ask();
      timer = setInterval(ask, ASK_MS);
    }
  }, (error) => main.append(el("p", { class: "bad" }, `The instruments could not be read: ${error.message}`)));

  return {
    sources: "xRocket's socket (allTickers, 1day), and the native API for instruments that xRocket does not list",
    leave: () => {
      isLeft = true;
      leave();
      clearInterval(timer);
    },
  };
}
