// @ts-check
// Chapter 2: the gradient flow of J(a, b) = ½(a − y)² + λ ½(a − b)² and Euler's steps; the formulas are in flow_plane.py.
import { button, slider } from "./controls.js";
import { fixed, legend, liveRegion, make, readouts, short } from "./dom.js";
import { mount } from "./mount.js";
import { plot } from "./plot.js";
import { draggable } from "./point.js";

/** @typedef {[number, number]} Pair */
/**
 * @typedef {{start: Pair, step: number, weight: number, steps: number, measured: number, view: [Pair, Pair],
 *   color: string}} Data
 */

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "flow_plane", key, title, css }, (place) => build(place, data));
}

/** @param {Pair} x @param {number} y @param {number} weight @returns {Pair} the gradient of J */
export function slope([a, b], y, weight) {
  return [a - y + weight * (a - b), weight * (b - a)];
}

/** @param {number} weight @returns {Pair} the Hessian's eigenvalues, the larger first */
export function eigenvalues(weight) {
  const root = Math.sqrt(1 + 4 * weight * weight);
  return [(1 + 2 * weight + root) / 2, (1 + 2 * weight - root) / 2];
}

/**
 * Where the flow itself is after a time: its distance from (y, y) in the Hessian's two directions decays exponentially.
 * @param {Pair} x0 @param {number} time @param {number} y @param {number} weight @returns {Pair}
 */
export function exact(x0, time, y, weight) {
  const d = [x0[0] - y, x0[1] - y];
  /** @type {Pair} */
  const out = [y, y];
  for (const value of eigenvalues(weight)) {
    const v = [weight, 1 + weight - value]; // (H − value) v = 0
    const share = (d[0] * v[0] + d[1] * v[1]) / (v[0] * v[0] + v[1] * v[1]);
    out[0] += share * Math.exp(-value * time) * v[0];
    out[1] += share * Math.exp(-value * time) * v[1];
  }
  return out;
}

/** @param {import("./mount.js").Place} place @param {Data} data */
function build({ root, onTheme }, data) {
  const y = data.measured;
  const now = { start: /** @type {Pair} */ ([...data.start]), step: data.step, weight: data.weight, steps: data.steps };
  const live = liveRegion();
  const numbers = readouts({
    dataSlope: "data gradient at start",
    priorSlope: "gradient of wR there",
    euler: "Euler arrives at",
    exact: "the flow is then at",
    distance: "their distance",
    stability: "h L, stable up to 2",
  });
  const message = make("p", { class: "message" });
  const picture = plot({
    description: "The plane of a and b with the flow and Euler's steps",
    height: (width) => width - 18, // the axes' margins leave a square
    xlabel: "a, measured",
    ylabel: "b, not measured",
    draw,
  });
  picture.setRange(...data.view);
  const handle = draggable({
    label: "Start of the flow",
    where: () => now.start,
    text: () => `a ${fixed(now.start[0], 2)}, b ${fixed(now.start[1], 2)}`,
    step: 0.05,
    plot: picture,
    range: data.view,
    moved: (a, b) => {
      now.start = [a, b];
      update();
    },
  });
  const pixels = {
    zero: [make("div"), make("div")],
    euler: [make("div"), make("div")],
    flow: [make("div"), make("div")],
  };
  const pair = (/** @type {string} */ name, /** @type {HTMLElement[]} */ shown) =>
    make("figure", {}, make("figcaption", {}, name), make("div", { class: "pixels" }, ...shown));
  const pictures = make(
    "div",
    { class: "pairs", role: "img", "aria-label": "The image's two pixels p and q, in grey" },
    pair("Zero-filled", pixels.zero),
    pair("Euler", pixels.euler),
    pair("The flow", pixels.flow),
  );

  function path() {
    const points = [now.start];
    for (let n = 0; n < now.steps; n++) {
      const [a, b] = points[n];
      const [da, db] = slope([a, b], y, now.weight);
      points.push([a - now.step * da, b - now.step * db]);
    }
    return points;
  }

  function draw() {
    picture.axes();
    picture.clipped(() => {
      for (let n = 0; n < 10; n++) {
        const level = 0.01 * 2 ** n;
        const ring = Array.from({ length: 121 }, (_, i) => {
          // J is a bowl around (y, y): with u = a − y and w = a − b it is ½ u² + λ ½ w².
          const angle = (2 * Math.PI * i) / 120;
          const u = Math.sqrt(2 * level) * Math.cos(angle);
          const w = Math.sqrt((2 * level) / now.weight) * Math.sin(angle);
          return [y + u, y + u - w];
        });
        picture.line(ring, { color: picture.ink("contour"), width: 1 });
      }
      const [a, b] = data.view;
      picture.line(
        [
          [y, b[0]],
          [y, b[1]],
        ],
        { color: picture.ink("blue"), width: 2, dash: [2, 5] },
      );
      picture.line(
        [
          [a[0], a[0]],
          [a[1], a[1]],
        ],
        { color: picture.ink("muted"), width: 2, dash: [8, 6] },
      );
      const time = now.steps * now.step;
      // Equal times would leave gaps where the flow is fast, so the times grow with the square.
      const curve = Array.from({ length: 301 }, (_, i) => exact(now.start, time * (i / 300) ** 2, y, now.weight));
      picture.line(curve, { color: picture.ink("exact"), width: 7 });
      picture.line(path(), { color: data.color, width: 2, mark: "circle" });
    });
    handle.place();
  }

  /** @param {Pair} x @param {HTMLElement[]} shown */
  function shade([a, b], shown) {
    [(a + b) / Math.SQRT2, (a - b) / Math.SQRT2].forEach((value, i) => {
      const level = Math.round(255 * Math.max(0, Math.min(1, value / Math.SQRT2)));
      shown[i].style.background = `rgb(${level} ${level} ${level})`;
    });
  }

  function update() {
    const points = path();
    const end = points[points.length - 1];
    const goal = exact(now.start, now.steps * now.step, y, now.weight);
    const distance = Math.hypot(end[0] - goal[0], end[1] - goal[1]);
    const product = now.step * eigenvalues(now.weight)[0];
    const misfit = now.start[0] - y;
    const [, prior] = slope(now.start, y, now.weight);
    const point = (/** @type {Pair} */ [a, b]) =>
      Math.max(Math.abs(a), Math.abs(b)) < 1000 ? `(${fixed(a, 3)}, ${fixed(b, 3)})` : "out of sight";
    numbers.set("dataSlope", misfit, `(${fixed(misfit, 3)}, 0)`);
    numbers.set("priorSlope", prior, `(${fixed(-prior, 3)}, ${fixed(prior, 3)})`);
    numbers.set("euler", NaN, point(end));
    numbers.element.querySelector('[data-key="euler"]')?.setAttribute("data-value", end.join(" "));
    numbers.set("exact", NaN, point(goal));
    numbers.element.querySelector('[data-key="exact"]')?.setAttribute("data-value", goal.join(" "));
    numbers.set("distance", distance, short(distance));
    numbers.set("stability", product, fixed(product, 3));
    message.textContent = sayStability(product);
    shade([y, 0], pixels.zero);
    shade(end, pixels.euler);
    shade(goal, pixels.flow);
    picture.redraw();
    live.say(`Euler arrives at ${point(end)}; h L is ${fixed(product, 2)}. ${message.textContent}`);
  }

  /** @param {number} product h L */
  function sayStability(product) {
    if (product > 2) return "h L > 2: the steps grow, and Euler diverges.";
    if (product > 1) return "1 < h L ≤ 2: Euler jumps over the valley at each step, and still arrives.";
    return "h L ≤ 1: Euler stays on its side of the valley and follows the flow.";
  }

  const sliders = [
    slider({
      name: "step",
      label: "Step size h (the paper's η)",
      min: 0.02,
      max: 2,
      step: 0.01,
      value: now.step,
      text: (v) => fixed(v, 2),
      changed: (v) => set({ step: v }),
    }),
    slider({
      name: "weight",
      label: "w, how much R counts",
      min: 0.05,
      max: 4,
      step: 0.05,
      value: now.weight,
      text: (v) => fixed(v, 2),
      changed: (v) => set({ weight: v }),
    }),
    slider({
      name: "steps",
      label: "Steps",
      min: 1,
      max: 40,
      step: 1,
      value: now.steps,
      changed: (v) => set({ steps: v }),
    }),
  ];
  function set(/** @type {Partial<typeof now>} */ change) {
    Object.assign(now, change);
    update();
  }
  const key = legend([
    ["var(--exact)", "solid", "the flow itself"],
    [data.color, "solid", "Euler's steps"],
    ["var(--blue)", "dotted", "agrees with the data: a = y"],
    ["var(--muted)", "dashed", "what R wants: a = b"],
  ]);
  const zero = button("Start at the zero-filled image", () => set({ start: [y, 0] }));
  const side = make(
    "div",
    { class: "side" },
    ...sliders.map((s) => s.element),
    make("div", { class: "row" }, zero),
    pictures,
  );
  root.append(
    make("div", { class: "panels two" }, make("div", {}, picture.element, key), side),
    message,
    numbers.element,
    make(
      "p",
      { class: "hint" },
      "Drag the white point, or focus it and use the arrow keys (with shift: five times as far).",
    ),
    live.element,
  );
  onTheme(picture.redraw);
  update();
}
