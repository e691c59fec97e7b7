"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  // Three plots on each other: streets, which change with the zoom; the many points, which never do; and what is
  // told of a query. Plotly reads a plot anew whenever one of its traces changes.
  const ground = $("streets"), node = $("map"), way = $("way");

  // Okabe and Ito's palette, which the colour-blind tell apart too.
  const KINDS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];
  const HIGHWAY = "#e69f00", STREET = "#0072b2", TRUE = "#009e73";
  const LEGIBLE = 600; // nodes in view of a layer that a reader can still tell apart
  const LINKS = 12000; // links drawn at a time

  const unpack = (text, Kind) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Kind(bytes.buffer);
  };
  const x = unpack(data.x, Float32Array), y = unpack(data.y, Float32Array);
  const levels = unpack(data.levels, Uint8Array);
  const layers = data.layers.map((layer) => ({ ...layer, pairs: unpack(layer.pairs, Uint32Array) }));
  const count = x.length;
  const number = (value) => value.toLocaleString("en");
  const precise = (value) => (value === null ? "∞" : Number(value.toPrecision(5)).toString());

  // Plotly reads a little HTML in its texts; what comes from the data is to be read as it stands.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const name = (i) => data.ids[i] + (data.texts && data.texts[i] ? " " + data.texts[i].split("\n")[0] : "");

  const style = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
  const pick = (places) => ({ x: places.map((i) => x[i]), y: places.map((i) => y[i]) });

  // ---- what is drawn ------------------------------------------------------------------------

  const base = { type: "scattergl", mode: "markers", hoverinfo: "none" }; // the label is drawn here
  const size = Math.max(2.5, Math.min(8, 400 / Math.sqrt(count + 1)));

  function points() {
    const every = Array.from({ length: count }, (_, i) => i);
    const trace = (places, more, marker) => ({
      ...base, ...pick(places), customdata: places, ...more, marker: { size, opacity: 0.75, ...marker },
    });
    if (!data.color) return [trace(every, { showlegend: false }, { color: style("--point") })];
    if (data.color.values) {
      const values = unpack(data.color.values, Float32Array);
      // Within the plot, or the two would not lie on each other.
      const bar = { title: { text: plain(data.color.name) }, thickness: 10, len: 0.5, outlinewidth: 0, x: 1, xanchor: "right" };
      return [trace(every, { showlegend: false }, { color: Array.from(values), colorscale: "Cividis", colorbar: bar })];
    }
    const of = unpack(data.color.of, Uint8Array);
    return data.color.kinds.map((kind, i) =>
      trace(every.filter((place) => of[place] === i), { name: plain(kind), showlegend: true },
        { color: kind === "other" ? KINDS[7] : KINDS[i] }));
  }

  const none = { x: [], y: [] };
  const quiet = { hoverinfo: "skip", showlegend: false };
  const streets = [
    { type: "scattergl", mode: "lines", ...none, ...quiet, opacity: 0.5, line: { width: 1, color: style("--street") } },
    { ...base, ...none, ...quiet, marker: { size: size + 2, color: "rgba(0,0,0,0)", line: { width: 1.5, color: style("--faint") } } },
  ];

  const mark = { type: "scatter", mode: "markers", ...none, ...quiet };
  const told = [
    { ...mark, mode: "lines", line: { width: 2, color: STREET } },
    { ...mark, mode: "lines", line: { width: 4, color: HIGHWAY } },
    { ...mark, marker: { size: 6, color: "rgba(0,0,0,0)", line: { width: 1.2, color: style("--faint") } } },
    { ...mark, marker: { size: 13, symbol: "diamond-open", line: { width: 2 }, color: TRUE } },
    { ...mark, marker: { size: 7, symbol: "diamond", color: TRUE } },
    { ...mark, marker: { size: 12, symbol: "x", color: style("--lost") } },
    { ...mark, marker: { size: 15, symbol: "circle-open", line: { width: 3 }, color: style("--ink") } },
    { ...mark, marker: { size: 16, symbol: "star", color: style("--ink"), line: { width: 1.5, color: style("--land") } } },
  ];
  const [STREETS, HIGHWAYS, SEEN, NEAREST, FOUND, MISSED, HERE, QUERY] = told.keys();

  const axis = { showgrid: false, zeroline: false, showticklabels: false, ticks: "" };
  const whole = [-1.08, 1.08];
  const layout = {
    margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: false, hovermode: "closest", uirevision: "map",
    paper_bgcolor: style("--land"), plot_bgcolor: style("--land"), font: { color: style("--ink") },
    xaxis: { ...axis, range: [...whole] }, yaxis: { ...axis, range: [...whole], scaleanchor: "x" },
    legend: { x: 0.01, y: 0.99, bgcolor: "rgba(0,0,0,0)", itemsizing: "constant" },
  };
  const clear = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
  // The city's axes keep each other's scale; those of the others follow them.
  const fixed = () => ({ ...axis, range: [...whole], fixedrange: true }); // Plotly writes into what it is given
  const follows = () => ({ ...layout, showlegend: false, xaxis: fixed(), yaxis: fixed() });

  const ranges = () => {
    const { xaxis, yaxis } = node._fullLayout;
    return { "xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range] };
  };

  /** Shows what was at this box of pixels; see `moves`. */
  function goTo([left, right, top, bottom]) {
    const { xaxis, yaxis } = node._fullLayout;
    const across = [left, right].map((pixel) => xaxis.p2r(pixel));
    Plotly.relayout(node, { "xaxis.range": across, "yaxis.range": [bottom, top].map((pixel) => yaxis.p2r(pixel)) });
  }

  // ---- layers -------------------------------------------------------------------------------

  let chosen = null; // a layer, or null: as the zoom says
  let layer = -1;

  function view() {
    const { xaxis, yaxis } = node._fullLayout;
    return [...xaxis.range, ...yaxis.range];
  }

  function byZoom([left, right, low, high]) {
    const within = new Array(layers.length).fill(0);
    for (let i = 0; i < count; i++) {
      if (x[i] < left || x[i] > right || y[i] < low || y[i] > high) continue;
      for (let l = 0; l <= levels[i] && l < within.length; l++) within[l]++;
    }
    const legible = within.findIndex((nodes) => nodes <= LEGIBLE);
    return legible < 0 ? layers.length - 1 : legible;
  }

  function showLayer() {
    if (!layers.length) return void Plotly.relayout(ground, ranges());
    const [left, right, low, high] = view();
    layer = chosen === null ? byZoom([left, right, low, high]) : chosen;
    const inside = (i) => x[i] >= left && x[i] <= right && y[i] >= low && y[i] <= high;
    const pairs = layers[layer].pairs, inView = [];
    for (let i = 0; i < pairs.length; i += 2) if (inside(pairs[i]) || inside(pairs[i + 1])) inView.push(i);
    const every = Math.max(1, inView.length / LINKS);
    const xs = [], ys = [];
    let drawn = 0;
    for (let i = 0; i < inView.length; i += every, drawn++) {
      const a = pairs[inView[Math.floor(i)]], b = pairs[inView[Math.floor(i)] + 1];
      xs.push(x[a], x[b], null);
      ys.push(y[a], y[b], null);
    }
    const nodes = layer ? Array.from(levels.keys()).filter((i) => levels[i] >= layer) : [];
    const marked = pick(nodes);
    Plotly.update(ground, { x: [xs, marked.x], y: [ys, marked.y] }, ranges(), [0, 1]);
    const held = layers[layer].held < layers[layer].links
      ? ` (${number(layers[layer].held)} of the ${number(layers[layer].links)} links between them are in the page)` : "";
    $("drawn").textContent = `Layer ${layer}: ${number(drawn)} of ${number(inView.length)} links in view drawn${held}.` +
      (count < data.count ? " Links to vectors that are not shown are left out." : "");
    for (const button of $("layers").children) {
      button.setAttribute("aria-pressed", button.dataset.layer === String(chosen));
    }
    document.body.dataset.layer = layer;
  }

  function layerButtons() {
    const button = (text, value, title) => {
      const made = document.createElement("button");
      made.textContent = text;
      made.title = title;
      made.dataset.layer = String(value);
      made.onclick = () => { chosen = value; showLayer(); };
      $("layers").append(made);
    };
    if (!layers.length) return;
    button("by zoom", null, "Highways from afar, streets from near");
    for (let l = layers.length - 1; l >= 0; l--) button("layer " + l, l, `Links of layer ${l}`);
  }

  // ---- queries ------------------------------------------------------------------------------

  let query = null, timer = null;

  function showQuery(i) {
    stop();
    query = data.queries[i];
    $("step").max = Math.max(0, query.steps.length - 1);
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    query.x = mean(query.near.map((place) => x[place]));
    query.y = mean(query.near.map((place) => y[place]));
    const missed = query.missed.map((miss) => miss.at);
    const placed = { nearest: pick(query.true), found: pick(query.found), missed: pick(missed) };
    const at = query.near.length ? [[query.x], [query.y]] : [[], []];
    Plotly.restyle(way, {
      x: [placed.nearest.x, placed.found.x, placed.missed.x, at[0]],
      y: [placed.nearest.y, placed.found.y, placed.missed.y, at[1]],
    }, [NEAREST, FOUND, MISSED, QUERY]);
    const items = (list, texts) => {
      $(list).replaceChildren(...texts.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }));
    };
    items("answer", query.found.map((place, rank) => `${name(place)}, ${precise(query.distances[rank])} away`));
    items("missed", query.missed.map((miss) => "Missed " + miss.why));
    showStep(query.steps.length - 1);
  }

  function showStep(at) {
    $("step").value = at;
    document.body.dataset.step = at;
    const streets = { x: [], y: [] }, highways = { x: [], y: [] };
    query.steps.slice(0, at + 1).forEach((step) => {
      if (step.from < 0) return;
      const before = query.steps[step.from].at, line = step.layer ? highways : streets;
      line.x.push(x[before], x[step.at], null);
      line.y.push(y[before], y[step.at], null);
    });
    const step = query.steps[at];
    const seen = step ? pick(step.seen) : none, here = step ? pick([step.at]) : none;
    const drawn = [streets, highways, seen, here];
    Plotly.restyle(way, { x: drawn.map((d) => d.x), y: drawn.map((d) => d.y) }, [STREETS, HIGHWAYS, SEEN, HERE]);
    if (!step) return void ($("told").textContent = "No way: there is nothing to walk through.");
    $("told").textContent =
      `Step ${at + 1} of ${query.steps.length}, layer ${step.layer}\n${name(step.at)}, ${precise(step.distance)} away\n` +
      (step.allowed === false ? "The filter refuses it: a way, no answer.\n" : "") +
      `${step.saw} neighbours looked at` +
      (step.through === null ? "" : `, ${step.through} of which the filter lets through`) +
      (step.layer ? "" : `; bound ${precise(step.bound)}`) +
      (at === query.steps.length - 1 ? `\nThe end, after ${number(query.evaluations)} distances.` : "") +
      (query.hidden ? `\n${query.hidden} of the vectors on its way are not on the map: added or removed meanwhile.` : "");
  }

  /** Brings into view where the walk goes from here on this layer and below. */
  function follow(at) {
    const ahead = query.steps.slice(at).map((step) => step.at).concat(query.near);
    const span = (of) => {
      const low = Math.min(...ahead.map((i) => of[i])), high = Math.max(...ahead.map((i) => of[i]));
      return [(low + high) / 2, Math.max(0.02, (high - low) * 0.62)];
    };
    const [cx, rx] = span(x), [cy, ry] = span(y), r = Math.max(rx, ry);
    Plotly.relayout(node, { "xaxis.range": [cx - r, cx + r], "yaxis.range": [cy - r, cy + r] });
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    $("play").textContent = "▶";
  }

  function play() {
    if (timer) return stop();
    let at = Number($("step").value);
    if (at >= query.steps.length - 1) at = -1;
    $("play").textContent = "❚❚";
    timer = setInterval(() => {
      at += 1;
      if (at >= query.steps.length) return stop();
      showStep(at);
      const entered = at === 0 || query.steps[at].layer !== query.steps[at - 1].layer;
      if (entered && $("follow").checked) follow(at);
      if (at === query.steps.length - 1) stop();
    }, Math.max(80, Math.min(700, 9000 / query.steps.length)));
  }

  // ---- labels -------------------------------------------------------------------------------

  function showLabel({ points: [point], event }) {
    const box = $("city").getBoundingClientRect(), label = $("label");
    const place = point.customdata, missed = query && query.missed.find((miss) => miss.at === place);
    const lines = [data.texts && data.texts[place], missed && "Missed " + missed.why];
    $("who").textContent = data.ids[place];
    $("what").textContent = lines.filter(Boolean).join("\n");
    label.hidden = false;
    const right = event.clientX - box.left, down = event.clientY - box.top;
    label.style.left = Math.max(0, right > box.width / 2 ? right - label.offsetWidth - 12 : right + 12) + "px";
    label.style.top = Math.max(0, Math.min(down - 12, box.height - label.offsetHeight)) + "px";
  }

  // ---- begin --------------------------------------------------------------------------------

  const shown = count < data.count ? `${number(count)} of ${number(data.count)} vectors` : `${number(count)} vectors`;
  $("facts").textContent = `${shown} of ${number(data.dim)} components, ${data.metric}; placed by ` +
    (data.layout === "umap" ? "UMAP of the nearest neighbours" : "PCA: what is near may lie apart");
  layerButtons();
  const config = { responsive: true, displaylogo: false, displayModeBar: false };
  const still = { ...config, staticPlot: true };
  Plotly.newPlot(node, points(), { ...layout, ...clear }, config)
    .then(() => Promise.all([
      Plotly.newPlot(ground, streets, follows(), still),
      Plotly.newPlot(way, told, { ...follows(), ...clear }, still),
    ]))
    .then(() => {
      // Streets, points and way lie on each other, wherever the city was moved to.
      const lie = () => { Plotly.relayout(way, ranges()); showLayer(); };
      const drawn = () => [ground, node.querySelector(".gl-container"), way]; // but for the legend
      const { moving } = moves(node, drawn, goTo);
      node.on("plotly_hover", (told) => moving() || showLabel(told));
      node.on("plotly_unhover", () => { $("label").hidden = true; });
      node.on("plotly_relayout", lie);
      $("whole").onclick = () => Plotly.relayout(node, { "xaxis.range": whole, "yaxis.range": whole });
      if (data.queries.length) {
        $("steering").hidden = false;
        data.queries.forEach((_, i) => $("query").add(new Option(`query ${i + 1} of ${data.queries.length}`, i)));
        $("query").onchange = (event) => showQuery(Number(event.target.value));
        $("step").oninput = (event) => { stop(); showStep(Number(event.target.value)); };
        $("play").onclick = play;
        showQuery(0);
      } else if (count) {
        $("told").textContent = "Hover over a point to see what it is; zoom in to see its streets.";
      } else {
        $("told").textContent = "The index is empty.";
      }
      lie();
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
      document.body.dataset.ready = "yes";
    });
})();
