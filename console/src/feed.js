// Where an instrument page has its market from: xRocket's socket where the instrument is listed there, else the native
// API, asked once a second. Both say the same things: `book(book)`, `trades(list)`, `candles(all)`, `candle(one)`. A book is
// told as often as it changes; how much of it is looked at, and when, is its reader's.

import { Book } from "./book.js";
import { read } from "./native.js";

const ASK_MS = 1_000;
const CANDLES = 300;

/** The intervals that both know, by their native names. */
export const INTERVALS = {
  "1m": { xrocket: "1min", seconds: 60 },
  "5m": { xrocket: "5min", seconds: 300 },
  "15m": { xrocket: "15min", seconds: 900 },
  "1h": { xrocket: "1hour", seconds: 3_600 },
  "1d": { xrocket: "1day", seconds: 86_400 },
};

export function feed(it, line, told) {
  return it.symbols.xrocket ? overXrocket(it, line, told) : overNative(it.instrument, told);
}

function overXrocket({ instrument, symbols: { xrocket: symbol } }, line, told) {
  const book = new Book();
  let stopCandles = () => {};
  const bookTopic = {
    params: { channel: "orderbook", symbol },
    began: (whole) => {
      book.begin(whole);
      told.book(book);
    },
    told: (data) => {
      // What comes before the reply is in the reply.
      if (!book.isKnown && !data.snapshot) return;
      if (book.change(data)) return told.book(book);
      told.gap();
      line.again(bookTopic);
    },
    failed: (error) => told.failed(error.message),
  };
  const tradesTopic = {
    params: { channel: "trades", symbol },
    // Again after a loss: a server that was started anew may count its trades from the beginning.
    began: () => {
      told.anew();
      read(`/instruments/${instrument}/trades?limit=50`).then(({ trades }) => told.trades(ofNative(trades)), () => {});
    },
    told: ({ trades }) => told.trades(trades),
    failed: (error) => told.failed(error.message),
  };
  const stopBook = line.subscribe(bookTopic);
  const stopTrades = line.subscribe(tradesTopic);
  return {
    sources: `xRocket's socket (orderbook, trades, candles of ${symbol}), and the native API for the first trades`,
    candles(interval) {
      stopCandles();
      const { xrocket, seconds } = INTERVALS[interval];
      stopCandles = line.subscribe({
        params: { channel: "candles", symbol, type: xrocket },
        range: async () => {
          // The market's time need not be the wall's.
          const { time } = await read("/status");
          const now = Date.parse(time);
          const at = (moment) => new Date(moment).toISOString();
          return { startAt: at(now - CANDLES * seconds * 1_000), endAt: at(now + seconds * 1_000) };
        },
        began: (reply) => told.candles((reply.candles ?? []).map(candle)),
        told: (data) => told.candle(candle(data.candle)),
        failed: (error) => told.failed(error.message),
      });
    },
    leave() {
      stopBook();
      stopTrades();
      stopCandles();
    },
  };
}

/** xRocket's order: start, open, close, high, low, volume. */
function candle([start, open, close, high, low, volume]) {
  return { time: Date.parse(start) / 1_000, open: +open, close: +close, high: +high, low: +low, volume: +volume };
}

function overNative(instrument, told) {
  let interval = "1m";
  let isLeft = false;
  let last = 0n;
  const path = `/instruments/${instrument}`;
  const ask = async () => {
    const [book, trades, candles] = await Promise.all([
      read(`${path}/book`),
      read(`${path}/trades?limit=50`),
      read(`${path}/candles?interval=${interval}&limit=${CANDLES}`),
    ]);
    if (isLeft) return;
    const levels = (side) => side.map(({ price, quantity }) => [price, quantity]);
    told.book(Book.whole(levels(book.bids), levels(book.asks)));
    const newest = BigInt(trades.trades[0]?.id ?? 0);
    // A server that was started anew counts from the beginning.
    if (newest < last) told.anew();
    last = newest;
    told.trades(ofNative(trades.trades));
    told.candles(
      candles.candles.map(({ start, open, high, low, close, volume }) => ({
        time: Math.floor(Date.parse(start) / 1_000),
        open: +open,
        high: +high,
        low: +low,
        close: +close,
        volume: +volume,
      })),
    );
  };
  const again = () => ask().catch((error) => told.failed(error.message));
  const timer = setInterval(again, ASK_MS);
  return {
    sources: "the native API, asked once a second, as xRocket's socket does not list this instrument",
    candles(wanted) {
      interval = wanted;
      again();
    },
    leave() {
      isLeft = true;
      clearInterval(timer);
    },
  };
}

/** Trades of the native API as xRocket words them. */
function ofNative(trades) {
  return trades.map(({ id, price, quantity, aggressor, time }) => ({ tradeId: id, price, size: quantity, side: aggressor, time }));
}
