"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const buttons = [...table.querySelectorAll("th button")];
  const value = (row, place) => row.cells[place].dataset.value ?? row.cells[place].textContent;
  const order = (x, y) => (isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y);
  buttons.forEach((button, place) => button.addEventListener("click", () => {
    const heading = button.parentElement;
    const down = heading.getAttribute("aria-sort") !== "descending";
    const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * order(value(a, place), value(b, place)));
    buttons.forEach((other) => other.parentElement.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  }));
}
