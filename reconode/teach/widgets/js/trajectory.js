// @ts-check
// Chapter 4: scrub t over a reconstruction's way: image, error, k-space and PSNR.
import { player, slider } from "./controls.js";
import { fixed, liveRegion, make, readouts } from "./dom.js";
import { along, centerCrop, magnitude } from "./fft.js";
import { mount } from "./mount.js";
import { colors, gray, panel } from "./picture.js";
import { plot } from "./plot.js";
import { logarithmic, psnr, quantile } from "./scores.js";
import { grids, unpack } from "./unpack.js";

/** @typedef {import("./unpack.js").Packed} Packed */
/** @typedef {{states: Packed, target: Packed, mask: string, name: string, magma: string}} Data */

const PARTS = 20; // positions of the slider between two states

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "trajectory", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root, onTheme }, data) {
  const states = grids(await unpack(data.states), data.states.shape);
  const target = await unpack(data.target);
  const { rows, columns } = states[0];
  const crop = /** @type {[number, number]} */ (data.target.shape);
  const magma = colors(data.magma);
  const steps = states.length - 1;
  const total = steps * PARTS;

  /** Data in hybrid space at a position of the slider; between two states on the straight line. @param {number} position */
  function hybridAt(position) {
    const n = Math.min(steps - 1, Math.floor(position / PARTS));
    const share = position / PARTS - n;
    const mix = (/** @type {"re" | "im"} */ part) =>
      states[n][part].map((v, i) => v + share * (states[n + 1][part][i] - v));
    return { rows, columns, re: mix("re"), im: mix("im") };
  }
  const imageAt = (/** @type {import("./fft.js").Grid} */ hybrid) =>
    centerCrop(magnitude(along(hybrid, "columns", true)), [rows, columns], crop);

  const scores = Array.from({ length: total + 1 }, (_, i) => psnr(imageAt(hybridAt(i)), target));
  const errorTop = quantile(
    imageAt(hybridAt(0)).map((v, i) => Math.abs(v - target[i])),
    0.998,
  );
  const window = quantile(target, 0.99);
  const strongest = Math.max(...magnitude(along(hybridAt(total), "rows")));
  const missing = [...data.mask].map((letter) => letter === "0");

  const image = panel("Image x(t)", ...crop, "magnitude of the image at time t");
  const error = panel("Error", ...crop, "absolute error at time t, one scale for all times");
  const kspace = panel("k-space", rows, columns, "logarithm of the magnitude of k-space at time t");
  const live = liveRegion();
  const numbers = readouts({ t: "t", step: "step", psnr: "PSNR", filled: "energy in columns never measured" });
  const curve = plot({
    description: "PSNR over t, with a mark at the present time",
    height: (width) => Math.max(170, Math.min(250, 0.4 * width)),
    xlabel: "t",
    ylabel: "PSNR in dB",
    draw,
  });
  let position = 0;

  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const room = Math.max(0.1, 0.15 * (high - low));
  curve.setRange([0, 1], [low - room, high + room]);

  function draw() {
    curve.axes();
    const color = curve.ink("blue");
    const points = scores.map((score, i) => [i / total, score]);
    curve.line(points, { color: curve.ink("exact"), width: 2 });
    curve.line(points.slice(0, position + 1), { color, width: 4 });
    curve.line(
      points.filter((_, i) => i % PARTS === 0),
      { color, width: 0, mark: "circle", size: 4 },
    );
    curve.line(
      [
        [position / total, low - room],
        [position / total, high + room],
      ],
      { color: curve.ink("red"), width: 2, dash: [4, 4] },
    );
    curve.line([points[position]], { color: curve.ink("red"), width: 0, mark: "circle", size: 7 });
  }

  function update() {
    const hybrid = hybridAt(position);
    const now = imageAt(hybrid);
    const spectrum = magnitude(along(hybrid, "rows"));
    let inside = 0;
    let all = 0;
    spectrum.forEach((v, i) => {
      all += v * v;
      if (missing[i % columns]) inside += v * v;
    });
    image.draw(now, window, gray);
    error.draw(
      now.map((v, i) => Math.abs(v - target[i])),
      errorTop,
      magma,
    );
    kspace.draw(logarithmic(spectrum, strongest), 1, gray);
    image.note.textContent = `${fixed(scores[position], 2)} dB`;
    const t = position / total;
    const step = position / PARTS;
    numbers.set("t", t, fixed(t, 2));
    numbers.set("step", step, `${fixed(step, step % 1 ? 1 : 0)} of ${steps}`);
    numbers.set("psnr", scores[position], `${fixed(scores[position], 2)} dB`);
    numbers.set("filled", inside / all, `${fixed((100 * inside) / all, 2)} %`);
    curve.redraw();
    live.say(`t ${fixed(t, 2)}, PSNR ${fixed(scores[position], 2)} decibels`);
  }

  const time = slider({
    name: "time",
    label: "Time t",
    min: 0,
    max: total,
    step: 1,
    value: 0,
    text: (v) => fixed(v / total, 2),
    changed: go,
  });
  function go(/** @type {number} */ next) {
    position = next;
    update();
  }
  const play = player({
    seconds: 5,
    stops: () => steps,
    get: () => position / total,
    set: (share) => {
      time.set(Math.round(share * total));
      go(Math.round(share * total));
    },
  });
  time.input.addEventListener("pointerdown", play.stop);
  time.input.addEventListener("keydown", play.stop);
  const pictures = make(
    "div",
    { class: "panels three" },
    image.element,
    error.element,
    kspace.element,
    numbers.element,
  );
  pictures.style.setProperty("--widths", `${crop[1] / crop[0]}fr ${crop[1] / crop[0]}fr ${columns / rows}fr`);
  root.append(
    pictures,
    make("div", { class: "scrub" }, play.element, time.element),
    curve.element,
    make(
      "p",
      { class: "hint" },
      `${data.name ? `${data.name}. ` : ""}Marks on the curve are the model’s states; between them the widget goes straight.`,
    ),
    live.element,
  );
  onTheme(curve.redraw);
  update();
}
