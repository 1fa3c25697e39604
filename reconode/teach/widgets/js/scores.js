// @ts-check
// Numbers about pictures, by the library's conventions.

/**
 * k-space as reconode.figures.panels shows it: log10 |k| over the strongest four decades, from 0 to 1.
 * @param {Float64Array} size magnitudes
 * @param {number} largest what is shown as 1
 * @returns {Float64Array}
 */
export function logarithmic(size, largest) {
  return size.map((x) => Math.max(0, 1 + Math.log10(Math.max(x / largest, 1e-4)) / 4));
}

/**
 * Peak signal-to-noise ratio in dB, fastMRI's convention: the target's largest value over the root mean square error.
 * @param {Float64Array} image magnitudes
 * @param {Float64Array} target magnitudes
 */
export function psnr(image, target) {
  let error = 0;
  let largest = 0;
  for (let i = 0; i < target.length; i++) {
    error += (image[i] - target[i]) ** 2;
    largest = Math.max(largest, target[i]);
  }
  return 10 * Math.log10((largest * largest * target.length) / error);
}

/**
 * The value that a share of all values stay below: the upper end of a window that a few bright pixels do not darken.
 * @param {Float64Array} values
 * @param {number} share
 */
export function quantile(values, share) {
  return Float64Array.from(values).sort()[Math.floor(share * (values.length - 1))] || 1;
}
