// @ts-check
// Puts a widget into the page: finds its place, keeps it apart from the page's styles, follows light and dark.
import { followTheme } from "./theme.js";
import { make } from "./dom.js";

/** @typedef {{root: HTMLElement, onTheme: (redraw: () => void) => void}} Place */

/**
 * Start a widget in each place that waits for it. Its picture and its note stay in the page's own tree, which the
 * widget's tree hides; they show again when something fails.
 * @param {{kind: string, key: string, title: string, css: string}} about
 * @param {(place: Place) => Promise<void> | void} build
 */
export async function mount({ kind, key, title, css }, build) {
  const waiting = document.querySelectorAll(`.reconode-widget[data-widget="${kind}"][data-key="${key}"]`);
  for (const host of /** @type {NodeListOf<HTMLElement>} */ (waiting)) {
    if ("reconode" in host) continue; // started by the script of a twin on the same page
    Object.assign(host, { reconode: true });
    const root = make("div", { class: "card", role: "group", "aria-label": title });
    const shadow = host.attachShadow({ mode: "open" });
    shadow.append(document.createElement("slot"));
    /** @type {(() => void)[]} */
    const redraws = [];
    try {
      await build({ root, onTheme: (redraw) => redraws.push(redraw) });
    } catch (error) {
      console.error(`The widget "${title}" could not start; its picture is shown instead.`, error);
      continue;
    }
    shadow.replaceChildren(make("style", {}, css), root);
    followTheme(root, () => redraws.forEach((redraw) => redraw()));
    host.dataset.ready = "";
  }
}
