// @ts-check
// Networks of five 3 × 3 convolutions on one image, in WebAssembly: memory, where tiles lie, and the layers in turn.
import {
  BLOCK,
  POINTS,
  RECORD,
  TILE,
  inputRoutine,
  multiplyRoutine,
  outputRoutine,
  productRoutine,
  transformKernel,
} from "./kernels.js";
import { ability, assemble } from "./wasm.js";

const PAGE = 65536;
const WIDTH = 32; // channels between the layers
const EDGES = 4; // first, inner, last line of an image, and beyond it
const NOWHERE = -1e30; // the bias beyond the image, where a ReLU makes it the zero that padding wants

/** @typedef {{shape: number[], values: Float32Array}} Tensor */
/** @typedef {Record<string, Tensor>} Tensors by name, as PyTorch names and orders them */
/** @typedef {Record<string, (...numbers: number[]) => void>} Calls */

/** Memory that is handed out from the bottom up and taken back all at once, and the routines that work on it. */
export class Machine {
  /** @param {WebAssembly.Memory} memory @param {Calls} calls */
  constructor(memory, calls) {
    this.memory = memory;
    this.calls = calls;
    this.top = 0;
    this.scratch = { from: 0, to: 0 };
    this.view = new Float32Array(memory.buffer);
  }

  /** Take everything back. */
  reset() {
    this.top = 16;
    this.scratch = { from: this.take(POINTS * BLOCK * WIDTH), to: this.take(POINTS * BLOCK * WIDTH) };
  }

  /** Room for so many numbers, all zero. @param {number} count @returns {number} its address */
  take(count) {
    const start = this.top;
    this.top += 16 * Math.ceil(count / 4);
    const missing = Math.ceil((this.top - this.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.memory.grow(missing);
    if (this.view.buffer !== this.memory.buffer) this.view = new Float32Array(this.memory.buffer);
    this.floats(start, count).fill(0);
    return start;
  }

  /** The numbers at an address, until the next `take`. @param {number} address @param {number} count */
  floats(address, count) {
    return this.view.subarray(address / 4, address / 4 + count);
  }

  /** A copy of numbers. @param {Float32Array} values */
  keep(values) {
    const address = this.take(values.length);
    this.floats(address, values.length).set(values);
    return address;
  }
}

/**
 * A machine with its routines compiled, or null where the browser has no WebAssembly with SIMD.
 * @param {boolean} [fused] multiply-add in one instruction, where there is one
 * @returns {Promise<Machine | null>}
 */
export async function makeMachine(fused = true) {
  const can = typeof WebAssembly === "object" ? ability() : "none";
  if (can === "none") return null;
  const one = fused && can === "fused";
  const routines = [
    ...[4, 8, WIDTH].map((channels) => inputRoutine(channels, one)),
    multiplyRoutine(2, 4, WIDTH, one),
    multiplyRoutine(4, 4, WIDTH, one),
    multiplyRoutine(8, 8, WIDTH, one),
    multiplyRoutine(WIDTH, WIDTH, WIDTH, one),
    multiplyRoutine(WIDTH, WIDTH, 4, one),
    outputRoutine(WIDTH, true, one),
    outputRoutine(4, false, one),
    productRoutine(one),
  ];
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(assemble(routines), { m: { m: memory } });
  return new Machine(memory, /** @type {Calls} */ (/** @type {unknown} */ (instance.exports)));
}

/**
 * Where the pixels of an image lie for a dilation d: as d × d images of every d-th pixel, on each of which the
 * convolution is an ordinary one, with a border of zeros.
 */
export class Layout {
  /** @param {number} rows @param {number} columns @param {number} dilation */
  constructor(rows, columns, dilation) {
    const d = dilation;
    const down = Math.ceil(Math.ceil(rows / d) / TILE);
    const across = Math.ceil(Math.ceil(columns / d) / TILE);
    this.key = `${rows} ${columns} ${d}`;
    this.width = TILE * across + 2;
    const height = TILE * down + 2;
    const size = this.width * height;
    this.pixels = d * d * size;
    this.places = new Int32Array(rows * columns); // of the image's pixels, row by row
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const part = (r % d) * d + (c % d);
        this.places[r * columns + c] = part * size + (Math.floor(r / d) + 1) * this.width + Math.floor(c / d) + 1;
      }
    }
    const edge = (/** @type {number} */ at, /** @type {number} */ length) =>
      at >= length ? 3 : at < d ? 0 : at + d >= length ? 2 : 1;
    const table = [];
    for (let part = 0; part < d * d; part++) {
      for (let a = 0; a < down; a++) {
        for (let b = 0; b < across; b++) {
          table.push(part * size + TILE * a * this.width + TILE * b);
          for (let i = 0; i < TILE; i++) table.push(EDGES * edge((TILE * a + i) * d + Math.floor(part / d), rows));
          for (let j = 0; j < TILE; j++) table.push(edge((TILE * b + j) * d + (part % d), columns));
        }
      }
    }
    this.tiles = down * across * d * d;
    this.table = Int32Array.from(table);
  }
}

/** Five layers and their weights; time, where it is an input channel, becomes a bias that knows the borders. */
export class Network {
  /**
   * @param {Tensors} tensors
   * @param {string[]} names of the layers
   * @param {{images: number, outputs: number, dilation?: number, timed?: boolean}} shape input channels without the
   *   time, and output channels
   */
  constructor(tensors, names, { images, outputs, dilation = 1, timed = false }) {
    this.dilation = dilation;
    this.images = images;
    this.layers = names.map((name, n) => {
      const inputs = n === 0 ? images : WIDTH;
      const results = n === names.length - 1 ? outputs : WIDTH;
      const padded = n === names.length - 1 ? 4 : WIDTH;
      const { values } = tensors[`${name}.weight`];
      const seen = inputs + (timed ? 1 : 0);
      const weight = (/** @type {number} */ o, /** @type {number} */ c, /** @type {number} */ tap) =>
        values[(o * seen + c) * 9 + tap];
      const bias = new Float32Array(EDGES * EDGES * padded);
      const clock = new Float32Array(EDGES * EDGES * padded);
      for (let edge = 0; edge < EDGES * EDGES; edge++) {
        const [row, column] = [Math.floor(edge / EDGES), edge % EDGES];
        for (let o = 0; o < results; o++) {
          bias[edge * padded + o] = row === 3 || column === 3 ? NOWHERE : tensors[`${name}.bias`].values[o];
          for (let tap = 0; timed && tap < 9; tap++) {
            const [i, j] = [Math.floor(tap / 3), tap % 3];
            const inside = !(row === i && i !== 1) && !(column === j && j !== 1);
            if (inside) clock[edge * padded + o] += weight(o, inputs, tap);
          }
        }
      }
      return {
        inputs,
        pitch: n === 0 ? 4 * Math.ceil(images / 4) : WIDTH,
        outputs: padded,
        kernel: transformKernel(weight, inputs, results, padded),
        bias,
        clock,
        alpha: timed ? tensors[`${name}.alpha`].values[0] : 0,
        beta: timed ? tensors[`${name}.beta`].values[0] : 0,
      };
    });
  }

  /**
   * Put the network into a machine's memory, for images of one size.
   * @param {Machine} machine @param {Layout} layout of its dilation
   * @param {Buffers} buffers
   */
  place(machine, layout, buffers) {
    const table = machine.keep(new Float32Array(layout.table.buffer));
    const steps = this.layers.map((layer, n) => ({
      ...layer,
      kernelAt: machine.keep(layer.kernel),
      biasAt: machine.take(layer.bias.length),
      from: n === 0 ? machine.take(layout.pixels * layer.pitch) : buffers.at[(n - 1) % 2],
      to: n === this.layers.length - 1 ? machine.take(layout.pixels * 4) : buffers.at[n % 2],
    }));
    const last = steps.length - 1;
    const pitch = steps[0].pitch;
    const { calls } = machine;
    /**
     * @param {number} t
     * @param {(channels: Float32Array, pitch: number) => void} fill writes the input, pixel by pixel
     * @returns {Float32Array} the output, four numbers a pixel, in the layout's order
     */
    const run = (t, fill) => {
      if (buffers.layout !== layout.key) for (const at of buffers.at) machine.floats(at, buffers.size).fill(0);
      buffers.layout = layout.key;
      fill(machine.floats(steps[0].from, layout.pixels * pitch), pitch);
      for (const [n, step] of steps.entries()) {
        const tau = step.alpha * t + step.beta;
        const bias = machine.floats(step.biasAt, step.bias.length);
        for (let i = 0; i < bias.length; i++) bias[i] = step.bias[i] + tau * step.clock[i];
        const input = calls[`input${step.pitch}`];
        const multiply = calls[`multiply${step.inputs}_${step.outputs}`];
        const output = calls[n === last ? "output4" : `output${WIDTH}relu`];
        const { from, to } = machine.scratch;
        for (let tile = 0; tile < layout.tiles; tile += BLOCK) {
          const tiles = Math.min(BLOCK, layout.tiles - tile);
          const at = table + tile * RECORD;
          input(at, tiles, step.from, 4 * layout.width * step.pitch, from);
          multiply(from, step.kernelAt, tiles, to);
          output(at, tiles, to, step.biasAt, step.to, 4 * layout.width * step.outputs);
        }
      }
      return machine.floats(steps[last].to, layout.pixels * 4);
    };
    return { run, places: layout.places };
  }
}

/** Two images of 32 channels, which all networks on one image share. */
export class Buffers {
  /** @param {Machine} machine @param {Layout[]} layouts all that will be used */
  constructor(machine, layouts) {
    this.size = WIDTH * Math.max(...layouts.map((l) => l.pixels));
    this.at = [machine.take(this.size), machine.take(this.size)];
    this.layout = "";
  }
}
