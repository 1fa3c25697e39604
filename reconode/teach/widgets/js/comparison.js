// @ts-check
// The pictures and scores of one or two reconstructions beside the zero-filled image, step by step.
import { fixed, make } from "./dom.js";
import { centerCrop } from "./fft.js";
import { gray, panel } from "./picture.js";
import { psnr, ssim } from "./scores.js";

const ERROR_SHARE = 0.3; // of the image's window

/** @typedef {[number, number]} Size rows and columns */
/** @typedef {{image: Float64Array, psnr: number, ssim: number}} Frame a magnitude and its scores */
/** @typedef {{title: string, frames: Frame[], every: number, total: number, milliseconds: number}} Slot what one model
 *   has made: a frame each so many steps, of a total where it is known */
/** @typedef {{target: Float64Array, window: number, size: Size, crop: Size}} Scene what all are compared with */

/**
 * A frame from an image on the full grid.
 * @param {ArrayLike<number>} complex interleaved @param {Scene} scene
 * @returns {Frame}
 */
export function frameOf(complex, { target, size, crop }) {
  const whole = Float64Array.from({ length: size[0] * size[1] }, (_, i) => Math.hypot(complex[2 * i], complex[2 * i + 1]));
  const image = centerCrop(whole, size, crop);
  return { image, psnr: psnr(image, target), ssim: ssim(image, target, ...crop) };
}

/** @param {import("./fft.js").Grid} grid */
export function interleaved(grid) {
  return Float64Array.from({ length: 2 * grid.re.length }, (_, i) => (i & 1 ? grid.im : grid.re)[i >> 1]);
}

/**
 * Panels for an image and its error for each slot, and the table of scores.
 * @param {Uint8Array} magma
 */
export function comparison(magma) {
  const pictures = make("div", { class: "pictures" });
  const body = make("tbody");
  const heading = (/** @type {string} */ text) => make("th", { scope: "col" }, text);
  const table = make(
    "table",
    { class: "scores" },
    make("thead", {}, make("tr", {}, heading("image"), heading("PSNR"), heading("SSIM"), heading("steps"), heading("time"))),
    body,
  );
  /** @type {{image: ReturnType<typeof panel>, error: ReturnType<typeof panel>}[]} */
  let panels = [];
  let shape = "";

  /** @param {Scene} scene @param {number} count of slots */
  function arrange(scene, count) {
    const wanted = `${scene.crop} ${count}`;
    if (wanted === shape) return;
    shape = wanted;
    panels = Array.from({ length: count }, (_, n) => ({
      image: panel("Image", ...scene.crop, `reconstruction ${n + 1}, magnitude`),
      error: panel("Error", ...scene.crop, `absolute error of reconstruction ${n + 1}, a third of the image's window`),
    }));
    pictures.dataset.count = String(count);
    pictures.replaceChildren(...panels.flatMap(({ image, error }) => [image.element, error.element]));
  }

  /** @param {string} key @param {string} name @param {(Frame & {steps: string, time: string}) | null} frame */
  function row(key, name, frame) {
    const cell = (/** @type {string} */ part, /** @type {number} */ value, /** @type {string} */ text) =>
      make("td", { "data-key": `${key}-${part}`, "data-value": value }, text);
    if (!frame) {
      const cells = ["psnr", "ssim", "steps", "time"].map((part) => cell(part, NaN, part === "psnr" ? "…" : ""));
      return make("tr", {}, make("th", { scope: "row" }, name), ...cells);
    }
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      cell("psnr", frame.psnr, `${fixed(frame.psnr, 2)} dB`),
      cell("ssim", frame.ssim, fixed(frame.ssim, 3)),
      cell("steps", NaN, frame.steps),
      cell("time", NaN, frame.time),
    );
  }

  return {
    pictures,
    table,
    /**
     * @param {Scene} scene
     * @param {Frame} zero the zero-filled image
     * @param {Slot[]} slots
     * @param {number} at which step of each is shown; a slot with fewer shows its last
     * @param {boolean} hidden scores and images are kept back until the reader has guessed
     */
    show(scene, zero, slots, at, hidden) {
      arrange(scene, Math.max(1, slots.length));
      const rows = [row("zero", "Zero-filled", { ...zero, steps: "", time: "" })];
      for (const [n, { image, error }] of panels.entries()) {
        const slot = slots[n];
        const step = slot ? Math.min(at, slot.frames.length - 1) : -1;
        const frame = slot?.frames[step] ?? zero;
        const title = slot ? slot.title : "Zero-filled";
        const blank = hidden ? new Float64Array(frame.image.length) : null;
        image.draw(blank ?? frame.image, scene.window, gray);
        error.draw(blank ?? frame.image.map((v, i) => Math.abs(v - scene.target[i])), ERROR_SHARE * scene.window, magma);
        const waiting = slot && step < 1 ? ", start" : "";
        rename(image, `${title}${waiting}`);
        image.note.textContent = hidden ? "your guess?" : `${fixed(frame.psnr, 2)} dB`;
        if (!slot) continue;
        const made = slot.frames.length > 1 && !hidden;
        const count = `${slot.every * step}${slot.total ? ` of ${slot.total}` : ""}`;
        const time = slot.milliseconds ? `${fixed(slot.milliseconds / 1000, 2)} s` : "";
        rows.push(row(`model${n}`, title, made ? { ...frame, steps: count, time } : null));
      }
      body.replaceChildren(...rows);
    },
  };
}

/** @param {ReturnType<typeof panel>} panelOf @param {string} text */
function rename(panelOf, text) {
  const caption = panelOf.element.querySelector("figcaption");
  if (caption && caption.textContent !== text) caption.textContent = text;
}
