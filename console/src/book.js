// A book as xRocket tells it: whole in the reply, then by number the levels that changed. It says when a number is
// missing, and holds nothing that it could not prove. Sides are kept in order, so that who shows them sorts nothing.

export class Book {
  constructor() {
    this.clear();
  }

  /** One without a number, told whole each time. */
  static whole(bids, asks) {
    const book = new Book();
    book.fill(bids, asks);
    return book;
  }

  clear() {
    [this.bids, this.asks] = [new Side(-1), new Side(1)];
    this.number = null;
  }

  get isKnown() {
    return this.number !== null;
  }

  fill(bids, asks) {
    this.clear();
    bids.forEach((level) => this.bids.set(level));
    asks.forEach((level) => this.asks.set(level));
  }

  /** The whole book. */
  begin({ sequence, bids, asks }) {
    this.fill(bids, asks);
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
    bids.forEach((level) => this.bids.set(level));
    asks.forEach((level) => this.asks.set(level));
    return true;
  }

  /** The best levels of a side, best first, as `[price, size]` in text. */
  levels(side, count) {
    return this[side].levels.slice(0, count);
  }
}

/** The levels of a side, best first. Prices rise from the best on if `sign` is 1, and fall if it is -1. */
class Side {
  constructor(sign) {
    this.sign = sign;
    this.levels = [];
    this.ranks = [];
  }

  /** Nothing at a price takes its level away. */
  set([price, size]) {
    const { levels, ranks } = this;
    const rank = Number(price) * this.sign;
    let [from, to] = [0, ranks.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (ranks[middle] < rank) from = middle + 1;
      else to = middle;
    }
    const isThere = ranks[from] === rank;
    if (Number(size) !== 0) {
      levels.splice(from, isThere ? 1 : 0, [price, size]);
      ranks.splice(from, isThere ? 1 : 0, rank);
    } else if (isThere) {
      levels.splice(from, 1);
      ranks.splice(from, 1);
    }
  }
}
