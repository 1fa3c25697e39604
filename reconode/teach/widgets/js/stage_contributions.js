// @ts-check
// Chapter 8: point at a pixel; the weight of each stage there and what it brings to the step, over the steps.
import { choice, slider } from "./controls.js";
import { fixed, liveRegion, make } from "./dom.js";
import { mount } from "./mount.js";
import { gray, panel } from "./picture.js";
import { plot } from "./plot.js";
import { draggable } from "./point.js";
import { quantile } from "./scores.js";
import { unpack } from "./unpack.js";

/** @typedef {import("./unpack.js").Packed} Packed */
/** @typedef {{weights: Packed, parts: Packed, image: Packed, name: string}} Data */
/** @typedef {{ink: string, mark: import("./plot.js").Mark, dash: number[]}} Look */

const TOP = 0.5; // of the weights' grey scale
const UP = [255, 176, 92]; // a stage that pushes along the increment
const DOWN = [96, 158, 255]; // one that pulls back
const LOOKS = /** @type {Look[]} */ ([
  { ink: "blue", mark: "circle", dash: [] },
  { ink: "ink", mark: "square", dash: [6, 4] },
  { ink: "muted", mark: "triangle", dash: [2, 5] },
  { ink: "red", mark: "circle", dash: [] },
]);

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "stage_contributions", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root, onTheme }, data) {
  const [steps, stages, rows, columns] = data.weights.shape;
  const [weights, parts] = [await unpack(data.weights), await unpack(data.parts)];
  const image = await unpack(data.image);
  const [height, width] = data.image.shape;
  const size = rows * columns;
  const window = quantile(parts.map(Math.abs), 0.995);
  const state = { step: 0, row: rows >> 1, column: columns >> 1, shows: "weights" };
  const subscript = (/** @type {number} */ i) => "₁₂₃₄"[i];

  /** @param {Float64Array} values @param {number} step @param {number} stage */
  const here = (values, step, stage) => values[(step * stages + stage) * size + state.row * columns + state.column];

  const knee = panel("Where", height, width, "the image, with a ring at the chosen pixel");
  knee.draw(image, quantile(image, 0.99), gray);
  const maps = Array.from({ length: stages }, (_, i) => panel("", rows, columns, "map of stage " + (i + 1)));
  const rings = maps.map((map) => {
    const ring = make("div", { class: "spot" });
    map.stage.append(ring);
    return ring;
  });

  const handle = draggable({
    label: "Pixel",
    where: () => [state.column, rows - 1 - state.row],
    text: () => "row " + (state.row + 1) + ", column " + (state.column + 1),
    step: 1,
    plot: {
      element: knee.stage,
      toX: (x) => ((x + 0.5) / columns) * knee.stage.clientWidth,
      toY: (y) => ((rows - 0.5 - y) / rows) * knee.stage.clientHeight,
      at: (px, py) => [
        (px / knee.stage.clientWidth) * columns - 0.5,
        rows - 0.5 - (py / knee.stage.clientHeight) * rows,
      ],
    },
    range: [
      [0, columns - 1],
      [0, rows - 1],
    ],
    moved: (x, y) => go(rows - 1 - Math.round(y), Math.round(x)),
  });
  new ResizeObserver(handle.place).observe(knee.stage);

  for (const { stage, canvas, note } of [knee, ...maps]) {
    const pick = (/** @type {MouseEvent} */ event) => {
      const box = stage.getBoundingClientRect();
      const cell = (/** @type {number} */ share, /** @type {number} */ count) =>
        Math.max(0, Math.min(count - 1, Math.floor(share * count)));
      go(cell((event.clientY - box.top) / box.height, rows), cell((event.clientX - box.left) / box.width, columns));
    };
    canvas.style.cursor = "crosshair";
    note.style.pointerEvents = "none";
    canvas.addEventListener("click", pick); // a tap too, so that a finger still scrolls the page
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.buttons === 1) pick(event);
    });
  }

  const cells = LOOKS.slice(0, stages).map((_, i) => ({
    weight: make("td", { "data-key": "a" + (i + 1) }),
    part: make("td", { "data-key": "c" + (i + 1) }),
  }));
  const total = make("td", { "data-key": "total" });
  const keys = LOOKS.map(({ mark }) => make("span", { class: "key " + mark }));
  const table = make(
    "table",
    {},
    make(
      "thead",
      {},
      make("tr", {}, ...["stage", "weight", "brings, % of the image’s maximum"].map((t) => make("th", { scope: "col" }, t))),
    ),
    make(
      "tbody",
      {},
      ...cells.map(({ weight, part }, i) =>
        make("tr", {}, make("th", { scope: "row" }, keys[i], "F" + subscript(i)), weight, part),
      ),
      make("tr", {}, make("th", { scope: "row" }, "all"), make("td", {}, "1"), total),
    ),
  );
  const live = liveRegion();
  const curve = plot({
    description: "weight or contribution of each stage at the chosen pixel over the steps",
    height: (wide) => Math.max(180, Math.min(260, 0.4 * wide)),
    xlabel: "step",
    ylabel: "weight",
    draw,
  });

  const shown = () => (state.shows === "weights" ? weights : parts);
  const unit = () => (state.shows === "weights" ? 1 : 100);

  function draw() {
    const lines = Array.from({ length: stages }, (_, i) =>
      Array.from({ length: steps }, (_, n) => [n + 1, unit() * here(shown(), n, i)]),
    );
    const values = lines.flat().map(([, v]) => v);
    const [low, high] = state.shows === "weights" ? [0, TOP] : [Math.min(0, ...values), Math.max(1, ...values)];
    const room = 0.08 * (high - low);
    curve.setRange([0.8, steps + 0.2], [low - (low < 0 ? room : 0), high + room]);
    curve.setLabels("step", state.shows === "weights" ? "weight" : "brings, %");
    curve.axes();
    const now = state.step + 1;
    curve.line(
      [
        [now, low - room],
        [now, high + room],
      ],
      { color: curve.ink("exact"), width: 2, dash: [4, 4] },
    );
    curve.line(
      [
        [0.8, 0],
        [steps + 0.2, 0],
      ],
      { color: curve.ink("edge"), width: 1 },
    );
    lines.forEach((line, i) => {
      const { ink, mark, dash } = LOOKS[i];
      keys[i].style.background = curve.ink(ink);
      curve.line(line, { color: curve.ink(ink), width: 2.5, dash, mark, size: 5 });
    });
  }

  function update() {
    for (const [i, map] of maps.entries()) {
      const from = (state.step * stages + i) * size;
      const name = state.shows === "weights" ? "Weight a" : "Stage F";
      /** @type {HTMLElement} */ (map.element.firstElementChild).textContent = name + subscript(i);
      map.note.textContent =
        state.shows === "weights"
          ? fixed(here(weights, state.step, i), 3)
          : fixed(100 * here(parts, state.step, i), 1) + " %";
      if (state.shows === "weights") map.draw(weights.subarray(from, from + size), TOP, gray);
      else
        map.drawColors((at) => {
          const v = parts[from + at] / window;
          const share = Math.min(1, Math.abs(v)) ** 0.7;
          const [r, g, b] = (v < 0 ? DOWN : UP).map((c) => Math.round(share * c));
          return [r, g, b];
        });
      rings[i].style.left = (100 * (state.column + 0.5)) / columns + "%";
      rings[i].style.top = (100 * (state.row + 0.5)) / rows + "%";
    }
    let sum = 0;
    for (const [i, { weight, part }] of cells.entries()) {
      const [w, c] = [here(weights, state.step, i), here(parts, state.step, i)];
      sum += c;
      weight.textContent = fixed(w, 3);
      weight.dataset.value = String(w);
      part.textContent = fixed(100 * c, 1);
      part.dataset.value = String(100 * c);
    }
    total.textContent = fixed(100 * sum, 1);
    total.dataset.value = String(100 * sum);
    handle.place();
    curve.redraw();
    const brought = cells.map(({ part }, i) => "stage " + (i + 1) + " brings " + part.textContent).join(", ");
    live.say("row " + (state.row + 1) + ", column " + (state.column + 1) + ": " + brought);
  }

  function go(/** @type {number} */ row, /** @type {number} */ column) {
    [state.row, state.column] = [row, column];
    update();
  }

  const step = slider({
    name: "step",
    label: "Step",
    min: 1,
    max: steps,
    step: 1,
    value: 1,
    text: (v) => v + " of " + steps,
    changed: (v) => {
      state.step = v - 1;
      update();
    },
  });
  const shows = choice({
    label: "Maps and curves show",
    options: { weights: "weights", parts: "contributions" },
    value: "weights",
    changed: (v) => {
      state.shows = v;
      update();
    },
  });
  const pictures = make("div", { class: "panels three first" }, knee.element, ...maps.map((map) => map.element));
  pictures.style.setProperty("--widths", "repeat(" + (stages + 1) + ", minmax(0, 1fr))");
  root.append(
    make("div", { class: "controls" }, shows, step.element),
    pictures,
    make("div", { class: "panels two" }, curve.element, table),
    make(
      "p",
      { class: "hint" },
      (data.name ? data.name + ". " : "") +
        "Press on a picture, drag the ring, or move it with the arrow keys. Contributions: orange along the increment, blue against it.",
    ),
    live.element,
  );
  onTheme(curve.redraw);
  update();
}
