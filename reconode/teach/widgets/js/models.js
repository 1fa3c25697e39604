// @ts-check
// The models step by step: what reconode.models and reconode.pc_flow do, on one image of one coil.
import { Buffers, Layout, Network } from "./convolution.js";

/** @typedef {import("./convolution.js").Machine} Machine */
/** @typedef {import("./convolution.js").Tensors} Tensors */
/** @typedef {import("./measured.js").Measured} Measured */
/** @typedef {{kind: "fixed" | "learned" | "pieces", steps: number, stages?: number, repeats?: number}} Plan one step
 *   of a model, and how many: as the manifest says */
/** @typedef {Generator<Float32Array, void>} Steps images, interleaved, after 0, 1, … steps; each is overwritten */
/** @typedef {{networks: Network[], attention: Network | null, plan: Plan}} Model ready to be put into memory */

const LAYERS = [0, 1, 2, 3, 4];

/** @param {Plan} plan @param {Tensors} tensors @returns {Model} */
export function makeModel(plan, tensors) {
  if (plan.kind === "fixed") {
    const names = LAYERS.map((n) => `f.layers.${n}`);
    return { plan, networks: [new Network(tensors, names, { images: 2, outputs: 2, timed: true })], attention: null };
  }
  if (plan.kind === "pieces") {
    const pieces = plan.steps / /** @type {number} */ (plan.repeats);
    const networks = Array.from({ length: pieces }, (_, p) => {
      const names = LAYERS.map((n) => `pieces.${p}.${2 * n}`); // ReLUs are numbered too
      return new Network(tensors, names, { images: 4, outputs: 2 });
    });
    return { plan, networks, attention: null };
  }
  const stages = plan.stages ?? 1;
  const networks = Array.from({ length: stages }, (_, i) => {
    const names = LAYERS.map((n) => `stages.${i}.layers.${n}`);
    return new Network(tensors, names, { images: i ? 4 : 2, outputs: 2, dilation: stages - i, timed: true });
  });
  const weigh = LAYERS.map((n) => `combine.layers.${n}`);
  const attention = stages > 1 ? new Network(tensors, weigh, { images: 2 * stages, outputs: stages }) : null;
  return { plan, networks, attention };
}

/**
 * A reconstruction, a step at a time.
 * @param {Machine} machine
 * @param {Model} model
 * @param {Measured} data
 * @param {number} steps the plan's own, or another number; as many on each piece of time, where there are pieces
 * @returns {Steps}
 */
export function* solve(machine, model, data, steps) {
  const { rows, columns } = data;
  const all = [...model.networks, ...(model.attention ? [model.attention] : [])];
  const layouts = new Map([...new Set(all.map((n) => n.dilation))].map((d) => [d, new Layout(rows, columns, d)]));
  const buffers = new Buffers(machine, [...layouts.values()]);
  const placed = all.map((n) => n.place(machine, /** @type {Layout} */ (layouts.get(n.dilation)), buffers));
  const x = Float32Array.from(data.zeroFilled);
  yield x;
  if (model.plan.kind === "fixed") yield* fixed(placed[0], data, x, steps);
  else if (model.plan.kind === "pieces") yield* pieces(placed, data, x, Math.max(1, Math.round(steps / placed.length)));
  else yield* learned(placed, model.attention ? placed.length - 1 : 1, data, x, steps);
}

/** @typedef {ReturnType<Network["place"]>} Placed */

/** Evaluate a network on images, each interleaved, side by side as channels. @param {Placed} network @param {number} t
 * @param {Float32Array[]} images @param {Float32Array} out two channels, interleaved @param {number} [channels] */
function evaluate(network, t, images, out, channels = 2) {
  const { places } = network;
  const found = network.run(t, (input, pitch) => {
    for (const [n, image] of images.entries()) {
      for (let i = 0; i < places.length; i++) {
        const at = places[i] * pitch + 2 * n;
        input[at] = image[2 * i];
        input[at + 1] = image[2 * i + 1];
      }
    }
  });
  for (let i = 0; i < places.length; i++) {
    for (let c = 0; c < channels; c++) out[channels * i + c] = found[4 * places[i] + c];
  }
  return out;
}

/** Euler steps of the flow (Eq. 7): the velocity leads to the data-consistent image nearest to the proposal.
 * @param {Placed} f @param {Measured} data @param {Float32Array} x @param {number} steps @returns {Steps} */
function* fixed(f, data, x, steps) {
  const goal = new Float32Array(x.length);
  for (let n = 0; n < steps; n++) {
    evaluate(f, n / steps, [x], goal);
    for (let i = 0; i < x.length; i++) goal[i] += x[i];
    data.enforce(goal);
    for (let i = 0; i < x.length; i++) x[i] += (goal[i] - x[i]) / steps;
    if (n === steps - 1) data.enforce(x);
    yield x;
  }
}

/** Learned steps (Eq. 11–13): each stage sees the image and the slope before it, and the attention weighs the slopes.
 * @param {Placed[]} placed the stages, then the attention @param {number} stages
 * @param {Measured} data @param {Float32Array} x @param {number} steps @returns {Steps} */
function* learned(placed, stages, data, x, steps) {
  const slopes = Array.from({ length: stages }, () => new Float32Array(x.length));
  const scores = new Float32Array((stages * x.length) / 2);
  for (let n = 0; n < steps; n++) {
    for (let s = 0; s < stages; s++) evaluate(placed[s], n / steps, s ? [x, slopes[s - 1]] : [x], slopes[s]);
    if (stages === 1) for (let i = 0; i < x.length; i++) x[i] += slopes[0][i];
    else addWeighted(x, slopes, evaluate(placed[stages], 0, slopes, scores, stages));
    data.enforce(x);
    yield x;
  }
}

/** x += Σ softmax(scores) · slopes at each pixel. @param {Float32Array} x @param {Float32Array[]} slopes
 * @param {Float32Array} scores */
function addWeighted(x, slopes, scores) {
  const stages = slopes.length;
  for (let i = 0; i < x.length / 2; i++) {
    const own = scores.subarray(stages * i, stages * (i + 1));
    const largest = own.reduce((a, b) => Math.max(a, b));
    let total = 0;
    for (let s = 0; s < stages; s++) total += own[s] = Math.exp(own[s] - largest);
    for (let s = 0; s < stages; s++) {
      x[2 * i] += (own[s] / total) * slopes[s][2 * i];
      x[2 * i + 1] += (own[s] / total) * slopes[s][2 * i + 1];
    }
  }
}

/** PC-Flow: a network proposes, the data correct, and the next step sees the correction.
 * @param {Placed[]} networks @param {Measured} data @param {Float32Array} x @param {number} repeats @returns {Steps} */
function* pieces(networks, data, x, repeats) {
  const correction = new Float32Array(x.length);
  const slope = new Float32Array(x.length);
  for (const network of networks) {
    for (let n = 0; n < repeats; n++) {
      evaluate(network, 0, [x, correction], slope);
      for (let i = 0; i < x.length; i++) slope[i] += x[i];
      data.enforce(slope, x);
      for (let i = 0; i < x.length; i++) correction[i] = x[i] - slope[i];
      yield x;
    }
  }
}
