// @ts-check
// Chapter 10: one table of results at a time, to be sorted; each row against a row that the reader chooses.
import { choice } from "./controls.js";
import { fixed, liveRegion, make } from "./dom.js";
import { mount } from "./mount.js";
import { unpack } from "./unpack.js";

/** @typedef {"psnr" | "ssim"} Metric */
/** @typedef {{model: number, psnr: number[], ssim: number[], seeds?: number[], examples?: number, steps?: number,
 *   means?: number[], compute?: number, apart?: number}} Row */
/** @typedef {{acceleration: string, length: string, seed: string, rows: Row[]}} Table */
/** @typedef {{title: string, parameters: number, paper: Record<Metric, Record<string, number>>}} Model */
/** @typedef {{models: Model[], sets: Table[], differences: Record<Metric, import("./unpack.js").Packed>,
 *   steps: Record<Metric, number>, reference: number, floor: number, budget: string}} Data */
/** @typedef {{model: Model, row: Row, ours: number[], paper?: number, difference?: number[], papers?: number}} Line */

const DIGITS = { psnr: 2, ssim: 4 };
const EQUAL = "equal compute";
const COLUMNS = /** @type {Record<string, string>} */ ({
  model: "Model",
  ours: "Ours",
  paper: "Paper",
  difference: "Ours − chosen",
  cost: "Compute",
});

/** @param {string} key @param {string} title @param {string} css @param {Data} data */
export function start(key, title, css, data) {
  return mount({ kind: "results_table", key, title, css }, (place) => build(place, data));
}

/** @param {import("./mount.js").Place} place @param {Data} data */
async function build({ root }, data) {
  const differences = { psnr: await unpack(data.differences.psnr), ssim: await unpack(data.differences.ssim) };
  const pairs = data.sets.map(({ rows }) => (rows.length * (rows.length - 1)) / 2);
  const total = pairs.reduce((sum, n) => sum + n, 0);
  const state = {
    acceleration: data.sets[0].acceleration,
    length: data.sets[0].length,
    seed: "all",
    metric: /** @type {Metric} */ ("psnr"),
    reference: data.reference,
    sort: "model",
    down: false,
  };

  const unique = (/** @type {string[]} */ values) => Object.fromEntries(values.map((v) => [v, v]));
  const at = () => data.sets.filter((s) => s.acceleration === state.acceleration);
  const now = () => /** @type {Table} */ (at().find((s) => s.length === state.length && s.seed === state.seed));

  /** Row i minus row j of the table shown: mean and interval. @param {number} i @param {number} j */
  function minus(i, j) {
    const set = data.sets.indexOf(now());
    const n = now().rows.length;
    const [a, b] = [Math.min(i, j), Math.max(i, j)];
    const before = pairs.slice(0, set).reduce((sum, m) => sum + m, 0);
    const place = before + a * n - (a * (a + 1)) / 2 + (b - a - 1);
    const [mean, low, high] = [0, 1, 2].map((k) => differences[state.metric][k * total + place]);
    return i < j ? [mean, low, high] : [-mean, -high, -low];
  }

  /** @returns {Line[]} */
  function lines() {
    const { rows, acceleration } = now();
    const chosen = rows.findIndex((row) => row.model === state.reference);
    const paper = (/** @type {number} */ model) => data.models[model].paper[state.metric][acceleration];
    return rows.map((row, i) => {
      const line = /** @type {Line} */ ({
        model: data.models[row.model],
        row,
        ours: row[state.metric].map((v) => v * data.steps[state.metric]),
        paper: paper(row.model),
      });
      const fair = chosen >= 0 && i !== chosen && !row.apart && !rows[chosen].apart;
      if (fair) line.difference = minus(i, chosen);
      if (i !== chosen && line.paper !== undefined && paper(state.reference) !== undefined)
        line.papers = line.paper - paper(state.reference);
      return line;
    });
  }

  /**
   * Of a row against the chosen: an order needs an interval without zero and, in PSNR, each training beyond the floor.
   * @param {Line} line
   */
  function word({ row, difference }) {
    const [, low, high] = difference ?? [0, 0, 0];
    if (state.metric === "ssim") return low > 0 ? "ahead" : high < 0 ? "behind" : "tie";
    const means = (/** @type {Row} */ r) => (r.means ?? [r.psnr[0]]).map((v) => v * data.steps.psnr);
    const other = /** @type {Row} */ (now().rows.find((r) => r.model === state.reference));
    const [mine, its] = [means(row), means(other)];
    if (low > 0 && Math.min(...mine) - Math.max(...its) > data.floor) return "ahead";
    return high < 0 && Math.max(...mine) - Math.min(...its) < -data.floor ? "behind" : "tie";
  }

  const signed = (/** @type {number} */ v) => (v > 0 ? "+" : "") + fixed(v, DIGITS[state.metric]);
  const plain = (/** @type {number} */ v) => fixed(v, DIGITS[state.metric]);
  const small = (/** @type {string} */ text) => make("small", {}, text);

  /** @type {Record<string, (line: Line) => number | undefined>} */
  const values = {
    ours: (line) => line.ours[0],
    paper: (line) => line.paper,
    difference: (line) => line.difference?.[0],
    cost: (line) => line.row.compute,
  };

  /** @type {Record<string, (line: Line) => (Node | string)[]>} */
  const cells = {
    ours: ({ ours: [mean, low, high] }) => [plain(mean), small("[" + plain(low) + ", " + plain(high) + "]")],
    paper: ({ paper, papers }) =>
      paper === undefined ? ["–"] : [plain(paper), ...(papers === undefined ? [] : [small("(" + signed(papers) + ")")])],
    difference: (line) => {
      const d = line.difference;
      return d ? [signed(d[0]) + " " + word(line), small("[" + signed(d[1]) + ", " + signed(d[2]) + "]")] : ["–"];
    },
    cost: ({ row: { compute } }) => [compute === undefined ? "–" : fixed(compute, 2)],
  };

  const heads = Object.fromEntries(
    Object.entries(COLUMNS).map(([column, text]) => {
      const sorter = make("button", { type: "button", class: "sorter" }, text);
      sorter.addEventListener("click", () => {
        state.down = state.sort === column ? !state.down : column !== "model";
        state.sort = column;
        update();
      });
      return [column, make("th", { scope: "col", "data-column": column }, sorter)];
    }),
  );
  const body = make("tbody");
  const caption = make("caption");
  const table = make("table", { class: "results" }, caption, make("thead", {}, make("tr", {}, ...Object.values(heads))), body);
  const picker = make("select", { name: "reference" });
  picker.addEventListener("change", () => {
    state.reference = Number(picker.value);
    update();
  });
  const message = make("p", { class: "message" });
  const live = liveRegion();
  const places = { length: make("div"), seed: make("div") };

  function fill() {
    const lengths = unique(at().map((s) => s.length));
    if (!(state.length in lengths)) state.length = Object.keys(lengths)[0];
    const seeds = at().filter((s) => s.length === state.length);
    if (!seeds.some((s) => s.seed === state.seed)) state.seed = "all";
    places.length.replaceChildren(
      choice({ label: "Training", options: lengths, value: state.length, changed: (v) => set({ length: v }) }),
    );
    places.seed.replaceChildren(
      choice({
        label: "Seed",
        options: unique(seeds.map((s) => s.seed)),
        value: state.seed,
        changed: (v) => set({ seed: v }),
      }),
    );
  }

  /** @param {Partial<typeof state>} changes */
  function set(changes) {
    const focused = /** @type {ShadowRoot} */ (root.getRootNode()).activeElement;
    const value = focused instanceof HTMLInputElement ? focused.value : "";
    Object.assign(state, changes);
    fill();
    update();
    // The radio buttons are new ones: keep the keyboard where it was.
    if (value && !root.contains(focused))
      /** @type {HTMLInputElement | null} */ (root.querySelector('input[value="' + value + '"]:checked'))?.focus();
  }

  function update() {
    const { rows } = now();
    if (!rows.some((row) => row.model === state.reference)) state.reference = rows[0].model;
    picker.replaceChildren(
      ...rows.map(({ model }) =>
        make("option", { value: String(model), selected: model === state.reference }, data.models[model].title),
      ),
    );
    const found = lines();
    const value = values[state.sort];
    if (value) {
      const key = (/** @type {Line} */ line) => value(line) ?? -Infinity;
      found.sort((a, b) => (state.down ? key(b) - key(a) : key(a) - key(b)) || a.row.model - b.row.model);
    } else if (state.down) found.reverse();
    for (const [column, head] of Object.entries(heads))
      head.setAttribute("aria-sort", column !== state.sort ? "none" : state.down ? "descending" : "ascending");
    body.replaceChildren(
      ...found.map((line) => {
        const { row, model } = line;
        const about = [(model.parameters / 1e6).toFixed(2) + "M"];
        if (row.seeds) about.push(row.seeds.length > 1 ? row.seeds.length + " seeds" : "seed " + row.seeds[0]);
        if (row.steps && (row.apart || state.length === EQUAL)) about.push(row.steps.toLocaleString("en") + " steps");
        const name = make("th", { scope: "row" }, model.title + (row.apart ? " †" : ""));
        if (row.seeds) name.append(small(about.join(", ")));
        if (row.compute !== undefined) name.append(make("small", { class: "narrow" }, "compute " + fixed(row.compute, 2)));
        const entry = make("tr", { "data-model": model.title }, name);
        if (row.model === state.reference) entry.setAttribute("class", "chosen");
        for (const [column, text] of Object.entries(cells)) {
          const cell = make("td", { "data-key": column }, ...text(line));
          cell.dataset.value = String(values[column](line) ?? "");
          entry.append(cell);
        }
        if (line.difference) /** @type {HTMLElement} */ (entry.children[3]).classList.add(word(line));
        return entry;
      }),
    );
    const name = data.models[state.reference].title;
    heads.difference.querySelector("button")?.replaceChildren("Ours − " + name);
    caption.textContent =
      (state.metric === "psnr" ? "PSNR in dB" : "SSIM") + ", " + state.acceleration + "×, " + state.length +
      (state.seed === "all" ? ", all seeds" : ", seed " + state.seed) + "; the paper’s on fastMRI, in brackets its difference";
    const notes = [];
    if (state.length === EQUAL)
      notes.push(
        "Each row’s longest training within " + data.budget + "’s arithmetic for the table’s length (1.00): here the steps differ.",
      );
    if (rows.some((row) => row.apart)) notes.push("† saw fewer examples than the others: not compared.");
    const missing = data.models.filter((m, i) => m.paper.psnr[now().acceleration] && !rows.some((row) => row.model === i));
    const where = state.length === EQUAL ? "No finished training within the budget: " : "Not run: ";
    if (missing.length && state.seed === "all") notes.push(where + missing.map((m) => m.title).join("; ") + ".");
    notes.push(
      state.metric === "psnr"
        ? "A tie: the interval has zero in it, or some training of the one is less than " + data.floor + " dB from some of the other."
        : "A tie: the interval has zero in it. It is over knees alone: trainings differ too.",
    );
    message.textContent = notes.join(" ");
    const count = (/** @type {string} */ w) => found.filter((line) => line.difference && word(line) === w).length;
    live.say(
      caption.textContent + ". Against " + name + ": " + count("ahead") + " ahead, " + count("tie") + " ties, " + count("behind") + " behind.",
    );
  }

  fill();
  root.append(
    make(
      "div",
      { class: "controls" },
      choice({
        label: "Acceleration",
        options: Object.fromEntries(data.sets.map((s) => [s.acceleration, s.acceleration + "×"])),
        value: state.acceleration,
        changed: (v) => set({ acceleration: v }),
      }),
      choice({
        label: "Score",
        options: { psnr: "PSNR", ssim: "SSIM" },
        value: state.metric,
        changed: (v) => set({ metric: /** @type {Metric} */ (v) }),
      }),
      places.length,
      places.seed,
      make("label", { class: "picker wide" }, "Compare all with ", picker),
    ),
    make("div", { class: "scroll" }, table),
    message,
    live.element,
  );
  update();
}
