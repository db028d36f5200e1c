// The order entry of an instrument, and the account's own orders and balances. Orders go through the native API; that
// something of one's own changed is told by xRocket's private channels where the account has a token, else it is asked for.
// A position in a perpetual changes with each mark, and is asked for as often.

import { el, head, keyed, panel, say } from "./dom.js";
import { cancel, demoAccounts, place, read } from "./native.js";
import { short } from "./format.js";
import { MARK_MS, Position } from "./perpetual.js";

const ASK_MS = 2_000;

export class Desk {
  constructor(it, line) {
    this.it = it;
    this.line = line;
    this.stops = [];
    this.key = null;
    this.turn = 0;
    this.answer = el("p", { class: "answer", role: "status" });
    this.ownKey = el("div", { class: "own-key" });
    this.account = el("select", { id: "account", onchange: () => this.choose() });
    this.form = this.makeForm();
    this.orders = el("tbody");
    this.showOrders = keyed(this.orders, (order) => this.orderRow(order), 5, "none here");
    this.balances = el("tbody");
    if (it.perpetual) this.position = new Position(it, (text, isGood) => (this.tell(text, isGood), this.reload()));
    const own = (title, table) => panel(title, el("div", { class: "wide" }, table));
    this.entry = panel("Order", this.form, this.ownKey, this.answer);
    const halves = el(
      "div",
      { class: "halves" },
      own("Open orders", el("table", {}, head("Side", "#Price", "#Open", "Type", "Action"), this.orders)),
      own("Balances", el("table", {}, head("Asset", "#Available", "#Held"), this.balances)),
    );
    this.own = el("div", { class: "column" }, this.position?.element, halves);
    this.begin();
  }

  makeForm() {
    const { base, quote, tick_size: tick, lot_size: lot } = this.it;
    const choice = (id, ...options) =>
      el("select", { id }, options.map(([value, text]) => el("option", { value }, text)));
    this.kind = choice("kind", ["limit", "Limit"], ["market", "Market"]);
    this.life = choice("life", ["gtc", "Good till cancelled"], ["ioc", "Immediate or cancel"], ["fok", "Fill or kill"]);
    const number = (id, step) => el("input", { id, inputmode: "decimal", autocomplete: "off", placeholder: step });
    this.price = number("price", tick);
    this.quantity = number("quantity", lot);
    this.reduces = el("input", { id: "reduces", type: "checkbox" });
    const field = (label, input) => el("label", {}, el("span", {}, label), input);
    const priceField = field(`Price in ${quote}`, this.price);
    const lifeField = field("For how long", this.life);
    this.kind.addEventListener("change", () => {
      const isMarket = this.kind.value === "market";
      priceField.hidden = isMarket;
      lifeField.hidden = isMarket;
    });
    return el(
      "form",
      { class: "order", onsubmit: (event) => this.submit(event) },
      field("Account", this.account),
      field("Type", this.kind),
      priceField,
      field(`Quantity in ${base}`, this.quantity),
      lifeField,
      this.it.perpetual && field("Only reduces", this.reduces),
      el(
        "div",
        { class: "sides" },
        el("button", { type: "submit", value: "buy", class: "buy" }, `Buy ${base}`),
        el("button", { type: "submit", value: "sell", class: "sell" }, `Sell ${base}`),
      ),
    );
  }

  async begin() {
    const accounts = await demoAccounts();
    if (this.isLeft) return;
    this.accounts = accounts;
    for (const { name } of accounts) this.account.append(el("option", { value: name }, `${name} (demo)`));
    this.account.append(el("option", { value: "" }, "by a key of your own …"));
    this.choose();
  }

  choose() {
    const chosen = this.accounts.find(({ name }) => name === this.account.value);
    this.key = chosen?.native.key ?? null;
    this.ownKey.replaceChildren();
    this.unfollow();
    if (!chosen) {
      this.askForKey();
      return;
    }
    this.follow(chosen.xrocket?.token);
  }

  askForKey() {
    this.showOrders([]);
    this.position?.show([]);
    this.balances.replaceChildren();
    const input = el("input", { type: "password", id: "own-key", autocomplete: "off", placeholder: "rialto_…" });
    const use = () => {
      this.key = input.value.trim();
      this.unfollow();
      this.tell("", true);
      this.follow(null);
    };
    this.ownKey.replaceChildren(
      el("label", { for: "own-key" }, "A key of the dialect native, kept in this page only"),
      el("div", { class: "row" }, input, el("button", { type: "button", onclick: use }, "Use it")),
    );
  }

  /** Shows what is the account's own, and does so again whenever it changed. */
  follow(token) {
    this.reload();
    if (!token || this.position) {
      const timer = setInterval(() => this.reload(), this.position ? MARK_MS : ASK_MS);
      this.stops.push(() => clearInterval(timer));
      if (!token) return;
    }
    this.line.login(token);
    for (const channel of ["activeOrders", "balances"]) {
      const told = () => this.reload();
      const failed = (error) => this.tell(error.message, false);
      this.stops.push(this.line.subscribe({ params: { channel }, told, failed }));
    }
  }

  unfollow() {
    for (const stop of this.stops.splice(0)) stop();
  }

  /** Reads what is the account's own. Many changes in a row are read once. */
  async reload() {
    if (this.isReading) {
      this.isStale = true;
      return;
    }
    this.isReading = true;
    const { key } = this;
    try {
      const asked = [read("/orders", key), read("/balances", key), this.position?.read(key)];
      const [{ orders }, { balances }, positions] = await Promise.all(asked);
      if (key === this.key && !this.isLeft) {
        this.showOrders(orders.filter(({ instrument }) => instrument === this.it.instrument));
        this.position?.show(positions);
        this.showBalances(balances);
      }
    } catch (error) {
      this.tell(error.message, false);
    }
    this.isReading = false;
    if (this.isStale && !this.isLeft) {
      this.isStale = false;
      setTimeout(() => this.reload(), 100);
    }
  }

  orderRow(order) {
    const title = `Cancel the order to ${order.side} at ${order.price ?? order.stop_price}`;
    const button = el("button", { type: "button", "aria-label": title, onclick: () => this.cancel(order.id) }, "Cancel");
    const number = (text) => el("td", { class: "number" }, text ?? "–");
    const [price, open] = [number(), number()];
    const element = el(
      "tr",
      {},
      el("td", { class: order.side === "buy" ? "up" : "down" }, order.side),
      price,
      open,
      el("td", {}, order.type),
      el("td", {}, button),
    );
    const fill = (order) => {
      say(price, order.price ?? order.stop_price ?? "–");
      say(open, short(order.remaining));
    };
    return { element, fill };
  }

  showBalances(balances) {
    const own = this.position ? [this.position.asset] : [this.it.base, this.it.quote];
    const shown = balances.filter(({ asset }) => own.includes(asset));
    const number = (text) => el("td", { class: "number" }, short(text));
    this.balances.replaceChildren(
      ...shown.map(({ asset, available, held }) =>
        el("tr", {}, el("th", { scope: "row" }, asset), number(available), number(held)),
      ),
    );
  }

  async submit(event) {
    event.preventDefault();
    const side = event.submitter?.value ?? "buy";
    const order = { instrument: this.it.instrument, side, type: this.kind.value, quantity: this.quantity.value.trim() };
    if (order.type === "limit") {
      order.price = this.price.value.trim();
      order.time_in_force = this.life.value;
    }
    if (this.reduces.checked) order.reduce_only = true;
    try {
      const { order: placed } = await place(this.key, order);
      this.tell(`${placed.side} ${short(placed.quantity)}: ${placed.status}, ${short(placed.filled)} filled`, true);
    } catch (error) {
      this.tell(error.message, false);
    }
    this.reload();
  }

  async cancel(id) {
    try {
      await cancel(this.key, id);
      this.tell("cancelled", true);
    } catch (error) {
      this.tell(error.message, false);
    }
    this.reload();
  }

  tell(text, isGood) {
    this.answer.classList.toggle("bad", !isGood);
    say(this.answer, text);
  }

  leave() {
    this.isLeft = true;
    this.unfollow();
  }
}
