// Draws Grafana's dashboards from what a Prometheus has: not as Grafana would to the pixel, but from the same queries, units and places.
// Arguments: folder of node_modules, Prometheus, folder of dashboards, from, to (Unix seconds), folder for pictures or "".
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, prometheus, dashboards, from, to, pictures] = process.argv.slice(2);
const { chromium } = createRequire(`${folder}/`)("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 1480, height: 900 } });
const complaints = [];
page.on("pageerror", (error) => complaints.push(error.message));

// The console's map, which is a module for browsers.
const shores = readFileSync(new URL("../../crates/gateway/src/admin/console/land.js", import.meta.url), "utf8");
const { land } = await import(`data:text/javascript,${encodeURIComponent(shores)}`);
const [CELL, ROW] = [58, 34];
const COLOURS = ["#0f6cbd", "#d9822b", "#0a7d4f", "#a23bbf", "#c02b2b", "#5f6b7a", "#00838f", "#8d6e63", "#6a7f00", "#3949ab"];
const text = (s) => `${s}`.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const named = (legend, labels) => (legend || "").replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? "").trim();

const unit = (kind, v) => {
  const short = (n, units, base) => {
    let i = 0;
    while (Math.abs(n) >= base && i < units.length - 1) { n /= base; i += 1; }
    return `${n >= 100 || Number.isInteger(n) ? Math.round(n) : n.toPrecision(2)}${units[i]}`;
  };
  if (!Number.isFinite(v)) return "–";
  if (kind === "percentunit") return `${(v * 100).toFixed((Math.abs(v) < 0.1 && v !== 0) || (v > 0.99 && v < 1) ? 2 : 0)} %`;
  if (kind === "s") return v === 0 ? "0 s" : v < 1 ? short(v * 1000, [" ms"], 1e9) : v < 120 ? short(v, [" s"], 1e9) : `${(v / 60).toFixed(1)} min`;
  if (kind === "bytes" || kind === "Bps") return short(v, ["", " KiB", " MiB", " GiB"], 1024) + (kind === "Bps" ? "/s" : "");
  if (kind === "bool_yes_no") return v > 0 ? "yes" : "no";
  return short(v, ["", " K", " M"], 1000) + ({ reqps: "/s", ops: "/s", cps: "/s" }[kind] ?? "");
};

const ask = async (path, query) => {
  const expr = query.replace(/\$(home|node|route|limit|upstream)/g, ".+");
  const answer = await fetch(`${prometheus}/api/v1/${path}&query=${encodeURIComponent(expr)}`);
  return (await answer.json()).data?.result ?? [];
};
const instant = (query) => ask(`query?time=${to}`, query);
const range = (query) => ask(`query_range?start=${from}&end=${to}&step=1`, query);

const scale = (w, left = 58) => (t) => left + ((t - from) / (to - from)) * (w - left - 10);
const clock = (t) => new Date(t * 1000).toISOString().slice(11, 19);
const times = (w, h, left = 58) => [0, 0.5, 1].map((part) => {
  const t = +from + part * (to - from);
  const anchor = ["start", "middle", "end"][part * 2];
  return `<text x="${scale(w, left)(t)}" y="${h - 24}" text-anchor="${anchor}">${clock(t)}</text>`;
}).join("");
const legend = (w, h, names) => {
  let x = 58;
  return names.map((name, i) => {
    const at = x;
    x += 22 + name.length * 6.1;
    return at > w - 60 ? "" : `<rect x="${at}" y="${h - 16}" width="10" height="4" fill="${COLOURS[i % COLOURS.length]}"/>`
      + `<text x="${at + 14}" y="${h - 10}">${text(name)}</text>`;
  }).join("");
};

const lines = (panel, all, w, h, stacked) => {
  const last = ({ values }) => +values.at(-1)[1] || 0;
  const series = all.filter(({ values }) => values.some(([, v]) => Number.isFinite(+v))).sort((a, b) => last(b) - last(a));
  const floor = new Map();
  const drawn = series.map(({ values }) => values.map(([t, v]) => {
    const below = stacked ? floor.get(t) ?? 0 : 0;
    const y = (Number.isFinite(+v) ? +v : 0) + below;
    if (stacked) floor.set(t, y);
    return [t, y, below];
  }));
  const flat = drawn.flat().map(([, y]) => y);
  const most = flat.reduce((a, b) => Math.max(a, b), 0) || 1;
  // Parts that hardly move are looked at closely.
  const least = panel.fieldConfig.defaults.unit === "percentunit" && flat.length && flat.every((y) => y > 0.5) ? Math.min(...flat) * 0.999 : 0;
  const y = (v) => h - 40 - ((v - least) / (most - least || 1)) * (h - 52);
  const grid = [least, (least + most) / 2, most].map((v) => `<path class="grid" d="M58 ${y(v)}H${w - 10}"/>`
    + `<text x="54" y="${y(v) + 4}" text-anchor="end">${unit(panel.fieldConfig.defaults.unit, v)}</text>`).join("");
  const paths = drawn.map((points, i) => {
    const top = points.map(([t, v], n) => `${n ? "L" : "M"}${scale(w)(t).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    const back = [...points].reverse().map(([t, , b]) => `L${scale(w)(t).toFixed(1)} ${y(stacked ? b : least).toFixed(1)}`).join("");
    const colour = COLOURS[i % COLOURS.length];
    return `<path d="${top}${back}Z" fill="${colour}" opacity="${stacked ? 0.35 : 0.07}"/><path d="${top}" fill="none" stroke="${colour}" stroke-width="1.6"/>`;
  }).join("");
  return { svg: grid + paths + times(w, h) + legend(w, h, series.map((one) => one.name)), blank: !series.length };
};

const states = (all, w, h) => {
  const room = Math.min(30, (h - 46) / all.length);
  const left = 20 + Math.max(0, ...all.map(({ name }) => name.length)) * 6.3;
  const rows = all.map(({ name, values }, i) => {
    const cells = values.map(([t, v]) => `<rect x="${scale(w, left)(t)}" y="${12 + i * room}" width="${(w - left - 10) / (to - from) + 0.6}" height="${room - 4}"
      fill="${+v > 0 ? "#3d9a74" : "#cf5555"}"/>`).join("");
    return `<text x="4" y="${12 + i * room + room / 2 + 2}">${text(name)}</text>${cells}`;
  }).join("");
  return { svg: rows + times(w, h, left), blank: !all.length };
};

const heat = (panel, all, w, h) => {
  const rows = all.map(({ metric, values }) => [+metric.le.replace("+Inf", "Infinity"), values]).sort((a, b) => a[0] - b[0]);
  const cells = [];
  const room = (h - 46) / rows.length;
  rows.forEach(([le, values], i) => {
    const below = new Map(i ? rows[i - 1][1] : []);
    const yy = h - 44 - (i + 1) * room;
    cells.push(i % 2 ? "" : `<text x="54" y="${yy + room - 2}" text-anchor="end">${Number.isFinite(le) ? unit("s", le) : "more"}</text>`);
    for (const [t, v] of values) {
      const n = Math.max(0, v - (below.get(t) ?? 0));
      if (n > 0) cells.push(`<rect x="${scale(w)(t)}" y="${yy}" width="${(w - 68) / (to - from) + 0.5}" height="${room - 1}" fill="#d9822b"
        opacity="${Math.min(1, 0.12 + Math.log10(1 + n) / 3.2)}"/>`);
    }
  });
  return { svg: cells.join("") + times(w, h), blank: !rows.length };
};

const table = (all, kind) => {
  const keys = [...new Set(all.flatMap(({ metric }) => Object.keys(metric)))].filter((key) => key !== "__name__");
  const head = [...keys, "value"].map((key) => `<th>${key}</th>`).join("");
  const rows = all.slice(0, 12).map(({ metric, value }) => `<tr>${keys.map((key) => `<td>${text(metric[key] ?? "")}</td>`).join("")}<td class="n">${unit(kind, +value[1])}</td></tr>`);
  return { html: `<table><tr>${head}</tr>${rows.join("")}</table>`, blank: !rows.length };
};

const matrix = (all, kind) => {
  const homes = [...new Set(all.map(({ metric }) => metric.home))].sort();
  const regions = [...new Set(all.map(({ metric }) => metric.region))].sort();
  const cell = (home, region) => all.find(({ metric }) => metric.home === home && metric.region === region);
  const rows = homes.map((home) => `<tr><th>${home}</th>${regions.map((region) => `<td class="n">${cell(home, region) ? unit(kind, +cell(home, region).value[1]) : ""}</td>`).join("")}</tr>`);
  return { html: `<table><tr><th>home \\ region</th>${regions.map((region) => `<th class="n">${region}</th>`).join("")}</tr>${rows.join("")}</table>`, blank: !rows.length };
};

const map = (all, w, h) => {
  const at = ({ metric }) => [((+metric.longitude + 180) / 360) * w, ((85 - metric.latitude) / 150) * h];
  const shore = land(2.5, 76, -56).map(([lon, lat]) => `M${((lon + 180) / 360) * w} ${((85 - lat) / 150) * h}h0`).join("");
  const grid = `<path d="${shore}" stroke="#c9d3dd" stroke-width="3" stroke-linecap="round"/>`;
  const dots = all.map((one) => `<circle cx="${at(one)[0]}" cy="${at(one)[1]}" r="8" fill="${+one.value[1] > 0 ? "#0a7d4f" : "#c02b2b"}"/>`
    + `<text x="${at(one)[0] + 12}" y="${at(one)[1] + 4}">${text(one.metric.region)}</text>`).join("");
  return { svg: grid + dots, blank: !all.length };
};

const draw = async (panel) => {
  const [w, h] = [panel.gridPos.w * CELL - 26, panel.gridPos.h * ROW - 40];
  const kind = panel.fieldConfig.defaults.unit;
  const every = async (how) => (await Promise.all(panel.targets.map(async ({ expr, legendFormat }) =>
    (await how(expr)).map((one) => ({ ...one, name: named(legendFormat, one.metric) || legendFormat }))))).flat();
  const shape = panel.transformations?.[0]?.id === "groupingToMatrix" ? "matrix" : panel.type;
  if (shape === "stat") {
    const [one] = await every(instant);
    return { html: `<p class="stat">${one ? unit(kind, +one.value[1]) : "–"}</p>`, blank: !one };
  }
  if (shape === "table") return table(await every(instant), kind);
  if (shape === "matrix") return matrix(await every(instant), kind);
  if (shape === "geomap") return { w, h, ...map(await every(instant), w, h) };
  const all = await every(range);
  if (shape === "state-timeline") return { w, h, ...states(all, w, h) };
  if (shape === "heatmap") return { w, h, ...heat(panel, all, w, h) };
  return { w, h, ...lines(panel, all, w, h, panel.fieldConfig.defaults.custom?.stacking?.mode === "normal") };
};

const STYLE = `body{margin:14px;background:#f4f6f8;font:13px "DejaVu Sans",sans-serif;color:#16202b;width:1440px}
#grid{position:relative}.panel{position:absolute;background:#fff;border:1px solid #dde3e9;border-radius:5px;padding:8px 10px;overflow:hidden;box-sizing:border-box}
h1{font-size:18px;margin:0 0 2px}.about{color:#576574;margin:0 0 12px}h2{font-size:13px;margin:0 0 4px}.stat{font-size:27px;font-weight:600;margin:14px 0;text-align:center;color:#0a7d4f}
text{font:10.5px "DejaVu Sans",sans-serif;fill:#576574}.grid{stroke:#e4e9ee}table{border-collapse:collapse;width:100%}td,th{padding:3px 6px;border-bottom:1px solid #e4e9ee;text-align:left;font-weight:400;font-size:12px}
th{color:#576574}.n{text-align:right}`;

for await (const name of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const board = JSON.parse(readFileSync(`${dashboards}/${name}.json`, "utf8"));
    const blank = [];
    const panels = await Promise.all(board.panels.map(async (panel) => {
      const drawn = await draw(panel);
      if (drawn.blank) blank.push(panel.title);
      const { x, y, w, h } = panel.gridPos;
      const inside = drawn.html ?? `<svg width="${drawn.w}" height="${drawn.h}">${drawn.svg}</svg>`;
      return `<div class="panel" style="left:${x * CELL + 4}px;top:${y * ROW + 4}px;width:${w * CELL - 8}px;height:${h * ROW - 8}px"><h2>${text(panel.title)}</h2>${inside}</div>`;
    }));
    const height = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * ROW;
    await page.setContent(`<style>${STYLE}</style><h1>${text(board.title)}</h1><p class="about">${text(board.description)}</p><div id="grid" style="height:${height}px">${panels.join("")}</div>`);
    if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
    answer = { panels: panels.length, blank };
  } catch (error) {
    answer = { failed: error.message };
  }
  console.log(JSON.stringify({ ...answer, complaints }));
}
await browser.close();
