"use strict";
(() => {
  const bar = document.querySelector(".filter");
  const items = [...document.querySelectorAll("[data-severity]")];
  if (!bar || items.length === 0) return;
  const search = bar.querySelector("input[type=search]");
  const boxes = [...bar.querySelectorAll("input[type=checkbox]")];
  const output = bar.querySelector("output");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set(boxes.filter((b) => !b.checked).map((b) => b.value));
    let shown = 0;
    for (const item of items) {
      const text = item.textContent.toLowerCase();
      const show = !off.has(item.dataset.severity) && words.every((w) => text.includes(w));
      item.hidden = !show;
      shown += show ? 1 : 0;
    }
    output.textContent = shown === items.length ? "" : `${shown} of ${items.length} shown`;
  };
  bar.addEventListener("input", apply);
  bar.hidden = false;
})();
