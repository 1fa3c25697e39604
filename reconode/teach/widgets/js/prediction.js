// @ts-check
// "Predict before you look": the result is kept back until the reader has said which will win.
import { choice } from "./controls.js";
import { fixed, make } from "./dom.js";

const TIE = 0.25; // dB: what two trainings of one function differ by

/** @typedef {{title: string, psnr: number}} Contender */

/** @param {{changed: () => void}} options */
export function prediction({ changed }) {
  const element = make("div", { class: "wide prediction", hidden: true });
  const box = make("input", { type: "checkbox", name: "predict" });
  const toggle = make("label", { class: "tick" }, box, make("span", {}, "Predict before you look"));
  const verdict = make("p", { class: "message", role: "status" });
  const tally = { right: 0, of: 0 };
  let guess = "";
  let judged = false;
  box.addEventListener("change", () => {
    if (!box.checked) verdict.textContent = "";
    changed();
  });
  return {
    element,
    toggle,
    /** Whether the result must be kept back. @param {number} models */
    hides: (models) => box.checked && models === 2 && !guess,
    /** A new question for two models. @param {string[]} titles */
    ask(titles) {
      guess = "";
      judged = false;
      element.hidden = !(box.checked && titles.length === 2);
      if (element.hidden) return;
      verdict.textContent = "";
      const options = { first: titles[0], second: titles[1], tie: `within ${TIE} dB` };
      const question = choice({
        label: "Which will have the higher PSNR?",
        options,
        value: "",
        changed: (value) => {
          guess = value;
          changed();
        },
      });
      element.replaceChildren(question, verdict);
    },
    /** What became of the guess, once both are done. @param {Contender[]} found */
    judge([a, b]) {
      if (!guess || judged) return;
      judged = true;
      const lead = a.psnr - b.psnr;
      const truth = Math.abs(lead) < TIE ? "tie" : lead > 0 ? "first" : "second";
      tally.of += 1;
      tally.right += guess === truth ? 1 : 0;
      const words =
        truth === "tie"
          ? `They are ${fixed(Math.abs(lead), 2)} dB apart`
          : `${lead > 0 ? a.title : b.title} leads by ${fixed(Math.abs(lead), 2)} dB`;
      verdict.textContent = `${words}: you were ${guess === truth ? "right" : "wrong"} (${tally.right} of ${tally.of}).`;
    },
  };
}
