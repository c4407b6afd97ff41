"use strict";
// Shows one moment of the run: the slider, the map, tables, and a line through every plot.
const { points, sentences, run } = JSON.parse(document.getElementById("recording").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const slider = byId("at");
const perSecond = 1000 / run.step_ms;
const sum = (list) => list.reduce((a, b) => a + b, 0);
const busiest = Math.max(1, ...run.steps.map((step) => Math.max(...step.regions.map((r) => r.good + r.limited + r.refused + r.failed))));
const widest = Math.max(1, ...run.steps.flatMap((step) => step.flows.flat()));
const style = getComputedStyle(document.documentElement);

function element(parent, name, attributes, text) {
  const made = parent.namespaceURI === SVG ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function clock(ms) {
  const secs = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(secs / 3600), Math.floor(secs / 60) % 60, secs % 60];
  return (h ? h + "h" + String(m).padStart(2, "0") : String(m)) + ":" + String(s).padStart(2, "0");
}

const rate = (count) => {
  const value = count * perSecond;
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toFixed(1);
};

// A ring whose parts are what became of requests.
function ring(parent, x, y, radius, step) {
  const parts = [["good", step.good], ["limited", step.limited], ["refused", step.refused], ["failed", step.failed]];
  const total = sum(parts.map(([, count]) => count));
  let turned = -Math.PI / 2;
  for (const [kind, count] of parts) {
    if (!count) continue;
    const colour = style.getPropertyValue("--" + kind);
    if (count === total) {
      element(parent, "circle", { cx: x, cy: y, r: radius, fill: colour });
      continue;
    }
    const next = turned + (2 * Math.PI * count) / total;
    const at = (angle) => (x + radius * Math.cos(angle)).toFixed(1) + " " + (y + radius * Math.sin(angle)).toFixed(1);
    const large = next - turned > Math.PI ? 1 : 0;
    element(parent, "path", { d: `M${x} ${y}L${at(turned)}A${radius} ${radius} 0 ${large} 1 ${at(next)}Z`, fill: colour });
    turned = next;
  }
}

function drawMap(step) {
  const [ways, places] = [byId("ways"), byId("places")];
  ways.replaceChildren();
  places.replaceChildren();
  step.flows.forEach((to, from) => to.forEach((count, region) => {
    if (!count || from === region) return;
    const [[x1, y1], [x2, y2]] = [points[from], points[region]];
    const lift = Math.min(90, Math.hypot(x2 - x1, y2 - y1) / 4);
    element(ways, "path", {
      d: `M${x1} ${y1}Q${(x1 + x2) / 2} ${(y1 + y2) / 2 - lift} ${x2} ${y2}`,
      fill: "none", stroke: style.getPropertyValue("--accent"), "stroke-opacity": 0.7,
      "stroke-width": (1 + (9 * count) / widest).toFixed(1),
    });
  }));
  step.regions.forEach((region, i) => {
    const [x, y] = points[i];
    const total = region.good + region.limited + region.refused + region.failed;
    const radius = 7 + 17 * Math.sqrt(total / busiest);
    element(places, "circle", {
      cx: x, cy: y, r: radius + 4, fill: "none", "stroke-width": 2.5,
      stroke: style.getPropertyValue(region.announced ? "--good" : "--failed"),
      "stroke-dasharray": region.announced ? "none" : "4 4",
    });
    element(places, "circle", { cx: x, cy: y, r: radius, fill: style.getPropertyValue("--line") });
    ring(places, x, y, radius, region);
    const anchor = x > 800 ? "end" : "start";
    const beside = x + (anchor === "end" ? -radius - 9 : radius + 9);
    element(places, "text", { x: beside, y: y - 1, "text-anchor": anchor }, run.regions[i].name);
    const state = region.announced ? `${rate(total)}/s` : "withdrawn";
    element(places, "text", { x: beside, y: y + 14, "text-anchor": anchor, class: "small" }, state);
  });
}

function fill(table, heads, rows) {
  const caption = table.querySelector("caption");
  table.replaceChildren(caption);
  const head = element(element(table, "thead"), "tr");
  heads.forEach((name) => element(head, "th", { scope: "col", class: name === "why" ? "text" : "" }, name));
  const body = element(table, "tbody");
  rows.forEach(([kind, cells]) => {
    const row = element(body, "tr", { class: kind });
    cells.forEach((cell, i) => element(row, "td", { class: heads[i] === "why" ? "text" : "" }, cell));
  });
}

function drawTables(step) {
  fill(byId("regions"), ["region", "nodes on air", "good/s", "limited/s", "refused/s", "failed/s", "queued", "busy"],
    step.regions.map((r, i) => [r.announced ? "" : "away", [
      run.regions[i].name, r.announced, rate(r.good), rate(r.limited), rate(r.refused), rate(r.failed), r.queued, (r.busy / 10).toFixed(0) + " %",
    ]]));
  const names = run.regions.map((region) => region.name);
  const believed = (bits) => names.filter((_, i) => (BigInt(bits) >> BigInt(i)) & 1n).join(", ") || "nobody";
  fill(byId("nodes"), ["node", "state", "sees nodes", "takes as announced", "configuration", "why"],
    step.nodes.slice(0, 60).map((node, i) => [node.alive ? (node.announced ? "" : "away") : "dead", node.alive
      ? [run.nodes[i].name, node.announced ? "announced" : "withdrawn", node.members, believed(node.believes_announced), node.generation, node.reason]
      : [run.nodes[i].name, "dead", "", "", "", node.reason]]));
}

const plots = [...document.querySelectorAll("figure svg")].map((svg) => {
  const [width, height] = [960, svg.viewBox.baseVal.height];
  const [left, right] = [Number(svg.dataset.left), Number(svg.dataset.right)];
  const line = element(svg, "line", { y1: 26, y2: height - 24, class: "cursor" });
  svg.addEventListener("click", (click) => {
    const box = svg.getBoundingClientRect();
    const part = (((click.clientX - box.left) / box.width) * width - left) / (width - left - right);
    go(Math.round(Math.min(1, Math.max(0, part)) * (run.steps.length - 1)));
  });
  return (part) => {
    const x = left + (width - left - right) * part;
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  };
});

const items = run.events.map((event, i) => {
  const kind = event.kind === "broken" ? "broken-kind" : event.kind;
  const item = element(byId("events"), "li", { class: kind, tabindex: 0 }, sentences[i]);
  const jump = () => go(Math.min(run.steps.length - 1, Math.floor(event.at_ms / run.step_ms)));
  item.addEventListener("click", jump);
  item.addEventListener("keydown", (key) => { if (key.key === "Enter") jump(); });
  return item;
});

function show() {
  const i = Number(slider.value);
  const step = run.steps[i];
  if (!step) return;
  const [from, to] = [i * run.step_ms, (i + 1) * run.step_ms];
  byId("clock").textContent = clock(from);
  slider.setAttribute("aria-valuetext", clock(from));
  drawMap(step);
  drawTables(step);
  plots.forEach((move) => move((i + 0.5) / run.steps.length));
  let latest = null;
  run.events.forEach((event, n) => {
    const past = event.at_ms < to;
    items[n].classList.toggle("past", past);
    items[n].classList.toggle("now", past && event.at_ms >= from);
    if (past) latest = items[n];
  });
  if (latest) latest.parentNode.scrollTop = latest.offsetTop - latest.parentNode.offsetTop - 120;
}

function go(step) {
  slider.value = step;
  show();
}

let playing = null;
byId("play").addEventListener("click", (click) => {
  const button = click.currentTarget;
  const stop = () => { clearInterval(playing); playing = null; button.textContent = "Play"; button.setAttribute("aria-pressed", "false"); };
  if (playing) return stop();
  if (Number(slider.value) >= run.steps.length - 1) slider.value = 0;
  button.textContent = "Pause";
  button.setAttribute("aria-pressed", "true");
  // A whole run in half a minute.
  playing = setInterval(() => {
    if (Number(slider.value) >= run.steps.length - 1) return stop();
    go(Number(slider.value) + 1);
  }, Math.max(30, 30000 / run.steps.length));
});
slider.addEventListener("input", show);
// A link to a moment, in seconds: report.html#t=95
const linked = /^#t=(\d+)$/.exec(location.hash);
if (linked) go(Math.min(run.steps.length - 1, Math.floor((Number(linked[1]) * 1000) / run.step_ms)));
else show();
