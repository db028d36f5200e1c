// Candles and their volume, by TradingView's lightweight-charts.

import { CandlestickSeries, ColorType, createChart, HistogramSeries } from "lightweight-charts";

export class Chart {
  constructor(container, decimals) {
    this.chart = createChart(container, { autoSize: true, timeScale: { timeVisible: true, secondsVisible: false } });
    const minMove = 10 ** -decimals;
    this.candles = this.chart.addSeries(CandlestickSeries, { priceFormat: { type: "price", precision: decimals, minMove } });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" } });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
    this.recolor = () => this.color();
    addEventListener("theme", this.recolor);
    this.color();
    this.last = 0;
  }

  color() {
    const colors = getComputedStyle(document.documentElement);
    const of = (name) => colors.getPropertyValue(name).trim();
    const lines = { color: of("--line") };
    this.chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: of("--panel") }, textColor: of("--text") },
      grid: { vertLines: lines, horzLines: lines },
    });
    const [up, down] = [of("--bid"), of("--ask")];
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false });
    this.volume.applyOptions({ color: of("--volume") });
  }

  all(candles) {
    this.candles.setData(candles);
    this.volume.setData(candles.map(({ time, volume }) => ({ time, value: volume })));
    const last = candles.at(-1)?.time ?? 0;
    // Somebody who looks at the past is left there.
    if (this.last === 0) this.chart.timeScale().scrollToRealTime();
    this.last = last;
  }

  one(candle) {
    if (candle.time < this.last) return;
    this.last = candle.time;
    this.candles.update(candle);
    this.volume.update({ time: candle.time, value: candle.volume });
  }

  forget() {
    this.last = 0;
  }

  end() {
    removeEventListener("theme", this.recolor);
    this.chart.remove();
  }
}
