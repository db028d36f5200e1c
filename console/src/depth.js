// The book as a chart: how much could be sold down to each price, and bought up to it. It asks the page for its size and
// colours when those change, and not when it draws: to ask would have all that was written before laid out first.

export class Depth {
  constructor(canvas) {
    this.canvas = canvas;
    this.recolor = () => this.color();
    addEventListener("theme", this.recolor);
    this.sizes = new ResizeObserver(() => this.size());
    this.sizes.observe(canvas);
    this.color();
  }

  color() {
    const colors = getComputedStyle(document.documentElement);
    this.colors = ["--bid", "--ask"].map((name) => colors.getPropertyValue(name));
    this.again();
  }

  size() {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    [this.width, this.height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = this.width * ratio;
    canvas.height = this.height * ratio;
    canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    this.again();
  }

  again() {
    if (this.shown) this.show(this.shown);
  }

  show(shown) {
    this.shown = shown;
    const { bids, asks } = shown;
    const { canvas, width, height, colors } = this;
    if (!width) return;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (bids.length === 0 || asks.length === 0) return;
    const middle = (Number(bids[0][0]) + Number(asks[0][0])) / 2;
    const reach = Math.max(middle - Number(bids.at(-1)[0]), Number(asks.at(-1)[0]) - middle) || 1;
    const sums = [bids, asks].map((levels) => {
      let sum = 0;
      return levels.map(([price, size]) => [Number(price), (sum += Number(size))]);
    });
    const most = Math.max(...sums.map((levels) => levels.at(-1)[1])) || 1;
    const x = (price) => ((price - middle + reach) / (2 * reach)) * width;
    const y = (sum) => height - (sum / most) * (height - 4);
    sums.forEach((levels, side) => {
      pen.beginPath();
      pen.moveTo(x(levels[0][0]), height);
      let before = height;
      for (const [price, sum] of levels) {
        pen.lineTo(x(price), before);
        before = y(sum);
        pen.lineTo(x(price), before);
      }
      const edge = side === 0 ? 0 : width;
      pen.lineTo(edge, before);
      pen.strokeStyle = colors[side];
      pen.stroke();
      pen.lineTo(edge, height);
      pen.closePath();
      pen.globalAlpha = 0.2;
      pen.fillStyle = colors[side];
      pen.fill();
      pen.globalAlpha = 1;
    });
  }

  end() {
    removeEventListener("theme", this.recolor);
    this.sizes.disconnect();
  }
}
