// @ts-check
// The page's side of the worker: starts it when it is first needed, and forgets every answer but those to the last request.
import { inflate } from "./unpack.js";

/**
 * @typedef {{format: number, folder: string, worker: string, sha256: string, files?: Record<string, string>}} Engine
 *   without a worker's name the folder says in engine.json which one it has; `files`, each as unpack.js inflates it, came with the page
 */
/** @typedef {import("./worker.js").Run} Run */
/** @typedef {Extract<import("./worker.js").Answer, {kind: "step"}>} Step */
/**
 * @typedef {{step: (step: Step) => void, done: (memory: number) => void, failed: (message: string) => void,
 *   progress: (loaded: number, total: number) => void}} Listener `memory` is the engine's, in bytes
 */

export class Reconstructor {
  /** @param {Engine} engine @param {Listener} listener */
  constructor(engine, listener) {
    this.engine = engine;
    this.listener = listener;
    this.last = 0;
    /** @type {Promise<Worker> | null} */
    this.worker = null;
  }

  get started() {
    return this.worker !== null;
  }

  /** Ask for images; what was asked for before is dropped.
   * @param {import("./fft.js").Grid} hybrid @param {Uint8Array} mask @param {Run[]} runs */
  request(hybrid, mask, runs) {
    this.last += 1;
    const id = this.last;
    const post = (/** @type {Worker} */ worker) => {
      if (id === this.last) worker.postMessage({ kind: "solve", id, hybrid, mask, runs });
    };
    this.start().then(post, () => {}); // a failure was told
  }

  /** Forget what was asked for. */
  drop() {
    this.last += 1;
  }

  start() {
    this.worker ??= this.open().catch((error) => {
      this.fail(error.message);
      throw error;
    });
    this.worker.catch(() => {});
    return this.worker;
  }

  /** @param {string} message */
  fail(message) {
    this.worker = null; // the next press tries again
    this.listener.failed(message);
  }

  /** The worker, told where everything is. @returns {Promise<Worker>} */
  async open() {
    const { engine } = this;
    const folder = new URL(engine.folder, document.baseURI).href;
    /** @type {import("./weights.js").Files} */
    const files = {};
    for (const [name, text] of Object.entries(engine.files ?? {})) files[name] = await inflate(text);
    const about = engine.worker ? engine : await beside(folder, engine.format);
    const code = files[about.worker];
    const address = code ? URL.createObjectURL(new Blob([code], { type: "text/javascript" })) : folder + about.worker;
    const worker = new Worker(address);
    const failed = (/** @type {string} */ message) => {
      worker.terminate();
      this.fail(message);
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
      else if (data.kind === "done") this.listener.done(data.memory);
      else this.listener.failed(data.message);
    });
    worker.postMessage({ kind: "open", folder, sha256: about.sha256, files });
    return worker;
  }
}

/** What a folder says of the engine in it. @param {string} folder @param {number} format @returns {Promise<Engine>} */
async function beside(folder, format) {
  const response = await fetch(`${folder}engine.json`, { cache: "no-cache" }).catch(() => null);
  if (!response?.ok) {
    throw new Error("the models are not beside this page; they run in the book, and in a notebook whose cells you run");
  }
  const said = await response.json().catch(() => null);
  if (said?.format !== format) {
    throw new Error("the models on the site are of another version than this page; load the page again");
  }
  return said;
}
