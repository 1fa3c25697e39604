// @ts-check
// Centred orthonormal Fourier transforms of any length, the convention of reconode.physics and of fastMRI:
// zero frequency at floor(n / 2), divided by √n both ways.

/** @typedef {{forward: (re: Float64Array, im: Float64Array) => void}} Plan in place, neither centred nor scaled */

/** @type {Map<number, Plan>} */
const plans = new Map();

/**
 * The plan of a length, made once: radix 2 for powers of two, Bluestein's chirp for the others (96, 112 …).
 * @param {number} n
 * @returns {Plan}
 */
function planOf(n) {
  let plan = plans.get(n);
  if (!plan) {
    plan = (n & (n - 1)) === 0 ? radixTwo(n) : bluestein(n);
    plans.set(n, plan);
  }
  return plan;
}

/** @param {number} n @returns {Plan} */
function radixTwo(n) {
  const half = Math.max(1, n >> 1);
  const cos = Float64Array.from({ length: half }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sin = Float64Array.from({ length: half }, (_, i) => Math.sin((2 * Math.PI * i) / n));
  const reversed = new Uint32Array(n);
  for (let i = 1; i < n; i++) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? n >> 1 : 0);
  return {
    forward(re, im) {
      for (let i = 0; i < n; i++) {
        const j = reversed[i];
        if (j > i) {
          [re[i], re[j]] = [re[j], re[i]];
          [im[i], im[j]] = [im[j], im[i]];
        }
      }
      for (let size = 2; size <= n; size *= 2) {
        const middle = size / 2;
        const stride = n / size;
        for (let start = 0; start < n; start += size) {
          for (let k = 0; k < middle; k++) {
            const c = cos[k * stride];
            const s = sin[k * stride];
            const i = start + k;
            const j = i + middle;
            const x = re[j] * c + im[j] * s;
            const y = im[j] * c - re[j] * s;
            re[j] = re[i] - x;
            im[j] = im[i] - y;
            re[i] += x;
            im[i] += y;
          }
        }
      }
    },
  };
}

/**
 * A transform of any length as a convolution of a length that is a power of two: jk = (j² + k² − (j − k)²) / 2.
 * @param {number} n
 * @returns {Plan}
 */
function bluestein(n) {
  let size = 1;
  while (size < 2 * n - 1) size *= 2;
  const inner = planOf(size);
  // j² is taken modulo 2n: the angle is the same, and no digits are lost.
  const angle = (/** @type {number} */ j) => (Math.PI * ((j * j) % (2 * n))) / n;
  const cos = Float64Array.from({ length: n }, (_, j) => Math.cos(angle(j)));
  const sin = Float64Array.from({ length: n }, (_, j) => Math.sin(angle(j)));
  const kernelRe = new Float64Array(size);
  const kernelIm = new Float64Array(size);
  for (let j = 0; j < n; j++) {
    const mirrored = (size - j) % size;
    kernelRe[j] = kernelRe[mirrored] = cos[j];
    kernelIm[j] = kernelIm[mirrored] = sin[j];
  }
  inner.forward(kernelRe, kernelIm);
  const a = new Float64Array(size);
  const b = new Float64Array(size);
  return {
    forward(re, im) {
      a.fill(0);
      b.fill(0);
      for (let j = 0; j < n; j++) {
        a[j] = re[j] * cos[j] + im[j] * sin[j];
        b[j] = im[j] * cos[j] - re[j] * sin[j];
      }
      inner.forward(a, b);
      for (let j = 0; j < size; j++) {
        const x = a[j] * kernelRe[j] - b[j] * kernelIm[j];
        b[j] = -(a[j] * kernelIm[j] + b[j] * kernelRe[j]); // conjugated: a forward transform then goes back
        a[j] = x;
      }
      inner.forward(a, b);
      for (let j = 0; j < n; j++) {
        re[j] = (a[j] * cos[j] - b[j] * sin[j]) / size;
        im[j] = (-b[j] * cos[j] - a[j] * sin[j]) / size;
      }
    },
  };
}

/**
 * One centred orthonormal transform, in place.
 * @param {Float64Array} re
 * @param {Float64Array} im
 * @param {boolean} [inverse]
 */
export function transform(re, im, inverse = false) {
  const n = re.length;
  const middle = n >> 1;
  const a = new Float64Array(n);
  const b = new Float64Array(n);
  const sign = inverse ? -1 : 1; // the inverse is the conjugate of the transform of the conjugate
  for (let i = 0; i < n; i++) {
    a[i] = re[(i + middle) % n];
    b[i] = sign * im[(i + middle) % n];
  }
  planOf(n).forward(a, b);
  const scale = 1 / Math.sqrt(n);
  for (let i = 0; i < n; i++) {
    const j = (i + middle) % n;
    re[j] = a[i] * scale;
    im[j] = sign * b[i] * scale;
  }
}

/** @typedef {{rows: number, columns: number, re: Float64Array, im: Float64Array}} Grid a complex picture, row by row */

/**
 * A new grid, transformed along its columns' axis (each row by itself) or along its rows' axis.
 * @param {Grid} grid
 * @param {"columns" | "rows"} axis
 * @param {boolean} [inverse]
 * @returns {Grid}
 */
export function along(grid, axis, inverse = false) {
  const { rows, columns } = grid;
  const re = Float64Array.from(grid.re);
  const im = Float64Array.from(grid.im);
  if (axis === "columns") {
    for (let r = 0; r < rows; r++) {
      transform(re.subarray(r * columns, (r + 1) * columns), im.subarray(r * columns, (r + 1) * columns), inverse);
    }
    return { rows, columns, re, im };
  }
  const a = new Float64Array(rows);
  const b = new Float64Array(rows);
  for (let c = 0; c < columns; c++) {
    for (let r = 0; r < rows; r++) [a[r], b[r]] = [re[r * columns + c], im[r * columns + c]];
    transform(a, b, inverse);
    for (let r = 0; r < rows; r++) [re[r * columns + c], im[r * columns + c]] = [a[r], b[r]];
  }
  return { rows, columns, re, im };
}

/** @param {Grid} grid @returns {Float64Array} */
export function magnitude(grid) {
  return grid.re.map((x, i) => Math.hypot(x, grid.im[i]));
}

/**
 * The central part of a picture, from (size − crop) >> 1 as fastMRI crops.
 * @param {Float64Array} values
 * @param {[number, number]} from its rows and columns
 * @param {[number, number]} to
 * @returns {Float64Array}
 */
export function centerCrop(values, [rows, columns], [fewerRows, fewerColumns]) {
  const top = (rows - fewerRows) >> 1;
  const left = (columns - fewerColumns) >> 1;
  const out = new Float64Array(fewerRows * fewerColumns);
  for (let r = 0; r < fewerRows; r++) {
    const start = (top + r) * columns + left;
    out.set(values.subarray(start, start + fewerColumns), r * fewerColumns);
  }
  return out;
}
