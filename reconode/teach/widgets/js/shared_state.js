// @ts-check
// What a link holds: the mask, the models, the number of steps, and what was done to the knee.

/**
 * @typedef {{kind: "random" | "equispaced", acceleration: number, center: number, seed: number, painted: Uint8Array | null,
 *   models: string[], steps: number, repeats: number, noise: boolean, lesion: boolean}} State `painted` is a mask of the
 *   reader's own; steps, and repeats on each piece of time, are 0 as long as each model keeps its own
 */

const whole = (/** @type {string} */ text, /** @type {number} */ from, /** @type {number} */ to) =>
  /^\d{1,10}$/.test(text) && Number(text) >= from && Number(text) <= to ? Number(text) : null;

/** @param {State} state @returns {string} what stands after the # */
export function toHash(state) {
  const { kind, acceleration, center, seed, painted, models, steps, repeats, noise, lesion } = state;
  const mask = painted ? `own.${hex(painted)}` : [kind, acceleration, center, seed].join(".");
  const parts = [`mask=${mask}`, `models=${models.join(".")}`];
  if (steps) parts.push(`steps=${steps}`);
  if (repeats) parts.push(`repeats=${repeats}`);
  if (noise) parts.push("noise=1");
  if (lesion) parts.push("lesion=1");
  return parts.join("&");
}

/**
 * A state with what a link says; what it says wrongly stays as it was.
 * @param {string} hash
 * @param {State} before
 * @param {number} columns
 * @param {string[]} known names of models
 * @param {{steps: number, repeats: number}} most
 * @returns {State}
 */
export function fromHash(hash, before, columns, known, most) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...before };
  const [kind, ...rest] = (said.get("mask") ?? "").split(".");
  if (kind === "own" && rest.length === 1) state.painted = fromHex(rest[0], columns) ?? state.painted;
  else if ((kind === "random" || kind === "equispaced") && rest.length === 3) {
    const acceleration = whole(rest[0], 1, 10);
    const center = whole(rest[1], 1, columns >> 1);
    const seed = whole(rest[2], 0, 2 ** 32 - 1);
    if (acceleration !== null && center !== null && seed !== null) {
      Object.assign(state, { kind, acceleration, center, seed, painted: null });
    }
  }
  const models = (said.get("models") ?? "").split(".").filter(Boolean);
  if (models.length >= 1 && models.length <= 2 && models.every((m) => known.includes(m))) state.models = models;
  state.steps = whole(said.get("steps") ?? "", 1, most.steps) ?? state.steps;
  state.repeats = whole(said.get("repeats") ?? "", 1, most.repeats) ?? state.repeats;
  state.noise = said.has("models") || said.has("noise") ? said.get("noise") === "1" : state.noise;
  state.lesion = said.has("models") || said.has("lesion") ? said.get("lesion") === "1" : state.lesion;
  return state;
}

/** Four columns a letter. @param {Uint8Array} mask */
function hex(mask) {
  let text = "";
  for (let i = 0; i < mask.length; i += 4) {
    let value = 0;
    for (let j = 0; j < 4; j++) value = 2 * value + (mask[i + j] ? 1 : 0);
    text += value.toString(16);
  }
  return text;
}

/** @param {string} text @param {number} columns */
function fromHex(text, columns) {
  if (text.length !== Math.ceil(columns / 4) || !/^[0-9a-f]+$/.test(text)) return null;
  return Uint8Array.from({ length: columns }, (_, i) => (parseInt(text[i >> 2], 16) >> (3 - (i % 4))) & 1);
}
