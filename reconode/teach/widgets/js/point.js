// @ts-check
// A point that can be dragged over a plot, or moved by the arrow keys.
import { make } from "./dom.js";

/**
 * @param {{label: string, where: () => [number, number], text: () => string, step: number,
 *   plot: {element: HTMLElement, toX: (x: number) => number, toY: (y: number) => number,
 *     at: (px: number, py: number) => [number, number]},
 *   range: [[number, number], [number, number]], moved: (x: number, y: number) => void}} options
 */
export function draggable({ label, where, text, step, plot, range, moved }) {
  const handle = make("div", { class: "handle", role: "slider", tabIndex: 0, "aria-label": label });
  const place = () => {
    const [x, y] = where();
    handle.style.left = `${plot.toX(x)}px`;
    handle.style.top = `${plot.toY(y)}px`;
    handle.setAttribute("aria-valuemin", String(range[0][0]));
    handle.setAttribute("aria-valuemax", String(range[0][1]));
    handle.setAttribute("aria-valuenow", String(x)); // a slider has one number; the text below says both
    handle.setAttribute("aria-valuetext", text());
  };
  const move = (/** @type {number} */ x, /** @type {number} */ y) => {
    const within = (/** @type {number} */ v, /** @type {[number, number]} */ [low, high]) =>
      Math.min(high, Math.max(low, Math.round(v * 1000) / 1000));
    moved(within(x, range[0]), within(y, range[1]));
  };
  handle.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 5 * step : step;
    const by = /** @type {Record<string, [number, number]>} */ ({
      ArrowLeft: [-far, 0],
      ArrowRight: [far, 0],
      ArrowUp: [0, far],
      ArrowDown: [0, -far],
    })[event.key];
    if (!by) return;
    event.preventDefault();
    const [x, y] = where();
    move(x + by[0], y + by[1]);
  });
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus();
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = plot.element.getBoundingClientRect();
    move(...plot.at(event.clientX - box.left, event.clientY - box.top));
  });
  plot.element.append(handle);
  return { place };
}
