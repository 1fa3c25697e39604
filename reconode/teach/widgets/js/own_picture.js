// @ts-check
// A picture of the reader's own, PNG, JPEG or .npy, made small enough; it never leaves the machine.

const SIDE = 160; // pixels at most, each way
const LEAST = 32;
const FILE = 64_000_000; // bytes
const PIXELS = 40_000_000;

/** @typedef {import("./fft.js").Grid} Grid */

/**
 * A file as an image whose largest magnitude is 1.
 * @param {File} file
 * @returns {Promise<Grid>}
 * @throws {Error} with a sentence for the reader
 */
export async function readPicture(file) {
  if (file.size > FILE) {
    throw new Error(`${file.name} has ${(file.size / 1e6).toFixed(0)} MB; choose a file below ${FILE / 1e6} MB`);
  }
  const head = new Uint8Array(await file.slice(0, 8192).arrayBuffer());
  const begins = (/** @type {number[]} */ ...bytes) => bytes.every((byte, i) => head[i] === byte);
  const npy = begins(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
  const png = begins(0x89, 0x50, 0x4e, 0x47);
  if (!npy && !png && !begins(0xff, 0xd8, 0xff)) {
    throw new Error(`${file.name} is neither PNG, JPEG nor .npy; choose one of these`);
  }
  const image = npy ? smaller(await readArray(file, head)) : await readPhoto(file, png ? sizeOfPng(head) : sizeOfJpeg(head));
  let largest = 0;
  for (let i = 0; i < image.re.length; i++) largest = Math.max(largest, Math.hypot(image.re[i], image.im[i]));
  if (!Number.isFinite(largest)) throw new Error(`${file.name} has NaN or infinite numbers; mend them first`);
  if (largest === 0) throw new Error(`${file.name} is black everywhere; choose a picture that shows something`);
  for (const part of [image.re, image.im]) for (let i = 0; i < part.length; i++) part[i] /= largest;
  return image;
}

/** @param {Uint8Array} head @returns {[number, number]} columns and rows */
function sizeOfPng(head) {
  const view = new DataView(head.buffer, head.byteOffset);
  return head.length < 24 ? [0, 0] : [view.getUint32(16), view.getUint32(20)];
}

/** From the frame header, where the first bytes have it. @param {Uint8Array} head @returns {[number, number] | null} */
function sizeOfJpeg(head) {
  for (let at = 2; at + 9 < head.length; ) {
    if (head[at] !== 0xff) return null;
    const marker = head[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [256 * head[at + 7] + head[at + 8], 256 * head[at + 5] + head[at + 6]];
    }
    at += 2 + 256 * head[at + 2] + head[at + 3];
  }
  return null;
}

/** @param {File} file @param {[number, number] | null} size @returns {Promise<Grid>} */
async function readPhoto(file, size) {
  if (size && size[0] * size[1] > PIXELS) {
    throw new Error(`${file.name} has ${size[0]} × ${size[1]} pixels; choose one of at most ${PIXELS / 1e6} megapixels`);
  }
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) throw new Error(`${file.name} is damaged: the browser cannot read it; choose another`);
  const [rows, columns] = fitting(bitmap.height, bitmap.width, file.name);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, columns, rows);
  bitmap.close();
  const { data } = context.getImageData(0, 0, columns, rows);
  const re = Float64Array.from({ length: rows * columns }, (_, i) => {
    const [r, g, b, opaque] = data.subarray(4 * i, 4 * i + 4);
    return ((0.299 * r + 0.587 * g + 0.114 * b) * opaque) / 255;
  });
  return { rows, columns, re, im: new Float64Array(rows * columns) };
}

/** @param {number} rows @param {number} columns @param {string} name @returns {[number, number]} */
function fitting(rows, columns, name) {
  const share = Math.min(1, SIDE / Math.max(rows, columns));
  const [fewerRows, fewerColumns] = [Math.round(rows * share), Math.round(columns * share)];
  if (Math.min(fewerRows, fewerColumns) < LEAST) {
    throw new Error(`${name} has ${columns} × ${rows} pixels; choose one of at least ${LEAST} each way that is not a strip`);
  }
  return [fewerRows, fewerColumns];
}

/** @type {Record<string, [number, (view: DataView, at: number, little: boolean) => number]>} */
const NUMBERS = {
  u1: [1, (view, at) => view.getUint8(at)],
  i1: [1, (view, at) => view.getInt8(at)],
  b1: [1, (view, at) => view.getUint8(at)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
  c8: [4, (view, at, little) => view.getFloat32(at, little)],
  c16: [8, (view, at, little) => view.getFloat64(at, little)],
};

/** NumPy's format, without running anything. @param {File} file @param {Uint8Array} head @returns {Promise<Grid>} */
async function readArray(file, head) {
  const wrong = (/** @type {string} */ what) => new Error(`${file.name} ${what}`);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const version = head[6];
  if (head.length < 12) throw wrong("is cut off; save it again");
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > head.length) throw wrong("has a header that is not NumPy's; save it again with numpy.save");
  const header = new TextDecoder("latin1").decode(head.subarray(start, start + length));
  const type = /'descr': *'([<>|=]?)([a-zA-Z]\d*)'/.exec(header);
  const shape = /'shape': *\(([\d, ]*)\)/.exec(header);
  const fortran = /'fortran_order': *True/.test(header);
  if (/'descr': *'?\|?O/.test(header)) throw wrong("holds pickled objects, which this page never runs; save numbers");
  if (!type || !shape || !(type[2] in NUMBERS)) throw wrong("holds no plain numbers; save real or complex numbers");
  const sizes = shape[1].split(",").filter((part) => part.trim()).map(Number);
  while (sizes.length > 2 && sizes[0] === 1) sizes.shift();
  if (sizes.length !== 2) throw wrong(`has ${sizes.length} axes; save one picture, rows × columns`);
  const [rows, columns] = sizes;
  const [bytes, get] = NUMBERS[type[2]];
  const parts = type[2].startsWith("c") ? 2 : 1;
  const needed = start + length + rows * columns * bytes * parts;
  if (!(needed <= FILE)) throw wrong(`says it has ${(needed / 1e9).toFixed(1)} GB; choose one below ${FILE / 1e6} MB`);
  if (file.size < needed) throw wrong("is cut off: its header promises more numbers; save it again");
  const numbers = new DataView(await file.slice(start + length, needed).arrayBuffer());
  const read = (/** @type {number} */ part) =>
    Float64Array.from({ length: rows * columns }, (_, i) => {
      const at = fortran ? (i % columns) * rows + Math.floor(i / columns) : i;
      return part < parts ? get(numbers, bytes * (parts * at + part), type[1] !== ">") : 0;
    });
  fitting(rows, columns, file.name);
  return { rows, columns, re: read(0), im: read(1) };
}

/** Means of boxes, so that no side is over the limit. @param {Grid} grid @returns {Grid} */
function smaller(grid) {
  const by = Math.ceil(Math.max(grid.rows, grid.columns) / SIDE);
  if (by === 1) return grid;
  const [rows, columns] = [Math.floor(grid.rows / by), Math.floor(grid.columns / by)];
  const shrink = (/** @type {Float64Array} */ from) =>
    Float64Array.from({ length: rows * columns }, (_, i) => {
      const start = Math.floor(i / columns) * by * grid.columns + (i % columns) * by;
      let sum = 0;
      for (let r = 0; r < by; r++) for (let c = 0; c < by; c++) sum += from[start + r * grid.columns + c];
      return sum / (by * by);
    });
  return { rows, columns, re: shrink(grid.re), im: shrink(grid.im) };
}
