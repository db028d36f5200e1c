// The book as a chart: how much could be sold down to each price, and bought up to it.

export class Depth {
  constructor(canvas) {
    this.canvas = canvas;
  }

  show({ bids, asks }) {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0) return;
    if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
      canvas.width = width * ratio;
      canvas.height = height * ratio;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
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
    const colors = getComputedStyle(document.documentElement);
    sums.forEach((levels, side) => {
      const color = colors.getPropertyValue(side === 0 ? "--bid" : "--ask");
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
      pen.strokeStyle = color;
      pen.stroke();
      pen.lineTo(edge, height);
      pen.closePath();
      pen.globalAlpha = 0.2;
      pen.fillStyle = color;
      pen.fill();
      pen.globalAlpha = 1;
    });
  }
}
