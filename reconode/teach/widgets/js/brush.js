// @ts-check
// Columns of a picture painted on or off, by pointer or by keys.
import { make } from "./dom.js";

/**
 * @param {{stage: HTMLElement, columns: number, label: string, get: (column: number) => boolean,
 *   text: (column: number) => string, paint: (from: number, to: number, kept: boolean) => void}} options
 */
export function columnBrush({ stage, columns, label, get, text, paint }) {
  let at = columns >> 1;
  let stroke = true;
  const within = (/** @type {number} */ column) => Math.max(0, Math.min(columns - 1, column));
  const brush = make("div", { class: "brush", role: "slider", tabIndex: 0, "aria-label": label });
  const cursor = make("div", { class: "cursor" });
  brush.setAttribute("aria-valuemin", "0");
  brush.setAttribute("aria-valuemax", String(columns - 1));
  stage.append(brush, cursor);

  function place() {
    cursor.style.left = `${(100 * (at + 0.5)) / columns}%`;
    brush.setAttribute("aria-valuenow", String(at));
    brush.setAttribute("aria-valuetext", text(at));
  }
  /** @param {number} to @param {boolean} kept */
  function drag(to, kept) {
    const from = at;
    at = to;
    paint(from, to, kept);
  }
  const columnOf = (/** @type {PointerEvent} */ event) => {
    const box = brush.getBoundingClientRect();
    return within(Math.floor(((event.clientX - box.left) / box.width) * columns));
  };
  brush.addEventListener("pointerdown", (event) => {
    brush.setPointerCapture(event.pointerId);
    at = columnOf(event);
    stroke = !get(at); // a stroke does all along what it did to its first column
    drag(at, stroke);
  });
  brush.addEventListener("pointermove", (event) => {
    if (brush.hasPointerCapture(event.pointerId)) drag(columnOf(event), stroke);
  });
  brush.addEventListener("keydown", (event) => {
    const { key, shiftKey } = event;
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -8, PageUp: 8 };
    const goal = key in by ? at + by[/** @type {keyof typeof by} */ (key)] : { Home: 0, End: columns - 1 }[key];
    if (key === " " || key === "Enter") drag(at, !get(at));
    else if (goal === undefined) return;
    else if (shiftKey) drag(within(goal), get(at));
    else {
      at = within(goal);
      place();
    }
    event.preventDefault();
  });
  return { place };
}
