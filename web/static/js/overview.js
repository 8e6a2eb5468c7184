/** Marks the row and the column of a cell, and opens the entry that the address names. */

const MARK = "crossed";

function cross(table, cell) {
  for (const marked of table.querySelectorAll(`.${MARK}`)) marked.classList.remove(MARK);
  if (!cell || cell.tagName !== "TD") return;
  for (const row of table.rows) {
    if (row === cell.parentElement) for (const other of row.cells) other.classList.add(MARK);
    row.cells[cell.cellIndex]?.classList.add(MARK);
  }
}

for (const table of document.querySelectorAll("table[data-cross]")) {
  let last = null;
  const show = (event) => {
    const cell = event.target.closest("td, th");
    if (cell !== last) cross(table, (last = cell));
  };
  const clear = () => cross(table, (last = null));
  table.addEventListener("pointerover", show);
  table.addEventListener("focusin", show);
  table.addEventListener("pointerleave", clear);
  table.addEventListener("focusout", clear);
}

function reveal() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.tagName !== "DETAILS") return;
  named.open = true;
  named.scrollIntoView();
}

addEventListener("hashchange", reveal);
reveal();
