// @ts-check
// How many steps the models take: a knob for those that bear another number, and why where there is none.
import { slider } from "./controls.js";
import { make } from "./dom.js";

/**
 * @typedef {{name: string, title: string, steps: number, pieces: number}} Model trained with so many steps, 0 where it
 *   goes on to an end of its own; as many on each of its pieces of time
 */
/** @typedef {{steps: number, repeats: number}} Numbers 0 is each model's own */

/** The highest numbers that the knobs go to. @param {Model[]} models @returns {Numbers} */
export function most(models) {
  const trained = models.filter((m) => m.pieces === 1).map((m) => m.steps);
  return { steps: Math.max(20, ...trained.map((n) => 2 * n)), repeats: 8 };
}

/**
 * What to ask of the chosen models: their steps, and the weights for the acceleration nearest to the mask's.
 * @param {{models: Model[], accelerations: number[]}} data @param {Numbers & {models: string[]}} chosen
 * @param {number} there the mask's
 */
export function runsOf({ models, accelerations }, chosen, there) {
  const far = (/** @type {number} */ a) => Math.abs(Math.log(a / there));
  const acceleration = accelerations.reduce((a, b) => (far(a) <= far(b) ? a : b));
  return chosen.models.map((name) => {
    const about = models.find((m) => m.name === name);
    const steps = about && about.pieces > 1 ? chosen.repeats * about.pieces : chosen.steps;
    return { model: name, acceleration, steps: about?.steps ? steps || about.steps : 0 };
  });
}

const and = (/** @type {(string | number)[]} */ parts) => [...new Set(parts)].join(" and ");

/** @param {{models: Model[], changed: (change: Partial<Numbers>) => void}} options */
export function stepKnobs({ models, changed }) {
  const limit = most(models);
  const knob = (/** @type {keyof Numbers} */ name, /** @type {(value: number) => string} */ text) =>
    slider({
      name,
      label: "",
      min: 1,
      max: limit[name],
      step: 1,
      value: 1,
      text,
      changed: (value) => changed({ [name]: value }),
    });
  let pieces = 1;
  const free = knob("steps", String);
  const pieced = knob("repeats", (value) => `${value} × ${pieces} = ${value * pieces}`);
  const why = make("p", { class: "hint" });
  return {
    element: make("div", {}, free.element, pieced.element, why),
    /** @param {string[]} names the chosen models @param {Numbers} chosen */
    show(names, chosen) {
      const here = models.filter((m) => names.includes(m.name));
      const frees = here.filter((m) => m.steps && m.pieces === 1);
      const others = here.filter((m) => m.pieces > 1);
      const endless = here.filter((m) => !m.steps);
      free.element.hidden = !frees.length;
      pieced.element.hidden = !others.length;
      why.hidden = !endless.length;
      if (frees.length) {
        free.rename(`Steps of ${and(frees.map((m) => m.title))} (trained with ${and(frees.map((m) => m.steps))})`);
        free.set(chosen.steps || frees[0].steps);
      }
      for (const model of others) {
        pieces = model.pieces;
        const own = model.steps / pieces;
        pieced.rename(`Steps of ${model.title} on each piece (trained with ${own})`);
        pieced.set(chosen.repeats || own);
      }
      if (endless.length) {
        why.textContent = `${and(endless.map((m) => m.title))} iterates until its image is near enough to the best: no knob.`;
      }
    },
  };
}
