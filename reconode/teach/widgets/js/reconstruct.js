// @ts-check
// Paint k-space, and the models reconstruct while you do: the landing page's light form, and all knobs on its own page.
import { columnBrush } from "./brush.js";
import { comparison, frameOf, interleaved } from "./comparison.js";
import { button, choice, slider } from "./controls.js";
import { fixed, liveRegion, make } from "./dom.js";
import { along, centerCrop, magnitude } from "./fft.js";
import { goTooFar, pictureInput, replayer } from "./knobs.js";
import { mount } from "./mount.js";
import { colors, panel } from "./picture.js";
import { prediction } from "./prediction.js";
import { drawMask } from "./random.js";
import { Reconstructor } from "./reconstructor.js";
import { logarithmic, quantile } from "./scores.js";
import { fromHash, toHash } from "./shared_state.js";
import { withLesion, withNoise } from "./spoil.js";
import { most, runsOf, stepKnobs } from "./steps.js";
import { grids, unpack } from "./unpack.js";

const UNMEASURED = [24, 38, 52]; // a dark blue: not the black of a measured column without signal
const NOISE = 0.1;
const LOOK_EVERY = 10; // iterations of total variation from one image to the next

/** @typedef {import("./unpack.js").Packed} Packed */
/** @typedef {import("./shared_state.js").State} State */
/**
 * @typedef {{hybrid: Packed, crop: [number, number], states: Packed, every: number,
 *   mask: [State["kind"], number, number, number],
 *   model: string, models: import("./steps.js").Model[], accelerations: number[],
 *   engine: import("./reconstructor.js").Engine, full: boolean, more: string, magma: string}} Data (accelerations with weights)
 */

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "reconstruct", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root }, data) {
  const magma = colors(data.magma);
  const knee = grids(await unpack(data.hybrid), data.hybrid.shape)[0];
  const titles = Object.fromEntries(data.models.map(({ name, title }) => [name, title]));
  const [kind, acceleration, center, seed] = data.mask;
  /** @type {State} */
  let state = {
    ...{ kind, acceleration, center, seed, painted: null },
    ...{ models: [data.model], steps: 0, repeats: 0, noise: false, lesion: false },
  };
  const unchanged = toHash(state);
  state = fromHash(location.hash, state, knee.columns, Object.keys(titles), most(data.models));
  let clean = knee; // or the reader's own picture
  const inNotebook = Boolean(data.engine.files); // whose address is not ours
  let own = "";
  let note = ""; // of it

  // What is measured, and what all is compared with
  let hybrid = clean;
  /** @type {Uint8Array} */
  let mask = new Uint8Array(clean.columns);
  /** @type {import("./comparison.js").Scene} */
  let scene = { target: new Float64Array(0), window: 1, size: [0, 0], crop: [0, 0] };
  /** @type {import("./comparison.js").Frame} */
  let zero;
  /** @type {import("./comparison.js").Slot[]} */
  let slots = [];
  let at = Infinity; // the step that is shown; the last there is
  /** @type {Float64Array} */
  let spectrum = new Float64Array(0);
  /** @type {ReturnType<typeof panel>} */
  let kspace;
  /** @type {ReturnType<typeof columnBrush>} */
  let brush;

  const shown = comparison(magma);
  const live = liveRegion();
  const message = make("p", { class: "message", role: "status" });
  const meter = make("progress", { hidden: true, max: 1, "aria-label": "models loaded" });
  const lines = make("p", { class: "caption lines" });
  const space = make("div", { class: "space" });
  const guess = prediction({
    changed() {
      if (guess.hides(state.models.length)) return ask();
      display();
      if (root.dataset.done === String(reconstructor.last)) judge();
    },
  });

  const reconstructor = new Reconstructor(data.engine, {
    step(step) {
      const slot = slots[step.run];
      if (step.step === 0) slot.frames = [];
      slot.frames[step.step] = frameOf(step.image, scene);
      slot.total = step.steps;
      slot.milliseconds = step.milliseconds;
      meter.hidden = true;
      display();
    },
    done(memory) {
      Object.assign(root.dataset, { done: String(reconstructor.last), memory: String(memory) });
      judge();
      sayScores();
    },
    failed(text) {
      meter.hidden = true;
      sentence(text);
    },
    progress(loaded, total) {
      meter.hidden = loaded >= total;
      meter.value = loaded / total;
      message.textContent = loaded < total ? `Loading the model: ${Math.round((100 * loaded) / total)} %` : note;
    },
  });

  /** The data as they are to be measured, and panels of their size. */
  function prepare() {
    const image = magnitude(along(clean, "columns", true));
    const largest = Math.max(...image);
    const marked = state.lesion ? withLesion(clean, largest) : clean;
    hybrid = state.noise ? withNoise(marked, NOISE, largest, 1) : marked;
    const size = /** @type {[number, number]} */ ([clean.rows, clean.columns]);
    const crop = own ? size : data.crop;
    const target = centerCrop(magnitude(along(marked, "columns", true)), size, crop);
    scene = { target, window: quantile(target, 0.99), size, crop };
    const full = magnitude(along(hybrid, "rows"));
    spectrum = logarithmic(full, Math.max(...full));
    if (kspace?.canvas.width === clean.columns && kspace.canvas.height === clean.rows) return;
    kspace = panel("k-space: paint here", ...size, "k-space, logarithmic; lines not measured are blue");
    kspace.stage.classList.add("strip");
    kspace.stage.style.setProperty("--shape", `${size[1]} / ${size[0]}`);
    brush = columnBrush({
      stage: kspace.stage,
      columns: clean.columns,
      label: "Line of k-space",
      get: (c) => mask[c] === 1,
      text: (c) => `line ${c}, frequency ${c - (clean.columns >> 1)}, ${mask[c] ? "measured" : "dropped"}`,
      paint,
    });
    space.replaceChildren(kspace.element);
  }

  /** The mask that the state says, the zero-filled image, and the models if they are there. */
  function measure() {
    const { columns } = clean;
    const fits = state.painted?.length === columns;
    mask =
      fits && state.painted
        ? Uint8Array.from(state.painted)
        : drawMask(state.kind, columns, state.acceleration, Math.min(state.center, columns >> 1), state.seed);
    const keep = (/** @type {Float64Array} */ part) => part.map((v, i) => v * mask[i % columns]);
    zero = frameOf(interleaved(along({ ...hybrid, re: keep(hybrid.re), im: keep(hybrid.im) }, "columns", true)), scene);
    kspace.drawColors((i) => {
      if (!mask[i % columns]) return /** @type {[number, number, number]} */ (UNMEASURED);
      const level = Math.floor(255 * spectrum[i]);
      return [level, level, level];
    });
    brush.place();
    const count = mask.reduce((sum, kept) => sum + kept, 0);
    lines.textContent = count
      ? `${count} of ${columns} lines measured: ${fixed(columns / count, 1)} times fewer`
      : "No line is measured.";
    Object.assign(lines.dataset, { key: "lines", value: String(count) });
    message.textContent = note;
    slots = [];
    ask();
  }

  /** Ask for the reconstructions, once the reader has started them; a new question, if the reader predicts. */
  function ask() {
    at = Infinity;
    guess.ask(state.models.map((name) => titles[name]));
    const count = mask.reduce((sum, kept) => sum + kept, 0);
    if (reconstructor.started && count) {
      slots = state.models.map((name) => {
        const every = name === "tv" ? LOOK_EVERY : 1;
        return { title: titles[name], frames: [zero], every, total: 0, milliseconds: 0 };
      });
      const runs = runsOf(data, state, clean.columns / count);
      reconstructor.request(hybrid, mask, runs);
      root.dataset.asked = String(reconstructor.last);
    } else reconstructor.drop();
    remember();
    display();
  }

  function display() {
    const longest = Math.max(1, ...slots.map((slot) => slot.frames.length)) - 1;
    scrub.input.max = String(Math.max(1, longest));
    scrub.input.disabled = longest < 1;
    scrub.set(Math.min(at, longest));
    shown.show(scene, zero, slots, at, guess.hides(slots.length));
  }

  function judge() {
    const last = slots.map(({ title, frames }) => ({ title, psnr: frames[frames.length - 1].psnr }));
    if (last.length === 2) guess.judge(last);
  }

  function sayScores() {
    if (guess.hides(slots.length)) return;
    const parts = slots.map(({ title, frames }) => `${title} ${fixed(frames[frames.length - 1].psnr, 1)} decibels`);
    live.say([`Zero-filled ${fixed(zero.psnr, 1)} decibels`, ...parts].join(", "));
  }

  /** Keep the state in the address, where a link can be taken from; a heading's name in it gives way to a change only. */
  function remember() {
    const hash = toHash(state);
    more.href = `${data.more}#${hash}`;
    if (own || inNotebook || (hash === unchanged && !location.hash.startsWith("#mask="))) return;
    clearTimeout(waiting);
    waiting = window.setTimeout(() => history.replaceState(null, "", `#${hash}`), 300); // browsers count these
  }
  let waiting = 0;

  /** @param {number} from @param {number} to @param {boolean} kept */
  function paint(from, to, kept) {
    mask.fill(kept ? 1 : 0, Math.min(from, to), Math.max(from, to) + 1);
    state.painted = Uint8Array.from(mask);
    stop();
    if (!saver) reconstructor.start();
    measure();
    if (!reconstructor.started) live.say(`${lines.textContent}, zero-filled ${fixed(zero.psnr, 1)} decibels`);
  }
  const saver = Boolean(/** @type {any} */ (navigator).connection?.saveData);

  /** Another mask of the known kinds. @param {Partial<State>} change */
  function remask(change) {
    state = { ...state, painted: null, ...change };
    for (const [control, value] of controls) control.set(value());
    stop();
    measure();
  }

  // Play: the steps one after the other, of what has been made or, before, of what came with the page
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const { stop, play: run } = replayer((frame) => {
    at = frame;
    display();
  });
  const replay = (/** @type {number} */ seconds) => run(Math.max(...slots.map((slot) => slot.frames.length)) - 1, seconds);
  const play = button("Reconstruct", () => {
    if (reconstructor.started && slots.length && slots.every((slot) => slot.milliseconds)) {
      return still.matches ? undefined : replay(1.5);
    }
    stop();
    reconstructor.start();
    ask();
  });
  play.className = "play";

  const scrub = slider({
    name: "step",
    label: "Step shown",
    min: 0,
    max: 1,
    step: 1,
    value: 0,
    text: (value) => String(value * (slots[0]?.every ?? 1)),
    changed: (value) => {
      stop();
      at = value;
      display();
    },
  });

  // Controls
  const share = (/** @type {number} */ a) => Math.max(1, Math.round((0.32 / a) * clean.columns)); // fastMRI's centre
  const faster = slider({
    name: "acceleration",
    label: "Acceleration",
    min: 1,
    max: 10,
    step: 1,
    value: state.acceleration,
    text: (v) => `${v} ×`,
    changed: (v) => remask({ acceleration: v, center: share(v) }),
  });
  const middle = slider({
    name: "center",
    label: "Lines in the fully measured centre",
    min: 1,
    max: knee.columns >> 1,
    step: 1,
    value: state.center,
    changed: (v) => remask({ center: v }),
  });
  /** @type {[ReturnType<typeof slider>, () => number][]} */
  const controls = [
    [faster, () => state.acceleration],
    [middle, () => state.center],
  ];
  const pattern = choice({
    label: "Lines outside the centre",
    options: { random: "random", equispaced: "equispaced" },
    value: state.kind,
    changed: (value) => remask({ kind: value === "random" ? "random" : "equispaced" }),
  });
  const preset = (/** @type {number} */ a) => button(`${a} ×`, () => remask({ acceleration: a, center: share(a) }));
  const another = button("New mask", () => remask({ seed: state.seed + 1 }));
  const model = (/** @type {number} */ n, /** @type {string} */ label) => {
    const made = choice({
      label,
      options: n ? { "": "none", ...titles } : titles,
      value: state.models[n] ?? "",
      changed: (value) => {
        if (n) state.models = value ? [state.models[0], value] : state.models.slice(0, 1);
        else state.models = [value, ...state.models.slice(1)];
        if (!reconstructor.started && !saver) reconstructor.start();
        stop();
        steps.show(state.models, state);
        measure();
      },
    });
    made.classList.add("list");
    return made;
  };
  const steps = stepKnobs({
    models: data.models,
    changed(change) {
      Object.assign(state, change);
      measure();
    },
  });
  const tooFar = goTooFar({
    columns: () => clean.columns,
    force(keeps) {
      state.painted = Uint8Array.from({ length: clean.columns }, (_, c) => (keeps(c) ? 1 : 0));
      stop();
      measure();
    },
    spoilt: (what) => state[what],
    spoil(what) {
      state[what] = !state[what];
      prepare();
      measure();
    },
  });
  const sentence = (/** @type {string} */ text) => (message.textContent = `${text[0].toUpperCase()}${text.slice(1)}.`);
  const file = pictureInput({ taken: take, failed: sentence });
  const back = button("Back to the knee", () => take(knee, ""));
  back.hidden = true;
  /** @param {import("./fft.js").Grid} data_ hybrid @param {string} name */
  function take(data_, name) {
    clean = data_;
    own = name;
    back.hidden = !name;
    state.painted = null;
    middle.input.max = String(clean.columns >> 1);
    const size = `${clean.columns} × ${clean.rows} pixels`;
    note = name ? `${name}, ${size}; it stays on this machine, and links do not hold it.` : "";
    stop();
    prepare();
    remask({ center: share(state.acceleration) });
  }
  const link = button("Copy a link to this", async () => {
    const address = `${location.href.split("#")[0]}#${toHash(state)}`;
    const copied = await navigator.clipboard?.writeText(address).then(
      () => true,
      () => false,
    );
    history.replaceState(null, "", address);
    message.textContent = copied ? "The link is copied." : "The link is in the address bar.";
  });
  link.hidden = inNotebook;
  const more = make("a", { class: "more" }, "All knobs");

  prepare();
  steps.show(state.models, state);
  const chosen = model(0, "Model");
  /** @type {HTMLElement[]} */
  const all = [chosen, model(1, "Beside it"), steps.element, pattern, faster.element, middle.element, tooFar];
  all.push(make("div", { class: "row wide" }, guess.toggle, link), file, back);
  const knobs = data.full ? all : [chosen, pattern, middle.element, make("div", { class: "row" }, more)];
  root.classList.add("bench", data.full ? "full" : "light");
  root.append(
    make("div", { class: "work" }, shown.pictures, space),
    guess.element,
    make("div", { class: "row main" }, play, preset(4), preset(8), another),
    lines,
    message,
    meter,
    shown.table,
    scrub.element,
    make("div", { class: "controls" }, ...knobs),
    make("p", { class: "hint" }, "Keyboard in k-space: arrows move, space drops or measures a line, shift with arrows paints on."),
    live.element,
  );
  measure();
  if (toHash(state) === unchanged) await showWay();

  /** The trajectory that came with the page, of the first mask; it plays once by itself, for those who like motion. */
  async function showWay() {
    const states = grids(await unpack(data.states), data.states.shape);
    const frames = states.map((s) => frameOf(interleaved(along(s, "columns", true)), scene));
    if (reconstructor.started || toHash(state) !== unchanged) return;
    const every = data.every;
    slots = [{ title: titles[data.model], frames, every, total: every * (frames.length - 1), milliseconds: 0 }];
    display();
    if (!still.matches) replay(2.5);
  }
}
