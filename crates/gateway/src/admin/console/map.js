// The map: regions where they are, and how old the last word from each is, as the node that serves this page hears it.
import { land } from "./land.js";

const NS = "http://www.w3.org/2000/svg";
const [WIDTH, NORTH, SOUTH] = [1000, 76, -56];
const SCALE = WIDTH / 360;

const make = (name, attributes, text) => {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

const at = ([longitude, latitude]) => [
  (longitude + 180) * SCALE,
  (NORTH - Math.max(SOUTH, Math.min(NORTH, latitude))) * SCALE + 6,
];

export const stateOf = (region) => {
  const announced = region.announced ?? region.nodes.some((node) => node.alive && node.announced);
  if (region.presence !== "reachable") return "silent";
  return announced ? "announced" : "withdrawn";
};

export const age = (ms) => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 100000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60000)} min`;
};

const base = (svg) => {
  const dots = land(2.5, NORTH, SOUTH).map(at);
  const path = dots.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
  svg.append(make("path", { class: "land", d: path }), make("g", { class: "arcs" }), make("g", { class: "places" }));
};

// A bow between two places.
const bow = ([ax, ay], [bx, by]) => {
  const lift = Math.min(90, Math.hypot(bx - ax, by - ay) * 0.22);
  return `M${ax} ${ay}Q${(ax + bx) / 2} ${(ay + by) / 2 - lift} ${bx} ${by}`;
};

// Labels go where no earlier one is; bows go upwards, so below is best.
const room = (taken, [x, y], width) => {
  const tries = [
    [x, y + 26, "middle"], [x + 14, y + 4, "start"], [x - 14, y + 4, "end"], [x + 14, y + 40, "start"], [x - 14, y + 40, "end"],
    [x, y - 50, "middle"],
  ];
  const box = ([lx, ly, anchor]) => {
    const left = anchor === "start" ? lx : anchor === "end" ? lx - width : lx - width / 2;
    return [left, ly - 14, left + width, ly + 34];
  };
  const free = ([l, t, r, b]) => l >= 0 && r <= WIDTH && taken.every(([ol, ot, or, ob]) => r < ol || l > or || b < ot || t > ob);
  const found = tries.find((place) => free(box(place))) ?? tries[0];
  taken.push(box(found));
  return found;
};

export const drawMap = (svg, world) => {
  if (!svg.childElementCount) base(svg);
  const places = new Map(world.topology.places.map((p) => [p.region, at([p.longitude, p.latitude])]));
  const regions = world.status.regions.filter((region) => places.has(region.region));
  const [arcs, group] = [svg.querySelector(".arcs"), svg.querySelector(".places")];
  const taken = regions.map((region) => {
    const [x, y] = places.get(region.region);
    return [x - 10, y - 10, x + 10, y + 10];
  });
  const drawn = regions.map((region) => {
    const [x, y] = places.get(region.region);
    const state = stateOf(region);
    const rate = region.nodes.reduce((sum, node) => sum + (node.alive ? node.requests_per_s : 0), 0);
    const place = make("g", { class: state });
    if (region.home) place.append(make("circle", { class: "ring", cx: x, cy: y, r: 12 }));
    if (state === "silent") place.append(make("path", { class: "dot", d: `M${x} ${y - 9}l9 9l-9 9l-9 -9z` }));
    else place.append(make("circle", { class: "dot", cx: x, cy: y, r: 7 }));
    const name = region.home ? `${region.region} (here)` : region.region;
    const sub = state === "silent" ? "silent" : `${state}, ${rate} requests/s`;
    const known = region.staleness_ms !== null && region.staleness_ms !== undefined;
    const lag = region.home ? "" : known ? `heard ${age(region.staleness_ms)} ago` : "never heard";
    const [lx, ly, anchor] = room(taken, [x, y], Math.max(name.length * 8, sub.length * 6.6));
    place.append(make("text", { x: lx, y: ly, "text-anchor": anchor }, name));
    place.append(make("text", { class: "sub", x: lx, y: ly + 15, "text-anchor": anchor }, sub));
    if (lag) place.append(make("text", { class: "sub", x: lx, y: ly + 29, "text-anchor": anchor }, lag));
    return place;
  });
  const lines = [];
  for (const [i, region] of regions.entries()) {
    for (const other of regions.slice(i + 1)) {
      const d = bow(places.get(region.region), places.get(other.region));
      const far = region.home ? other : other.home ? region : null;
      if (!far) {
        lines.push(make("path", { class: "arc far", d }));
        continue;
      }
      const silent = far.presence !== "reachable";
      lines.push(make("path", { class: silent ? "arc silent" : "arc heard", d }));
    }
  }
  arcs.replaceChildren(...lines);
  group.replaceChildren(...drawn);
  const told = regions.map((region) => `${region.region} ${stateOf(region)}`).join(", ");
  svg.setAttribute("aria-label", `Map of regions: ${told}. The table of regions says more.`);
};
