// @ts-check
// The Mersenne Twister (Matsumoto and Nishimura 1998) as numpy.random.RandomState seeds and reads it, so that the masks
// drawn here are those of reconode.masks, bit for bit.

const SIZE = 624;
const SHIFT = 397;

export class RandomState {
  /** @param {number} seed a whole number from 0 to 2³² − 1 */
  constructor(seed) {
    this.words = new Uint32Array(SIZE);
    this.words[0] = seed >>> 0;
    for (let i = 1; i < SIZE; i++) {
      const last = this.words[i - 1] ^ (this.words[i - 1] >>> 30);
      this.words[i] = Math.imul(1812433253, last) + i;
    }
    this.next = SIZE;
  }

  /** A whole number of 32 bits. */
  word() {
    if (this.next === SIZE) {
      const w = this.words;
      for (let i = 0; i < SIZE; i++) {
        const y = (w[i] & 0x80000000) | (w[(i + 1) % SIZE] & 0x7fffffff);
        w[i] = w[(i + SHIFT) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.next = 0;
    }
    let y = this.words[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A number in [0, 1) with 53 random bits. */
  uniform() {
    const high = this.word() >>> 5;
    const low = this.word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /**
   * A whole number from 0 to below the limit: words, masked to the bits that the limit needs, until one is small enough.
   * @param {number} limit
   */
  below(limit) {
    if (limit === 1) return 0; // costs no word
    let bits = limit - 1;
    for (const by of [1, 2, 4, 8, 16]) bits |= bits >>> by;
    for (;;) {
      const value = (this.word() & bits) >>> 0;
      if (value < limit) return value;
    }
  }
}

/**
 * fastMRI's mask of k-space columns (reconode.masks.random and .equispaced).
 * @param {"random" | "equispaced"} kind
 * @param {number} columns
 * @param {number} acceleration a whole number
 * @param {number} center columns in the fully sampled centre
 * @param {number} seed
 * @returns {Uint8Array} 1 where measured
 */
export function drawMask(kind, columns, acceleration, center, seed) {
  const state = new RandomState(seed);
  const mask = new Uint8Array(columns);
  if (kind === "random") {
    // Where the centre alone is over the budget the library raises; here nothing else is measured.
    const share = Math.max(0, (columns / acceleration - center) / (columns - center));
    for (let i = 0; i < columns; i++) mask[i] = state.uniform() < share ? 1 : 0;
  } else {
    for (let i = state.below(acceleration); i < columns; i += acceleration) mask[i] = 1;
  }
  const start = (columns - center + 1) >> 1;
  return mask.fill(1, start, start + center);
}
