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

const WINDOW = 7;

/**
 * Structural similarity as reconode.metrics has it: uniform 7 × 7 windows inside the picture, sample covariance, data
 * range the target's largest value.
 * @param {Float64Array} image magnitudes
 * @param {Float64Array} target magnitudes
 * @param {number} rows
 * @param {number} columns
 */
export function ssim(image, target, rows, columns) {
  let range = 0;
  for (const value of target) range = Math.max(range, value);
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2];
  const count = WINDOW * WINDOW;
  const unbiased = count / (count - 1);
  const sums = Array.from({ length: 5 }, () => new Float64Array(columns)); // over the window's rows, a column each
  let total = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      for (const [line, sign] of [
        [r, 1],
        [r - WINDOW, -1],
      ]) {
        if (line < 0) continue;
        const [x, t] = [image[line * columns + c], target[line * columns + c]];
        sums[0][c] += sign * x;
        sums[1][c] += sign * t;
        sums[2][c] += sign * x * x;
        sums[3][c] += sign * t * t;
        sums[4][c] += sign * x * t;
      }
    }
    if (r < WINDOW - 1) continue;
    const window = [0, 0, 0, 0, 0];
    for (let c = 0; c < columns; c++) {
      for (let k = 0; k < 5; k++) window[k] += sums[k][c] - (c >= WINDOW ? sums[k][c - WINDOW] : 0);
      if (c < WINDOW - 1) continue;
      const [mx, mt, xx, tt, xt] = window.map((v) => v / count);
      const vx = unbiased * (xx - mx * mx);
      const vt = unbiased * (tt - mt * mt);
      const both = unbiased * (xt - mx * mt);
      total += ((2 * mx * mt + c1) * (2 * both + c2)) / ((mx * mx + mt * mt + c1) * (vx + vt + c2));
    }
  }
  return total / ((rows - WINDOW + 1) * (columns - WINDOW + 1));
}
