"use strict";
// Shows the cases of the data block. Text goes in as textContent only: what a model wrote is never markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 200;
  const by = (id) => document.getElementById(id);
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const passed = (samples) => samples.filter((one) => one.verdict === "passed").length;
  const rate = (samples) => (samples.length ? passed(samples) / samples.length : 0);
  const all = (row) => row.runs.flat();
  const differs = (row) => new Set(row.runs.map(rate)).size > 1;
  const searched = (row) =>
    (row.text ??= [row.id, ...all(row).flatMap((one) => [one.detail, one.code ?? ""])].join("\n").toLowerCase());

  function chip(samples) {
    if (!samples.length) return make("span", "chip none", "no sample");
    if (samples.length === 1) return make("span", `chip ${samples[0].verdict}`, samples[0].verdict);
    const good = passed(samples);
    const kind = good === samples.length ? "passed" : good ? "mixed" : "failed";
    return make("span", `chip ${kind}`, `${good} of ${samples.length}`);
  }

  function sample(one, name) {
    const box = make("div", "sample");
    const said = [name, `sample ${one.n}`, one.verdict, one.strength].filter(Boolean).join(" · ");
    box.append(make("h3", one.verdict, said));
    if (one.detail) box.append(make("p", "", one.detail));
    const more = [`${one.cpu} s of CPU, ${one.wall} s`];
    if (one.base !== undefined) more.push(`base tests: ${one.base}`);
    if (one.overfits !== undefined) more.push(one.overfits ? "overfits: wrong on fresh inputs" : "right on fresh inputs");
    box.append(make("p", "", more.join(" · ")));
    if (one.code !== undefined) box.append(make("pre", "", one.code));
    if (one.output !== undefined) box.append(make("p", "", "output"), make("pre", "", one.output));
    return box;
  }

  function entry(row) {
    const details = make("details");
    const summary = make("summary");
    summary.append(make("span", "id", row.id), ...row.runs.map(chip));
    const worst = all(row).find((one) => one.verdict !== "passed");
    summary.append(make("span", "reason", worst ? worst.detail : ""));
    details.append(summary);
    details.addEventListener("toggle", () => {
      if (!details.open || details.childElementCount > 1) return;
      row.runs.forEach((samples, i) => {
        const name = data.names.length > 1 ? data.names[i] : "";
        details.append(...samples.map((one) => sample(one, name)));
      });
    });
    return details;
  }

  function options(select, values) {
    for (const value of [...new Set(values)].sort()) {
      const option = make("option", "", value);
      option.value = value;
      select.append(option);
    }
  }

  let found = [];
  let shown = 0;
  function more() {
    by("list").append(...found.slice(shown, shown + PAGE).map(entry));
    shown = Math.min(found.length, shown + PAGE);
    by("more").hidden = shown >= found.length;
    by("count").textContent = `${found.length} of ${data.cases.length} cases`;
  }

  function filter() {
    const text = by("find").value.toLowerCase();
    const outcome = by("outcome").value;
    const strength = by("strength").value;
    found = data.cases.filter(
      (row) =>
        (!text || searched(row).includes(text)) &&
        (!outcome || all(row).some((one) => one.verdict === outcome)) &&
        (!strength || all(row).some((one) => one.strength === strength)) &&
        (!by("differs").checked || differs(row)),
    );
    shown = 0;
    by("list").replaceChildren();
    more();
  }

  options(by("outcome"), data.cases.flatMap((row) => all(row).map((one) => one.verdict)));
  options(by("strength"), data.cases.flatMap((row) => all(row).map((one) => one.strength)));
  by("differs-label").hidden = data.names.length < 2;
  const head = by("head");
  head.append(make("span", "id", "Case"));
  for (const name of data.names) {
    const column = make("span", "chip", data.names.length > 1 ? name : "Passed");
    column.title = name;
    head.append(column);
  }
  head.append(make("span", "reason", "First failure"));
  by("filters").hidden = false;
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["find", "outcome", "strength", "differs"]) by(id).addEventListener("input", filter);
  by("more").addEventListener("click", more);
  filter();
})();
