// @ts-check
// Chapter 5: a flow that is drawn to a circle, there and back; flow, loss and gradients are those of there_and_back.py.
import { choice, slider } from "./controls.js";
import { fixed, legend, liveRegion, make, readouts, short } from "./dom.js";
import { mount } from "./mount.js";
import { plot } from "./plot.js";
import { draggable } from "./point.js";

/** @typedef {number[]} Vector */
/** @typedef {[number, number]} Pair */
/** @typedef {{a: number[], b: number[][]}} Tableau */
/** @typedef {(x: Vector) => Vector} Flow it does not depend on t */
/** @typedef {{f: Flow, pull: (x: Vector, p: Vector) => Vector}} Right f, and a vector times its Jacobian, transposed */
/** @typedef {{there: Vector[], back: Vector[], right: Vector, found: Vector}} Way */
/**
 * @typedef {{start: Pair, rate: number, steps: number, method: string, gradient: string, coupling: number,
 *   omega: number, target: Pair, view: [Pair, Pair], ranges: Record<string, Pair>,
 *   methods: Record<string, Tableau & {text: string}>}} Data
 */

const ARROW = 0.55;

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "there_and_back", key, title, css }, (place) => build(place, data));
}

/** @param {Vector} x @param {number} by @param {Vector} along @returns {Vector} */
const add = (x, by, along) => x.map((value, i) => value + by * along[i]);

/** x + h Σ wᵢ fᵢ. @param {Vector} x @param {number} h @param {number[]} weights @param {Vector[]} slopes @returns {Vector} */
function advance(x, h, weights, slopes) {
  let sum = x;
  weights.forEach((w, i) => (sum = w ? add(sum, h * w, slopes[i]) : sum));
  return sum;
}

/** @param {number} rate @param {number} omega @returns {Right} */
export function spiral(rate, omega) {
  return {
    f: ([u, v]) => {
      const pull = rate * (1 / Math.hypot(u, v) - 1);
      return [pull * u - omega * v, pull * v + omega * u];
    },
    pull: ([u, v], [p, q]) => {
      const r = Math.hypot(u, v);
      const same = rate * (1 / r - 1);
      const [du, dv] = [(-rate * u) / r ** 3, (-rate * v) / r ** 3];
      const along = u * p + v * q;
      return [same * p + omega * q + du * along, same * q - omega * p + dv * along];
    },
  };
}

/** One step. @param {Flow} f @param {Vector} x @param {number} h @param {Tableau} tableau @returns {Vector} */
export function step(f, x, h, { a, b }) {
  /** @type {Vector[]} */
  const slopes = [];
  for (const row of b) slopes.push(f(advance(x, h, row, slopes)));
  return advance(x, h, a, slopes);
}

/**
 * The discrete adjoint of one step: what p after it is before it.
 * @param {Right} flow @param {Vector} x @param {number} h @param {Tableau} tableau @param {Vector} p @returns {Vector}
 */
export function adjoint({ f, pull }, x, h, { a, b }, p) {
  /** @type {Vector[]} */
  const points = [];
  /** @type {Vector[]} */
  const slopes = [];
  for (const row of b) {
    points.push(advance(x, h, row, slopes));
    slopes.push(f(points[points.length - 1]));
  }
  const owed = a.map((w) => p.map((value) => h * w * value));
  let before = p;
  for (let i = a.length - 1; i >= 0; i--) {
    const share = pull(points[i], owed[i]);
    b[i].forEach((w, j) => (owed[j] = add(owed[j], h * w, share)));
    before = add(before, 1, share);
  }
  return before;
}

/**
 * There and back, with the gradient of the solve and the one that this way back finds.
 * @param {Right} flow @param {Vector} x0 @param {Pair} target @param {Tableau} tableau @param {number} steps
 * @param {string} gradient @param {number} kappa @returns {Way}
 */
export function travel(flow, x0, target, tableau, steps, gradient, kappa) {
  if (gradient === "reversible") return undo(flow, x0, target, tableau, steps, kappa);
  const h = 1 / steps;
  const there = [x0];
  for (let n = 0; n < steps; n++) there.push(step(flow.f, there[n], h, tableau));
  const end = add(there[steps], -1, target);
  let right = end;
  for (let n = steps; n > 0; n--) right = adjoint(flow, there[n - 1], h, tableau, right);
  if (gradient === "discrete") return { there, back: there, right, found: right };
  const augmented = (/** @type {Vector} */ [u, v, p, q]) => [...flow.f([u, v]), ...flow.pull([u, v], [-p, -q])];
  const back = [...there];
  let state = [...there[steps], ...end];
  for (let n = steps; n > 0; n--) {
    state = step(augmented, state, -h, tableau);
    back[n - 1] = state.slice(0, 2);
  }
  return { there, back, right, found: state.slice(2) };
}

/**
 * The reversible solve, undone; its own gradient by states that were kept, and by states that were found again.
 * @param {Right} flow @param {Vector} x0 @param {Pair} target @param {Tableau} tableau @param {number} steps
 * @param {number} kappa @returns {Way}
 */
function undo(flow, x0, target, tableau, steps, kappa) {
  const h = 1 / steps;
  const added = (/** @type {Vector} */ x, /** @type {number} */ by) => add(step(flow.f, x, by, tableau), -1, x);
  const there = [x0];
  const others = [x0];
  for (let n = 0; n < steps; n++) {
    const z = others[n];
    const mixed = there[n].map((y, i) => kappa * y + (1 - kappa) * z[i]);
    there.push(add(mixed, 1, added(z, h)));
    others.push(add(z, -1, added(there[n + 1], -h)));
  }
  const end = add(there[steps], -1, target);
  const back = [...there];
  const gradient = (/** @type {boolean} */ kept) => {
    let [y, z, p] = [there[steps], others[steps], end];
    let q = end.map(() => 0);
    for (let n = steps; n > 0; n--) {
      const increment = added(y, -h);
      const minus = q.map((value) => -value);
      p = add(p, 1, add(adjoint(flow, y, -h, tableau, minus), -1, minus));
      z = kept ? others[n - 1] : add(z, 1, increment);
      const product = add(adjoint(flow, z, h, tableau, p), -1, p);
      const forward = added(z, h);
      y = kept ? there[n - 1] : y.map((value, i) => (value - (1 - kappa) * z[i] - forward[i]) / kappa);
      q = q.map((value, i) => value + (1 - kappa) * p[i] + product[i]);
      p = p.map((value) => kappa * value);
      if (!kept) back[n - 1] = y;
    }
    return add(p, 1, q);
  };
  return { there, back, right: gradient(true), found: gradient(false) };
}

/** Degrees between two vectors; NaN where one has no direction. @param {Vector} a @param {Vector} b */
export function angle(a, b) {
  const cosine = (a[0] * b[0] + a[1] * b[1]) / (Math.hypot(...a) * Math.hypot(...b));
  return (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI;
}

/** @param {import("./mount.js").Place} place @param {Data} data */
function build({ root, onTheme }, data) {
  const now = {
    start: /** @type {Pair} */ ([...data.start]),
    rate: data.rate,
    steps: data.steps,
    method: data.method,
    gradient: data.gradient,
    coupling: data.coupling,
  };
  const live = liveRegion();
  const numbers = readouts({
    product: "h k",
    off: "there, off the flow by",
    home: "back, off the start by",
    right: "gradient of the solve",
    found: "gradient that is found",
    angle: "angle between them",
  });
  const message = make("p", { class: "message" });
  const picture = plot({
    description: "The circle, the solver's way there and back, and two gradient arrows at the start",
    height: (width) => width - 18, // the axes' margins leave a square
    xlabel: "u",
    ylabel: "v",
    draw,
  });
  picture.setRange(...data.view);
  const handle = draggable({
    label: "Start of the flow",
    where: () => now.start,
    text: () => `u ${fixed(now.start[0], 2)}, v ${fixed(now.start[1], 2)}`,
    step: 0.05,
    plot: picture,
    range: data.view,
    moved: (u, v) => set({ start: Math.hypot(u, v) < 0.01 ? [0.01, 0] : [u, v] }), // the flow has no direction at 0
  });
  /** @type {Way} */
  let way;

  function exact(/** @type {number} */ t) {
    const r = 1 + (Math.hypot(...now.start) - 1) * Math.exp(-now.rate * t);
    const phi = Math.atan2(now.start[1], now.start[0]) + data.omega * t;
    return [r * Math.cos(phi), r * Math.sin(phi)];
  }

  function draw() {
    picture.axes();
    picture.clipped(() => {
      const ring = Array.from({ length: 121 }, (_, i) => {
        const phi = (2 * Math.PI * i) / 120;
        return [Math.cos(phi), Math.sin(phi)];
      });
      picture.line(ring, { color: picture.ink("contour"), width: 4 });
      const curve = Array.from({ length: 101 }, (_, i) => exact(i / 100));
      picture.line(curve, { color: picture.ink("exact"), width: 7 });
      const finite = (/** @type {Vector[]} */ path) => path.filter((x) => x.every(Number.isFinite));
      picture.line(finite(way.there), { color: picture.ink("blue"), width: 2, mark: "circle" });
      picture.line(finite(way.back), { color: picture.ink("red"), width: 2, dash: [6, 5], mark: "square", size: 3 });
      cross(data.target);
      arrow(way.right, picture.ink("ink"), 5);
      arrow(way.found, picture.ink("red"), 2.5);
    });
    handle.place();
  }

  /** @param {Pair} at */
  function cross([u, v]) {
    const d = 0.06;
    for (const s of [1, -1])
      picture.line(
        [
          [u - d, v - s * d],
          [u + d, v + s * d],
        ],
        { color: picture.ink("ink"), width: 3 },
      );
  }

  /** From the start, of one length whatever the gradient's. @param {Vector} gradient @param {string} color @param {number} width */
  function arrow(gradient, color, width) {
    const size = Math.hypot(...gradient);
    if (!Number.isFinite(size) || size === 0) return;
    const [u, v] = now.start;
    const [du, dv] = gradient.map((g) => (ARROW * g) / size);
    const tip = [u + du, v + dv];
    picture.line([now.start, tip], { color, width });
    const side = (/** @type {number} */ s) => [tip[0] - 0.25 * du - s * 0.16 * dv, tip[1] - 0.25 * dv + s * 0.16 * du];
    picture.line([side(1), tip, side(-1)], { color, width });
  }

  function update() {
    const flow = spiral(now.rate, data.omega);
    way = travel(flow, now.start, data.target, data.methods[now.method], now.steps, now.gradient, now.coupling);
    const distance = (/** @type {Vector} */ a, /** @type {Vector} */ b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
    const off = distance(way.there[now.steps], exact(1));
    const home = distance(way.back[0], now.start);
    const apart = angle(way.right, way.found);
    const product = now.rate / now.steps;
    const pair = (/** @type {string} */ key, /** @type {Vector} */ [u, v]) => {
      numbers.set(key, NaN, `(${short(u)}, ${short(v)})`);
      numbers.element.querySelector(`[data-key="${key}"]`)?.setAttribute("data-value", `${u} ${v}`);
    };
    numbers.set("product", product, fixed(product, 2));
    numbers.set("off", off, short(off));
    numbers.set("home", home, short(home));
    pair("right", way.right);
    pair("found", way.found);
    numbers.set("angle", apart, Number.isFinite(apart) ? `${fixed(apart, 1)}°` : "none");
    message.textContent = verdict(off, apart);
    picture.redraw();
    live.say(`h k is ${fixed(product, 2)}. ${message.textContent}`);
  }

  /** @param {number} off @param {number} apart */
  function verdict(off, apart) {
    if (!Number.isFinite(off)) return "The way there left the plane.";
    if (!Number.isFinite(apart)) return "The way back left the plane: there is no gradient.";
    if (apart > 90) return "More than 90°: a step against the gradient that was found raises the loss.";
    if (off > 0.5) return "The gradient is of the solve, and the solve is far from the flow.";
    if (apart > 10) return "The gradient that was found points elsewhere.";
    return "The two gradients agree in direction.";
  }

  function set(/** @type {Partial<typeof now>} */ change) {
    Object.assign(now, change);
    update();
  }
  const range = (/** @type {string} */ name) => ({ min: data.ranges[name][0], max: data.ranges[name][1] });
  const rate = slider({
    name: "rate",
    label: "Rate k at which the circle attracts",
    ...range("rate"),
    step: 0.5,
    value: now.rate,
    text: (v) => fixed(v, 1),
    changed: (v) => set({ rate: v }),
  });
  const steps = slider({
    name: "steps",
    label: "Steps N",
    ...range("steps"),
    step: 1,
    value: now.steps,
    changed: (v) => set({ steps: v }),
  });
  const coupling = slider({
    name: "coupling",
    label: "Coupling κ",
    ...range("coupling"),
    step: 0.01,
    value: now.coupling,
    text: (v) => fixed(v, 2),
    changed: (v) => set({ coupling: v }),
  });
  const method = choice({
    label: "Method",
    options: Object.fromEntries(Object.entries(data.methods).map(([name, { text }]) => [name, text])),
    value: now.method,
    changed: (value) => set({ method: value }),
  });
  const gradient = choice({
    label: "Way back",
    options: { discrete: "discrete", continuous: "continuous", reversible: "reversible" },
    value: now.gradient,
    changed: (value) => {
      coupling.element.hidden = value !== "reversible";
      set({ gradient: value });
    },
  });
  coupling.element.hidden = now.gradient !== "reversible";
  const key = legend([
    ["var(--exact)", "solid", "the flow itself"],
    ["var(--blue)", "solid", "the solver's way there"],
    ["var(--red)", "dashed", "its way back, and the gradient found there"],
    ["var(--ink)", "solid", "the gradient of the solve"],
  ]);
  const side = make("div", { class: "side" }, method, gradient, rate.element, steps.element, coupling.element, message);
  root.append(
    make("div", { class: "panels two" }, make("div", {}, picture.element, key), side),
    numbers.element,
    make(
      "p",
      { class: "hint" },
      "The loss is half the squared distance from the cross; arrows show directions only. Drag the white point, or focus it and use the arrow keys.",
    ),
    live.element,
  );
  onTheme(picture.redraw);
  update();
}
