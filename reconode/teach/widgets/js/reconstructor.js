// @ts-check
// The page's side of the worker: starts it when it is first needed, and forgets every answer but those to the last request.

/** @typedef {{folder: string, worker: string, sha256: string}} Engine */
/** @typedef {import("./worker.js").Run} Run */
/** @typedef {Extract<import("./worker.js").Answer, {kind: "step"}>} Step */
/**
 * @typedef {{step: (step: Step) => void, done: () => void, failed: (message: string) => void,
 *   progress: (loaded: number, total: number) => void}} Listener
 */

export class Reconstructor {
  /** @param {Engine} engine @param {Listener} listener */
  constructor(engine, listener) {
    this.engine = engine;
    this.listener = listener;
    this.last = 0;
    /** @type {Worker | null} */
    this.worker = null;
  }

  get started() {
    return this.worker !== null;
  }

  /** Ask for images; what was asked for before is dropped.
   * @param {import("./fft.js").Grid} hybrid @param {Uint8Array} mask @param {Run[]} runs */
  request(hybrid, mask, runs) {
    this.last += 1;
    this.start().postMessage({ kind: "solve", id: this.last, hybrid, mask, runs });
  }

  /** Forget what was asked for. */
  drop() {
    this.last += 1;
  }

  start() {
    if (this.worker) return this.worker;
    const folder = new URL(this.engine.folder, document.baseURI).href;
    const worker = new Worker(folder + this.engine.worker);
    this.worker = worker;
    const failed = (/** @type {string} */ message) => {
      worker.terminate();
      this.worker = null; // the next press tries again
      this.listener.failed(message);
    };
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      failed(event.message || "the models' script could not be loaded; is the network there? Try again");
    });
    worker.addEventListener("message", (/** @type {MessageEvent<import("./worker.js").Answer>} */ { data }) => {
      if (data.kind === "progress") this.listener.progress(data.loaded, data.total);
      else if (data.kind === "failed" && data.id === 0) failed(data.message);
      else if (data.kind === "ready" || data.id !== this.last) return;
      else if (data.kind === "step") this.listener.step(data);
      else if (data.kind === "done") this.listener.done();
      else this.listener.failed(data.message);
    });
    worker.postMessage({ kind: "open", folder, sha256: this.engine.sha256 });
    return worker;
  }
}
