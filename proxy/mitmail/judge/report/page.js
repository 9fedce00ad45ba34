"use strict";
(() => {
  // The document comes packed: each distinct value once, by number (mitmail/judge/report/pack.py).
  const unpacked = (nodes) => {
    const built = [];
    for (const node of nodes) {
      if (!Array.isArray(node)) built.push(node);
      else if (node[0] === 0) built.push(node.slice(1).map((n) => built[n]));
      else built.push(Object.fromEntries(built[node[1]].map((key, i) => [key, built[node[i + 2]]])));
    }
    return built[built.length - 1];
  };
  const run = unpacked(JSON.parse(document.getElementById("data").textContent));
  const cells = new Map(run.cells.map((one) => [one.cell, one]));
  const form = document.getElementById("filter");
  const dialog = document.getElementById("cell");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Text only, never markup: what a client printed stays what it printed.
  const h = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat(Infinity).filter((x) => x !== null && x !== undefined && x !== ""));
    return made;
  };

  // What is shown is in the address behind #, so that a view can be sent to somebody.
  const KEYS = ["outcome", "client", "endpoint", "text", "cell"];
  const state = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(KEYS.map((key) => [key, said.get(key) ?? ""]));
  };
  const address = (changes) => {
    const next = { ...state(), ...changes };
    const said = new URLSearchParams(KEYS.filter((key) => next[key]).map((key) => [key, next[key]]));
    return "#" + said.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  };
  const go = (changes, { quietly = false } = {}) => {
    history[quietly ? "replaceState" : "pushState"](null, "", address(changes));
    show();
  };

  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const haystack = (one) =>
    [one.cell, one.scenario, one.title, one.outcome, one.why, one.expected, one.said, one.text,
      one.seen, one.alert].join(" ").toLowerCase();
  for (const one of run.cells) one.haystack = haystack(one);

  const wanted = (now) => {
    const outcomes = now.outcome ? now.outcome.split(",") : null;
    const text = words(now.text);
    return (one) =>
      (!outcomes || outcomes.includes(one.outcome)) &&
      (!now.client || one.client === now.client) &&
      (!now.endpoint || one.endpoint === now.endpoint) &&
      text.every((word) => one.haystack.includes(word));
  };
  const named = (link) => new URLSearchParams(link.hash.slice(1)).get("cell");

  // Each mark of the matrix, and each entry above it, stands for its cells on some endpoints.
  const standsFor = (element, first) => {
    const stem = first.slice(0, first.lastIndexOf("/") + 1);
    return element.dataset.endpoints.split(" ").map((name) => cells.get(stem + name)).filter(Boolean);
  };
  const parts = [
    ...all("a.mark").map((one) => ({ element: one, cells: standsFor(one, named(one)) })),
    ...all("details.item").map((one) => ({
      element: one, cells: standsFor(one, named(one.querySelector(".opens a"))),
    })),
  ];

  let found = run.cells;
  const filter = (now) => {
    const is = wanted(now);
    found = run.cells.filter(is);
    const kept = new Set(found);
    for (const part of parts) part.element.hidden = !part.cells.some((one) => kept.has(one));
    for (const row of all("tr.case")) row.hidden = !row.querySelector("a.mark:not([hidden])");
    for (const body of all("#matrix tbody")) body.hidden = !body.querySelector("tr.case:not([hidden])");
    for (const one of all("#matrix [data-client]")) {
      one.hidden = Boolean(now.client) && one.dataset.client !== now.client;
    }
    for (const one of all(".heap, #attention")) one.hidden = !one.querySelector(".item:not([hidden])");
    if (now.text || now.client || now.outcome) for (const one of all(".heap")) one.open = true;
    document.getElementById("nothing").hidden = found.length > 0;
    document.getElementById("shown").textContent =
      found.length === run.cells.length ? `${found.length} cells` : `${found.length} of ${run.cells.length} cells`;
    for (const name of ["client", "endpoint", "text"]) {
      if (form.elements[name].value !== now[name]) form.elements[name].value = now[name];
    }
    const chosen = now.outcome.split(",");
    for (const link of all("[data-toggle]")) {
      link.setAttribute("aria-pressed", chosen.includes(link.dataset.toggle));
    }
  };

  const badge = (word) => {
    const [shape, name] = run.outcomes[word] ?? ["•", word];
    return h("span", { class: `badge o-${word}` }, h("span", { class: "shape", "aria-hidden": "true" }, shape), ` ${name}`);
  };
  const section = (title, ...content) => h("section", {}, h("h3", {}, title), ...content);
  const pairs = (list) => h("dl", {}, list.filter(([, value]) => value).map(([key, value]) => [h("dt", {}, key), h("dd", {}, value)]));

  const copied = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = h("textarea", { class: "hidden" });
      area.value = text;
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "copied";
  };
  const command = (text) => {
    const button = h("button", { type: "button", onclick: () => copied(text, button) }, "copy");
    return h("p", { class: "command" }, h("code", {}, text), button);
  };

  const DAY = 86400000;
  const span = (ms) => {
    const days = Math.round(Math.abs(ms) / DAY);
    if (days === 0) return "less than a day";
    return days < 60 ? `${days} day${days === 1 ? "" : "s"}` : `${Math.round(days / 30.4)} months`;
  };
  // Only what the dates themselves say; whether a certificate fits is for the witnesses.
  const validity = (one) => {
    const started = Date.parse(run.started);
    const [from, until] = [Date.parse(one.not_before), Date.parse(one.not_after)];
    if (Number.isNaN(from) || Number.isNaN(until)) return null;
    if (until < started) return `ended ${span(started - until)} before this run`;
    if (from > started) return `begins ${span(from - started)} after this run`;
    return null;
  };
  const certificate = (one, place) => {
    const odd = validity(one);
    const listed = (one.names ?? []).join(", ");
    const dates = [one.not_before, one.not_after].map((x) => String(x ?? "?").slice(0, 16).replace("T", " ")).join("  to  ");
    return h("li", { class: "certificate" },
      h("p", { class: "role" }, place),
      h("p", { class: "subject" }, one.subject ?? "cannot be read"),
      pairs([
        ["names", listed],
        ["valid", h("span", {}, dates, odd ? h("strong", { class: "odd" }, ` ▲ ${odd}`) : null)],
        ["key", one.key], ["signature", one.signature],
        ["SHA-256", one.sha256 ? h("code", { class: "digest" }, one.sha256) : null],
      ]));
  };
  const chain = (one) => {
    if (!one.chain.length) return h("p", { class: "dim" }, "No certificate was presented.");
    const drawn = one.chain.flatMap((each, i) => {
      const role = i === 0 ? "leaf" : each.subject === each.issuer ? "root, sent" : "issuer, sent";
      const next = one.chain[i + 1];
      const own = each.subject === each.issuer;
      const link = own ? "signed by itself" : `issued by ${each.issuer}`;
      const broken = next && next.subject !== each.issuer ? ", which is not the next one" : "";
      return [certificate(each, role), h("li", { class: "link" }, h("span", { "aria-hidden": "true" }, own ? "↻ " : "↑ "), link, broken)];
    });
    const last = one.chain[one.chain.length - 1];
    if (last.subject !== last.issuer) drawn.push(h("li", { class: "certificate absent" }, h("p", { class: "role" }, "not sent"), h("p", { class: "subject" }, last.issuer)));
    return [h("p", { class: "dim" }, `The client was told to connect to ${one.name}.`), h("ol", { class: "chain" }, drawn)];
  };

  const ARROWS = { client: "→", server: "←", both: "↔", mitmail: "·" };
  const session = (one, number, total) => {
    const rows = one.facts.map(([ms, who, what, details]) =>
      h("tr", { class: `f-${who}${(/alert/.test(what) && !details.startsWith("0 ")) || /has failed|finding/.test(what) ? " telling" : ""}` },
        h("td", { class: "ms" }, ms.toFixed(1)), h("td", {}, h("span", { "aria-hidden": "true" }, `${ARROWS[who] ?? "·"} `), who),
        h("td", {}, what, details ? h("span", { class: "dim" }, ` ${details}`) : null)));
    const head = h("thead", {}, h("tr", {}, ["ms", "who", "what"].map((x) => h("th", { scope: "col" }, x))));
    return h("details", { open: total <= 2 || number === 1 },
      h("summary", {}, total > 1 ? `Session ${number} of ${total}` : "The session"),
      pairs(one.said), h("table", { class: "facts" }, head, h("tbody", {}, rows)));
  };

  const siblings = (one) => run.cells.filter((x) => x.client === one.client && x.case === one.case);
  const link = (one, label, attributes = {}) =>
    h("a", { href: address({ cell: one.cell }), ...attributes, onclick: (event) => { event.preventDefault(); go({ cell: one.cell }, { quietly: true }); } }, label);
  const tab = (one, current) =>
    link(one, [badge(one.outcome), ` ${one.endpoint}`], { class: "tab", "aria-current": one === current ? "page" : null });
  const near = (one, step) => {
    const place = found.indexOf(one);
    const next = place < 0 ? null : found[place + step];
    return next ? link(next, step < 0 ? "‹ previous" : "next ›", { class: "near", "data-step": step }) : null;
  };
  const close = () => go({ cell: "" });

  const opened = (one) => h("article", {},
    h("nav", { "aria-label": "cells" }, near(one, -1), near(one, 1), h("button", { type: "button", class: "close", onclick: close }, "close")),
    h("h2", { id: "cell-title", tabindex: "-1" }, badge(one.outcome), ` ${`${one.client} ${one.version}`.trim()}: ${one.scenario}`),
    h("p", { class: "tabs" }, siblings(one).map((x) => tab(x, one))),
    h("p", { class: "verdict" }, one.why, one.unstable ? h("strong", { class: "odd" }, " ▲ unstable: it came out differently when tried again") : null),
    one.tries.length ? h("ul", {}, one.tries.map((x) => h("li", {}, `an earlier try: ${x}`))) : null,
    h("div", { class: "witnesses" }, [["expected", one.expected], ["its own word", one.said], ["what we saw", one.seen]]
      .map(([who, what]) => h("div", {}, h("p", { class: "label" }, who), h("p", {}, what)))),
    h("p", {}, h("b", {}, `${one.title}. `), one.matters),
    section("Reproduce", command(one.reproduce), command(one.serve)),
    section("The client's own words", one.text.trim() ? h("pre", {}, one.text.trim()) : h("p", { class: "dim" }, "It said nothing."), one.more.length ? pairs(one.more) : null),
    one.screenshot ? section("What it showed", h("img", { src: one.screenshot, alt: `screenshot of ${one.client}` })) : null,
    section("What was presented", chain(one)),
    section("What happened", one.alert ? h("p", {}, h("b", {}, "TLS alert "), one.alert) : null,
      one.sessions.length ? one.sessions.map((x, i) => session(x, i + 1, one.sessions.length)) : h("p", { class: "dim" }, "Nothing connected."),
      h("p", { class: "dim" }, `The client took ${one.seconds} s.`)));

  const detail = (now) => {
    const one = cells.get(now.cell);
    if (!one) {
      if (dialog.open) dialog.close();
      return;
    }
    dialog.replaceChildren(opened(one));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    document.getElementById("cell-title").focus({ preventScroll: true });
  };

  const show = () => {
    const now = state();
    filter(now);
    detail(now);
  };

  document.addEventListener("click", (event) => {
    const clicked = event.target.closest("a");
    if (!clicked || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (clicked.dataset.toggle) {
      event.preventDefault();
      const chosen = new Set(state().outcome.split(",").filter(Boolean));
      if (!chosen.delete(clicked.dataset.toggle)) chosen.add(clicked.dataset.toggle);
      go({ outcome: [...chosen].join(",") });
    } else if (clicked.hash.startsWith("#cell=") && !clicked.closest("dialog")) {
      event.preventDefault();
      go({ cell: named(clicked) });
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: "-1", ArrowRight: "1" }[event.key];
    if (step) dialog.querySelector(`[data-step="${step}"]`)?.click();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    const { client, endpoint, text } = form.elements;
    go({ client: client.value, endpoint: endpoint.value, text: text.value }, { quietly: true });
  });
  document.getElementById("reset").addEventListener("click", () => go({ client: "", endpoint: "", text: "", outcome: "" }));
  addEventListener("popstate", show);
  for (const link of all("[data-toggle]")) link.setAttribute("role", "button");
  form.hidden = false;
  show();
})();
