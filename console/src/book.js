// A book as xRocket tells it: whole in the reply, then by number the levels that changed. It says when a number is
// missing, and holds nothing that it could not prove.

export class Book {
  constructor() {
    this.clear();
  }

  clear() {
    this.bids = new Map();
    this.asks = new Map();
    this.number = null;
  }

  get isKnown() {
    return this.number !== null;
  }

  /** The whole book. */
  begin({ sequence, bids, asks }) {
    this.bids = new Map(bids);
    this.asks = new Map(asks);
    this.number = BigInt(sequence);
  }

  /** What changed; false if something before it is missing. */
  change({ snapshot, sequence, bids, asks }) {
    if (snapshot) {
      this.begin({ sequence, bids, asks });
      return true;
    }
    if (this.number === null || BigInt(sequence) !== this.number + 1n) {
      this.clear();
      return false;
    }
    this.number += 1n;
    set(this.bids, bids);
    set(this.asks, asks);
    return true;
  }

  /** The best levels of a side, best first, as `[price, size]` in text. */
  levels(side, count) {
    const rising = side === "asks";
    const all = [...this[side]].sort(([one], [two]) => (rising ? one - two : two - one));
    return all.slice(0, count);
  }
}

function set(levels, changes) {
  for (const [price, size] of changes) {
    if (Number(size) === 0) levels.delete(price);
    else levels.set(price, size);
  }
}
