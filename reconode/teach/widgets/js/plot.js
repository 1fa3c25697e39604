// @ts-check
// Line plots on a canvas that is as sharp as the screen and as wide as its column.
import { make } from "./dom.js";

/** @typedef {[number, number]} Range */
/** @typedef {"circle" | "square" | "triangle"} Mark */

/**
 * A plot; `draw` is called whenever it has to be drawn anew, and draws with the plot's methods.
 * @param {{description: string, height: (width: number) => number, xlabel: string, ylabel: string, draw: () => void}} options
 */
export function plot({ description, height, xlabel, ylabel, draw }) {
  const canvas = make("canvas", { role: "img", "aria-label": description });
  const stage = make("div", { class: "stage plot" }, canvas);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const margin = { left: 60, right: 12, top: 10, bottom: 44 };
  const state = {
    x: /** @type {Range} */ ([0, 1]),
    y: /** @type {Range} */ ([0, 1]),
    width: 0,
    height: 0,
    xlabel,
    ylabel,
  };
  const inner = () => [state.width - margin.left - margin.right, state.height - margin.top - margin.bottom];
  const toX = (/** @type {number} */ x) => margin.left + ((x - state.x[0]) / (state.x[1] - state.x[0])) * inner()[0];
  const toY = (/** @type {number} */ y) => margin.top + (1 - (y - state.y[0]) / (state.y[1] - state.y[0])) * inner()[1];

  const ink = (/** @type {string} */ name) => getComputedStyle(stage).getPropertyValue(`--${name}`).trim();

  function redraw() {
    const ratio = window.devicePixelRatio || 1;
    state.width = stage.clientWidth;
    if (!state.width) return;
    state.height = height(state.width);
    canvas.style.height = `${state.height}px`;
    canvas.width = Math.round(state.width * ratio);
    canvas.height = Math.round(state.height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw();
  }

  /** @param {Range} range */
  function ticks([low, high]) {
    const raw = (high - low) / Math.max(2, Math.min(6, state.width / 90));
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return Array.from({ length: count }, (_, i) => {
      const value = (first + i) * step;
      return { value, text: (Math.abs(value) < step / 2 ? 0 : value).toFixed(digits).replace("-", "−") };
    });
  }

  const api = {
    element: stage,
    canvas,
    context,
    toX,
    toY,
    ink,
    redraw,
    /** @param {Range} x @param {Range} y */
    setRange(x, y) {
      state.x = x;
      state.y = y;
    },
    /** @param {string} x @param {string} y */
    setLabels(x, y) {
      [state.xlabel, state.ylabel] = [x, y];
    },
    /** @param {number} px @param {number} py @returns {[number, number]} the numbers at a place of the stage */
    at(px, py) {
      const [width, height] = inner();
      const [x0, x1] = state.x;
      const [y0, y1] = state.y;
      return [x0 + ((px - margin.left) / width) * (x1 - x0), y0 + (1 - (py - margin.top) / height) * (y1 - y0)];
    },
    /** Axes with their numbers, on an empty sheet. */
    axes() {
      const [width, height] = inner();
      context.clearRect(0, 0, state.width, state.height);
      context.font = "14px system-ui, sans-serif";
      context.lineWidth = 1;
      context.strokeStyle = ink("grid");
      context.fillStyle = ink("muted");
      context.textAlign = "center";
      context.textBaseline = "top";
      for (const { value, text } of ticks(state.x)) {
        rule(toX(value), margin.top, toX(value), margin.top + height);
        context.fillText(text, toX(value), margin.top + height + 5);
      }
      context.fillText(state.xlabel, margin.left + width / 2, margin.top + height + 25);
      context.textAlign = "right";
      context.textBaseline = "middle";
      for (const { value, text } of ticks(state.y)) {
        rule(margin.left, toY(value), margin.left + width, toY(value));
        context.fillText(text, margin.left - 6, toY(value));
      }
      context.save();
      context.translate(9, margin.top + height / 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = "center";
      context.fillText(state.ylabel, 0, 0);
      context.restore();
    },
    /** Whatever `inside` draws, cut off at the axes. @param {() => void} inside */
    clipped(inside) {
      const [width, height] = inner();
      context.save();
      context.beginPath();
      context.rect(margin.left, margin.top, width, height);
      context.clip();
      inside();
      context.restore();
    },
    /**
     * @param {ArrayLike<number>[]} points
     * @param {{color: string, width?: number, dash?: number[], mark?: Mark, size?: number}} look
     */
    line(points, { color, width = 2, dash = [], mark, size = 4 }) {
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = width;
      context.lineJoin = context.lineCap = "round";
      context.setLineDash(dash);
      context.beginPath();
      // A diverging path reaches numbers that a canvas cannot draw; past 10⁴ pixels nothing is seen anyway.
      const far = (/** @type {number} */ v) => Math.max(-1e4, Math.min(1e4, v));
      for (const [x, y] of /** @type {[number, number][]} */ (points)) context.lineTo(far(toX(x)), far(toY(y)));
      if (width) context.stroke();
      context.setLineDash([]);
      if (mark)
        for (const [x, y] of /** @type {[number, number][]} */ (points)) dot(far(toX(x)), far(toY(y)), size, mark);
    },
  };

  /** @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
  function rule(x0, y0, x1, y1) {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }

  /** @param {number} x @param {number} y @param {number} r @param {Mark} mark */
  function dot(x, y, r, mark) {
    context.beginPath();
    if (mark === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
    else if (mark === "square") context.rect(x - r, y - r, 2 * r, 2 * r);
    else {
      context.moveTo(x, y - 1.3 * r);
      context.lineTo(x + 1.2 * r, y + r);
      context.lineTo(x - 1.2 * r, y + r);
    }
    context.fill();
  }

  new ResizeObserver(redraw).observe(stage);
  return api;
}
