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

/** Sets an element's class if it differs. */
export function mark(element, name) {
  if (element.className !== name) element.className = name;
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

/**
 * Shows a list as rows of a table's body, by the `id` of each: one that stays is filled anew and not made anew, so that a
 * button that somebody is about to press stays what it was, and one that comes costs one row. `make` gives for one of
 * them its element and a function that fills it. Of nothing it says `none` over so many columns.
 */
export function keyed(body, make, columns, none) {
  let rows = new Map();
  const empty = el("tr", {}, el("td", { colspan: String(columns) }, none));
  return (list) => {
    const before = rows;
    rows = new Map(list.map((it) => [it.id, before.get(it.id) ?? make(it)]));
    for (const [id, { element }] of before) if (!rows.has(id)) element.remove();
    if (list.length > 0) empty.remove();
    else if (none) body.append(empty);
    let at = body.firstChild;
    for (const it of list) {
      const { element, fill } = rows.get(it.id);
      fill?.(it);
      if (at === element) at = at.nextSibling;
      else body.insertBefore(element, at);
    }
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
