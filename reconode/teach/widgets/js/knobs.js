// @ts-check
// Knobs of the bench that are a few buttons each: going too far, a picture of one's own, one frame after the other.
import { button } from "./controls.js";
import { make } from "./dom.js";
import { along } from "./fft.js";
import { readPicture } from "./own_picture.js";

/**
 * Buttons that show how models fail.
 * @param {{columns: () => number, force: (keeps: (column: number) => boolean) => void,
 *   spoilt: (what: "noise" | "lesion") => boolean, spoil: (what: "noise" | "lesion") => void}} options
 */
export function goTooFar({ columns, force, spoilt, spoil }) {
  const away = (/** @type {number} */ c) => c - (columns() >> 1);
  const swap = (/** @type {string} */ text, /** @type {"noise" | "lesion"} */ what) => {
    const made = button(text, () => {
      spoil(what);
      made.setAttribute("aria-pressed", String(spoilt(what)));
    });
    made.setAttribute("aria-pressed", String(spoilt(what)));
    return made;
  };
  return make(
    "div",
    { class: "row wide", role: "group", "aria-label": "Go too far" },
    make("span", { class: "heading" }, "Go too far"),
    button("Only the centre", () => force((c) => Math.abs(away(c)) < 0.04 * columns())),
    button("Every 8th line", () => force((c) => away(c) % 8 === 0)),
    swap("Noise of 10 %", "noise"),
    swap("Add a lesion", "lesion"),
  );
}

/**
 * A file to choose.
 * @param {{taken: (hybrid: import("./fft.js").Grid, name: string) => void, failed: (message: string) => void}} options
 */
export function pictureInput({ taken, failed }) {
  const file = make("input", { type: "file", accept: ".png,.jpg,.jpeg,.npy,image/png,image/jpeg", name: "picture" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    try {
      taken(along(await readPicture(chosen), "columns"), chosen.name);
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
    file.value = ""; // the same file can be chosen again
  });
  return make("label", { class: "file wide" }, make("span", {}, "Your own picture (PNG, JPEG or .npy)"), file);
}

/**
 * Frames one after the other, then the last for good.
 * @param {(frame: number) => void} show Infinity is the last
 */
export function replayer(show) {
  let frame = 0;
  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
  }
  return {
    stop,
    /** @param {number} last @param {number} seconds */
    play(last, seconds) {
      stop();
      if (last < 1) return;
      let began = 0;
      const advance = (/** @type {number} */ now) => {
        began ||= now;
        const share = Math.min(1, (now - began) / 1000 / seconds);
        show(share < 1 ? Math.floor(share * last) : Infinity);
        if (share < 1) frame = requestAnimationFrame(advance);
      };
      frame = requestAnimationFrame(advance);
    },
  };
}
