// The book as a ladder: asks above, bids below, with how much lies up to each level. Rows are made once; of what they show
// only what differs is written, and nothing is read back from the page.

import { el, say } from "./dom.js";
import { short } from "./format.js";

const ROWS = 14;

export class Ladder {
  constructor(onprice) {
    const side = (kind) =>
      Array.from({ length: ROWS }, () => {
        const price = el("button", { type: "button", class: "price", tabindex: "-1" });
        const size = el("span", { class: "number" });
        const sum = el("span", { class: "number" });
        const bar = el("span", { class: "bar", "aria-hidden": "true" });
        const row = el("div", { class: `level ${kind}`, role: "row" }, bar, cell(price), cell(size), cell(sum));
        price.addEventListener("click", () => price.textContent && onprice(price.textContent));
        return { row, price, size, sum, bar };
      });
    this.asks = side("ask");
    this.bids = side("bid");
    this.spread = el("span");
    const title = (text) => el("span", { role: "columnheader" }, text);
    this.element = el(
      "div",
      { class: "ladder", role: "table", "aria-label": "Order book" },
      el("div", { class: "level titles", role: "row" }, title("Price"), title("Size"), title("Sum")),
      [...this.asks].reverse().map(({ row }) => row),
      el("div", { class: "spread", role: "row" }, el("span", { role: "cell" }, this.spread)),
      this.bids.map(({ row }) => row),
    );
  }

  show({ bids, asks }) {
    const most = Math.max(total(bids), total(asks)) || 1;
    fill(this.bids, bids, most);
    fill(this.asks, asks, most);
    const [bid, ask] = [bids[0]?.[0], asks[0]?.[0]];
    say(this.spread, bid && ask ? `spread ${difference(ask, bid)}` : "one side is empty");
  }
}

const cell = (child) => el("span", { role: "cell" }, child);

function total(levels) {
  return levels.slice(0, ROWS).reduce((sum, [, size]) => sum + Number(size), 0);
}

function fill(rows, levels, most) {
  let sum = 0;
  rows.forEach(({ row, price, size, sum: shown, bar }, place) => {
    const level = levels[place];
    if (row.classList.contains("none") === Boolean(level)) row.classList.toggle("none", !level);
    sum += Number(level?.[1] ?? 0);
    say(price, level?.[0] ?? "");
    say(size, level ? short(level[1]) : "");
    say(shown, level ? short(sum.toFixed(Math.min(decimals(level[1]), 4))) : "");
    // Drawn wider, not laid out wider.
    bar.style.transform = `scaleX(${level ? (sum / most).toFixed(3) : 0})`;
  });
}

const decimals = (text) => (text.split(".")[1] ?? "").length;

/** The difference of two decimal texts with as many decimals as they have. */
function difference(one, two) {
  return (Number(one) - Number(two)).toFixed(decimals(one));
}
