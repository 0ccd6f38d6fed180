// Lists traces and draws one as a waterfall. Everything shown is set as text, never as markup.
"use strict";

const POLL_MS = 2000;
const DEPTH_SHOWN_MAX = 12;
const $ = (id) => document.getElementById(id);

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

function duration(ns) {
  if (ns === null || ns === undefined) return "";
  if (ns < 1e6) return (ns / 1e3).toFixed(0) + " µs";
  if (ns < 1e9) return (ns / 1e6).toFixed(1) + " ms";
  return (ns / 1e9).toFixed(2) + " s";
}

function tokens(trace) {
  if (trace.input_tokens === null && trace.output_tokens === null) return "";
  return (trace.input_tokens ?? "–") + " → " + (trace.output_tokens ?? "–");
}

async function list() {
  const params = new URLSearchParams();
  for (const [name, value] of new FormData($("filters"))) {
    if (value) params.set(name, value === "on" ? "true" : value);
  }
  const answer = await fetch("/api/traces?" + params).catch(() => null);
  const said = answer === null ? { error: "the gateway does not answer" } : await answer.json();
  $("problem").textContent = said.error ?? "";
  if (said.error) return;
  const { traces } = said;
  const rows = traces.map((trace) => {
    const row = el("tr");
    row.tabIndex = 0;
    const what = [trace.provider, trace.model].filter(Boolean).join(" ") || trace.root_name;
    const first = trace.ttft_seconds === null ? "" : duration(trace.ttft_seconds * 1e9);
    row.append(
      el("td", "", new Date(trace.started_ns / 1e6).toLocaleTimeString()),
      el("td", "", what),
      el("td", "n", duration(trace.duration_ns)),
      el("td", "n", first),
      el("td", "n", tokens(trace)),
      el("td", trace.errors ? "bad" : "good", trace.errors ? "error" : "ok"),
    );
    const open = () => { location.hash = trace.trace_id; };
    row.addEventListener("click", open);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
    return row;
  });
  $("traces").replaceChildren(...rows);
  $("empty").hidden = traces.length > 0;
}

function bar(span, whole) {
  const track = el("div", "track");
  const shape = el("div", span.status === "Error" ? "bar failed" : "bar");
  const share = (ns) => (100 * ns / whole).toFixed(3) + "%";
  shape.style.marginLeft = share(span.offset_ns);
  shape.style.width = "max(2px, " + share(span.duration_ns) + ")";
  if (span.first_content_ns !== null) {
    const mark = el("div", "mark");
    mark.title = "first content";
    mark.style.left = share(span.offset_ns + span.first_content_ns);
    track.append(mark);
  }
  track.append(shape);
  return track;
}

function details(span) {
  const table = el("table", "attributes");
  const rows = [...span.attributes];
  if (span.status_message) rows.unshift(["status", span.status_message]);
  for (const event of span.events) {
    rows.push([event.name, event.attributes.map((pair) => pair.join("=")).join("  ")]);
  }
  for (const [name, value] of rows) {
    const row = el("tr");
    row.append(el("th", "", name), el("td", "", value));
    table.append(row);
  }
  return table;
}

async function show() {
  const id = location.hash.slice(1);
  if (!id) return $("trace").replaceChildren();
  const answer = await fetch("/api/traces/" + encodeURIComponent(id));
  const trace = await answer.json();
  // Another trace may have been chosen while this one was on its way.
  if (id !== location.hash.slice(1)) return;
  if (!answer.ok) return $("trace").replaceChildren(el("p", "bad", trace.error));
  const whole = Math.max(1, ...trace.spans.map((span) => span.offset_ns + span.duration_ns));
  const parts = [el("h2", "", "trace " + trace.trace_id)];
  for (const span of trace.spans) {
    const row = el("details", "span");
    const head = el("summary");
    const name = el("span", "name", span.name);
    name.style.paddingLeft = Math.min(span.depth, DEPTH_SHOWN_MAX) * 1.2 + "em";
    head.append(name, bar(span, whole), el("span", "n", duration(span.duration_ns)));
    for (const note of span.notes) head.append(el("span", "note", note));
    row.append(head, details(span));
    parts.push(row);
  }
  $("trace").replaceChildren(...parts);
}

$("filters").addEventListener("input", list);
$("filters").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", show);
setInterval(() => { if (!document.hidden) list(); }, POLL_MS);
list();
show();
