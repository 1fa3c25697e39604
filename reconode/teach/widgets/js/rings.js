// @ts-check
// Chapter 7: a ring of k-space under the pointer, and what two reconstructions get wrong in it.
import { choice, slider } from "./controls.js";
import { fixed, liveRegion, make, readouts } from "./dom.js";
import { along, magnitude } from "./fft.js";
import { mount } from "./mount.js";
import { colors, panel } from "./picture.js";
import { plot } from "./plot.js";
import { logarithmic, quantile } from "./scores.js";
import { grids, unpack } from "./unpack.js";

/**
 * @typedef {{images: import("./unpack.js").Packed, mask: string, names: [string, string], width: number,
 *   magma: string}} Data
 * @typedef {import("./fft.js").Grid} Grid
 */

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "rings", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root, onTheme }, data) {
  const spectra = grids(await unpack(data.images), data.images.shape).map((grid) => along(grid, "rows"));
  const [truth, ...both] = spectra;
  const { rows, columns } = truth;
  const magma = colors(data.magma);
  const missing = [...data.mask].map((letter) => letter === "0");
  const ringAt = (/** @type {number} */ row, /** @type {number} */ column) =>
    Math.floor(
      Math.hypot((row - (rows >> 1)) / (rows / 2), (column - (columns >> 1)) / (columns / 2)) / data.width + 1e-9,
    );
  const ringOf = Int32Array.from({ length: rows * columns }, (_, i) => ringAt(Math.floor(i / columns), i % columns));
  const last = ringOf.reduce((a, b) => Math.max(a, b), 0);

  /** Energy in each ring, of the columns never measured. @param {Grid} grid */
  function energies(grid) {
    const sums = new Float64Array(last + 1);
    ringOf.forEach((ring, i) => {
      if (missing[i % columns]) sums[ring] += grid.re[i] ** 2 + grid.im[i] ** 2;
    });
    return sums;
  }
  const off = both.map((grid) => ({
    rows,
    columns,
    re: grid.re.map((v, i) => v - truth.re[i]),
    im: grid.im.map((v, i) => v - truth.im[i]),
  }));
  const whole = energies(truth);
  const total = whole.reduce((a, b) => a + b, 0);
  const relative = off.map((grid) => energies(grid).map((v, ring) => (whole[ring] ? Math.sqrt(v / whole[ring]) : 0)));
  const size = magnitude(truth);
  const brightness = logarithmic(
    size,
    size.reduce((a, b) => Math.max(a, b), 0),
  );

  const kspace = panel("k-space: point at a ring", rows, columns, "logarithm of k-space; measured columns are blue");
  const pictures = data.names.map((name) => panel(`Error of ${name}`, rows, columns, `error of ${name} in the ring`));
  const numbers = readouts({
    frequency: "frequency, of the highest",
    share: "of what is missing",
    fixed: `error of ${data.names[0]}`,
    learned: `error of ${data.names[1]}`,
  });
  const curve = plot({
    description: "Relative error of both over frequency, with a mark at the ring",
    height: (width) => Math.max(190, Math.min(260, 0.42 * width)),
    xlabel: "frequency, of the highest along an axis",
    ylabel: "relative error",
    draw,
  });
  const live = liveRegion();
  const looks = /** @type {const} */ ([
    { color: "blue", mark: "circle" },
    { color: "red", mark: "square" },
  ]);
  let ring = 2;
  let upTo = false;
  const inside = (/** @type {number} */ i) => (upTo ? ringOf[i] <= ring : ringOf[i] === ring);
  const middle = (/** @type {number} */ n) => (n + 0.5) * data.width;
  const top = Math.max(1.1, ...relative.flatMap((line) => [...line]));
  const highest = Math.min(2, 1.06 * top);
  curve.setRange([0, (last + 1) * data.width], [0, highest]);

  function draw() {
    curve.axes();
    curve.clipped(() => {
      const x = middle(ring);
      curve.line(
        [
          [x, 0],
          [x, highest],
        ],
        { color: curve.ink("exact"), width: 14 },
      );
      relative.forEach((line, n) => {
        // A ring of which nothing is missing has no error, not none.
        const points = Array.from(line, (v, i) => [middle(i), v]);
        const there = points.filter((_, i) => whole[i] > 0);
        curve.line(there, { color: curve.ink(looks[n].color), mark: looks[n].mark, dash: n ? [] : [6, 4] });
        curve.line([points[ring]], { color: curve.ink(looks[n].color), width: 0, mark: looks[n].mark, size: 7 });
      });
    });
  }

  /** The image of what lies in the ring. @param {Grid} grid */
  function band(grid) {
    const part = { ...grid, re: grid.re.map((v, i) => (inside(i) ? v : 0)), im: grid.im.map((v, i) => (inside(i) ? v : 0)) };
    return magnitude(along(along(part, "rows", true), "columns", true));
  }

  function update() {
    kspace.drawColors((i) => {
      const level = 255 * brightness[i];
      if (inside(i)) return [Math.min(255, 90 + level), Math.min(255, 45 + 0.75 * level), 0.3 * level];
      return missing[i % columns] ? [level, level, level] : [0.25 * level, 0.4 * level, 0.6 * level];
    });
    const maps = off.map(band);
    const brightest = Math.max(...maps.map((map) => quantile(map, 0.998)));
    maps.forEach((map, n) => {
      pictures[n].draw(map, brightest, magma);
      pictures[n].note.textContent = `${fixed(relative[n][ring], 3)}`;
    });
    const [low, high] = [ring * data.width, (ring + 1) * data.width];
    numbers.set("frequency", middle(ring), `${fixed(low, 1)} to ${fixed(high, 1)}`);
    numbers.set("share", whole[ring] / total, `${fixed((100 * whole[ring]) / total, 1)} %`);
    numbers.set("fixed", relative[0][ring], fixed(relative[0][ring], 3));
    numbers.set("learned", relative[1][ring], fixed(relative[1][ring], 3));
    curve.redraw();
    const said = data.names.map((name, n) => `${name} ${fixed(relative[n][ring], 3)}`).join(", ");
    live.say(`Ring from ${fixed(low, 1)} to ${fixed(high, 1)}: relative error of ${said}`);
  }

  const radius = slider({
    name: "ring",
    label: "Ring, by frequency",
    min: 0,
    max: last,
    step: 1,
    value: ring,
    text: (v) => `${fixed(v * data.width, 1)} to ${fixed((v + 1) * data.width, 1)}`,
    changed: (v) => go(v),
  });
  function go(/** @type {number} */ next) {
    ring = Math.max(0, Math.min(last, next));
    radius.set(ring);
    update();
  }
  const pointed = (/** @type {PointerEvent} */ event) => {
    const box = kspace.canvas.getBoundingClientRect();
    const place = (/** @type {number} */ share, /** @type {number} */ count) =>
      Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const next = ringAt(
      place((event.clientY - box.top) / box.height, rows),
      place((event.clientX - box.left) / box.width, columns),
    );
    if (next !== ring) go(next);
  };
  kspace.canvas.style.touchAction = "pan-y";
  kspace.canvas.style.cursor = "crosshair";
  kspace.canvas.addEventListener("pointerdown", pointed);
  kspace.canvas.addEventListener("pointermove", pointed);
  const shown = choice({
    label: "Show",
    options: { ring: "this ring", up: "all up to it" },
    value: "ring",
    changed: (value) => {
      upTo = value === "up";
      update();
    },
  });
  const legend = make(
    "ul",
    { class: "legend" },
    ...data.names.map((name, n) =>
      make("li", {}, make("i", { style: `border-color: var(--${looks[n].color}); border-top-style: ${n ? "solid" : "dashed"}` }), name),
    ),
  );
  root.append(
    make("div", { class: "panels three first" }, kspace.element, ...pictures.map((picture) => picture.element)),
    numbers.element,
    make("div", { class: "controls" }, radius.element, shown),
    legend,
    curve.element,
    make(
      "p",
      { class: "hint" },
      "Errors are of the columns never measured, relative to the knee’s own content there; both maps share one scale.",
    ),
    live.element,
  );
  onTheme(curve.redraw);
  update();
}
