// Tables sort by their columns: the best first where a column has a direction, then the worst, then as they were.
"use strict";

// Published rows of one kind of data at a time, ours always.
for (const controls of document.querySelectorAll("[data-filters]")) {
  const rows = [...document.getElementById(controls.dataset.filters).closest("table").tBodies[0].rows];
  const theirs = rows.filter((row) => !row.classList.contains("here"));
  const select = controls.querySelector("select");
  const kinds = [...new Set(theirs.map((row) => row.cells[1].textContent))].sort();
  select.append(...kinds.map((kind) => new Option(kind)));
  select.addEventListener("change", () => {
    for (const row of theirs) {
      row.hidden = select.value !== "" && row.cells[1].textContent !== select.value;
    }
  });
  controls.hidden = kinds.length < 2;
}

(() => {
  const STEPS = ["best", "worst", "none"];

  const numbers = (cells, name) => {
    const found = cells.map((cell) => cell.dataset[name]).filter((text) => text !== undefined && text !== "");
    return found.length > 0 && found.every((text) => !Number.isNaN(Number(text.replace("inf", "Infinity"))));
  };

  const keyed = (cells) => {
    const name = numbers(cells, "loss") ? "loss" : "order";
    if (!numbers(cells, name)) {
      return cells.map((cell) => cell.textContent.trim().toLowerCase());
    }
    return cells.map((cell) => {
      const text = cell.dataset[name];
      return text === undefined || text === "" || text === "nan" ? null : Number(text.replace("inf", "Infinity"));
    });
  };

  // Fields without a value come last, whichever way the others go.
  const compared = (a, b, sign) => {
    if (a === null || b === null) {
      return (a === null) - (b === null);
    }
    const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return sign * order;
  };

  const rising = (cells, step) => {
    const values = cells.map((cell) => cell.dataset.order).filter(Boolean).map(Number);
    const up = values.every((value, place) => place === 0 || values[place - 1] <= value);
    const down = values.every((value, place) => place === 0 || values[place - 1] >= value);
    if (up !== down) {
      return up ? "ascending" : "descending";
    }
    return step === "best" ? "ascending" : "descending";
  };

  const sort = (table, heads, place, original) => {
    const head = heads[place];
    const step = STEPS[(STEPS.indexOf(head.dataset.sorted || "none") + 1) % STEPS.length];
    const rows = [...original];
    if (step !== "none") {
      const keys = new Map();
      keyed(original.map((row) => row.cells[place])).forEach((key, index) => keys.set(original[index], key));
      const sign = step === "best" ? 1 : -1;
      rows.sort((a, b) => compared(keys.get(a), keys.get(b), sign));
    }
    table.tBodies[0].append(...rows);
    for (const other of heads) {
      other.setAttribute("aria-sort", "none");
      delete other.dataset.sorted;
    }
    if (step !== "none") {
      head.dataset.sorted = step;
      const cells = rows.map((row) => row.cells[place]);
      // What is sorted by its way to an ideal rises and falls.
      head.setAttribute("aria-sort", monotonous(cells) ? rising(cells, step) : "other");
    }
  };

  const monotonous = (cells) => {
    const values = cells.map((cell) => cell.dataset.order).filter(Boolean).map(Number);
    const steps = values.slice(1).map((value, place) => Math.sign(value - values[place]));
    return !(steps.includes(1) && steps.includes(-1));
  };

  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    const original = [...table.tBodies[0].rows];
    heads.forEach((head, place) => {
      if (original.length < 2) {
        return;
      }
      head.setAttribute("aria-sort", "none");
      const button = document.createElement("button");
      button.type = "button";
      const below = head.querySelector("small");
      button.append(...[...head.childNodes].filter((node) => node !== below));
      head.prepend(button);
      button.addEventListener("click", () => sort(table, heads, place, original));
    });
  }
})();
