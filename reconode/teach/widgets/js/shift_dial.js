// @ts-check
// Chapter 11: turn a dial away from the training, and see who is still ahead of total variation.
import { choice, slider } from "./controls.js";
import { fixed, liveRegion, make } from "./dom.js";
import { mount } from "./mount.js";
import { plot } from "./plot.js";

/** @typedef {"gain" | "least" | "mean" | "worst"} Key */
/** @typedef {{label: string, trained: boolean, mean: number[], worst: number[], gain: number[], least: number[]}} Position */
/** @typedef {{key: string, label: string, color: string, dash: number[]}} Model */
/**
 * @typedef {{models: Model[], reference: number, floor: number, dials: {name: string, positions: Position[]}[]}} Data
 */

const COLUMNS = /** @type {const} */ (["mean", "worst", "gain", "least"]);
const HEADS = ["method", "mean", "worst", "gain", "least"];
const PLOTS = /** @type {const} */ ({ gain: "gain", least: "least gain", mean: "PSNR" });

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "shift_dial", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
function build({ root, onTheme }, data) {
  const now = { dial: 0, position: 0, shown: /** @type {Key} */ ("gain") };
  const positions = () => data.dials[now.dial].positions;
  const live = liveRegion();
  const message = make("p", { class: "message" });
  const body = make("tbody");
  const rows = data.models.map((model) => {
    const swatch = make("span", { class: "key" });
    swatch.style.background = model.color;
    const cells = COLUMNS.map((key) => make("td", { "data-key": key }));
    const element = make("tr", { "data-model": model.key }, make("th", { scope: "row" }, swatch, model.label), ...cells);
    body.append(element);
    return { element, cells };
  });
  const head = make("tr", {}, ...HEADS.map((text) => make("th", { scope: "col" }, text)));
  const table = make("table", {}, make("thead", {}, head), body);
  table.style.fontSize = "0.875rem"; // five columns on a phone
  for (const cell of table.querySelectorAll("th, td")) /** @type {HTMLElement} */ (cell).style.paddingInline = "0.2rem";
  const curve = plot({
    description: "How far each method is ahead of total variation along the dial, with a mark at the position",
    height: (width) => Math.max(230, Math.min(330, 0.5 * width)),
    xlabel: "",
    ylabel: "",
    draw,
  });

  function draw() {
    const here = positions();
    const last = here.length - 1;
    curve.axes();
    // The places of a dial have names, not numbers: those below the axis go, and the name of this one comes.
    const { context, canvas } = curve;
    const bottom = curve.toY(low);
    context.clearRect(0, bottom + 2, canvas.clientWidth, 60);
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillStyle = curve.ink("ink");
    const middle = curve.toX(now.position);
    const half = context.measureText(here[now.position].label).width / 2;
    const kept = Math.max(half + 2, Math.min(canvas.clientWidth - half - 2, middle));
    context.fillText(here[now.position].label, kept, bottom + 7);
    context.fillStyle = curve.ink("muted");
    context.fillText("tinted: as in training", (curve.toX(0) + curve.toX(last)) / 2, bottom + 25);
    curve.clipped(() => {
      here.forEach((position, n) => {
        if (!position.trained) return;
        context.fillStyle = curve.ink("tint");
        context.fillRect(curve.toX(n - 0.5), 0, curve.toX(n + 0.5) - curve.toX(n - 0.5), bottom);
      });
      const upright = [[now.position, low], [now.position, high]];
      curve.line(upright, { color: curve.ink("contour"), width: 10 });
      if (now.shown !== "mean") curve.line([[-0.5, 0], [last + 0.5, 0]], { color: curve.ink("ink"), width: 1 });
      data.models.forEach((model, i) => {
        const points = here.map((position, n) => [n, position[now.shown][i]]);
        const bold = i === data.reference || i === data.floor;
        curve.line(points, { color: model.color, width: bold ? 3 : 2, dash: model.dash });
        curve.line([points[now.position]], { color: model.color, width: 0, mark: bold ? "square" : "circle", size: 5 });
      });
    });
  }
  let [low, high] = [-1, 1];

  /** @param {string} word @param {number} than */
  function behind(word, than) {
    const { mean } = positions()[now.position];
    const names = data.models.filter((_, i) => i !== than && mean[i] < mean[than]).map((model) => model.label);
    return names.length ? `Below ${word}: ${names.join(", ")}.` : `Nobody is below ${word}.`;
  }

  function update() {
    const here = positions();
    const values = here.flatMap((position) => position[now.shown]);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    [low, high] = [least - 0.06 * (most - least), most + 0.06 * (most - least)];
    curve.setRange([-0.5, here.length - 0.5], [low, high]);
    curve.setLabels("", now.shown === "mean" ? "dB" : "dB over total variation");
    const position = here[now.position];
    const order = data.models.map((_, i) => i).sort((a, b) => position.mean[b] - position.mean[a]);
    body.append(...order.map((i) => rows[i].element));
    rows.forEach(({ cells }, i) =>
      COLUMNS.forEach((key, n) => {
        const value = position[key][i];
        const sign = n > 1 && value > 0 ? "+" : "";
        cells[n].textContent = n > 1 && i === data.reference ? "" : sign + fixed(value, 2);
        cells[n].dataset.value = String(value);
        cells[n].className = n === 0 && i === order[0] ? "best" : "";
      }),
    );
    const below = [behind("TV", data.reference), behind("zero-filled", data.floor)].join(" ");
    message.textContent = `${position.trained ? "Training reaches here." : "Training did not reach here."} ${below}`;
    curve.redraw();
    live.say(`${data.dials[now.dial].name}, ${position.label}. ${message.textContent}`);
  }

  const turn = slider({
    name: "position",
    label: "Position of the dial",
    min: 0,
    max: positions().length - 1,
    step: 1,
    value: 0,
    text: (v) => positions()[v]?.label ?? "",
    changed: (v) => {
      now.position = v;
      update();
    },
  });
  const dial = choice({
    label: "What shifts",
    options: Object.fromEntries(data.dials.map(({ name }, n) => [`d${n}`, name])),
    value: "d0",
    changed: (value) => {
      now.dial = Number(value.slice(1));
      now.position = Math.max(0, positions().findIndex((position) => position.trained));
      turn.input.max = String(positions().length - 1);
      turn.set(now.position);
      update();
    },
  });
  now.position = Math.max(0, positions().findIndex((position) => position.trained));
  turn.set(now.position);
  const shown = choice({
    label: "Plot",
    options: PLOTS,
    value: now.shown,
    changed: (value) => {
      now.shown = /** @type {Key} */ (value);
      update();
    },
  });
  root.append(
    dial,
    make("div", { class: "controls" }, turn.element, shown),
    message,
    curve.element,
    table,
    make(
      "p",
      { class: "hint" },
      "In dB over ten knees: PSNR, mean and worst; gain over total variation (TV), mean and on the knee where it is least.",
    ),
    live.element,
  );
  onTheme(curve.redraw);
  update();
}
