// @ts-check
// The reconstructions' own thread: takes data and a mask, sends back the image after each step. The last request wins.
import { makeMachine } from "./convolution.js";
import { Measured } from "./measured.js";
import { makeModel, solve } from "./models.js";
import { totalVariation } from "./total_variation.js";
import { readManifest, readWeights } from "./weights.js";

/** @typedef {{model: string, acceleration: number, steps: number}} Run steps 0 are the model's own */
/** @typedef {import("./weights.js").Files} Files */
/** @typedef {{kind: "open", folder: string, sha256: string, files?: Files, fused?: boolean}} Open */
/** @typedef {{kind: "solve", id: number, hybrid: import("./fft.js").Grid, mask: Uint8Array, runs: Run[]}} Solve */
/** @typedef {{kind: "ready", manifest: import("./weights.js").Manifest}
 *   | {kind: "progress", loaded: number, total: number}
 *   | {kind: "step", id: number, run: number, step: number, steps: number, image: Float32Array, last: boolean,
 *      milliseconds: number}
 *   | {kind: "done", id: number, memory: number}
 *   | {kind: "failed", id: number, message: string}} Answer */

/** Listen to the page. */
export function start() {
  const scope = /** @type {{postMessage: (answer: Answer, transfer?: Transferable[]) => void}} */ (
    /** @type {unknown} */ (self)
  );
  const channel = new MessageChannel();
  /** @type {(() => void)[]} */
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  /** Let messages in that have come meanwhile. */
  const breathe = () =>
    new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      waiting.push(resolve);
      channel.port2.postMessage(0);
    });

  let newest = 0;
  /** @type {{folder: string, files: Files, manifest: import("./weights.js").Manifest,
   *   machine: import("./convolution.js").Machine}} */
  let ready;
  /** @type {Map<string, Promise<import("./models.js").Model>>} */
  const models = new Map();
  let queue = Promise.resolve();

  /** @param {Open} message */
  async function open({ folder, sha256, files = {}, fused }) {
    const machine = await makeMachine(fused);
    if (!machine) {
      throw new Error("this browser's WebAssembly has no SIMD, which the models need; a newer one has it");
    }
    const manifest = await readManifest(folder, sha256, files);
    ready = { folder, files, manifest, machine };
    scope.postMessage({ kind: "ready", manifest });
  }

  /** @param {string} name @param {number} acceleration */
  function modelOf(name, acceleration) {
    const about = ready.manifest.models[name];
    const file = about?.weights[String(acceleration)];
    if (!file) throw new Error(`there is no ${name} for ${acceleration}x here`);
    const key = `${name} ${acceleration}`;
    const found =
      models.get(key) ??
      readWeights(ready, file, (loaded, total) => scope.postMessage({ kind: "progress", loaded, total })).then((tensors) =>
        makeModel(/** @type {import("./models.js").Plan} */ (about.plan), tensors),
      );
    models.set(key, found);
    found.catch(() => models.delete(key)); // the next request tries again
    return found;
  }

  /** @param {Solve} message */
  async function answer({ id, hybrid, mask, runs }) {
    for (const [run, { model, acceleration, steps }] of runs.entries()) {
      const about = ready.manifest.models[model];
      const network = about?.plan.kind === "tv" ? null : await modelOf(model, acceleration);
      if (id !== newest) return;
      const began = performance.now();
      ready.machine.reset();
      const data = new Measured(ready.machine, hybrid, mask);
      const count = network ? steps || network.plan.steps : 0;
      const images = network
        ? solve(ready.machine, network, data, count)
        : totalVariation(data, /** @type {import("./weights.js").TotalVariationPlan} */ (about.plan));
      /** @type {Float32Array | undefined} */
      let image;
      let step = 0;
      for (;;) {
        const next = images.next();
        const milliseconds = performance.now() - began;
        if (image) {
          const answer = { id, run, step, steps: count, image, last: Boolean(next.done), milliseconds };
          scope.postMessage({ kind: "step", ...answer }, [image.buffer]);
          step += 1;
        }
        if (next.done) break;
        const { scale } = data;
        image = next.value.map((v) => v * scale);
        await breathe();
        if (id !== newest) return;
      }
    }
    scope.postMessage({ kind: "done", id, memory: ready.machine.memory.buffer.byteLength });
  }

  self.onmessage = (/** @type {MessageEvent<Open | Solve>} */ { data }) => {
    if (data.kind === "solve") newest = data.id;
    queue = queue
      .then(() => (data.kind === "open" ? open(data) : data.id === newest ? answer(data) : undefined))
      .catch((error) => {
        const message = error instanceof Error ? error.message : String(error);
        scope.postMessage({ kind: "failed", id: data.kind === "solve" ? data.id : 0, message });
      });
  };
}
