// One socket in the xRocket dialect, shared by the pages: it comes back after a loss, logs in again, subscribes
// again, and tells those who listen. Nothing in here knows what a page shows.
//
// A book is told by number: whoever listens to one checks that none is missing (see book.js) and asks for it anew.

const PING_MS = 20_000;
/** After so long without a word the server counts as gone. */
const SILENCE_MS_MAX = 45_000;
const RETRY_MS = [250, 500, 1_000, 2_000, 5_000];

export class Line {
  constructor(path = "/xrocket") {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.nextId = 1;
    this.waiting = new Map();
    this.topics = new Set();
    this.token = null;
    this.fails = 0;
    this.heard = 0;
    this.watchers = new Set();
    this.connect();
    setInterval(() => this.beat(), PING_MS / 4);
  }

  /** Calls back with "live" or with why not, now and at each change. */
  watch(told) {
    this.watchers.add(told);
    told(this.state ?? "connecting");
  }

  is(state) {
    this.state = state;
    for (const told of this.watchers) told(state);
  }

  connect() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.fails = 0;
      this.heard = performance.now();
      this.isOpen = true;
      this.is("live");
      if (this.token) this.request("auth", { token: this.token });
      for (const topic of this.topics) this.ask(topic);
    };
    socket.onmessage = ({ data }) => {
      this.heard = performance.now();
      this.take(JSON.parse(data));
    };
    socket.onclose = ({ reason }) => {
      if (this.socket !== socket) return;
      this.isOpen = false;
      this.waiting.clear();
      const wait = RETRY_MS[Math.min(this.fails, RETRY_MS.length - 1)];
      this.fails += 1;
      this.is(reason ? `reconnecting: ${reason}` : "reconnecting");
      setTimeout(() => this.connect(), wait);
    };
  }

  beat() {
    if (!this.isOpen) return;
    const silent = performance.now() - this.heard;
    if (silent > SILENCE_MS_MAX) {
      // A socket that looks alive and is dead.
      const { socket } = this;
      socket.close();
      socket.onclose({ reason: "nothing was heard" });
      this.socket = null;
    } else if (silent > PING_MS / 2) {
      this.request("ping");
    }
  }

  request(method, params, told) {
    if (!this.isOpen) return;
    const id = this.nextId++;
    if (told) this.waiting.set(id, told);
    this.socket.send(JSON.stringify({ id, method, ...(params && { params }) }));
  }

  async ask(topic) {
    const params = { ...topic.params };
    if (topic.range) {
      params.snapshot = await topic.range().catch(() => undefined);
      if (!this.topics.has(topic)) return;
    }
    this.request("subscribe", params, ({ result, error }) => {
      if (!this.topics.has(topic)) return;
      if (error) topic.failed?.(error);
      else topic.began?.(result);
    });
  }

  take(message) {
    if (message.method === "subscription") {
      const { params } = message;
      for (const topic of this.topics) if (isOf(topic.params, params)) topic.told(params.data);
      return;
    }
    const told = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    told?.(message);
  }

  /** From now on as this account. */
  login(token) {
    if (this.token === token) return;
    const before = this.token;
    this.token = token;
    // A socket belongs to one account: another one needs another socket.
    if (before) this.socket?.close();
    else this.request("auth", { token });
  }

  /**
   * Listens to a channel until the function that it gives is called. `began` is told the reply, `told` each push,
   * `failed` the refusal; `range` gives the range of candles to begin with.
   */
  subscribe(topic) {
    this.topics.add(topic);
    this.ask(topic);
    return () => {
      this.topics.delete(topic);
      this.request("unsubscribe", topic.params);
    };
  }

  /** Asks for a topic anew, from its beginning. */
  again(topic) {
    this.request("unsubscribe", topic.params);
    this.ask(topic);
  }
}

function isOf(wanted, told) {
  return Object.entries(wanted).every(([name, value]) => told[name] === value);
}
