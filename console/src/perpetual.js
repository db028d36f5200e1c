// What is told of a perpetual: mark, index, funding and open interest; and the account's own position. Both are asked of
// the native API once a second, as often as they are marked.

import { el, head, keyed, panel, say } from "./dom.js";
import { direction, percent, short } from "./format.js";
import { place, read } from "./native.js";

/** How often a perpetual is marked, and so how often it and positions are asked for. */
export const MARK_MS = 1_000;

/** The facts of a perpetual, kept up to date until it is left. */
export class Facts {
  constructor({ instrument }) {
    this.path = `/instruments/${instrument}/perpetual`;
    const names = { mark: "Mark", index: "Index", rate: "Funding rate", next: "Next funding", open: "Open interest" };
    this.values = Object.fromEntries(Object.keys(names).map((name) => [name, el("dd", { "data-fact": name }, "–")]));
    const pairs = Object.entries(names).map(([name, title]) => el("div", {}, el("dt", {}, title), this.values[name]));
    this.element = el("dl", { class: "facts" }, pairs);
    this.ask();
    this.timer = setInterval(() => this.ask(), MARK_MS);
  }

  async ask() {
    const told = await read(this.path).catch(() => null);
    // A perpetual that has no mark yet tells nothing; a server that is gone is told of elsewhere.
    if (!told) return;
    const { mark, index, rate, next, open } = this.values;
    say(mark, told.mark_price);
    say(index, told.index_price);
    say(rate, percent(told.funding_rate, 4));
    rate.title = Number(told.funding_rate) < 0 ? "shorts pay longs" : "longs pay shorts";
    const left = Date.parse(told.next_funding_at) - Date.parse(told.time);
    say(next, `in ${span(left)}`);
    next.title = told.next_funding_at;
    say(open, short(told.open_interest));
  }

  leave() {
    clearInterval(this.timer);
  }
}

/** The account's position there, which may be closed at the market. `told` is told what came of that. */
export class Position {
  constructor({ instrument, perpetual }, told) {
    this.instrument = instrument;
    this.asset = perpetual.margin_asset;
    this.told = told;
    this.body = el("tbody");
    this.show = keyed(this.body, (position) => this.row(position), 8, "none");
    const titles = ["Side", "#Size", "#Entry", "#Mark", "#Liquidation", "#Leverage", `#Unrealised, ${this.asset}`, "Action"];
    this.element = panel("Position", el("div", { class: "wide" }, el("table", {}, head(...titles), this.body)));
  }

  async read(key) {
    this.key = key;
    const { positions } = await read(`/positions?instrument=${this.instrument}`, key);
    return positions;
  }

  row({ id }) {
    const number = () => el("td", { class: "number" });
    const cells = { side: el("td"), size: number(), entry: number(), mark: number(), liquidation: number(), leverage: number(), profit: number() };
    const button = el("button", { type: "button" }, "Close");
    const element = el("tr", { "data-position": id }, Object.values(cells), el("td", {}, button));
    const fill = (it) => {
      say(cells.side, it.side);
      cells.side.className = it.side === "long" ? "up" : "down";
      say(cells.size, short(it.size));
      say(cells.entry, short(it.entry_price ?? "–"));
      say(cells.mark, it.mark_price ?? "–");
      say(cells.liquidation, it.in_liquidation ? "now" : (it.liquidation_price ?? "–"));
      cells.liquidation.title = it.liquidation_price ? "the mark at which it would begin, if nothing else changed" : "no price would do it";
      say(cells.leverage, `${it.leverage}× ${it.mode}`);
      say(cells.profit, short(it.unrealized_profit ?? "–"));
      cells.profit.className = `number ${direction(it.unrealized_profit ?? 0)}`;
      button.onclick = () => this.close(it);
    };
    return { element, fill };
  }

  /** By an order that only reduces, so that it cannot open one on the other side. */
  async close({ side, size }) {
    const order = { instrument: this.instrument, side: side === "long" ? "sell" : "buy", type: "market", quantity: size, reduce_only: true };
    try {
      const { order: placed } = await place(this.key, order);
      this.told(`closed ${short(placed.filled)} of ${short(size)}`, true);
    } catch (error) {
      this.told(error.message, false);
    }
  }
}

/** So long, in hours and minutes, or in seconds of the last minute. */
function span(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
