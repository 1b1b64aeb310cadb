// Two rows of any results side by side: differences, and whether their intervals lie apart.
"use strict";

(() => {
  const holder = document.getElementById("compare-data");
  if (!holder) {
    return;
  }
  const { columns, rows } = JSON.parse(holder.textContent);
  const find = (name) => document.getElementById(`compare-${name}`);
  const first = find("first");
  const second = find("second");

  const titled = (row) => (row.role ? `${row.title} (${row.role})` : row.title);

  const fill = (select) => {
    const groups = new Map();
    rows.forEach((row, place) => {
      const name = `${row.run}: ${row.kind}`;
      if (!groups.has(name)) {
        const group = document.createElement("optgroup");
        group.label = name;
        groups.set(name, group);
        select.append(group);
      }
      groups.get(name).append(new Option(titled(row), String(place)));
    });
  };

  const warnings = (a, b) => {
    const found = [];
    if (a.protocol !== b.protocol) {
      found.push(`Different protocols, ${a.protocol} and ${b.protocol}: their numbers do not compare.`);
    }
    if (a.kind !== b.kind) {
      found.push(`Different measurements, ${a.kind} and ${b.kind}: equal names need not mean equal numbers.`);
    }
    if (a.reference !== b.reference) {
      found.push("Measured against other reference shapes, or other numbers of them.");
    }
    if (a.found !== b.found) {
      found.push(`${a.found} shapes beside ${b.found}: MMD, COV and ECD move with the number of shapes.`);
    }
    return found;
  };

  // What the intervals of a metric say; "" where they may not be compared.
  const said = (column, a, b, comparable) => {
    if (!comparable) {
      return "does not compare";
    }
    if (!a.loss || !b.loss) {
      return "no interval";
    }
    const apart = a.loss[2] < b.loss[1] ? "first" : b.loss[2] < a.loss[1] ? "second" : "";
    if (!apart) {
      return "intervals meet: not told apart";
    }
    return column.decides ? `${apart} is better, intervals apart` : "intervals apart";
  };

  const difference = (column, a, b) => {
    if (a.value === null || b.value === null) {
      return "—";
    }
    const scaled = (a.value - b.value) * column.scale;
    const digits = Math.abs(scaled) < 1000 ? column.decimals : 0;
    const text = Math.abs(scaled).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return Number(text.replaceAll(",", "")) === 0 ? text : `${scaled < 0 ? "−" : "+"}${text}`;
  };

  const field = (text, below = "", name = "td") => {
    const cell = document.createElement(name);
    cell.append(text);
    if (below) {
      const small = document.createElement("small");
      small.append(below);
      cell.append(small);
    }
    return cell;
  };

  const headed = (id, row) => {
    const head = field(row.title, row.run, "th");
    Object.assign(head, { id, scope: "col" });
    return head;
  };

  const show = () => {
    const [a, b] = [rows[Number(first.value)], rows[Number(second.value)]];
    const found = warnings(a, b);
    const comparable = a.protocol === b.protocol && a.kind === b.kind;
    find("warnings").replaceChildren(
      ...found.map((text) => {
        const line = document.createElement("p");
        line.className = "warning";
        line.append(text);
        return line;
      }),
    );
    find("first-title").replaceWith(headed("compare-first-title", a));
    find("second-title").replaceWith(headed("compare-second-title", b));
    const counts = { first: 0, second: 0, open: 0 };
    const lines = columns
      .filter(({ key }) => key in a.values && key in b.values)
      .map((column) => {
        const [left, right] = [a.values[column.key], b.values[column.key]];
        const words = said(column, left, right, comparable);
        const winner = words.split(" ")[0];
        if (comparable && column.decides) {
          counts[winner === "first" || winner === "second" ? winner : "open"] += 1;
        }
        const line = document.createElement("tr");
        const head = field(column.title, column.sign, "th");
        head.scope = "row";
        const end = field(words);
        end.className = "words";
        line.append(head, field(left.text, left.interval), field(right.text, right.interval));
        line.append(field(difference(column, left, right)), end);
        return line;
      });
    find("rows").replaceChildren(...lines);
    find("verdict").textContent = summary(lines.length, comparable, counts);
  };

  const summary = (shared, comparable, counts) => {
    if (shared === 0) {
      return "These two rows share no metric.";
    }
    if (!comparable) {
      return `${shared} metrics have the same name; they do not compare.`;
    }
    return `The first is better on ${counts.first} metrics, the second on ${counts.second}; ${counts.open} are not told apart.`;
  };

  for (const select of [first, second]) {
    fill(select);
    select.addEventListener("change", show);
  }
  const other = rows.findIndex((row, place) => place > 0 && row.kind === rows[0].kind);
  first.value = "0";
  second.value = String(other > 0 ? other : 1);
  find("swap").addEventListener("click", () => {
    [first.value, second.value] = [second.value, first.value];
    show();
  });
  document.getElementById("comparison").hidden = false;
  show();
})();
