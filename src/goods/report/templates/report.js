// Tables with class "sortable" are sorted by a click on a heading; an input or select with data-filter hides what does
// not match it: rows of a table, or the elements below a node.
for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, heading));
  }
}
function sort(table, heading) {
  const up = heading.getAttribute("aria-sort") === "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = (row) => row.cells[heading.cellIndex].textContent.trim();
  const number = (text) => (text === "–" ? -Infinity : parseFloat(text.replace(/[\s,]/g, "")));
  const rows = [...table.tBodies[0].rows].map((row) => [row, value(row)]);
  const numeric = heading.classList.contains("n");
  rows.sort(([, a], [, b]) => (numeric ? number(a) - number(b) : a.localeCompare(b)) * (up ? 1 : -1));
  table.tBodies[0].append(...rows.map(([row]) => row));
}
for (const control of document.querySelectorAll("[data-filter]")) {
  control.addEventListener("input", () => {
    const target = document.getElementById(control.dataset.filter);
    const asked = [...document.querySelectorAll(`[data-filter="${control.dataset.filter}"]`)];
    for (const element of target.tBodies ? target.tBodies[0].rows : target.children) {
      element.hidden = !asked.every((c) => c.tagName === "SELECT"
        ? !c.value || element.dataset.kind === c.value
        : element.textContent.toLowerCase().includes(c.value.toLowerCase()));
    }
  });
}
