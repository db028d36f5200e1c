// Ready-made requests of each dialect, for the explorer: what a newcomer would send first. `{…}` stands for what the
// demo's account has, and is filled in where there is a demo.

export const DIALECTS = {
  bitstamp: {
    title: "Bitstamp WebSocket v2",
    path: "/bitstamp",
    requests: [
      ["Trades of BTC/USD", { event: "bts:subscribe", data: { channel: "live_trades_btcusd" } }],
      ["Book of BTC/USD", { event: "bts:subscribe", data: { channel: "order_book_btcusd" } }],
      ["Changes of its book", { event: "bts:subscribe", data: { channel: "diff_order_book_btcusd" } }],
      ["Every order of ETH/USD", { event: "bts:subscribe", data: { channel: "live_orders_ethusd" } }],
      ["No more trades", { event: "bts:unsubscribe", data: { channel: "live_trades_btcusd" } }],
      ["Heartbeat", { event: "bts:heartbeat" }],
      ["A mistake", { event: "bts:subscribe", data: { channel: "live_trades_nothing" } }],
    ],
  },
  xrocket: {
    title: "xRocket",
    path: "/xrocket",
    requests: [
      ["Book of BTC-USD, five deep", { id: 1, method: "subscribe", params: { channel: "orderbook", symbol: "BTC-USD", depth: 5 } }],
      ["Trades of BTC-USD", { id: 2, method: "subscribe", params: { channel: "trades", symbol: "BTC-USD" } }],
      ["Candles of a minute", { id: 3, method: "subscribe", params: { channel: "candles", symbol: "BTC-USD", type: "1min" } }],
      ["All tickers", { id: 4, method: "subscribe", params: { channel: "allTickers", interval: "1day" } }],
      ["Log in", { id: 5, method: "auth", params: { token: "{xrocket.token}" } }],
      ["My balances", { id: 6, method: "subscribe", params: { channel: "balances" } }],
      ["My orders", { id: 7, method: "subscribe", params: { channel: "activeOrders" } }],
      ["Ping", { id: 8, method: "ping" }],
    ],
  },
  timex: {
    title: "TimeX relay",
    path: "/timex/socket/relay",
    requests: [
      ["Book of BTCUSD", { type: "SUBSCRIBE", requestId: "1", pattern: "/orderbook.group/BTCUSD", snapshot: true }],
      ["Trades of BTC/USD and ETH/USD", { type: "SUBSCRIBE", requestId: "2", pattern: "/trade.symbols/(BTC|ETH)/USD" }],
      ["Statistics of all, of a day", { type: "SUBSCRIBE", requestId: "3", pattern: "/ticker/.*/D1", snapshot: true }],
      ["All that is mine", { type: "ACCOUNT_SUBSCRIBE", requestId: "4", account: "{address}", auth: { id: "{timex.id}", secret: "{timex.secret}" }, snapshot: true }],
      ["Ask for my balances", { type: "REST", requestId: "5", stream: "/get/trading/balances", auth: { id: "{timex.id}", secret: "{timex.secret}" }, payload: {} }],
    ],
  },
  finazon: {
    title: "Finazon",
    path: "/finazon/v1?apikey={finazon.api_key}",
    requests: [
      ["Bars of AAPL and TSLA, each second", { event: "subscribe", publisher: "sip", tickers: ["AAPL", "TSLA"], channel: "bars", frequency: "1s", aggregation: "1m" }],
      ["Bars of BTC/USDT", { event: "subscribe", publisher: "binance", tickers: ["BTC/USDT"], channel: "bars", frequency: "1s", aggregation: "1m" }],
      ["Heartbeat", { event: "heartbeat" }],
    ],
  },
  confluencecode: {
    title: "ConfluenceCode",
    path: "/confluencecode",
    requests: [
      ["Show the key", { id: "1", action: "authenticate", body: { apiKey: "{confluencecode.api_key}" } }],
      ["Trades of BTC/USD", { id: "2", action: "subscribe", body: { streams: [{ eventType: "trade", base: "BTC", quote: "USD" }] } }],
      ["All trades", { id: "3", action: "subscribe", body: { streams: [{ eventType: "trade" }] } }],
      ["No trades of BTC/USD", { id: "4", action: "unsubscribe", body: { streams: [{ eventType: "trade", base: "BTC", quote: "USD" }] } }],
    ],
  },
};

/** Puts what an account has where `{…}` stands for it. */
export function filled(text, account) {
  return text.replace(/\{([a-z]+)(?:\.([a-z_]+))?\}/g, (whole, name, part) => {
    const found = part ? account?.[name]?.[part] : account?.[name];
    return typeof found === "string" ? found : whole;
  });
}
