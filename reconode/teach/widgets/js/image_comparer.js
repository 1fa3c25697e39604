// @ts-check
// Chapter 10: several reconstructions of one slice, in one window and one view that the reader moves.
import { button, choice, slider } from "./controls.js";
import { fixed, liveRegion, make } from "./dom.js";
import { mount } from "./mount.js";
import { colors, gray } from "./picture.js";
import { unpack } from "./unpack.js";

/** @typedef {{images: import("./unpack.js").Packed, names: string[], ssim: number[], shown: number[], colors: string,
 *   about: string}} Data */

const MOST = 8; // of the zoom
const SHARP = 480; // pixels of a panel's canvas

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "image_comparer", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root }, data) {
  const [, rows, columns] = data.images.shape;
  const size = rows * columns;
  const values = await unpack(data.images);
  const names = ["Target", ...data.names];
  const stored = (/** @type {number} */ i) => (i ? names.length - i : 0); // the target first, then the last method
  const image = (/** @type {number} */ i) => values.subarray(stored(i) * size, (stored(i) + 1) * size);
  const target = image(0);
  const peak = target.reduce((a, b) => Math.max(a, b), 0);
  const heat = colors(data.colors);
  const state = {
    shown: new Set([0, ...data.shown.map((i) => i + 1)]),
    what: "images",
    white: 0.8,
    most: 0.2,
    zoom: 1,
    row: rows / 2,
    column: columns / 2,
  };

  /** What is seen; in whole pixels, of which more than half is seen: the first, and one past the last. */
  function view() {
    const [height, width] = [rows / state.zoom, columns / state.zoom];
    const [top, left] = [state.row - height / 2, state.column - width / 2];
    return {
      top,
      left,
      height,
      width,
      rows: [Math.round(top), Math.round(top + height)],
      columns: [Math.round(left), Math.round(left + width)],
    };
  }

  /** @param {number} i @param {number[]} rowsSeen @param {number[]} columnsSeen */
  function psnr(i, [r0, r1], [c0, c1]) {
    const x = image(i);
    let sum = 0;
    for (let r = r0; r < r1; r++) for (let c = c0; c < c1; c++) sum += (x[r * columns + c] - target[r * columns + c]) ** 2;
    return 10 * Math.log10((peak * peak * (r1 - r0) * (c1 - c0)) / sum);
  }

  const live = liveRegion();
  const panels = names.map((name, i) => {
    const canvas = make("canvas", { width: SHARP, height: Math.round((SHARP * rows) / columns), role: "img" });
    const note = make("span", { class: "note" });
    const pad = make("div", { class: "brush view" });
    if (i === 0)
      for (const [key, value] of Object.entries({
        role: "slider",
        tabindex: "0",
        "aria-label": "View of all pictures",
        "aria-valuemin": "1",
        "aria-valuemax": String(MOST),
      }))
        pad.setAttribute(key, value);
    const source = make("canvas", { width: columns, height: rows });
    const pixels = new ImageData(columns, rows);
    listen(pad);
    const stage = make("div", { class: "stage" }, canvas, note, pad);
    return { element: make("figure", {}, make("figcaption", {}, name), stage), canvas, note, pad, source, pixels };
  });
  const pad = panels[0].pad;

  /** @param {number} i */
  function paint(i) {
    const { canvas, source, pixels } = panels[i];
    const errors = state.what === "errors" && i > 0;
    const [table, top, x] = [errors ? heat : gray, errors ? state.most : state.white, image(i)];
    for (let k = 0; k < size; k++) {
      const value = errors ? Math.abs(x[k] - target[k]) : x[k];
      const at = 3 * Math.max(0, Math.min(255, Math.floor((256 * value) / (top * peak))));
      pixels.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * k);
    }
    /** @type {CanvasRenderingContext2D} */ (source.getContext("2d")).putImageData(pixels, 0, 0);
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.imageSmoothingEnabled = false;
    const { top: y, left, width, height } = view();
    context.drawImage(source, left, y, width, height, 0, 0, canvas.width, canvas.height);
    canvas.setAttribute("aria-label", (errors ? "error of " : "") + names[i]);
  }

  const cells = names.map((name, i) => ({
    row: make("tr", {}, make("th", { scope: "row" }, name)),
    whole: make("td", { "data-key": "whole" + i }),
    ssim: make("td", { "data-key": "ssim" + i }),
    part: make("td", { "data-key": "part" + i }),
  }));
  for (const { row, whole, ssim, part } of cells) row.append(whole, ssim, part);
  const headings = ["method", "PSNR, dB", "SSIM", "PSNR of this view"];
  const table = make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...headings.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...cells.slice(1).map((c) => c.row)),
  );
  const message = make("p", { class: "message" });

  function update() {
    const seen = view();
    const whole = names.map((_, i) => psnr(i, [0, rows], [0, columns]));
    const part = names.map((_, i) => psnr(i, seen.rows, seen.columns));
    const open = [...state.shown].filter((i) => i > 0).sort((a, b) => a - b);
    const best = (/** @type {number[]} */ scores) => open.reduce((a, b) => (scores[b] > scores[a] ? b : a), open[0]);
    panels.forEach(({ element, note, pad }, i) => {
      element.hidden = !state.shown.has(i);
      pad.style.touchAction = state.zoom > 1 ? "none" : "pan-y";
      note.textContent = i && state.zoom > 1 ? fixed(part[i], 1) + " dB" : i ? fixed(whole[i], 1) + " dB" : "";
      if (state.shown.has(i)) paint(i);
    });
    cells.slice(1).forEach(({ row, whole: w, ssim, part: p }, k) => {
      const i = k + 1;
      row.hidden = !state.shown.has(i);
      for (const [cell, value, digits] of /** @type {[HTMLElement, number, number][]} */ ([
        [w, whole[i], 2],
        [ssim, data.ssim[k], 3],
        [p, part[i], 2],
      ])) {
        cell.textContent = fixed(value, digits);
        cell.dataset.value = String(value);
      }
      w.classList.toggle("best", i === best(whole));
      p.classList.toggle("best", i === best(part));
    });
    pictures.style.setProperty("--widths", "repeat(" + (state.shown.size === 4 ? 4 : 3) + ", minmax(0, 1fr))");
    const middle = "row " + Math.round(state.row) + ", column " + Math.round(state.column);
    pad.setAttribute("aria-valuenow", String(state.zoom));
    pad.setAttribute("aria-valuetext", fixed(state.zoom, 1) + "×, middle at " + middle);
    zoom.set(state.zoom);
    message.textContent = !open.length
      ? "No method is open."
      : "Best of the open ones, whole slice: " + names[best(whole)] + ". In this view: " + names[best(part)] + ".";
    live.say(fixed(state.zoom, 1) + "×, " + middle + ". " + message.textContent);
  }

  /** @param {number} next @param {number} row stays where it is, as does @param {number} column */
  function zoomTo(next, row = state.row, column = state.column) {
    next = Math.max(1, Math.min(MOST, next));
    const share = state.zoom / next;
    moveTo(row + (state.row - row) * share, column + (state.column - column) * share, next);
  }

  function moveTo(/** @type {number} */ row, /** @type {number} */ column, next = state.zoom) {
    const within = (/** @type {number} */ v, /** @type {number} */ n) => Math.max(n / 2 / next, Math.min(n - n / 2 / next, v));
    state.zoom = next;
    state.row = within(row, rows);
    state.column = within(column, columns);
    update();
  }

  /** Drag, pinch, and a trackpad's pinch; a double click zooms in. @param {HTMLElement} pad */
  function listen(pad) {
    /** @type {Map<number, [number, number]>} */
    const fingers = new Map();
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return Math.hypot(a[0] - b[0], a[1] - b[1]);
    };
    /** The pixel under a place of the page. @param {number} x @param {number} y */
    const under = (x, y) => {
      const box = pad.getBoundingClientRect();
      const seen = view();
      return [seen.top + ((y - box.top) / box.height) * seen.height, seen.left + ((x - box.left) / box.width) * seen.width];
    };
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"]))
      pad.addEventListener(end, (event) => fingers.delete(event.pointerId));
    pad.addEventListener("pointermove", (event) => {
      const last = fingers.get(event.pointerId);
      if (!last) return;
      const before = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 2) {
        const [a, b] = [...fingers.values()];
        const [row, column] = under((a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
        zoomTo((state.zoom * spread()) / before, row, column);
      } else if (state.zoom > 1) {
        const [r0, c0] = under(...last);
        const [r1, c1] = under(event.clientX, event.clientY);
        moveTo(state.row + r0 - r1, state.column + c0 - c1);
      }
    });
    pad.addEventListener("dblclick", (event) => {
      const [row, column] = under(event.clientX, event.clientY);
      zoomTo(2 * state.zoom, row, column);
    });
    pad.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return; // else the page scrolls
        event.preventDefault();
        const [row, column] = under(event.clientX, event.clientY);
        zoomTo(state.zoom * 2 ** (-event.deltaY / 100), row, column);
      },
      { passive: false },
    );
    pad.addEventListener("keydown", (event) => {
      const step = (event.shiftKey ? 0.5 : 0.125) / state.zoom;
      const moves = /** @type {Record<string, () => void>} */ ({
        ArrowLeft: () => moveTo(state.row, state.column - step * columns),
        ArrowRight: () => moveTo(state.row, state.column + step * columns),
        ArrowUp: () => moveTo(state.row - step * rows, state.column),
        ArrowDown: () => moveTo(state.row + step * rows, state.column),
        "+": () => zoomTo(state.zoom * 2),
        "=": () => zoomTo(state.zoom * 2),
        "-": () => zoomTo(state.zoom / 2),
        0: () => moveTo(rows / 2, columns / 2, 1),
        Home: () => moveTo(rows / 2, columns / 2, 1),
      });
      if (!(event.key in moves)) return;
      event.preventDefault();
      moves[event.key]();
    });
  }

  const picks = names.slice(1).map((name, k) => {
    const input = make("input", { type: "checkbox", value: name, checked: state.shown.has(k + 1) });
    input.addEventListener("change", () => {
      if (input.checked) state.shown.add(k + 1);
      else state.shown.delete(k + 1);
      update();
    });
    return make("label", {}, input, make("span", {}, name));
  });
  const percent = (/** @type {number} */ v) => Math.round(100 * v) + " % of the maximum";
  const zoom = slider({
    name: "zoom",
    label: "Zoom",
    min: 1,
    max: MOST,
    step: 0.1,
    value: 1,
    text: (v) => fixed(v, 1) + "×",
    changed: (v) => zoomTo(v),
  });
  /** @param {"white" | "most"} name @param {string} label @param {number} min @param {number} max */
  const scale = (name, label, min, max) =>
    slider({
      name,
      label,
      min,
      max,
      step: 0.05,
      value: state[name],
      text: percent,
      changed: (v) => {
        state[name] = v;
        update();
      },
    });
  const white = scale("white", "White from", 0.1, 1);
  const most = scale("most", "Errors shown up to", 0.05, 0.5);
  const what = choice({
    label: "Show",
    options: { images: "images", errors: "errors" },
    value: state.what,
    changed: (v) => {
      state.what = v;
      white.element.hidden = v === "errors";
      most.element.hidden = v === "images";
      update();
    },
  });
  most.element.hidden = true;
  const pictures = make("div", { class: "panels three" }, ...panels.map((p) => p.element));
  const methods = make("fieldset", { class: "choice wide" }, make("legend", {}, "Methods"), make("div", {}, ...picks));
  const whole = button("Whole slice", () => moveTo(rows / 2, columns / 2, 1));
  root.append(
    make("div", { class: "controls" }, methods, what, white.element, most.element),
    pictures,
    make("div", { class: "controls" }, zoom.element, make("div", { class: "row" }, whole)),
    table,
    message,
    make(
      "p",
      { class: "hint" },
      (data.about ? data.about + " " : "") +
        "Pinch or double-click to zoom, drag to move; with the keyboard, focus the target: + and −, arrow keys, Home. Scores of this slice alone.",
    ),
    live.element,
  );
  update();
}
