"use strict";
/* Everything works without this; it adds arrow keys in heatmaps, tables that sort, and whole tables in print. */

const served = document.getElementById("served");
if (served && location.protocol === "file:") served.hidden = false;

/* Arrow keys: the next cell that can be opened, in that direction. */
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
for (const table of document.querySelectorAll("table.heat")) {
  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const cell = event.target.closest("td");
    if (!step || !cell) return;
    let row = cell.parentElement.rowIndex, column = cell.cellIndex;
    for (;;) {
      row += step[0];
      column += step[1];
      const next = table.rows[row] && table.rows[row].cells[column];
      if (!next) return;
      const door = next.querySelector("a, button");
      if (door) {
        event.preventDefault();
        door.focus();
        return;
      }
    }
  });
}

/* A heading of a sortable table is a button: first the highest on top, then the lowest. */
const number = (cell) => {
  const found = cell.textContent.replaceAll(",", "").match(/-?\d+(\.\d+)?/);
  return found ? Number(found[0]) : null;
};
const ordered = (a, b) => {
  const [x, y] = [number(a), number(b)];
  if (x !== null && y !== null) return y - x;
  if (x !== null || y !== null) return x === null ? 1 : -1;
  return a.textContent.localeCompare(b.textContent);
};
for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const turned = heading.getAttribute("aria-sort") === "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", turned ? "ascending" : "descending");
      const body = table.tBodies[0], at = heading.cellIndex;
      const rows = [...body.rows].sort((a, b) => (turned ? -1 : 1) * ordered(a.cells[at], b.cells[at]));
      body.append(...rows);
    });
  }
}

/* Print shows every table. */
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
