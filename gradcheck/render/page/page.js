"use strict";
// Tables that sort and filter. The page is whole without it. No character that XML would read as markup.
(function () {
  const WORST = ["nonfinite", "mismatch", "fail", "error", "inconclusive", "unchecked", "kink", "match", "pass"];

  function number(text) {
    const plain = text.replace(/[,\s%×]/g, "");
    if (plain === "inf") return Infinity;
    const found = parseFloat(plain);
    return Number.isNaN(found) ? -Infinity : found;
  }

  function key(cell, kind) {
    const text = cell.dataset.key || cell.textContent.trim();
    if (kind === "number") return [number(text)];
    if (kind === "index") return (text.match(/\d+/g) || []).map(Number);
    if (kind === "verdict") {
      const at = WORST.findIndex(function (word) { return text.includes(word); });
      return [at === -1 ? WORST.length : at];
    }
    return [text];
  }

  function compare(a, b) {
    for (let i = 0; i !== Math.min(a.length, b.length); i += 1) {
      if (a[i] !== b[i]) {
        if (typeof a[i] === "string") return a[i].localeCompare(b[i], undefined, { numeric: true });
        return a[i] > b[i] ? 1 : -1;
      }
    }
    return a.length - b.length;
  }

  function sort(table, heading, column) {
    const body = table.tBodies[0];
    const next = { none: heading.dataset.kind === "number" ? "descending" : "ascending",
                   ascending: heading.dataset.kind === "number" ? "none" : "descending",
                   descending: heading.dataset.kind === "number" ? "ascending" : "none" };
    const order = next[heading.getAttribute("aria-sort")];
    for (const other of heading.parentNode.children) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    heading.setAttribute("aria-sort", order);
    const sign = order === "descending" ? -1 : 1;
    const rows = Array.from(body.rows, function (row) {
      const place = Number(row.dataset.place);
      return { row: row, place: place, key: order === "none" ? [place] : key(row.cells[column], heading.dataset.kind) };
    });
    rows.sort(function (a, b) { return sign * compare(a.key, b.key) || a.place - b.place; });
    body.append.apply(body, rows.map(function (one) { return one.row; }));
  }

  function sortable(table) {
    Array.from(table.tBodies[0].rows).forEach(function (row, place) { row.dataset.place = place; });
    Array.from(table.tHead.rows[0].cells).forEach(function (heading, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.append.apply(button, Array.from(heading.childNodes));
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () { sort(table, heading, column); });
    });
  }

  function filtered(table) {
    const rows = Array.from(table.tBodies[0].rows);
    const label = document.createElement("label");
    const field = document.createElement("input");
    const found = document.createElement("output");
    field.type = "search";
    field.placeholder = "any words";
    label.className = "filter";
    label.append("Rows with ", field, " ", found);
    table.parentNode.before(label);
    field.addEventListener("input", function () {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.includes(word); });
        if (!row.hidden) shown += 1;
      }
      found.textContent = words.length ? shown + " of " + rows.length : "";
    });
  }

  for (const table of document.querySelectorAll("table")) {
    const count = table.tBodies[0].rows.length;
    if (count > 1) sortable(table);
    if (count > 5) filtered(table);
  }

  // A link to a check opens it.
  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target ? target.querySelector("details") : null;
    if (closed) { closed.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", open);
  open();

  addEventListener("beforeprint", function () {
    for (const closed of document.querySelectorAll("details")) closed.open = true;
  });
})();
