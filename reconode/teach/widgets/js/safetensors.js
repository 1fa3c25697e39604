// @ts-check
// Weights as the library keeps them: a header in JSON that says where each tensor lies, then the numbers.

const LARGEST = 4_000_000; // bytes; the largest of ours has 622,064

/**
 * The tensors of a file.
 * @param {ArrayBuffer} file
 * @param {string} name for the message
 * @returns {import("./convolution.js").Tensors}
 */
export function readTensors(file, name) {
  const wrong = (/** @type {string} */ what) => new Error(`${name}: ${what}; load the page again`);
  if (file.byteLength < 8 || file.byteLength > LARGEST) throw wrong("not a file of these weights");
  const length = Number(new DataView(file).getBigUint64(0, true));
  if (length > file.byteLength - 8) throw wrong("the file of weights is cut off");
  /** @type {Record<string, {dtype: string, shape: number[], data_offsets: [number, number]}>} */
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  } catch {
    throw wrong("the file of weights is damaged");
  }
  /** @type {import("./convolution.js").Tensors} */
  const tensors = {};
  for (const [key, about] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const [start, stop] = about.data_offsets;
    const count = about.shape.reduce((a, b) => a * b, 1);
    if (about.dtype !== "F32" || stop - start !== 4 * count || 8 + length + stop > file.byteLength) {
      throw wrong(`${key} is not what it should be`);
    }
    const values = new Float32Array(file.slice(8 + length + start, 8 + length + stop));
    if (!values.every(Number.isFinite)) throw wrong(`${key} has numbers that are not finite`);
    tensors[key] = { shape: about.shape, values };
  }
  return tensors;
}
