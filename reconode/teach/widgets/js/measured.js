// @ts-check
// Measured columns and the data consistency that they ask for, as one matrix product: rows of hybrid space are measured
// alike, so that x ↦ x − Eᴴ(E x − y) is the same matrix for each row, and the zero-filled image is added.
import { transform } from "./fft.js";

const STRIP = 8; // columns of the matrix that the product takes together
const LINES = 4; // rows of the image that it takes together

/** @typedef {import("./fft.js").Grid} Grid */

/** Data of one image, scaled by the largest magnitude of the zero-filled image, which every model expects. */
export class Measured {
  /**
   * @param {import("./convolution.js").Machine} machine
   * @param {Grid} hybrid rows in image space, columns in k-space; what the mask drops does not count
   * @param {Uint8Array} mask 1 where a column was measured
   */
  constructor(machine, hybrid, mask) {
    const { rows, columns } = hybrid;
    this.machine = machine;
    this.rows = rows;
    this.columns = columns;
    this.count = 2 * rows * columns;
    this.inner = 2 * columns;
    this.pitch = STRIP * Math.ceil(this.inner / STRIP);
    this.lines = LINES * Math.ceil(rows / LINES);
    const size = this.lines * this.pitch;
    this.zeroAt = machine.take(size);
    this.leftAt = machine.take(this.lines * this.inner);
    this.resultAt = machine.take(size);
    this.matrices = { rest: this.projection(mask, true), kept: this.projection(mask, false) };
    const filled = new Float32Array(this.count);
    let largest = 0;
    const re = new Float64Array(columns);
    const im = new Float64Array(columns);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const i = r * columns + c;
        [re[c], im[c]] = mask[c] ? [hybrid.re[i], hybrid.im[i]] : [0, 0];
      }
      transform(re, im, true);
      for (let c = 0; c < columns; c++) {
        const i = 2 * (r * columns + c);
        [filled[i], filled[i + 1]] = [re[c], im[c]];
        largest = Math.max(largest, Math.hypot(re[c], im[c]));
      }
    }
    this.scale = largest || 1;
    this.zeroFilled = filled.map((v) => v / this.scale);
    const zero = machine.floats(this.zeroAt, size);
    for (let r = 0; r < rows; r++) {
      zero.set(this.zeroFilled.subarray(r * this.inner, (r + 1) * this.inner), r * this.pitch);
    }
    this.nothingAt = machine.take(size);
  }

  /**
   * The matrix of Fᴴ M F, or of its complement, on a row of interleaved real and imaginary parts.
   * @param {Uint8Array} mask @param {boolean} complement
   */
  projection(mask, complement) {
    const n = mask.length;
    const re = Float64Array.from(mask, (kept) => (complement ? 1 - kept : kept));
    const im = new Float64Array(n);
    transform(re, im, true); // a convolution, whose kernel has its middle at n >> 1
    const values = new Float32Array(this.pitch * this.inner);
    const scale = 1 / Math.sqrt(n);
    for (let from = 0; from < n; from++) {
      for (let to = 0; to < n; to++) {
        const at = (((to - from + (n >> 1)) % n) + n) % n;
        const [a, b] = [re[at] * scale, im[at] * scale];
        for (const [part, x, y] of [
          [0, a, b],
          [1, -b, a],
        ]) {
          for (const [offset, value] of [
            [0, x],
            [1, y],
          ]) {
            const column = 2 * to + offset;
            const strip = (column - (column % STRIP)) * this.inner;
            values[strip + (2 * from + part) * STRIP + (column % STRIP)] = value;
          }
        }
      }
    }
    return this.machine.keep(values);
  }

  /** The image nearest to x that agrees with the data. @param {Float32Array} x interleaved @param {Float32Array} [out] */
  enforce(x, out = x) {
    return this.product(x, out, this.matrices.rest, this.zeroAt);
  }

  /** Eᴴ E x. @param {Float32Array} x @param {Float32Array} out */
  normal(x, out) {
    return this.product(x, out, this.matrices.kept, this.nothingAt);
  }

  /** @param {Float32Array} x @param {Float32Array} out @param {number} matrix @param {number} plus */
  product(x, out, matrix, plus) {
    const { machine, inner, pitch, rows } = this;
    machine.floats(this.leftAt, this.count).set(x);
    machine.calls.product(this.leftAt, matrix, plus, inner, 4 * pitch, this.resultAt, rows);
    const to = machine.floats(this.resultAt, rows * pitch);
    if (pitch === inner) out.set(to);
    else for (let r = 0; r < rows; r++) out.set(to.subarray(r * pitch, r * pitch + inner), r * inner);
    return out;
  }
}
