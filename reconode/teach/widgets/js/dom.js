// @ts-check
// Elements by a line each, and how numbers are written.

/**
 * An element with properties and children. `class`, `role` and what has a hyphen are attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [properties]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "class" || name === "role") element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  element.append(...children);
  return element;
}

/** @param {number} value @param {number} digits after the point */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
  return value.toFixed(digits).replace("-", "−");
}

/**
 * A number of any size in three digits: 0.0123, 4.56 × 10⁻⁷.
 * @param {number} value
 */
export function short(value) {
  if (!Number.isFinite(value) || value === 0) return fixed(value, 0);
  const size = Math.abs(value);
  if (size >= 0.001 && size < 10000) return fixed(value, Math.max(0, 2 - Math.floor(Math.log10(size))));
  const [digits, power] = value.toExponential(2).split("e");
  const raised = [...power.replace("+", "")].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("");
  return `${digits.replace("-", "−")} × 10${raised}`;
}

/**
 * A row of named numbers. Each has the number in full in its `data-value`.
 * @param {Record<string, string>} names a label by key
 */
export function readouts(names) {
  const cells = Object.fromEntries(Object.keys(names).map((key) => [key, make("dd", { "data-key": key })]));
  const pairs = Object.entries(names).map(([key, label]) => make("div", {}, make("dt", {}, label), cells[key]));
  return {
    element: make("dl", { class: "readouts", "data-count": pairs.length }, ...pairs),
    /** @param {string} key @param {number} value @param {string} text */
    set(key, value, text) {
      cells[key].textContent = text;
      cells[key].dataset.value = String(value);
    },
  };
}

/**
 * What a plot's lines are.
 * @param {string[][]} entries a color, a border style and a text for each
 */
export function legend(entries) {
  const items = entries.map(([color, line, text]) => {
    const swatch = make("i");
    swatch.style.borderTopColor = color;
    swatch.style.borderTopStyle = line;
    return make("li", {}, swatch, text);
  });
  return make("ul", { class: "legend" }, ...items);
}

/** A place that screen readers read out when it changes, not more often than they can follow. */
export function liveRegion() {
  const element = make("p", { class: "spoken", role: "status", "aria-live": "polite" });
  let timer = 0;
  return {
    element,
    /** @param {string} text */
    say(text) {
      clearTimeout(timer);
      timer = window.setTimeout(() => (element.textContent = text), 700);
    },
  };
}
