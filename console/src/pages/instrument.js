// One instrument: book, depth, candles, tape, and one's own desk.

import { Chart } from "../chart.js";
import { Depth } from "../depth.js";
import { Desk } from "../desk.js";
import { el, head, keyed, mark, painter, panel, say } from "../dom.js";
import { feed, INTERVALS } from "../feed.js";
import { clock, direction, short } from "../format.js";
import { Ladder } from "../ladder.js";
import { instruments } from "../native.js";
import { Facts } from "../perpetual.js";

const TAPE_ROWS = 30;
/** Levels of each side that are drawn. */
const LEVELS = 100;
/** How often the tab is told the price. */
const TITLE_MS = 1_000;

export function instrument({ main, line, parameter }) {
  const shown = { sources: "xRocket's socket and the native API", leave: () => (shown.isLeft = true) };
  instruments().then(
    (all) => {
      if (shown.isLeft) return;
      const it = all.find(({ instrument }) => instrument === parameter);
      if (it) build(it, main, line, shown);
      else main.append(el("p", { class: "bad" }, `${parameter} is not listed. `, el("a", { href: "#/" }, "All markets")));
    },
    (error) => main.append(el("p", { class: "bad" }, error.message)),
  );
  return { sources: shown.sources, leave: () => shown.leave() };
}

function build(it, main, line, shown) {
  const desk = new Desk(it, line);
  const ladder = new Ladder((price) => {
    desk.price.value = price;
    desk.quantity.focus();
  });
  const last = el("strong", { class: "last number" }, "–");
  const number = el("small", { class: "number-of-book" });
  const canvas = el("canvas", { class: "depth", role: "img", "aria-label": "Depth chart" });
  const depth = new Depth(canvas);
  const tape = el("tbody");
  const candles = el("div", { class: "candles" });
  const decimals = (it.tick_size.split(".")[1] ?? "").length;

  let book;
  let trades = [];
  const paintBook = painter(() => {
    const shown = { bids: book.levels("bids", LEVELS), asks: book.levels("asks", LEVELS) };
    ladder.show(shown);
    depth.show(shown);
    say(number, book.number === null ? "" : `book ${book.number}`);
  });
  const showTape = keyed(tape, ({ price, size, side, time }) => ({
    element: el(
      "tr",
      {},
      el("td", { class: `number ${side === "buy" ? "up" : "down"}` }, price),
      el("td", { class: "number" }, short(size)),
      el("td", {}, clock(time)),
    ),
  }));
  const paintTape = painter(() => {
    showTape(trades);
    const [one, two] = trades;
    if (!one) return;
    say(last, one.price);
    mark(last, `last number ${two ? direction(Number(one.price) - Number(two.price)) : ""}`);
  });
  const title = () => {
    if (trades[0]) document.title = `${trades[0].price} ${it.instrument} · Rialto`;
  };
  const timer = setInterval(title, TITLE_MS);

  const choices = el(
    "div",
    { class: "choices", role: "group", "aria-label": "Interval of the candles" },
    Object.keys(INTERVALS).map((interval) =>
      el("button", { type: "button", "aria-pressed": "false", onclick: () => choose(interval) }, interval),
    ),
  );
  const [left, right] = [el("div", { class: "column" }), el("div", { class: "column" })];
  left.append(
    panel("Candles", choices, candles),
    el("div", { class: "halves" }, panel("Depth", canvas), panel("Trades", el("div", { class: "tape" }, el("table", {}, head("#Price", "#Size", "Time"), tape)))),
    desk.own,
  );
  right.append(panel("Book", ladder.element, number), desk.entry);
  const facts = it.perpetual && new Facts(it);
  main.append(
    el("h1", {}, it.instrument.replace("-", "/"), " ", last, " ", el("small", {}, it.description)),
    facts?.element ?? "",
    el("div", { class: "instrument" }, left, right),
  );
  const chart = new Chart(candles, decimals);

  const market = feed(it, line, {
    book(told) {
      book = told;
      paintBook();
    },
    anew() {
      trades = [];
    },
    trades(fresh) {
      const known = new Set(trades.map(({ id }) => id));
      const added = fresh.filter(({ tradeId }) => !known.has(tradeId));
      trades.push(...added.map((trade) => ({ ...trade, id: trade.tradeId })));
      trades.sort((one, two) => Number(two.id) - Number(one.id));
      trades.length = Math.min(trades.length, TAPE_ROWS);
      paintTape();
    },
    candles: (all) => chart.all(all),
    candle: (one) => chart.one(one),
    gap: () => say(number, "a number was missing: the book is asked for anew"),
    failed: (why) => say(number, why),
  });
  const marked = facts ? " Mark, funding and positions are asked of the native API once a second." : "";
  say(document.getElementById("sources"), `This page uses ${market.sources}; orders go through the native API, and xRocket's private channels tell when they changed.${marked}`);

  function choose(interval) {
    for (const button of choices.children) button.setAttribute("aria-pressed", String(button.textContent === interval));
    chart.forget();
    market.candles(interval);
  }
  choose("1m");
  shown.leave = () => {
    market.leave();
    desk.leave();
    facts?.leave();
    chart.end();
    depth.end();
    clearInterval(timer);
    document.title = "Rialto";
  };
}
