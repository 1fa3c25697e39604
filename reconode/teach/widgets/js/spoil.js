// @ts-check
// What can be done to the data before they are measured: noise, and something that no knee of the training had.
import { along } from "./fft.js";
import { RandomState } from "./random.js";

const BRIGHT = 0.5; // of the lesion, as a share of the image's largest magnitude

/** @typedef {import("./fft.js").Grid} Grid */

/**
 * Complex Gaussian noise on every sample, as strong as a share of the image's largest magnitude.
 * @param {Grid} hybrid @param {number} share @param {number} largest of the image @param {number} seed
 * @returns {Grid}
 */
export function withNoise(hybrid, share, largest, seed) {
  const state = new RandomState(seed);
  const deviation = (share * largest) / Math.SQRT2; // of each part
  const re = Float64Array.from(hybrid.re);
  const im = Float64Array.from(hybrid.im);
  for (let i = 0; i < re.length; i++) {
    const length = deviation * Math.sqrt(-2 * Math.log(1 - state.uniform())); // Box and Muller 1958
    const angle = 2 * Math.PI * state.uniform();
    re[i] += length * Math.cos(angle);
    im[i] += length * Math.sin(angle);
  }
  return { ...hybrid, re, im };
}

/**
 * A small bright disc in the middle of the image, with the phase that the image has there; one inside, zero outside, a
 * pixel of edge, as benchmarks/experiment/lesions.py draws its own.
 * @param {Grid} hybrid @param {number} largest of the image
 * @returns {Grid}
 */
export function withLesion(hybrid, largest) {
  const image = along(hybrid, "columns", true);
  const { rows, columns, re, im } = image;
  const [row, column] = [Math.round(0.46 * rows), Math.round(0.56 * columns)];
  const radius = Math.max(2, Math.round(0.03 * Math.min(rows, columns)));
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const more = BRIGHT * largest * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(r - row, c - column)));
      const i = r * columns + c;
      const size = Math.hypot(re[i], im[i]);
      re[i] += size ? (more * re[i]) / size : more;
      im[i] += size ? (more * im[i]) / size : 0;
    }
  }
  return along(image, "columns");
}
