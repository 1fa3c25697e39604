// @ts-check
// Sliders, choices, buttons and a player: native elements, so that keyboard, touch and screen readers work.
import { make } from "./dom.js";

/**
 * A labelled slider with its value beside the label.
 * @param {{name: string, label: string, min: number, max: number, step: number, value: number,
 *   text?: (value: number) => string, changed: (value: number) => void}} options
 */
export function slider({ name, label, min, max, step, value, text = String, changed }) {
  const shown = make("span", { class: "value" });
  const input = make("input", { type: "range", min, max, step, name });
  const show = () => {
    shown.textContent = text(input.valueAsNumber);
    input.setAttribute("aria-valuetext", text(input.valueAsNumber));
    const share = (input.valueAsNumber - Number(input.min)) / (Number(input.max) - Number(input.min));
    input.style.setProperty("--share", `${100 * share}%`);
  };
  const heading = make("span", {});
  const rename = (/** @type {string} */ to) => {
    heading.textContent = to;
    input.setAttribute("aria-label", to);
  };
  input.valueAsNumber = value;
  rename(label);
  input.addEventListener("input", () => {
    show();
    changed(input.valueAsNumber);
  });
  show();
  return {
    element: make("label", { class: "slider" }, heading, shown, input),
    input,
    rename,
    /** @param {number} next without telling anyone */
    set(next) {
      input.valueAsNumber = next;
      show();
    },
  };
}

let groups = 0;

/**
 * One of a few, as radio buttons.
 * @param {{label: string, options: Record<string, string>, value: string, changed: (value: string) => void}} options
 */
export function choice({ label, options, value, changed }) {
  const name = `choice${groups++}`; // radio buttons of one group share a name, and no two groups do
  const buttons = Object.entries(options).map(([key, text]) => {
    const input = make("input", { type: "radio", name, value: key, checked: key === value });
    input.addEventListener("change", () => changed(key));
    return make("label", {}, input, make("span", {}, text));
  });
  return make("fieldset", { class: "choice" }, make("legend", {}, label), make("div", {}, ...buttons));
}

/** @param {string} text @param {() => void} pressed */
export function button(text, pressed) {
  const element = make("button", { type: "button" }, text);
  element.addEventListener("click", pressed);
  return element;
}

/**
 * A button that runs a position from 0 to 1 in some seconds. It never starts by itself; for readers who asked their
 * system for less motion it goes one stop at a time instead.
 * @param {{seconds: number, stops: () => number, get: () => number, set: (position: number) => void}} options
 */
export function player({ seconds, stops, get, set }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0;
  const element = make("button", { type: "button", class: "play" });
  const label = () => (element.textContent = still.matches ? "Next step" : frame ? "Pause" : "Play");
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    label();
  };
  element.addEventListener("click", () => {
    const from = get() >= 1 - 1e-9 ? 0 : get();
    if (still.matches) {
      stop();
      return set(get() >= 1 - 1e-9 ? 0 : Math.min(1, (Math.floor(from * stops() + 1e-9) + 1) / stops()));
    }
    if (frame) return stop();
    let began = 0;
    const advance = (/** @type {number} */ now) => {
      began ||= now;
      const position = Math.min(1, from + (now - began) / 1000 / seconds);
      set(position);
      if (position < 1) frame = requestAnimationFrame(advance);
      else stop();
    };
    frame = requestAnimationFrame(advance);
    label();
  });
  still.addEventListener("change", stop);
  label();
  return { element, stop };
}
