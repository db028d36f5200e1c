// Elements made in one expression. Text is always set as text, never as markup, so that nothing that a venue or a
// visitor sends can become part of the page.

/** An element of this kind with these attributes; functions are listeners, as in `{ onclick: … }`. */
export function el(kind, attributes = {}, ...children) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A labelled part of a page. */
export function panel(title, ...children) {
  return el("section", { class: "panel", "aria-label": title }, el("h2", {}, title), ...children);
}

/** Sets an element's text if it differs. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Calls `paint` at most once for each frame of the screen, however often it is asked for. */
export function painter(paint) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      paint();
    });
  };
}

/** A table head; the titles of columns of numbers begin with `#`. */
export function head(...titles) {
  const column = (title) => {
    const isNumber = title.startsWith("#");
    return el("th", { scope: "col", class: isNumber ? "number" : null }, isNumber ? title.slice(1) : title);
  };
  return el("thead", {}, el("tr", {}, titles.map(column)));
}
