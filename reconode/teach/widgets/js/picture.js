// @ts-check
// Pictures on a canvas, a pixel a number, through a table of colors.
import { make } from "./dom.js";
import { bytes } from "./unpack.js";

/** 256 greys, three bytes each. */
export const gray = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));

/** @param {string} table as reconode.teach.widgets.pack.color_table makes it */
export function colors(table) {
  return bytes(table);
}

/**
 * A panel with a heading and a picture. The screen enlarges pixels; it doesn't blend them.
 * @param {string} heading
 * @param {number} rows
 * @param {number} columns
 * @param {string} description for readers who do not see it
 */
export function panel(heading, rows, columns, description) {
  const canvas = make("canvas", { width: columns, height: rows, role: "img", "aria-label": description });
  canvas.style.aspectRatio = `${columns} / ${rows}`;
  const note = make("span", { class: "note" });
  const stage = make("div", { class: "stage" }, canvas, note);
  const title = make("figcaption", {}, heading);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(columns, rows);
  return {
    element: make("figure", {}, title, stage),
    canvas,
    stage,
    note,
    /**
     * @param {ArrayLike<number>} values shown from 0 to `top`
     * @param {number} top
     * @param {Uint8Array} table
     */
    draw(values, top, table) {
      for (let i = 0; i < rows * columns; i++) {
        const at = 3 * Math.max(0, Math.min(255, Math.floor((256 * values[i]) / top)));
        pixels.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * i);
      }
      context.putImageData(pixels, 0, 0);
    },
    /**
     * The same with colors of one's own.
     * @param {(index: number) => [number, number, number]} color
     */
    drawColors(color) {
      for (let i = 0; i < rows * columns; i++) pixels.data.set([...color(i), 255], 4 * i);
      context.putImageData(pixels, 0, 0);
    },
  };
}
