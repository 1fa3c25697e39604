// @ts-check
// A small assembler: WebAssembly functions that are written when they are needed, for the sizes that are needed.

/** Instructions by their names in the specification; those of SIMD have the prefix 0xfd and a number of one or two bytes. */
const LEB = (/** @type {number} */ n) => {
  const bytes = [];
  for (; n > 127; n >>>= 7) bytes.push((n & 127) | 128);
  return [...bytes, n];
};
const signed = (/** @type {number} */ n) => {
  const bytes = [];
  for (; n < -64 || n > 63; n >>= 7) bytes.push((n & 127) | 128);
  return [...bytes, n & 127];
};
const text = (/** @type {string} */ name) => [...LEB(name.length), ...[...name].map((c) => c.charCodeAt(0))];
const section = (/** @type {number} */ id, /** @type {number[]} */ content) => [id, ...LEB(content.length), ...content];
const list = (/** @type {number[][]} */ items) => [...LEB(items.length), ...items.flat()];

const I32 = 0x7f;
const V128 = 0x7b;
const SIMD = { add: 0xe4, sub: 0xe5, mul: 0xe6, pmax: 0xeb, madd: 0x105 };

/** One function: i32 parameters, locals of either type, and its instructions in order. */
export class Routine {
  /** @param {string} name @param {number} parameters how many, all i32 @param {boolean} fused with multiply-add in one */
  constructor(name, parameters, fused) {
    this.name = name;
    this.parameters = parameters;
    this.fused = fused;
    /** @type {number[]} */
    this.types = [];
    /** @type {number[]} */
    this.code = [];
  }

  /** A local for an integer. */
  integer() {
    return this.parameters + this.types.push(I32) - 1;
  }

  /** A local for four numbers. @param {number} [count] */
  vectors(count = 1) {
    return Array.from({ length: count }, () => this.parameters + this.types.push(V128) - 1);
  }

  /** @param {number[]} code */
  put(...code) {
    for (const byte of code) this.code.push(byte);
    return this;
  }

  /** @param {number} local */
  get(local) {
    return this.put(0x20, ...LEB(local));
  }

  /** @param {number} local */
  set(local) {
    return this.put(0x21, ...LEB(local));
  }

  /** @param {number} value */
  constant(value) {
    return this.put(0x41, ...signed(value));
  }

  /** local += bytes. @param {number} local @param {number} bytes */
  advance(local, bytes) {
    return this.get(local).constant(bytes).put(0x6a).set(local);
  }

  /** to = a + b, integers. @param {number} to @param {number} a @param {number} b */
  sum(to, a, b) {
    return this.get(a).get(b).put(0x6a).set(to);
  }

  /** to = the integer at address + offset. @param {number} to @param {number} address @param {number} offset */
  loadInteger(to, address, offset) {
    return this.get(address).put(0x28, 2, ...LEB(offset)).set(to);
  }

  /** Four numbers from memory, on the stack. @param {number} address @param {number} offset in bytes */
  load(address, offset) {
    return this.get(address).put(0xfd, 0, 4, ...LEB(offset));
  }

  /** One number from memory, four times, on the stack. @param {number} address @param {number} offset in bytes */
  splat(address, offset) {
    return this.get(address).put(0xfd, 9, 2, ...LEB(offset));
  }

  /** A local into memory. @param {number} address @param {number} offset @param {number} vector */
  store(address, offset, vector) {
    return this.get(address).get(vector).put(0xfd, 11, 4, ...LEB(offset));
  }

  /** @param {number} value the same number four times, on the stack */
  number(value) {
    const bytes = new Uint8Array(new Float32Array([value, value, value, value]).buffer);
    return this.put(0xfd, 12, ...bytes);
  }

  /** @param {"add" | "sub" | "mul" | "pmax" | "madd"} name */
  simd(name) {
    return this.put(0xfd, ...LEB(SIMD[name]));
  }

  /** sum += a · b, with a and b on the stack. @param {number} total */
  accumulate(total) {
    if (this.fused) return this.get(total).simd("madd").set(total);
    return this.simd("mul").get(total).simd("add").set(total);
  }

  /**
   * The body once and again while a counter, which grows by a step, stays below a limit; both are locals.
   * @param {number} counter @param {number} limit @param {number} step @param {() => void} body
   */
  loop(counter, limit, step, body) {
    this.constant(0).set(counter).put(0x03, 0x40);
    body();
    return this.advance(counter, step).get(counter).get(limit).put(0x49, 0x0d, 0, 0x0b);
  }

  /** The function's body as it stands in a module. */
  body() {
    const locals = list(this.types.map((type) => [1, type]));
    const content = [...locals, ...this.code, 0x0b];
    return [...LEB(content.length), ...content];
  }
}

/**
 * A module of functions over one memory, which it imports as "m" of "m".
 * @param {Routine[]} routines
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function assemble(routines) {
  const types = list(routines.map((r) => [0x60, ...list(Array.from({ length: r.parameters }, () => [I32])), 0]));
  const memory = list([[...text("m"), ...text("m"), 2, 0, 1]]);
  const functions = list(routines.map((_, i) => LEB(i)));
  const exports = list(routines.map((r, i) => [...text(r.name), 0, ...LEB(i)]));
  const code = list(routines.map((r) => r.body()));
  const sections = [section(1, types), section(2, memory), section(3, functions), section(7, exports), section(10, code)];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

/** What this browser's WebAssembly can do: nothing with four numbers at once, "simd", or multiply-add in one, "fused". */
export function ability() {
  const offers = (/** @type {boolean} */ fused) => {
    const trial = new Routine("trial", 1, fused);
    const [a] = trial.vectors();
    trial.load(0, 0).set(a).get(a).get(a).accumulate(a).store(0, 0, a);
    return WebAssembly.validate(assemble([trial]));
  };
  return offers(true) ? "fused" : offers(false) ? "simd" : "none";
}
