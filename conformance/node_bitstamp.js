// node-bitstamp, unmodified, listens to all five public channels of a venue.
//
// usage: node node_bitstamp.js http://127.0.0.1:8080 [--market btcusd] [--seconds 30]
//        NODE_EXTRA_CA_CERTS=ca.pem node node_bitstamp.js own ...    with the URL that it has built in
//
// Each channel must send five frames and at least one of each of its events, every frame seen must have the
// fields, JSON types and order that the protocol names, and each unsubscription must be
// acknowledged. Exit code 0 when all checks passed, 1 otherwise.
"use strict";

const { BitstampStream } = require("node-bitstamp");

const BOOK_LEVELS = 100;
// Each channel is judged on this many frames at least.
const FRAMES = 5;

function parse(words) {
  const options = { market: "btcusd", seconds: 30 };
  while (words.length) {
    const word = words.shift();
    if (word === "--market") options.market = words.shift();
    else if (word === "--seconds") options.seconds = Number(words.shift());
    else if (!options.url && !word.startsWith("-")) options.url = word.replace(/\/$/, "");
    else throw new Error(`unknown option ${word}`);
  }
  if (!options.url) throw new Error("give the venue's URL");
  return options;
}

// What a frame's fields must be. `cost` is added by node-bitstamp itself.
const isInteger = Number.isSafeInteger;
const isPositive = (value) => typeof value === "number" && value > 0;
const isAmount = (value) => typeof value === "number" && value >= 0;
const isDecimal = (value) => typeof value === "string" && /^\d+(\.\d+)?$/.test(value);
const isDigits = (value) => typeof value === "string" && /^\d+$/.test(value);
const isSide = (value) => value === 0 || value === 1;
const isBoolean = (value) => typeof value === "boolean";

const TRADE = {
  id: isInteger,
  timestamp: isDigits,
  amount: isPositive,
  amount_str: isDecimal,
  price: isPositive,
  price_str: isDecimal,
  type: isSide,
  microtimestamp: isDigits,
  buy_order_id: isInteger,
  sell_order_id: isInteger,
};

const ORDER = {
  id: isInteger,
  id_str: isDigits,
  order_type: isSide,
  order_subtype: isInteger,
  datetime: isDigits,
  microtimestamp: isDigits,
  amount: isAmount,
  amount_str: isDecimal,
  amount_traded: isDecimal,
  amount_at_create: isDecimal,
  price: isAmount,
  price_str: isDecimal,
  is_liquidation: isBoolean,
};

function fields(data, shape) {
  for (const [name, is] of Object.entries(shape)) {
    if (!is(data[name])) return `${name} is ${JSON.stringify(data[name])}`;
  }
  const more = Object.keys(data).filter((name) => name !== "cost" && !(name in shape));
  return more.length ? `unknown field ${more.join(", ")}` : null;
}

function trade(data) {
  const trouble = fields(data, TRADE);
  if (trouble) return trouble;
  if (Number(data.amount_str) !== data.amount) return "amount and amount_str differ";
  if (Number(data.price_str) !== data.price) return "price and price_str differ";
  if (data.buy_order_id === data.sell_order_id) return "an order met itself";
  return null;
}

function order(data) {
  const trouble = fields(data, ORDER);
  if (trouble) return trouble;
  if (String(data.id) !== data.id_str) return "id and id_str differ";
  if (Number(data.amount_str) !== data.amount) return "amount and amount_str differ";
  if (data.amount > Number(data.amount_at_create)) return "more remains than was ordered";
  return null;
}

// A book's frame: `width` strings a level, sorted, at most `levels` a side.
function book(data, { width, levels, isDiff, mayRepeat }) {
  const trouble = fields(data, {
    timestamp: isDigits,
    microtimestamp: isDigits,
    bids: Array.isArray,
    asks: Array.isArray,
  });
  if (trouble) return trouble;
  if (data.timestamp !== String(Math.floor(Number(data.microtimestamp) / 1e6))) {
    return "timestamp is not microtimestamp in seconds";
  }
  for (const [side, sign] of [["bids", -1], ["asks", 1]]) {
    if (data[side].length > levels) return `${data[side].length} ${side}`;
    let before = null;
    for (const level of data[side]) {
      if (!Array.isArray(level) || level.length !== width || !level.every(isDecimal)) {
        return `a level of ${side} is ${JSON.stringify(level)}`;
      }
      if (!isDiff && Number(level[1]) === 0) return `a level of ${side} without amount`;
      const price = Number(level[0]);
      const step = before === null ? 1 : (price - before) * sign;
      if (step < 0 || (step === 0 && !mayRepeat)) return `${side} are not in order at ${level[0]}`;
      before = price;
    }
  }
  const { bids, asks } = data;
  if (isDiff) return bids.length + asks.length ? null : "an empty diff";
  if (!bids.length || !asks.length) return "an empty side";
  return Number(bids[0][0]) < Number(asks[0][0]) ? null : "a crossed book";
}

const whole = { width: 2, levels: BOOK_LEVELS, isDiff: false, mayRepeat: false };
const detail = { width: 3, levels: BOOK_LEVELS, isDiff: false, mayRepeat: true };
const diff = { width: 2, levels: Infinity, isDiff: true, mayRepeat: false };

// Each channel with the events that must come and what a frame must be.
const CHANNELS = {
  live_trades: { events: ["trade"], judge: trade },
  live_orders: { events: ["order_created", "order_changed", "order_deleted"], judge: order },
  order_book: { events: ["data"], judge: (data) => book(data, whole) },
  detail_order_book: { events: ["data"], judge: (data) => book(data, detail) },
  diff_order_book: { events: ["data"], judge: (data) => book(data, diff) },
};

let passed = 0;
let failed = 0;

function tell(name, trouble) {
  if (trouble) failed += 1;
  else passed += 1;
  console.log(trouble ? `FAIL  ${name}: ${trouble}` : `ok    ${name}`);
}

// Resolves when `condition` holds, looked at after each frame, or when the time is over.
function until(stream, condition, seconds) {
  return new Promise((resolve) => {
    const look = () => {
      if (!condition()) return;
      clearTimeout(timer);
      stream.ws.removeEventListener("message", look);
      resolve(true);
    };
    const timer = setTimeout(() => {
      stream.ws.removeEventListener("message", look);
      resolve(condition());
    }, seconds * 1000);
    stream.ws.addEventListener("message", look);
    look();
  });
}

async function main() {
  const options = parse(process.argv.slice(2));
  const url = `${options.url.replace(/^http/, "ws")}/bitstamp`;
  const stream = options.url === "own" ? new BitstampStream() : new BitstampStream(url);
  const trouble = [];
  stream.on("error", (error) => trouble.push(`it raised ${error.message}`));
  stream.on("", ({ event, data }) => trouble.push(`${event} ${JSON.stringify(data)}`));

  const connected = new Promise((resolve) => stream.on("connected", () => resolve(true)));
  const late = new Promise((resolve) => setTimeout(resolve, 10_000, false).unref());
  if (!(await Promise.race([connected, late]))) {
    tell("connect", "no connection within 10 s");
    return;
  }
  tell("connect");
  stream.on("disconnected", () => trouble.push("the connection closed"));

  const seen = {};
  for (const [base, { judge }] of Object.entries(CHANNELS)) {
    const channel = stream.subscribe(base, options.market);
    seen[base] = { channel, frames: 0, events: new Set(), trouble: null, stamp: 0n };
    stream.on(channel, ({ data, event }) => {
      const of = seen[base];
      of.frames += 1;
      of.events.add(event);
      let found = judge(data);
      if (!found) {
        const stamp = BigInt(data.microtimestamp);
        const goesOn = base.startsWith("live_") ? stamp >= of.stamp : stamp > of.stamp;
        if (!goesOn) found = `microtimestamp ${stamp} after ${of.stamp}`;
        of.stamp = stamp;
      }
      if (found && !of.trouble) of.trouble = `${found} in ${JSON.stringify(data).slice(0, 400)}`;
    });
  }
  const missing = (base) => CHANNELS[base].events.filter((event) => !seen[base].events.has(event));
  const isEnough = (base) => seen[base].frames >= FRAMES && !missing(base).length;
  const bases = Object.keys(CHANNELS);
  await until(stream, () => bases.every(isEnough), options.seconds);

  for (const base of bases) {
    const { channel, frames, events, trouble: wrong } = seen[base];
    const subscribed = stream.subscriptions.has(channel) ? null : "was not acknowledged";
    const absent = missing(base).join(", ");
    const lacking = absent ? `no ${absent} came` : isEnough(base) ? null : "too few came";
    const told = `${channel}: ${frames} frames of ${[...events].join(", ") || "nothing"}`;
    tell(told, subscribed || wrong || lacking);
  }
  stream.unsubscribeAll();
  const released = await until(stream, () => stream.subscriptions.size === 0, 10);
  tell("unsubscribe from all", released ? null : [...stream.subscriptions].join(", "));
  tell("no error and no disconnection", trouble[0]);
  stream.removeAllListeners("disconnected");
  stream.close();
}

main()
  .catch((error) => tell("run", error.stack))
  .finally(() => {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
  });
