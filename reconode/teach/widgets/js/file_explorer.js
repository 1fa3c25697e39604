// @ts-check
// Chapter 9: a slice of a file; point at a sample, a pixel or a field and read what it means.
import { choice } from "./controls.js";
import { fixed, liveRegion, make, readouts } from "./dom.js";
import { mount } from "./mount.js";
import { gray, panel } from "./picture.js";
import { draggable } from "./point.js";
import { quantile } from "./scores.js";
import { unpack } from "./unpack.js";

/** @typedef {import("./unpack.js").Packed} Packed */
/** @typedef {{name: string, value: string, means: string, boxes: {on: string, box: number[]}[]}} Field */
/** @typedef {{rows: number, columns: number, cell: number, slice: number, name: string, mask: string, padding: number[],
 *   crop: number[], kspace: Packed, image: Packed, filled: Packed, fields: Field[]}} Data */
/** @typedef {"kspace" | "mask" | "image"} Where */

/** @type {[number, number, number]} */
const KEPT = [240, 240, 240];
/** @type {[number, number, number]} */
const DROPPED = [40, 44, 48];
/** @type {[number, number, number]} */
const ABSENT = [181, 84, 40];

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "file_explorer", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root }, data) {
  const { rows, columns, cell, padding, fields } = data;
  const [height, width] = data.kspace.shape;
  const strengths = await unpack(data.kspace);
  const images = { all: await unpack(data.image), mask: await unpack(data.filled) };
  const window = quantile(images.all, 0.985);
  const at = { kspace: [rows >> 1, columns >> 1], image: [rows >> 1, columns >> 1] };
  const state = { on: /** @type {Where} */ ("kspace"), field: 0, image: /** @type {"all" | "mask"} */ ("all") };
  const fieldOf = (/** @type {string} */ name) => fields.findIndex((field) => field.name === name);
  const target = fields.findIndex((field) => field.name.startsWith("reconstruction"));

  const kspace = panel("k-space and mask", height, width, "k-space of the slice, brightest in the middle");
  const mask = panel("", 1, columns, "the mask: kept columns white, dropped dark, columns never acquired orange");
  const image = panel("", height, width, "the image of the slice");
  for (const { canvas } of [kspace, image]) canvas.style.aspectRatio = columns + " / " + rows;
  mask.canvas.style.aspectRatio = "auto";
  mask.canvas.style.height = "28px";
  mask.stage.style.marginTop = "4px";
  kspace.element.append(mask.stage);
  kspace.draw(strengths, 1, gray);
  const acquired = (/** @type {number} */ column) => column >= padding[0] && column < padding[1];
  const kept = (/** @type {number} */ column) => data.mask[column] === "1";
  mask.drawColors((column) => (!acquired(column) ? ABSENT : kept(column) ? KEPT : DROPPED));

  const stages = { kspace: kspace.stage, mask: mask.stage, image: image.stage };
  /** @type {HTMLElement[]} */
  let frames = [];

  /** @param {"kspace" | "image"} on @param {string} label */
  const ring = (on, label) => {
    const stage = stages[on];
    const handle = draggable({
      label,
      where: () => [at[on][1], rows - 1 - at[on][0]],
      text: () => "row " + at[on][0] + ", column " + at[on][1],
      step: 1,
      plot: {
        element: stage,
        toX: (x) => ((x + 0.5) / columns) * stage.clientWidth,
        toY: (y) => ((rows - 0.5 - y) / rows) * stage.clientHeight,
        at: (px, py) => [(px / stage.clientWidth) * columns - 0.5, rows - 0.5 - (py / stage.clientHeight) * rows],
      },
      range: [
        [0, columns - 1],
        [0, rows - 1],
      ],
      moved: (x, y) => point(on, rows - 1 - Math.round(y), Math.round(x)),
    });
    new ResizeObserver(handle.place).observe(stage);
    return handle;
  };
  const rings = [ring("kspace", "Sample of k-space"), ring("image", "Pixel of the image")];

  for (const [name, stage] of Object.entries(stages)) {
    const on = /** @type {Where} */ (name);
    const pick = (/** @type {MouseEvent} */ event) => {
      const box = stage.getBoundingClientRect();
      const count = (/** @type {number} */ share, /** @type {number} */ n) =>
        Math.max(0, Math.min(n - 1, Math.floor(share * n)));
      const row = on === "mask" ? at.kspace[0] : count((event.clientY - box.top) / box.height, rows);
      point(on, row, count((event.clientX - box.left) / box.width, columns));
    };
    stage.style.cursor = "crosshair";
    stage.addEventListener("click", pick); // a tap too
    stage.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.buttons === 0) pick(event); // a ring that is dragged moves itself
    });
  }

  const numbers = readouts({ sample: "sample", strength: "|k| / largest", column: "column", pixel: "pixel / max" });
  const place = make("p", { class: "message" });
  const meaning = make("p", { class: "message", "data-key": "meaning" });
  const live = liveRegion();
  const list = choice({
    label: "What the file says",
    options: Object.fromEntries(fields.map((field, n) => [String(n), field.name])),
    value: "0",
    changed: (n) => show(Number(n)),
  });
  list.classList.add("list");
  for (const [n, label] of [...list.querySelectorAll("label")].entries()) {
    label.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") show(n);
    });
  }

  /** @param {number} row @param {number} column */
  const cellAt = (row, column) => Math.floor(row / cell) * width + Math.floor(column / cell);

  /** @param {number} column */
  const fate = (column) => (!acquired(column) ? "never acquired" : kept(column) ? "kept" : "dropped");

  /** Says what the chosen field means, and frames the places that it speaks of. @param {number} n */
  function show(n) {
    state.field = n;
    const field = fields[n];
    for (const input of list.querySelectorAll("input")) input.checked = input.value === String(n);
    meaning.replaceChildren(make("code", {}, field.name), " = " + field.value + ". " + field.means);
    frames.forEach((frame) => frame.remove());
    frames = field.boxes.map(({ on, box }) => {
      const frame = make("div", { class: "frame", "data-on": on });
      const [top, left, tall, wide] = box.map((share) => 100 * share + "%");
      Object.assign(frame.style, { top, left, height: tall, width: wide });
      stages[/** @type {Where} */ (on)].append(frame);
      return frame;
    });
  }

  /** @param {Where} on @param {number} row @param {number} column */
  function point(on, row, column) {
    state.on = on;
    at[on === "image" ? "image" : "kspace"] = [row, column];
    const [top, left, tall, wide] = data.crop;
    const inside = (/** @type {number} */ i, /** @type {number} */ n, /** @type {number} */ from, /** @type {number} */ size) =>
      i >= Math.round(from * n) && i < Math.round((from + size) * n);
    if (on === "image") {
      const within = inside(row, rows, top, tall) && inside(column, columns, left, wide);
      show(within ? target : fieldOf("reconSpace"));
      place.textContent =
        "Image, row " + row + ", column " + column + (within ? ": inside the target." : ": outside, cropped away.");
    } else {
      show(!acquired(column) ? fieldOf("encodingLimits") : on === "mask" ? fieldOf("mask") : fieldOf("kspace"));
      place.textContent = "Column " + column + ", frequency " + (column - (columns >> 1)) + ": " + fate(column) + ".";
    }
    update();
  }

  function update() {
    const [row, column] = at.kspace;
    const strength = 10 ** (4 * (strengths[cellAt(row, column)] - 1));
    numbers.set("sample", row * columns + column, row + ", " + column);
    numbers.set("strength", strength, strength <= 1.0001e-4 ? "< 0.0001" : strength.toPrecision(2));
    numbers.set("column", Number(acquired(column)) + Number(acquired(column) && kept(column)), fate(column));
    const value = images[state.image][cellAt(at.image[0], at.image[1])];
    numbers.set("pixel", value, fixed(100 * value, 0) + " %");
    rings.forEach((one) => one.place());
    live.say((place.textContent ?? "") + " " + (meaning.textContent ?? ""));
  }

  function drawImage() {
    image.draw(images[state.image], window, gray);
    /** @type {HTMLElement} */ (image.element.firstElementChild).textContent =
      state.image === "all" ? "Image" : "Zero-filled";
  }

  const from = choice({
    label: "Image from",
    options: { all: "all columns", mask: "the mask’s" },
    value: "all",
    changed: (value) => {
      state.image = value === "all" ? "all" : "mask";
      drawImage();
      update();
    },
  });
  const side = make("div", { class: "side" }, from, list, place, meaning);
  const pictures = make("div", { class: "panels three last" }, kspace.element, image.element, side);
  pictures.style.setProperty("--widths", "minmax(0, 1fr) minmax(0, 1fr) minmax(0, 1.5fr)");
  root.append(
    pictures,
    numbers.element,
    make(
      "p",
      { class: "hint" },
      data.name + ", slice " + data.slice + ". Point at a picture or at a field, drag a ring, or move it with the arrow keys. " +
        "A cell is " + cell + " × " + cell + " samples. The strip: white kept, dark dropped, orange never acquired.",
    ),
    live.element,
  );
  drawImage();
  point("kspace", rows >> 1, columns >> 1);
}
