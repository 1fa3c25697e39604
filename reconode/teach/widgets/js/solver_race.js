// @ts-check
// Chapter 3: Euler, RK2 and RK4 along one curve with the same number of evaluations of f. The problems are those of
// solver_race.py, the tableaus those of reconode.solvers.
import { choice, player, slider } from "./controls.js";
import { liveRegion, make, short } from "./dom.js";
import { mount } from "./mount.js";
import { plot } from "./plot.js";

/** @typedef {[number, number]} Pair */
/** @typedef {{name: string, color: string, a: number[], b: number[][], c: number[]}} Runner */
/** @typedef {(x: Pair) => Pair} Flow none of the three depends on t */
/**
 * @typedef {{problem: string, evaluations: number, rate: number, most: number, runners: Runner[],
 *   spiral: Pair, omega: number, angle: number}} Data
 */

const MARKS = /** @type {const} */ (["circle", "square", "triangle"]);
const FINE = 4096;
const CURVE = 256;

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "solver_race", key, title, css }, (place) => build(place, data));
}

/**
 * Eq. 8–10: all states from t = 0 to 1.
 * @param {Flow} f @param {Pair} x0 @param {{a: number[], b: number[][]}} tableau @param {number} steps @returns {Pair[]}
 */
export function integrate(f, x0, { a, b }, steps) {
  const h = 1 / steps;
  const states = [x0];
  const advance = (/** @type {Pair} */ x, /** @type {number[]} */ weights, /** @type {Pair[]} */ slopes) =>
    weights.reduce(
      (sum, w, i) => /** @type {Pair} */ ([sum[0] + h * w * slopes[i][0], sum[1] + h * w * slopes[i][1]]),
      x,
    );
  for (let n = 0; n < steps; n++) {
    /** @type {Pair[]} */
    const slopes = [];
    for (const row of b) slopes.push(f(advance(states[n], row, slopes)));
    states.push(advance(states[n], a, slopes));
  }
  return states;
}

/** @param {import("./mount.js").Place} place @param {Data} data */
function build({ root, onTheme }, data) {
  const now = { problem: data.problem, evaluations: data.evaluations, rate: data.rate, spent: data.evaluations };
  const live = liveRegion();
  const cells = data.runners.map(() => [make("td"), make("td"), make("td")]);
  const table = make(
    "table",
    {},
    make(
      "thead",
      {},
      make("tr", {}, ...["solver", "steps", "h", "error now"].map((text) => make("th", { scope: "col" }, text))),
    ),
    make(
      "tbody",
      {},
      ...data.runners.map(({ name, color }, i) => {
        const key = make("span", { class: `key ${MARKS[i]}` });
        key.style.background = color;
        return make("tr", { "data-runner": name }, make("th", { scope: "row" }, key, name), ...cells[i]);
      }),
    ),
  );
  const message = make("p", { class: "message" });
  const picture = plot({
    description: "The exact curve and the three solvers' paths",
    height: (width) => 0.88 * width,
    xlabel: "",
    ylabel: "",
    draw,
  });

  /** @type {{paths: Pair[][], exact: (t: number) => Pair, curve: Pair[]}} */
  let race;
  let left = false; // whether a path leaves the picture

  /** @returns {{f: Flow, x0: Pair, exact: (t: number) => Pair}} */
  function setting() {
    if (now.problem === "pendulum") {
      const { omega } = data;
      const f = (/** @type {Pair} */ [q, p]) => /** @type {Pair} */ ([omega * p, -omega * Math.sin(q)]);
      /** @type {Pair} */
      const x0 = [data.angle, 0];
      const fine = integrate(f, x0, data.runners[data.runners.length - 1], FINE);
      const h = 1 / FINE;
      // A runner's times need not lie on the fine grid: from the last point before, a Taylor step of second order.
      return {
        f,
        x0,
        exact: (t) => {
          const n = Math.min(FINE, Math.floor(t * FINE + 1e-9));
          const d = t - n * h;
          const [q, p] = fine[n];
          return [
            q + d * omega * p - (d * d * omega * omega * Math.sin(q)) / 2,
            p - d * omega * Math.sin(q) - (d * d * omega * omega * p * Math.cos(q)) / 2,
          ];
        },
      };
    }
    const [re, im] = now.problem === "spiral" ? data.spiral : [-now.rate, 0];
    return {
      f: ([u, v]) => [re * u - im * v, im * u + re * v],
      x0: [1, 0],
      exact: (t) => [Math.exp(re * t) * Math.cos(im * t), Math.exp(re * t) * Math.sin(im * t)],
    };
  }

  function solve() {
    const { f, x0, exact } = setting();
    const paths = data.runners.map((runner) => integrate(f, x0, runner, now.evaluations / runner.a.length));
    const curve = Array.from({ length: CURVE + 1 }, (_, i) => exact(i / CURVE));
    race = { paths, exact, curve };
    const overTime = now.problem === "dahlquist";
    const shown = overTime ? curve.map(([x], i) => [i / CURVE, x]) : curve;
    // Room for paths that stray, up to three times the curve's own size; what strays farther is cut.
    const range = (/** @type {0 | 1} */ axis, /** @type {0 | 1} */ of = axis) => {
      const values = shown.map((point) => point[axis]);
      const strayed = paths.flat().map((point) => point[of]);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const size = high - low;
      const beyond = (/** @type {number} */ far) => Math.min(Math.max(0.4 * size, far + 0.1 * size), size);
      return /** @type {Pair} */ ([
        low - beyond(low - Math.min(...strayed)),
        high + beyond(Math.max(...strayed) - high),
      ]);
    };
    const [across, up] = [overTime ? /** @type {Pair} */ ([0, 1.02]) : range(0), overTime ? range(1, 0) : range(1)];
    picture.setRange(across, up);
    const outside = (/** @type {number} */ v, /** @type {Pair} */ [low, high]) => v < low || v > high;
    left = paths.some((path) => path.some((p) => (overTime ? outside(p[0], up) : outside(p[0], across) || outside(p[1], up))));
    picture.setLabels(
      overTime ? "t" : now.problem === "spiral" ? "real part" : "angle q",
      overTime ? "x" : now.problem === "spiral" ? "imaginary part" : "speed p",
    );
    show();
  }

  /** How many steps a runner has finished with the evaluations spent so far. @param {Runner} runner */
  const finished = (runner) => Math.floor(now.spent / runner.a.length + 1e-9);

  function errors() {
    return data.runners.map((runner, i) => {
      const n = finished(runner);
      const x = race.paths[i][n];
      const goal = race.exact((n * runner.a.length) / now.evaluations);
      return Math.hypot(x[0] - goal[0], x[1] - goal[1]);
    });
  }

  function show() {
    const found = errors();
    const over = now.spent === now.evaluations;
    const best = Math.min(...found);
    data.runners.forEach((runner, i) => {
      const steps = now.evaluations / runner.a.length;
      const texts = [`${finished(runner)} of ${steps}`, short(1 / steps), short(found[i])];
      [finished(runner), 1 / steps, found[i]].forEach((value, k) => {
        cells[i][k].textContent = texts[k];
        cells[i][k].dataset.value = String(value);
      });
      cells[i][2].classList.toggle("best", over && found[i] === best);
    });
    const winner = data.runners[found.indexOf(best)].name;
    message.textContent = over
      ? `All are at t = 1 after ${now.evaluations} evaluations of f. ${winner} is closest.` +
        (left ? " Paths leave the picture: the last column says how far away they end." : "")
      : `${now.spent} of ${now.evaluations} evaluations of f spent.`;
    picture.redraw();
    live.say(
      message.textContent +
        (over ? ` Errors: ${data.runners.map((r, i) => `${r.name} ${short(found[i])}`).join(", ")}.` : ""),
    );
  }

  function draw() {
    picture.axes();
    const overTime = now.problem === "dahlquist";
    picture.clipped(() => {
      picture.line(overTime ? race.curve.map(([x], i) => [i / CURVE, x]) : race.curve, {
        color: picture.ink("exact"),
        width: 7,
      });
      data.runners.forEach((runner, i) => {
        const path = race.paths[i].slice(0, finished(runner) + 1);
        const points = overTime ? path.map(([x], n) => [(n * runner.a.length) / now.evaluations, x]) : path;
        picture.line(points, { color: runner.color, width: 2, mark: MARKS[i], size: 3.5 });
        picture.line(points.slice(-1), { color: runner.color, width: 0, mark: MARKS[i], size: 7 });
      });
    });
  }

  const spent = slider({
    name: "spent",
    label: "Spent so far",
    min: 0,
    max: now.evaluations,
    step: 1,
    value: now.spent,
    text: String,
    changed: (v) => spend(v),
  });
  const budget = slider({
    name: "evaluations",
    label: "Evaluations of f for each solver",
    min: 4,
    max: data.most,
    step: 4,
    value: now.evaluations,
    changed: (v) => {
      now.evaluations = now.spent = v;
      spent.input.max = String(v);
      spent.set(v);
      solve();
    },
  });
  const rate = slider({
    name: "rate",
    label: "Rate k of x′ = −k x",
    min: 1,
    max: 60,
    step: 1,
    value: now.rate,
    changed: (v) => {
      now.rate = v;
      solve();
    },
  });
  const problem = choice({
    label: "Problem",
    options: { spiral: "spiral", dahlquist: "decay", pendulum: "pendulum" },
    value: now.problem,
    changed: (value) => {
      now.problem = value;
      rate.element.hidden = value !== "dahlquist";
      solve();
    },
  });
  rate.element.hidden = now.problem !== "dahlquist";
  function spend(/** @type {number} */ value) {
    now.spent = value;
    show();
  }
  const play = player({
    seconds: 6,
    stops: () => now.evaluations / 4,
    get: () => now.spent / now.evaluations,
    set: (position) => {
      const value = Math.round(position * now.evaluations);
      spent.set(value);
      spend(value);
    },
  });
  const side = make(
    "div",
    { class: "side" },
    problem,
    rate.element,
    budget.element,
    make("div", { class: "scrub" }, play.element, spent.element),

    table,
    message,
  );
  root.append(
    make("div", { class: "panels two" }, picture.element, side),
    make(
      "p",
      { class: "hint" },
      "The grey band is the solution. A step of RK2 (Heun) costs two evaluations of f and one of RK4 four, so they take fewer, longer steps.",
    ),
    live.element,
  );
  onTheme(picture.redraw);
  solve();
}
