// @ts-check
// What reconode/teach/widgets/pack.py packed, back as numbers.

/** @typedef {{shape: number[], step: number, data: string}} Packed */

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {string} text zlib's, as base64 @returns {Promise<ArrayBuffer>} */
export async function inflate(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** @param {Packed} packed @returns {Promise<Float64Array>} */
export async function unpack(packed) {
  const planes = new Uint8Array(await inflate(packed.data));
  const count = planes.length / 2;
  const stride = count / packed.shape[0]; // numbers a time
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const folded = planes[i] + 256 * planes[count + i];
    const change = folded & 1 ? -((folded + 1) >> 1) : folded >> 1;
    values[i] = change + (i >= stride ? values[i - stride] : 0);
  }
  return values.map((x) => x * packed.step);
}

/**
 * Complex pictures from numbers (…, columns, rows, 2).
 * @param {Float64Array} values
 * @param {number[]} shape
 * @returns {import("./fft.js").Grid[]}
 */
export function grids(values, shape) {
  const [columns, rows] = shape.slice(-3, -1);
  const size = rows * columns;
  return Array.from({ length: values.length / (2 * size) }, (_, n) => {
    const pick = (/** @type {number} */ part) =>
      Float64Array.from({ length: size }, (_, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        return values[2 * (n * size + column * rows + row) + part];
      });
    return { rows, columns, re: pick(0), im: pick(1) };
  });
}
