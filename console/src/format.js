// How numbers and times look. Prices and sizes stay the texts that the server sent wherever they are shown; numbers
// are made of them only to draw with.

/** The time of day, with seconds. */
export function clock(text) {
  return new Date(text).toLocaleTimeString(undefined, { hour12: false });
}

/** A ratio as a percentage with its sign. */
export function percent(ratio, decimals = 2) {
  const value = Number(ratio) * 100;
  return `${value > 0 ? "+" : ""}${value.toFixed(decimals)} %`;
}

/** A size without the zeros at its end. */
export function short(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** "up", "down" or "" for a change. */
export function direction(value) {
  const number = Number(value);
  return number > 0 ? "up" : number < 0 ? "down" : "";
}
