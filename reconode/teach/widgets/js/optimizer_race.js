// @ts-check
// Chapter 6: SGD, Adam, RAdam and RAdam with Lookahead down a noisy valley. The valley and the noise are those of
// optimizer_race.py, the optimisers' steps torch's and reconode.optimizers'.
import { choice, player, slider } from "./controls.js";
import { liveRegion, make, short } from "./dom.js";
import { mount } from "./mount.js";
import { plot } from "./plot.js";

/** @typedef {[number, number]} Pair */
/** @typedef {"sgd" | "adam" | "radam" | "lookahead"} Kind */
/**
 * @typedef {{count: string, budget: number, most: number, noise: number, rate: number, betas: Pair, k: number,
 *   alpha: number, start: Pair, turn: number, runners: {kind: Kind, name: string, color: string}[], draws: number[][]}} Data
 */

const MARKS = /** @type {const} */ (["circle", "square", "triangle", "circle"]);
const DASHES = [[6, 4], [8, 3, 2, 3], [2, 4], []];
const EPS = 1e-8;
const LEVELS = [0.02, 0.1, 0.3, 0.8, 1.6];

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "optimizer_race", key, title, css }, (place) => build(place, data));
}

/**
 * RAdam's rectifier (Liu et al. 2020), 0 while the variance cannot be told.
 * @param {number} t steps done, from 1 @param {number} beta2
 */
export function rectifier(t, beta2) {
  const longest = 2 / (1 - beta2) - 1;
  const length = longest - (2 * t * beta2 ** t) / (1 - beta2 ** t);
  if (length <= 5) return 0;
  return Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length));
}

/**
 * All states of an optimiser: one more than gradients.
 * @param {Kind} kind @param {(x: Pair, n: number) => Pair} gradient @param {Pair} x0 @param {number} count
 * @param {{rate: number, betas: Pair, k: number, alpha: number}} options @returns {Pair[]}
 */
export function descend(kind, gradient, x0, count, { rate, betas, k, alpha }) {
  const [b1, b2] = betas;
  const states = [x0];
  const mean = [0, 0];
  const square = [0, 0];
  let slow = x0;
  for (let n = 0; n < count; n++) {
    const t = n + 1;
    const g = gradient(states[n], n);
    const r = kind === "adam" ? 1 : rectifier(t, b2);
    const step = (/** @type {0 | 1} */ i) => {
      if (kind === "sgd") return g[i];
      mean[i] = b1 * mean[i] + (1 - b1) * g[i];
      square[i] = b2 * square[i] + (1 - b2) * g[i] * g[i];
      const m = mean[i] / (1 - b1 ** t);
      const root = Math.sqrt(1 - b2 ** t);
      if (kind === "adam") return m / (Math.sqrt(square[i]) / root + EPS);
      return r ? (m * r * root) / (Math.sqrt(square[i]) + EPS) : m;
    };
    /** @type {Pair} */
    let x = [states[n][0] - rate * step(0), states[n][1] - rate * step(1)];
    if (kind === "lookahead" && t % k === 0) {
      slow = [slow[0] + alpha * (x[0] - slow[0]), slow[1] + alpha * (x[1] - slow[1])];
      x = slow;
    }
    states.push(x);
  }
  return states;
}

/** @param {import("./mount.js").Place} place @param {Data} data */
function build({ root, onTheme }, data) {
  const now = {
    count: data.count,
    budget: data.budget,
    spent: data.budget,
    noise: data.noise,
    rate: data.rate,
    condition: 10,
    turned: "along",
    view: "valley",
    draw: 0,
  };
  const live = liveRegion();
  const cells = data.runners.map(() => [make("td"), make("td")]);
  const heads = ["optimiser", "gradients", "mean J, last quarter"];
  const table = make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))),
    make(
      "tbody",
      {},
      ...data.runners.map(({ kind, name, color }, i) => {
        const key = make("span", { class: `key ${MARKS[i]}` });
        key.style.background = color;
        return make("tr", { "data-runner": kind }, make("th", { scope: "row" }, key, name), ...cells[i]);
      }),
    ),
  );
  const message = make("p", { class: "message" });
  const picture = plot({
    description: "The valley and the four optimisers' ways down",
    height: (width) => 0.8 * width,
    xlabel: "u",
    ylabel: "v",
    draw,
  });

  /** @type {{ways: Pair[][], heights: number[][]}} */
  let race;
  const angle = () => (now.turned === "turned" ? data.turn : 0);

  /** @param {Pair} x @returns {Pair} along and across the valley */
  const across = ([u, v]) => {
    const [c, s] = [Math.cos(angle()), Math.sin(angle())];
    return [c * u + s * v, c * v - s * u];
  };
  /** @param {Pair} pq @returns {Pair} */
  const back = ([p, q]) => {
    const [c, s] = [Math.cos(angle()), Math.sin(angle())];
    return [c * p - s * q, s * p + c * q];
  };

  /** Gradients that a step of a runner takes. @param {Kind} kind */
  const price = (kind) => (kind === "lookahead" && now.count === "steps" ? data.k : 1);

  function solve() {
    const noise = data.draws[now.draw];
    const gradient = (/** @type {Pair} */ x, /** @type {number} */ n) => {
      const [p, q] = across(x);
      const g = back([p / now.condition, q]);
      const scale = now.noise / 100;
      return /** @type {Pair} */ ([g[0] + scale * noise[2 * n], g[1] + scale * noise[2 * n + 1]]);
    };
    const ways = data.runners.map(({ kind }) =>
      descend(kind, gradient, back(data.start), now.budget * price(kind), { ...data, rate: now.rate }),
    );
    const heights = ways.map((way) =>
      way.map((x) => {
        const [p, q] = across(x);
        return 0.5 * ((p * p) / now.condition + q * q);
      }),
    );
    race = { ways, heights };
    show();
  }

  function show() {
    const found = data.runners.map(({ kind }, i) => {
      const done = now.spent * price(kind);
      const seen = race.heights[i].slice(0, done + 1);
      const last = seen.slice(-Math.max(1, Math.ceil(seen.length / 4)));
      return [done, last.reduce((sum, j) => sum + j, 0) / last.length];
    });
    const best = Math.min(...found.map((values) => values[1]));
    found.forEach((values, i) =>
      values.forEach((value, k) => {
        cells[i][k].textContent = k ? short(value) : String(value);
        cells[i][k].dataset.value = String(value);
        cells[i][k].classList.toggle("best", k === 1 && value === best);
      }),
    );
    const winner = data.runners[found.findIndex((values) => values[1] === best)].name;
    message.textContent =
      `${now.spent} of ${now.budget} ${now.count} spent. Lowest over the last quarter: ${winner}` +
      (now.count === "steps" ? `; Lookahead has taken ${data.k} gradients for each step.` : ".");
    picture.redraw();
    live.say(message.textContent);
  }

  function draw() {
    if (now.view === "height") {
      const logs = race.heights.map((row) => row.map((j) => Math.log10(Math.max(j, 1e-8))));
      const all = logs.flat();
      picture.setRange([0, now.budget], [Math.min(...all) - 0.2, Math.min(4, Math.max(...all)) + 0.2]);
      picture.setLabels(now.count, "log₁₀ J");
      picture.axes();
      picture.clipped(() =>
        data.runners.forEach(({ kind, color }, i) => {
          const points = logs[i].slice(0, now.spent * price(kind) + 1).map((j, n) => [n / price(kind), j]);
          picture.line(points, { color, width: 2, dash: DASHES[i] });
          picture.line(points.slice(-1), { color, width: 0, mark: MARKS[i], size: 6 });
        }),
      );
      return;
    }
    picture.setRange([-2.5, 5], now.turned === "turned" ? [-2, 4] : [-3, 3]);
    picture.setLabels("u", "v");
    picture.axes();
    picture.clipped(() => {
      for (const level of LEVELS) {
        const ring = Array.from({ length: 97 }, (_, i) => {
          const phi = (2 * Math.PI * i) / 96;
          const [p, q] = [Math.sqrt(2 * level * now.condition) * Math.cos(phi), Math.sqrt(2 * level) * Math.sin(phi)];
          return back([p, q]);
        });
        picture.line(ring, { color: picture.ink("exact"), width: 1.5 });
      }
      data.runners.forEach(({ kind, color }, i) => {
        const way = race.ways[i].slice(0, now.spent * price(kind) + 1);
        picture.line(way, { color, width: 2, dash: DASHES[i] });
        picture.line(way.slice(-1), { color, width: 0, mark: MARKS[i], size: 7 });
      });
    });
  }

  const spent = slider({
    name: "spent",
    label: "Spent so far",
    min: 0,
    max: now.budget,
    step: 1,
    value: now.spent,
    changed: (v) => spend(v),
  });
  const budget = slider({
    name: "budget",
    label: "Budget",
    min: data.k,
    max: data.most,
    step: data.k,
    value: now.budget,
    changed: (v) => {
      now.budget = now.spent = v;
      spent.input.max = String(v);
      spent.set(v);
      solve();
    },
  });
  const rate = slider({
    name: "rate",
    label: "Learning rate",
    min: 0.01,
    max: 1,
    step: 0.01,
    value: now.rate,
    text: (v) => v.toFixed(2),
    changed: (v) => {
      now.rate = v;
      solve();
    },
  });
  const noise = slider({
    name: "noise",
    label: "Noise of a gradient",
    min: 0,
    max: 2,
    step: 0.1,
    value: now.noise,
    text: (v) => v.toFixed(1),
    changed: (v) => {
      now.noise = v;
      solve();
    },
  });
  const condition = slider({
    name: "condition",
    label: "Length over width κ",
    min: 1,
    max: 100,
    step: 1,
    value: now.condition,
    changed: (v) => {
      now.condition = v;
      solve();
    },
  });
  const series = slider({
    name: "draw",
    label: "Series of noise",
    min: 1,
    max: data.draws.length,
    step: 1,
    value: 1,
    changed: (v) => {
      now.draw = v - 1;
      solve();
    },
  });
  const count = choice({
    label: "Equal",
    options: { gradients: "gradients", steps: "steps" },
    value: now.count,
    changed: (value) => {
      now.count = value;
      solve();
    },
  });
  const turned = choice({
    label: "Valley",
    options: { along: "along an axis", turned: "turned" },
    value: now.turned,
    changed: (value) => {
      now.turned = value;
      solve();
    },
  });
  const view = choice({
    label: "Show",
    options: { valley: "valley", height: "height" },
    value: now.view,
    changed: (value) => {
      now.view = value;
      picture.redraw();
    },
  });
  function spend(/** @type {number} */ value) {
    now.spent = value;
    show();
  }
  const play = player({
    seconds: 6,
    stops: () => now.budget,
    get: () => now.spent / now.budget,
    set: (position) => {
      const value = Math.round(position * now.budget);
      spent.set(value);
      spend(value);
    },
  });
  const sliders = [rate, noise, condition, series, budget].map(({ element }) => element);
  const scrub = make("div", { class: "scrub" }, play.element, spent.element);
  const shown = make("div", { class: "side" }, picture.element, scrub, table, message);
  const side = make("div", { class: "side" }, view, count, turned, ...sliders);
  root.append(
    make("div", { class: "panels two" }, shown, side),
    make(
      "p",
      { class: "hint" },
      "Each gradient has the same noise for all four. A step of Lookahead is six of RAdam's and half the way back: count what it costs.",
    ),
    live.element,
  );
  onTheme(picture.redraw);
  solve();
}
