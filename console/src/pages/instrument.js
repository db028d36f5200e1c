// One instrument: book, depth, candles, tape, and one's own desk.

import { Chart } from "../chart.js";
import { Depth } from "../depth.js";
import { Desk } from "../desk.js";
import { el, head, painter, panel, say } from "../dom.js";
import { feed, INTERVALS } from "../feed.js";
import { clock, direction, short } from "../format.js";
import { Ladder } from "../ladder.js";
import { instruments } from "../native.js";
import { Facts } from "../perpetual.js";

const TAPE_ROWS = 30;

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
    ladder.show(book);
    depth.show(book);
    say(number, book.number === null ? "" : `book ${book.number}`);
  });
  const paintTape = painter(() => {
    const row = ({ price, size, side, time }) =>
      el(
        "tr",
        {},
        el("td", { class: `number ${side === "buy" ? "up" : "down"}` }, price),
        el("td", { class: "number" }, short(size)),
        el("td", {}, clock(time)),
      );
    tape.replaceChildren(...trades.map(row));
    const [one, two] = trades;
    say(last, one.price);
    last.className = `last number ${two ? direction(Number(one.price) - Number(two.price)) : ""}`;
    document.title = `${one.price} ${it.instrument} · Rialto`;
  });

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
    book(sides) {
      book = sides;
      paintBook();
    },
    anew() {
      trades = [];
    },
    trades(fresh) {
      const known = new Set(trades.map(({ tradeId }) => tradeId));
      trades = [...trades, ...fresh.filter(({ tradeId }) => !known.has(tradeId))];
      trades.sort((one, two) => Number(two.tradeId) - Number(one.tradeId));
      trades = trades.slice(0, TAPE_ROWS);
      if (trades.length > 0) paintTape();
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
    document.title = "Rialto";
  };
}
