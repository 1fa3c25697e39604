// @ts-check
// 3 × 3 convolutions by Winograd's minimal filtering, F(4 × 4, 3 × 3), as WebAssembly (Lavin and Gray 2016).
//
// A tile of 4 × 4 results needs 36 multiplications an input channel instead of 144: transform 6 × 6 inputs, multiply by
// the transformed kernels, transform back. Channels are innermost in memory, four to a vector; tiles go in blocks that
// stay in the cache. A table says where each tile lies, so that the code knows nothing of image sizes or dilations.
import { Routine } from "./wasm.js";

export const TILE = 4;
const PATCH = TILE + 2;
export const POINTS = PATCH * PATCH;
export const BLOCK = 32; // tiles at a time
export const RECORD = 4 * (1 + 2 * TILE); // bytes of a tile in the table: its pixel, then a bias offset a row and a column
const GROUP = 4; // tiles that one multiplication takes together

/** @typedef {(to: number[], from: number[]) => void} Transform four or six results from six numbers */

/** Bᵀ d of Lavin and Gray. @param {Routine} r @param {number[]} scratch @returns {Transform} */
function forward(r, scratch) {
  const [a, b] = scratch;
  const scaled = (/** @type {number} */ local, /** @type {number} */ by) => r.get(local).number(by).simd("mul");
  return (t, d) => {
    // t0 = 4 d0 − 5 d2 + d4 and t5 = 4 d1 − 5 d3 + d5
    for (const [to, i] of [
      [t[0], 0],
      [t[5], 1],
    ]) {
      scaled(d[i], 4);
      scaled(d[i + 2], 5).simd("sub").get(d[i + 4]).simd("add").set(to);
    }
    // t1, t2 = (d4 − 4 d2) ± (d3 − 4 d1)
    r.get(d[4]);
    scaled(d[2], 4).simd("sub").set(a);
    r.get(d[3]);
    scaled(d[1], 4).simd("sub").set(b);
    r.get(a).get(b).simd("add").set(t[1]).get(a).get(b).simd("sub").set(t[2]);
    // t3, t4 = (d4 − d2) ± 2 (d3 − d1)
    r.get(d[4]).get(d[2]).simd("sub").set(a).get(d[3]).get(d[1]).simd("sub").number(2).simd("mul").set(b);
    r.get(a).get(b).simd("add").set(t[3]).get(a).get(b).simd("sub").set(t[4]);
  };
}

/** Aᵀ m of Lavin and Gray. @param {Routine} r @param {number[]} scratch @returns {Transform} */
function backward(r, [p, q, u, v]) {
  return (y, m) => {
    r.get(m[1]).get(m[2]).simd("add").set(p).get(m[1]).get(m[2]).simd("sub").set(q);
    r.get(m[3]).get(m[4]).simd("add").set(u).get(m[3]).get(m[4]).simd("sub").set(v);
    r.get(m[0]).get(p).simd("add").get(u).simd("add").set(y[0]);
    r.get(v).number(2).simd("mul").get(q).simd("add").set(y[1]);
    r.get(u).number(4).simd("mul").get(p).simd("add").set(y[2]);
    r.get(v).number(8).simd("mul").get(q).simd("add").get(m[5]).simd("add").set(y[3]);
  };
}

/**
 * input(table, tiles, pixels, rowBytes, to): the transformed 6 × 6 inputs of each tile, ``(36, BLOCK, channels)``.
 * @param {number} channels a multiple of four @param {boolean} fused
 */
export function inputRoutine(channels, fused) {
  const [table, tiles, pixels, rowBytes, to] = [0, 1, 2, 3, 4];
  const r = new Routine(`input${channels}`, 5, fused);
  const [tile, quad, quadBytes, pixel, target] = Array.from({ length: 5 }, () => r.integer());
  const row = Array.from({ length: PATCH }, () => r.integer());
  const d = r.vectors(PATCH);
  const t = Array.from({ length: PATCH }, () => r.vectors(PATCH));
  const out = r.vectors(PATCH);
  const transform = forward(r, r.vectors(2));
  const pitch = 4 * channels; // bytes from a pixel to the next, and from a tile to the next
  r.constant(pitch).set(quadBytes);
  r.loop(tile, tiles, 1, () => {
    r.loadInteger(pixel, table, 0);
    r.get(pixel).constant(pitch).put(0x6c).get(pixels).put(0x6a).set(row[0]);
    for (let i = 1; i < PATCH; i++) r.sum(row[i], row[i - 1], rowBytes);
    r.loop(quad, quadBytes, 16, () => {
      for (let j = 0; j < PATCH; j++) {
        for (let i = 0; i < PATCH; i++) r.load(row[i], j * pitch).set(d[i]);
        transform(
          t.map((line) => line[j]),
          d,
        );
      }
      r.sum(target, to, quad);
      for (let i = 0; i < PATCH; i++) {
        transform(out, t[i]);
        for (let j = 0; j < PATCH; j++) r.store(target, (i * PATCH + j) * BLOCK * pitch, out[j]);
      }
      for (let i = 0; i < PATCH; i++) r.advance(row[i], 16);
    });
    r.advance(table, RECORD).advance(to, pitch);
  });
  return r;
}

/**
 * multiply(inputs, kernels, tiles, to): at each of the 36 points, tiles × inputs by inputs × outputs.
 * @param {number} inputs that count @param {number} pitch channels that they take in memory
 * @param {number} outputs a multiple of four @param {boolean} fused
 */
export function multiplyRoutine(inputs, pitch, outputs, fused) {
  const [from, kernels, tiles, to] = [0, 1, 2, 3];
  const wide = outputs % 8 === 0 ? 2 : 1; // vectors of results at a time
  const r = new Routine(`multiply${inputs}_${outputs}`, 4, fused);
  const [point, points, tile, part, parts, kernel, left, right] = Array.from({ length: 8 }, () => r.integer());
  const sums = r.vectors(GROUP * wide);
  const weights = r.vectors(wide);
  const [x] = r.vectors();
  r.constant(POINTS).set(points);
  r.constant(outputs / (4 * wide)).set(parts);
  r.loop(point, points, 1, () => {
    r.get(from).set(left).get(to).set(right);
    r.loop(tile, tiles, GROUP, () => {
      r.get(kernels).set(kernel);
      r.loop(part, parts, 1, () => {
        for (const total of sums) r.number(0).set(total);
        for (let k = 0; k < inputs; k++) {
          for (let n = 0; n < wide; n++) r.load(kernel, 16 * (k * wide + n)).set(weights[n]);
          for (let g = 0; g < GROUP; g++) {
            r.splat(left, 4 * (g * pitch + k)).set(x);
            for (let n = 0; n < wide; n++) r.get(x).get(weights[n]).accumulate(sums[g * wide + n]);
          }
        }
        for (let g = 0; g < GROUP; g++) {
          for (let n = 0; n < wide; n++) r.store(right, 4 * g * outputs + 16 * n, sums[g * wide + n]);
        }
        r.advance(kernel, 16 * wide * inputs).advance(right, 16 * wide);
      });
      r.advance(left, 4 * GROUP * pitch).advance(right, 4 * (GROUP - 1) * outputs);
    });
    r.advance(from, 4 * BLOCK * pitch).advance(kernels, 4 * inputs * outputs).advance(to, 4 * BLOCK * outputs);
  });
  return r;
}

/**
 * output(table, tiles, from, bias, pixels, rowBytes): the results of each tile, with a bias that depends on the pixel.
 * @param {number} channels a multiple of four @param {boolean} relu @param {boolean} fused
 */
export function outputRoutine(channels, relu, fused) {
  const [table, tiles, from, bias, pixels, rowBytes] = [0, 1, 2, 3, 4, 5];
  const r = new Routine(`output${channels}${relu ? "relu" : ""}`, 6, fused);
  const [tile, quad, quadBytes, pixel, source, line, constant] = Array.from({ length: 7 }, () => r.integer());
  const rows = Array.from({ length: TILE }, () => r.integer());
  const columns = Array.from({ length: TILE }, () => r.integer());
  const m = r.vectors(PATCH);
  const t = Array.from({ length: TILE }, () => r.vectors(PATCH));
  const y = r.vectors(TILE);
  const transform = backward(r, r.vectors(4));
  const pitch = 4 * channels;
  r.constant(pitch).set(quadBytes);
  r.loop(tile, tiles, 1, () => {
    r.loadInteger(pixel, table, 0);
    r.get(pixel).constant(pitch).put(0x6c).get(pixels).put(0x6a).get(rowBytes).put(0x6a).constant(pitch).put(0x6a).set(pixel);
    for (let i = 0; i < TILE; i++) {
      r.loadInteger(rows[i], table, 4 * (1 + i)).get(rows[i]).constant(pitch).put(0x6c).get(bias).put(0x6a).set(rows[i]);
      r.loadInteger(columns[i], table, 4 * (1 + TILE + i)).get(columns[i]).constant(pitch).put(0x6c).set(columns[i]);
    }
    r.loop(quad, quadBytes, 16, () => {
      r.sum(source, from, quad);
      for (let j = 0; j < PATCH; j++) {
        for (let i = 0; i < PATCH; i++) r.load(source, (i * PATCH + j) * BLOCK * pitch).set(m[i]);
        transform(
          t.map((l) => l[j]),
          m,
        );
      }
      r.sum(line, pixel, quad);
      for (let i = 0; i < TILE; i++) {
        transform(y, t[i]);
        for (let j = 0; j < TILE; j++) {
          r.sum(constant, rows[i], columns[j]).sum(constant, constant, quad);
          if (relu) r.number(0);
          r.get(y[j]).load(constant, 0).simd("add");
          if (relu) r.simd("pmax");
          r.set(y[j]).store(line, j * pitch, y[j]);
        }
        r.sum(line, line, rowBytes);
      }
    });
    r.advance(table, RECORD).advance(from, pitch);
  });
  return r;
}

/**
 * product(left, right, plus, inner, columns, to, rows): to = plus + left · right, four rows at a time. The right matrix
 * comes in strips of eight columns; `inner` is in elements, `columns` in bytes of a row of the result.
 * @param {boolean} fused
 */
export function productRoutine(fused) {
  const [left, right, plus, inner, columnBytes, to, rows] = [0, 1, 2, 3, 4, 5, 6];
  const r = new Routine("product", 7, fused);
  const [row, strip, k, at, target, start] = Array.from({ length: 6 }, () => r.integer());
  const line = Array.from({ length: GROUP }, () => r.integer());
  const sums = r.vectors(2 * GROUP);
  const weights = r.vectors(2);
  const [x] = r.vectors();
  r.loop(row, rows, GROUP, () => {
    r.get(right).set(at);
    r.loop(strip, columnBytes, 32, () => {
      r.sum(start, plus, strip);
      for (let g = 0; g < GROUP; g++) {
        r.load(start, 0).set(sums[2 * g]).load(start, 16).set(sums[2 * g + 1]).sum(start, start, columnBytes);
      }
      r.get(left).set(line[0]);
      for (let g = 1; g < GROUP; g++) {
        r.get(line[g - 1]).get(inner).constant(4).put(0x6c, 0x6a).set(line[g]);
      }
      r.loop(k, inner, 1, () => {
        r.load(at, 0).set(weights[0]).load(at, 16).set(weights[1]);
        for (let g = 0; g < GROUP; g++) {
          r.splat(line[g], 0).set(x);
          for (let n = 0; n < 2; n++) r.get(x).get(weights[n]).accumulate(sums[2 * g + n]);
          r.advance(line[g], 4);
        }
        r.advance(at, 32);
      });
      r.sum(target, to, strip);
      for (let g = 0; g < GROUP; g++) {
        r.store(target, 0, sums[2 * g]).store(target, 16, sums[2 * g + 1]).sum(target, target, columnBytes);
      }
    });
    r.get(left).get(inner).constant(4 * GROUP).put(0x6c, 0x6a).set(left);
    for (const pointer of [plus, to]) r.get(pointer).get(columnBytes).constant(GROUP).put(0x6c, 0x6a).set(pointer);
  });
  return r;
}

/**
 * A kernel as multiplyRoutine reads it: G g Gᵀ at each point, in strips of the outputs that go together.
 * @param {(output: number, input: number, tap: number) => number} weight tap 3 r + c
 * @param {number} inputs @param {number} outputs that count @param {number} padded outputs in memory
 */
export function transformKernel(weight, inputs, outputs, padded) {
  const G = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
  ];
  const strip = padded % 8 === 0 ? 8 : 4;
  const out = new Float32Array(POINTS * inputs * padded);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const rows = G.map((g) => [0, 1, 2].map((j) => g.reduce((sum, v, i) => sum + v * weight(o, c, 3 * i + j), 0)));
      for (let p = 0; p < POINTS; p++) {
        const line = rows[Math.floor(p / PATCH)];
        const value = G[p % PATCH].reduce((sum, v, j) => sum + v * line[j], 0);
        const place = (Math.floor(o / strip) * inputs + c) * strip + (o % strip);
        out[p * inputs * padded + place] = value;
      }
    }
  }
  return out;
}
