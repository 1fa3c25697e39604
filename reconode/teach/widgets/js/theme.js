// @ts-check
// Light or dark as the page around us is, wherever that page says so.

/** @returns {"light" | "dark"} */
function ofPage() {
  const root = document.documentElement;
  const lab = document.body.dataset.jpThemeLight; // JupyterLab
  const said = root.dataset.theme ?? root.getAttribute("theme") ?? (lab && (lab === "true" ? "light" : "dark"));
  if (said === "light" || said === "dark") return said; // Jupyter Book, Colab, JupyterLab
  if (document.body.classList.contains("vscode-dark")) return "dark";
  if (document.body.classList.contains("vscode-light")) return "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * Keep an element's data-theme as the page's, and say when it changes.
 * @param {HTMLElement} element
 * @param {() => void} changed
 */
export function followTheme(element, changed) {
  const update = () => {
    const theme = ofPage();
    if (element.dataset.theme === theme) return;
    element.dataset.theme = theme;
    changed();
  };
  update();
  const watch = new MutationObserver(update);
  for (const node of [document.documentElement, document.body]) watch.observe(node, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
}
