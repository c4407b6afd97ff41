// The console. It listens to /console/events and shows what comes; orders go by the paths that the command line uses.
import { age, drawMap, stateOf } from "./map.js";
import { bar, el, keep, number, row } from "./tables.js";

const $ = (id) => document.getElementById(id);
const body = (id) => $(id).tBodies[0];
const N = { class: "n" };
const POINTS = 120;
const history = { requests_per_s: [], admitted_per_s: [], limited_per_s: [] };
let world = null;
let lastSeen = 0;
let lastEntry = -1;
// In memory only: it is gone with the page.
let token = "";

const living = (region) => region.nodes.filter((node) => node.alive);
const total = (field) => world.status.regions.flatMap(living).reduce((sum, node) => sum + node[field], 0);
const moods = { announced: "good", withdrawn: "warn", silent: "bad" };

const nodeState = (node) => {
  if (!node.alive) return ["dead", "bad"];
  if (!node.ready) return ["not ready", "warn"];
  if (!node.fit) return [node.announced ? "announced, ill" : "ill", "bad"];
  return node.announced ? ["announced", "good"] : ["ready, not announced", "warn"];
};

const line = (points) => {
  const most = Math.max(1, ...points);
  const d = points.map((y, i) => `${i ? "L" : "M"}${POINTS - points.length + i} ${(25 - (y / most) * 23).toFixed(1)}`).join("");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${POINTS} 26`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
};

const tile = (key, name, value, note, mood, chart) => ({
  key,
  build: () => {
    const shown = el("dd", {}, value);
    if (note) shown.append(" ", el("small", {}, note));
    if (chart) shown.append(chart);
    return el("div", { "data-mood": mood }, el("dt", {}, name), shown);
  },
});

const drawTiles = () => {
  const { regions } = world.status;
  const up = regions.filter((region) => stateOf(region) === "announced").length;
  const nodes = regions.flatMap((region) => region.nodes);
  const alive = nodes.filter((node) => node.alive).length;
  const rates = [["requests_per_s", "Requests/s"], ["admitted_per_s", "Admitted/s"], ["limited_per_s", "Refused by limits/s"]];
  const figures = rates.map(([field, name]) => {
    history[field].push(total(field));
    if (history[field].length > POINTS) history[field].shift();
    return tile(field, name, number(total(field)), "world", null, line(history[field]));
  });
  keep($("tiles"), [
    ...figures,
    tile("regions", "Regions announced", `${up} of ${regions.length}`, null, up < regions.length ? "bad" : null),
    tile("nodes", "Nodes alive", `${alive} of ${nodes.length}`, null, alive < nodes.length ? "bad" : null),
    tile("config", "Configuration", world.drift ? "differs" : "the same", world.drift ? "between nodes" : `everywhere: ${world.generations[world.status.node]}`,
      world.drift ? "bad" : null),
  ]);
};

const drawNotices = () => {
  const { status } = world;
  const texts = [
    status.trouble && `This node is ill: ${status.trouble}.`,
    status.veto && `It ${status.veto}.`,
    status.held && "An operator holds what it announces as it is.",
    status.anycast_trouble && `What it wants is not what routers do: ${status.anycast_trouble}.`,
    world.key_store_trouble && `The key store does not answer: ${world.key_store_trouble}. Known keys are served.`,
    world.hottest?.redis_up === false && "The Redis of limits does not answer: on_store_down applies.",
  ].filter(Boolean).join("\n");
  if ($("notices").textContent !== texts) $("notices").textContent = texts;
};

const drawNode = () => {
  const { status } = world;
  const well = status.steering === "announced" && !status.trouble;
  $("node-state").textContent = status.phase === "running" ? status.steering : `${status.steering}, ${status.phase}`;
  $("node-state").dataset.mood = well ? "good" : status.trouble ? "bad" : "warn";
  keep($("why"), status.explanation.map((sentence, i) => ({ key: `${i}`, build: () => el("li", {}, sentence) })));
  $("drain").disabled = status.phase !== "running";
  $("undrain").disabled = status.phase !== "draining";
};

const drawRegions = () => {
  const rows = [];
  for (const region of world.status.regions) {
    const state = stateOf(region);
    const sum = (field) => number(living(region).reduce((all, node) => all + node[field], 0));
    const heard = region.home ? "here" : region.staleness_ms === null ? "–" : age(region.staleness_ms);
    rows.push({
      key: region.region,
      build: () => row("region", [region.region, [state, { "data-mood": moods[state] }], heard, [sum("requests_per_s"), N],
        [sum("admitted_per_s"), N], [sum("limited_per_s"), N], ""]),
    });
    for (const node of region.nodes) {
      const [word, mood] = nodeState(node);
      const figure = (field) => [node.alive ? number(node[field]) : "–", N];
      const runs = world.generations[node.node];
      const own = runs === world.generations[world.status.node];
      rows.push({
        key: node.node,
        build: () => row("node", [node.node.split("/")[1], [node.border ? `${word} (border)` : word, { "data-mood": mood }], age(node.age_ms),
          figure("requests_per_s"), figure("admitted_per_s"), figure("limited_per_s"),
          [own ? runs : `${runs} differs`, { class: "code" }]]),
      });
    }
  }
  keep(body("t-regions"), rows);
};

const drawLimits = () => {
  const rates = new Map(world.rates.limits.map((limit) => [limit.limit, limit]));
  keep(body("t-limits"), world.limits.map((limit) => {
    const rate = rates.get(limit.limit);
    const percent = (part) => (rate?.allowed > 0 ? `${((part / rate.allowed) * 100).toFixed(2)} %` : "–");
    const per = limit.per.length ? ` per ${limit.per.join(", ")}` : "";
    const allows = `${number(limit.amount)}${limit.window ? ` each ${limit.window}` : " at a time"}${per}`;
    return {
      key: limit.limit,
      build: () => row("", [limit.limit + (limit.shadow ? " (shadow)" : ""), allows, `${limit.scope}, ${limit.decided_by}`,
        [number(rate?.admitted_per_s), N], [number(rate?.refused_per_s), N], [percent(rate?.over), N], [percent(rate?.expected), N]]),
    };
  }));
  const subjects = world.hottest?.subjects ?? [];
  const rows = subjects.map((subject) => ({
    key: `${subject.limit} ${subject.subject}`,
    build: () => {
      const name = el("span", { class: "code muted" }, `${subject.subject}`.slice(0, 12));
      const used = `${Math.round(subject.full * 100)} % of ${number(subject.amount)}`;
      return row("", [[`${subject.limit} `, {}, name], [used, {}, bar(subject.full)], [number(subject.asked_per_s), N], [number(subject.refused), N]]);
    },
  }));
  const none = { key: "none", build: () => el("tr", {}, el("td", { colspan: 4, class: "muted" }, "Nobody is in demand.")) };
  keep(body("t-hot"), rows.length ? rows : [none]);
};

const drawRoutes = () => {
  const rates = new Map(world.rates.routes.map((route) => [route.route, route]));
  keep(body("t-routes"), world.topology.routes.map((route) => {
    const rate = rates.get(route.route);
    const time = (ms) => (ms === null || ms === undefined ? "–" : `≤ ${ms < 1 ? ms : Math.round(ms)} ms`);
    const takes = `${route.methods === "any" || !route.methods ? "" : `${route.methods} `}${route.hosts.join(", ")}${route.path}`;
    const failed = rate?.failed_per_s > 0 ? { class: "n", "data-mood": "bad" } : N;
    return {
      key: route.route,
      build: () => row("", [route.route, [takes, { class: "code" }], route.upstream, [number(rate?.requests_per_s), N],
        [number(rate?.refused_per_s), N], [number(rate?.failed_per_s), failed], [time(rate?.p50_ms), N], [time(rate?.p99_ms), N]]),
    };
  }));
  keep($("upstreams"), world.rates.upstreams.map((pool) => ({
    key: pool.upstream,
    build: () => {
      const all = Object.entries(pool.endpoints);
      const fit = all.filter(([, well]) => well).length;
      const head = el("p", {}, el("strong", {}, pool.upstream), ` ${fit} of ${all.length} fit, ${number(pool.failures_per_s)} failures/s`);
      const ends = all.map(([name, well]) => el("li", { "data-mood": well ? "good" : "bad", class: "code" },
        el("b", {}, well ? name : `${name} unfit`)));
      return el("li", {}, head, el("ul", {}, ...ends));
    },
  })));
  keep($("doors"), world.rates.doors.map((door) => ({
    key: door.door,
    build: () => el("li", {}, el("strong", {}, door.door), ` ${number(door.open)} of ${number(door.max)} connections, ${number(door.accepted_per_s)}/s new`,
      bar(door.max ? door.open / door.max : 0)),
  })));
};

const drawLog = () => {
  const time = (ms) => new Date(ms).toLocaleTimeString("en-GB");
  keep($("log"), world.journal.map((entry) => ({
    key: `${entry.number}`,
    build: () => el("li", { "data-mood": entry.mood }, el("time", { datetime: new Date(entry.at_unix_ms).toISOString() }, time(entry.at_unix_ms)),
      el("b", {}, entry.text)),
  })));
  const fresh = world.journal.filter((entry) => entry.number > lastEntry);
  // What was there when the page opened is read, not called out.
  if (lastEntry >= 0 && fresh.length) $("say").textContent = fresh.slice(0, 3).map((entry) => entry.text).join(" ");
  if (fresh.length) lastEntry = fresh[0].number;
};

const draw = () => {
  const { status } = world;
  document.title = `${status.node} – Tidegate`;
  const minutes = Math.floor(status.uptime_secs / 60);
  $("who").textContent = `as ${status.node} sees it · version ${status.version} · up ${minutes < 1 ? `${status.uptime_secs} s` : `${minutes} min`}`;
  drawTiles();
  drawNotices();
  $("map-note").textContent = `as heard in ${world.home}`;
  drawMap($("map"), world);
  drawNode();
  drawRegions();
  drawLimits();
  drawRoutes();
  drawLog();
};

const state = (word, text) => {
  if ($("link").dataset.state === word) return;
  $("link").dataset.state = word;
  $("link").textContent = text;
};

const listen = () => {
  const events = new EventSource("events");
  events.onmessage = (event) => {
    world = JSON.parse(event.data);
    lastSeen = Date.now();
    state("live", "live");
    draw();
  };
  events.onerror = () => state("lost", "no answer; trying again");
  setInterval(() => {
    if (lastSeen && Date.now() - lastSeen > 5000) state("lost", "nothing heard; figures are old");
  }, 1000);
};

const ask = (title, text, yes, force) => {
  const dialog = $("confirm");
  $("c-title").textContent = title;
  $("c-text").textContent = text;
  $("c-yes").textContent = yes;
  $("c-force").checked = false;
  $("c-force-row").hidden = !force;
  $("c-token").value = token;
  dialog.returnValue = "no";
  dialog.showModal();
  (token ? $("c-yes") : $("c-token")).focus();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
};

// Enter in the token's field means yes: Cancel comes first in the form, so it would be pressed otherwise.
$("c-token").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  $("confirm").close("yes");
});

const order = async (method, path, underway, done) => {
  $("order").dataset.mood = "warn";
  $("order").textContent = underway;
  try {
    const answer = await fetch(path, { method, headers: { authorization: `Bearer ${token}` } });
    if (answer.ok) {
      $("order").dataset.mood = "good";
      $("order").textContent = done;
      return;
    }
    if (answer.status === 401 || answer.status === 403) token = "";
    const problem = await answer.json();
    $("order").textContent = `Not done: ${problem.detail}.`;
  } catch (error) {
    $("order").textContent = `Not done: ${error.message}.`;
  }
  $("order").dataset.mood = "bad";
};

$("drain").addEventListener("click", async () => {
  const name = world?.status.node ?? "this node";
  const text = "Connections are told to close, then it withdraws. Other nodes and regions take its clients. It goes on serving what still comes.";
  if (!(await ask(`Drain ${name}?`, text, "Drain", true))) return;
  token = $("c-token").value.trim();
  const path = $("c-force").checked ? "/drain?force=true" : "/drain";
  await order("PUT", path, "Draining: this takes a few seconds.", `${name} is drained.`);
});

$("undrain").addEventListener("click", async () => {
  const name = world?.status.node ?? "this node";
  if (!(await ask(`Bring ${name} back?`, "It becomes ready, and good checks announce it again.", "Undrain", false))) return;
  token = $("c-token").value.trim();
  await order("DELETE", "/drain", "Coming back.", `${name} is ready again: good checks announce it.`);
});

listen();
