// Rows that are changed in place, so that neither the focus nor a selection is lost each second.
export const el = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};

// `items`: { key, build() -> element }. Elements whose text is the same stay.
export const keep = (parent, items) => {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const { key, build } of items) {
    const fresh = build();
    fresh.dataset.key = key;
    const known = old.get(key);
    old.delete(key);
    if (known && known.outerHTML === fresh.outerHTML) {
      if (known === place) place = place.nextElementSibling;
      else parent.insertBefore(known, place);
      continue;
    }
    if (known === place && place) place = place.nextElementSibling;
    known?.remove();
    parent.insertBefore(fresh, place);
  }
  for (const gone of old.values()) gone.remove();
};

// A row: the first cell is its head. A cell is a text, or [text, attributes, ...children].
export const row = (kind, cells) => {
  const tr = el("tr", { class: kind });
  cells.forEach((cell, i) => {
    const [text, attributes = {}, ...children] = Array.isArray(cell) ? cell : [cell];
    const head = i === 0 ? { scope: "row" } : {};
    tr.append(el(i === 0 ? "th" : "td", { ...head, ...attributes }, text, ...children));
  });
  return tr;
};

export const number = (value) => {
  if (value === null || value === undefined) return "–";
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toFixed(1);
};

export const bar = (part) => {
  const shown = Math.max(0, Math.min(1, part));
  const fill = el("i");
  fill.style.width = `${(shown * 100).toFixed(1)}%`;
  return el("span", { class: part >= 0.999 ? "bar full-up" : "bar", "aria-hidden": "true" }, fill);
};
