// @ts-check
/* A formula that is wider than its column scrolls sideways. With the keyboard that needs a tab stop, which only those
   formulas get; it comes and goes with the window's width. */

document.addEventListener("DOMContentLoaded", () => {
  const watcher = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target.closest("div.math");
      if (!(box instanceof HTMLElement)) continue;
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  });
  const watch = () => {
    for (const box of document.querySelectorAll("div.math")) {
      watcher.observe(box);
      for (const formula of box.children) watcher.observe(formula);
    }
  };
  watch();
  // The typeset formulas are other elements than those that were there before.
  const mathjax = /** @type {any} */ (window).MathJax;
  if (mathjax?.startup?.promise) mathjax.startup.promise.then(watch);
  else window.addEventListener("load", () => /** @type {any} */ (window).MathJax?.startup?.promise?.then(watch));
});
