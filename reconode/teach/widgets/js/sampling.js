// @ts-check
// Chapter 1: drop or paint columns of k-space; image, aliasing and PSNR follow.
import { columnBrush } from "./brush.js";
import { button, choice, slider } from "./controls.js";
import { fixed, liveRegion, make, readouts } from "./dom.js";
import { along, magnitude, transform } from "./fft.js";
import { mount } from "./mount.js";
import { colors, gray, panel } from "./picture.js";
import { plot } from "./plot.js";
import { drawMask } from "./random.js";
import { logarithmic, psnr, quantile } from "./scores.js";
import { grids, unpack } from "./unpack.js";

const UNMEASURED = [24, 38, 52]; // a dark blue: not the black of a measured column without signal
const ERROR_SHARE = 0.3; // of the image's window

/**
 * @typedef {{hybrid: import("./unpack.js").Packed, kind: "random" | "equispaced", acceleration: number, center: number,
 *   seed: number, magma: string}} Data
 */

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "sampling", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root, onTheme }, data) {
  const [hybrid] = grids(await unpack(data.hybrid), data.hybrid.shape);
  const { rows, columns } = hybrid;
  const magma = colors(data.magma);
  const target = magnitude(along(hybrid, "columns", true));
  const full = magnitude(along(hybrid, "rows"));
  const window = quantile(target, 0.99);
  const spectrum = logarithmic(full, Math.max(...full));
  const state = {
    kind: data.kind,
    acceleration: data.acceleration,
    center: data.center,
    seed: data.seed,
  };
  /** @type {Uint8Array} */
  let mask = new Uint8Array(columns);
  let painted = false;

  const kspace = panel("k-space: drag to paint", rows, columns, "k-space, logarithmic; unmeasured columns are blue");
  const image = panel("Image", rows, columns, "zero-filled image, magnitude");
  const error = panel("Error", rows, columns, "absolute error of the image, a third of the image's window");
  const spread = plot({
    description: "Point-spread function: what the mask makes of one bright pixel",
    height: () => 170,
    xlabel: "pixels away in the same row",
    ylabel: "brightness",
    draw: drawSpread,
  });
  /** @type {Float64Array} */
  let point = new Float64Array(columns);
  const live = liveRegion();
  const numbers = readouts({
    lines: "columns measured",
    acceleration: "acceleration",
    psnr: "PSNR",
    ghost: "brightest beside it",
  });
  const message = make("p", { class: "message" });
  const brush = columnBrush({
    stage: kspace.stage,
    columns,
    label: "Column of k-space",
    get: (c) => mask[c] === 1,
    text: (c) => `column ${c}, frequency ${c - (columns >> 1)}, ${mask[c] ? "measured" : "dropped"}`,
    paint,
  });

  function update() {
    const masked = {
      ...hybrid,
      re: hybrid.re.map((v, i) => v * mask[i % columns]),
      im: hybrid.im.map((v, i) => v * mask[i % columns]),
    };
    const now = magnitude(along(masked, "columns", true));
    const lines = mask.reduce((sum, kept) => sum + kept, 0);
    const score = psnr(now, target);
    kspace.drawColors((i) => {
      if (!mask[i % columns]) return /** @type {[number, number, number]} */ (UNMEASURED);
      const level = Math.floor(255 * spectrum[i]);
      return [level, level, level];
    });
    image.draw(now, window, gray);
    error.draw(
      now.map((v, i) => Math.abs(v - target[i])),
      ERROR_SHARE * window,
      magma,
    );
    point = pointSpread();
    const ghost = brightestBeside();
    image.note.textContent = lines ? `${fixed(score, 2)} dB` : "nothing measured";
    numbers.set("lines", lines, `${lines} of ${columns}`);
    numbers.set("acceleration", columns / lines, lines ? `${fixed(columns / lines, 2)} ×` : "none");
    numbers.set("psnr", score, `${fixed(score, 2)} dB`);
    numbers.set("ghost", ghost, lines ? `${fixed(100 * ghost, 1)} %` : "none");
    say();
    brush.place();
    spread.redraw();
    live.say(`${lines} of ${columns} columns measured, PSNR ${fixed(score, 2)} decibels`);
  }

  /** The image of one pixel along its row, as a share of what is left of the pixel itself. */
  function pointSpread() {
    const re = Float64Array.from(mask);
    const im = new Float64Array(columns);
    transform(re, im, true);
    const left = Math.hypot(re[columns >> 1], im[columns >> 1]) || 1;
    return re.map((v, i) => Math.hypot(v, im[i]) / left);
  }

  /**
   * The largest value outside the pixel's own peak, which ends where the brightness stops falling: a ghost, or a side
   * lobe of the peak, which a narrow centre has too.
   */
  function brightestBeside() {
    const middle = columns >> 1;
    let end = 1;
    while (end < middle && point[middle + end] < point[middle + end - 1]) end++;
    return Math.max(0, ...point.filter((_, c) => Math.abs(c - middle) >= end));
  }

  function drawSpread() {
    spread.setRange([-columns / 2, columns / 2], [0, 1.05]);
    spread.axes();
    const bars = Array.from(point, (v, c) => [c - (columns >> 1), v]);
    for (const [x, v] of bars) {
      spread.line(
        [
          [x, 0],
          [x, v],
        ],
        { color: spread.ink("blue"), width: Math.max(1.5, spread.canvas.clientWidth / columns / 2) },
      );
    }
  }

  function say() {
    const { kind, acceleration, center, seed } = state;
    if (painted) message.replaceChildren("A mask of your own.");
    else if (kind === "random" && center * acceleration > columns) {
      message.replaceChildren(`The centre alone is over the budget of ${fixed(columns / acceleration, 0)} columns.`);
    } else {
      const call = `masks.${kind}(${columns}, ${acceleration}, center_fraction=${center} / ${columns}, seed=${seed})`;
      message.replaceChildren("This mask is ", make("code", {}, call));
    }
  }

  function redrawMask() {
    painted = false;
    mask = drawMask(state.kind, columns, state.acceleration, state.center, state.seed);
    update();
  }

  /** @param {number} from @param {number} to @param {boolean} kept */
  function paint(from, to, kept) {
    mask.fill(kept ? 1 : 0, Math.min(from, to), Math.max(from, to) + 1);
    painted = true;
    update();
  }

  const kind = choice({
    label: "Mask",
    options: { random: "random", equispaced: "equispaced" },
    value: state.kind,
    changed: (value) => {
      state.kind = value === "random" ? "random" : "equispaced";
      redrawMask();
    },
  });
  const acceleration = slider({
    name: "acceleration",
    label: "Acceleration asked for",
    min: 1,
    max: 10,
    step: 1,
    value: state.acceleration,
    text: (v) => `${v} ×`,
    changed: (v) => {
      state.acceleration = v;
      redrawMask();
    },
  });
  const center = slider({
    name: "center",
    label: "Columns in the fully sampled centre",
    min: 1,
    max: columns >> 1,
    step: 1,
    value: state.center,
    changed: (v) => {
      state.center = v;
      redrawMask();
    },
  });
  const buttons = make(
    "div",
    { class: "row" },
    button("New mask", () => {
      state.seed += 1;
      redrawMask();
    }),
    button("Measure all", () => paint(0, columns - 1, true)),
    button("Drop all", () => paint(0, columns - 1, false)),
  );
  root.append(
    make("div", { class: "panels three first" }, kspace.element, image.element, error.element),
    numbers.element,
    message,
    make("div", { class: "controls" }, kind, buttons, acceleration.element, center.element),
    make("p", { class: "caption" }, "Point-spread function: what one bright pixel becomes"),
    spread.element,
    make(
      "p",
      { class: "hint" },
      "Keyboard in k-space: arrows move, space drops or measures a column, shift with arrows paints on.",
    ),
    live.element,
  );
  onTheme(spread.redraw);
  redrawMask();
}
