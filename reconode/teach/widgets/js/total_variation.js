// @ts-check
// Total variation by the primal-dual method of Chambolle and Pock, as reconode.classical.TotalVariation solves it.

const CHECK_EVERY = 10;
const RELAXATION = 1.8;
const DATA_SHARE = 0.2;
const BALANCE = 0.05;

/** @typedef {import("./measured.js").Measured} Measured */

/**
 * The image after each ten iterations, until the certificate says that it is near enough.
 * @param {Measured} data
 * @param {{weight: number, iterations: number, tolerance: number}} settings
 * @returns {Generator<Float32Array, void>}
 */
export function* totalVariation(data, { weight, iterations, tolerance }) {
  const { rows, columns, count } = data;
  const zero = data.zeroFilled;
  const tau = BALANCE / Math.max(weight, 1e-4);
  const sigma = (1 - DATA_SHARE) / (8 * tau);
  const s = DATA_SHARE / tau;
  const make = () => new Float32Array(count);
  const x = Float32Array.from(zero);
  const p = [make(), make()]; // the gradient's dual, along rows and along columns
  const q = make();
  const [descent, ahead, seen] = [make(), make(), make()];
  const [down, across] = [make(), make()];
  yield x;
  for (let n = 1; n <= iterations; n++) {
    adjoint(p, descent, rows, columns);
    for (let i = 0; i < count; i++) {
      descent[i] += q[i];
      ahead[i] = x[i] - 2 * tau * descent[i];
      x[i] -= RELAXATION * tau * descent[i];
    }
    gradient(ahead, down, across, rows, columns);
    for (let i = 0; i < count; i++) {
      down[i] = p[0][i] + sigma * down[i];
      across[i] = p[1][i] + sigma * across[i];
    }
    shorten(down, across, weight);
    data.normal(ahead, seen);
    for (let i = 0; i < count; i++) {
      p[0][i] += RELAXATION * (down[i] - p[0][i]);
      p[1][i] += RELAXATION * (across[i] - p[1][i]);
      q[i] += RELAXATION * ((q[i] + s * (seen[i] - zero[i])) / (1 + s) - q[i]);
    }
    if (n % CHECK_EVERY && n < iterations) continue;
    yield x;
    if (near()) return;
  }

  /** Whether gap + ‖r‖ · 0.01 ‖x‖ is within the tolerance of the objective. */
  function near() {
    down.set(p[0]);
    across.set(p[1]);
    shorten(down, across, weight);
    adjoint([down, across], descent, rows, columns);
    data.normal(x, seen);
    let [misfit, residual, size, power] = [0, 0, 0, 0];
    for (let i = 0; i < count; i++) {
      const off = seen[i] - zero[i]; // Eᴴ(E x − y), as long as E x − y is for one coil
      misfit += off * off;
      residual += (off + descent[i]) ** 2;
      size += x[i] * x[i];
      power += zero[i] * zero[i];
    }
    const [dualDown, dualAcross] = [Float32Array.from(down), Float32Array.from(across)];
    gradient(x, down, across, rows, columns);
    let [variation, product] = [0, 0];
    for (let i = 0; i < count; i += 2) {
      variation += Math.sqrt(down[i] ** 2 + down[i + 1] ** 2 + across[i] ** 2 + across[i + 1] ** 2);
      for (const j of [i, i + 1]) product += dualDown[j] * down[j] + dualAcross[j] * across[j];
    }
    const objective = misfit / 2 + weight * variation;
    const gap = weight * variation - product;
    const rounding = 2 ** -23 * power;
    return gap + Math.sqrt(residual) * 0.01 * Math.sqrt(size) <= tolerance * objective + rounding;
  }
}

/** Forward differences, zero where they would cross the border. @param {Float32Array} x @param {Float32Array} down
 * @param {Float32Array} across @param {number} rows @param {number} columns */
function gradient(x, down, across, rows, columns) {
  const line = 2 * columns;
  for (let r = 0; r < rows; r++) {
    for (let i = r * line; i < (r + 1) * line; i++) {
      down[i] = r < rows - 1 ? x[i + line] - x[i] : 0;
      across[i] = i < (r + 1) * line - 2 ? x[i + 2] - x[i] : 0;
    }
  }
}

/** The gradient's adjoint. @param {Float32Array[]} p @param {Float32Array} out @param {number} rows @param {number} columns */
function adjoint([down, across], out, rows, columns) {
  const line = 2 * columns;
  for (let r = 0; r < rows; r++) {
    for (let i = r * line; i < (r + 1) * line; i++) {
      const above = r > 0 ? down[i - line] : 0;
      const left = i >= r * line + 2 ? across[i - 2] : 0;
      const below = r < rows - 1 ? down[i] : 0;
      const right = i < (r + 1) * line - 2 ? across[i] : 0;
      out[i] = above - below + left - right;
    }
  }
}

/** The vector at each pixel at most so long. @param {Float32Array} down @param {Float32Array} across @param {number} longest */
function shorten(down, across, longest) {
  for (let i = 0; i < down.length; i += 2) {
    const square = down[i] ** 2 + down[i + 1] ** 2 + across[i] ** 2 + across[i + 1] ** 2;
    if (square <= longest * longest) continue;
    const share = longest / Math.sqrt(square);
    for (const part of [down, across]) {
      part[i] *= share;
      part[i + 1] *= share;
    }
  }
}
