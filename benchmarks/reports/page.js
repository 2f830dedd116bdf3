"use strict";
// Shows the cases of the data block. Text goes in as textContent only: what a model wrote is never markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 200;
  const SQUARES = 20; // of one case and run; more samples are a count alone
  const by = (id) => document.getElementById(id);
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const passed = (samples) => samples.filter((one) => one.passes).length;
  // A pass below the report's minimum strength counts as not passed.
  const isTooWeak = (one) => one.verdict === "passed" && !one.passes;
  const words = (one) => (isTooWeak(one) ? "passed, too weak to count" : one.verdict);
  const tone = (one) => (isTooWeak(one) ? "too-weak" : one.verdict);
  const rate = (samples) => (samples.length ? passed(samples) / samples.length : 0);
  const all = (row) => row.runs.flat();
  const differs = (row) => new Set(row.runs.map(rate)).size > 1;
  const searched = (row) =>
    (row.text ??= [row.id, ...all(row).flatMap((one) => [one.detail, one.code ?? ""])].join("\n").toLowerCase());
  // Null where nothing is known, which is sorted last.
  const sum = (row, of) => {
    const known = all(row).map(of).filter((value) => value !== undefined);
    return known.length ? known.reduce((total, value) => total + value, 0) : null;
  };
  const seconds = (row) => sum(row, (one) => one.wall_s + (one.seconds ?? 0));
  const cost = (row) => sum(row, (one) => one.cost);
  const duration = (value) => `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} s`;
  const dollars = (value) => `$${value && value < 0.1 ? value.toPrecision(2) : value.toFixed(2)}`;

  const natural = new Intl.Collator("en", { numeric: true });
  const columns = [
    { of: (row) => row.id },
    ...data.names.map((_, i) => ({ of: (row) => (row.runs[i].length ? rate(row.runs[i]) : null) })),
    { of: seconds, text: duration },
  ];
  if (data.costs) columns.push({ of: cost, text: dollars });
  let sorted = null; // a column, and which way: none, up, down, none
  let way = 1;

  function cell(samples) {
    const box = make("td");
    const result = samples.length === 1 ? words(samples[0]) : `${passed(samples)} of ${samples.length}`;
    if (samples.length <= SQUARES)
      for (const one of samples) {
        const square = make("span", `square ${tone(one)}`, data.letters[one.verdict]);
        square.title = `sample ${one.sample}: ${words(one)}, ${one.strength}`;
        box.append(square);
      }
    box.append(make("span", "result", samples.length ? result : "no sample"));
    return box;
  }

  function sample(one, name) {
    const box = make("div", "sample");
    const said = [name, `sample ${one.sample}`, words(one), one.strength].filter(Boolean).join(" · ");
    box.append(make("h3", tone(one), said));
    if (one.page) {
      const link = make("a", "", "Task, diff, log and trace");
      link.href = one.page;
      box.append(link);
    }
    if (one.detail) box.append(make("p", "", one.detail));
    const base = one.base === undefined ? "" : ` · base tests: ${one.base}`;
    box.append(make("p", "", `${one.cpu_s} s of CPU, ${one.wall_s} s${base}`));
    if (one.code !== undefined) box.append(make("pre", "", one.code));
    if (one.output) box.append(make("p", "", "output"), make("pre", "", one.output));
    return box;
  }

  function opened(row) {
    const box = make("td");
    box.colSpan = columns.length + 1;
    const link = make("a", "", "Link to this case");
    link.href = `#case=${encodeURIComponent(row.key)}`;
    box.append(link);
    row.runs.forEach((samples, i) => {
      const name = data.names.length > 1 ? data.names[i] : "";
      box.append(...samples.map((one) => sample(one, name)));
    });
    const line = make("tr", "opened");
    line.append(box);
    return line;
  }

  function entry(row) {
    const line = make("tr", "case");
    const button = make("button", "", row.id);
    const head = make("th", "id");
    head.scope = "row";
    head.append(button);
    const worst = all(row).find((one) => !one.passes);
    const plain = columns.filter((column) => column.text).map(({ of, text }) =>
      make("td", "number", of(row) === null ? "–" : text(of(row))));
    line.append(head, ...row.runs.map(cell), ...plain, make("td", "reason", worst ? worst.detail : ""));
    let below = null;
    const toggle = (open) => {
      below?.remove();
      below = open ? opened(row) : null;
      if (open) line.after(below);
      button.setAttribute("aria-expanded", open);
    };
    toggle(false);
    line.addEventListener("click", () => toggle(!below));
    row.show = () => {
      toggle(true);
      line.scrollIntoView();
      button.focus({ preventScroll: true });
    };
    return line;
  }

  const FILTERS = {
    outcome: (row) => all(row).map((one) => one.verdict),
    strength: (row) => all(row).map((one) => one.strength),
    kind: (row) => [row.kind ?? "none"],
    difficulty: (row) => [row.difficulty ?? "none"],
    category: (row) => [row.category ?? "none"],
  };
  const groupOf = (row) => FILTERS[by("group").value]?.(row)[0];

  function groupRow(name) {
    const line = make("tr", "group");
    const inside = found.filter((row) => groupOf(row) === name);
    const count = `${inside.length} case${inside.length === 1 ? "" : "s"}`;
    const head = make("th", "", `${by("group").value}: ${name} · ${count}`);
    head.colSpan = columns.length + 1;
    head.scope = "rowgroup";
    line.append(head);
    return line;
  }

  let found = [];
  let shown = 0;
  function more() {
    const until = Math.min(found.length, shown + PAGE);
    for (; shown < until; shown++) {
      const name = groupOf(found[shown]);
      if (name !== undefined && (!shown || name !== groupOf(found[shown - 1]))) by("list").append(groupRow(name));
      by("list").append(entry(found[shown]));
    }
    by("more").hidden = shown >= found.length;
    by("count").textContent = `${found.length} of ${data.cases.length} cases`;
  }

  function compared(one, other) {
    const [a, b] = [sorted.of(one), sorted.of(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return way * (typeof a === "string" ? natural.compare(a, b) : a - b);
  }

  function filter() {
    const text = by("find").value.toLowerCase();
    const wanted = Object.entries(FILTERS).filter(([id]) => by(id).value);
    found = data.cases.filter(
      (row) =>
        (!text || searched(row).includes(text)) &&
        wanted.every(([id, of]) => of(row).includes(by(id).value)) &&
        (!by("differs").checked || differs(row)),
    );
    if (sorted) found.sort(compared);
    if (by("group").value) {
      const order = [...new Set(data.cases.map(groupOf))];
      found.sort((one, other) => order.indexOf(groupOf(one)) - order.indexOf(groupOf(other)));
    }
    shown = 0;
    by("list").replaceChildren();
    more();
  }

  function sort(column) {
    if (sorted !== column) [sorted, way] = [column, 1];
    else if (way === 1) way = -1;
    else sorted = null;
    columns.forEach((one, i) => {
      const order = one !== sorted ? "none" : way === 1 ? "ascending" : "descending";
      by("head").children[i].setAttribute("aria-sort", order);
    });
    filter();
  }

  function follow() {
    if (!location.hash.startsWith("#case=")) return;
    let key;
    try {
      key = decodeURIComponent(location.hash.slice("#case=".length));
    } catch {
      return; // a link that was written by hand, and isn't one
    }
    const row = data.cases.find((one) => one.key === key);
    if (!row) return;
    if (!found.includes(row)) {
      by("filters").reset();
      filter();
    }
    while (shown <= found.indexOf(row)) more();
    row.show();
  }

  for (const [id, of] of Object.entries(FILTERS)) {
    const values = [...new Set(data.cases.flatMap(of))];
    by(id).append(...values.map((value) => new Option(value)));
    by(id).parentElement.hidden = values.length < 2;
    if (["kind", "difficulty", "category"].includes(id) && values.length > 1) by("group").append(new Option(id));
  }
  by("group").parentElement.hidden = by("group").options.length < 2;
  columns.forEach((column, i) => by("head").children[i].addEventListener("click", () => sort(column)));
  by("filters").hidden = false;
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  by("filters").addEventListener("input", filter);
  by("more").addEventListener("click", more);
  addEventListener("hashchange", follow);
  filter();
  follow();
})();
