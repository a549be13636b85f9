// The curves: both losses, zoomed together, with a picture in the tooltip; signs of health; figures of quality.
"use strict";
(() => {
  const { data, draw, whole, short, onPicture, pictureAt, pick, shownIteration } = window.report;
  const byId = (id) => document.getElementById(id);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const charts = [];
  const x = data.losses.iterations;
  const ends = x.length > 1 ? [x[0], x[x.length - 1]] : [x[0] - 1, x[0] + 1];
  const sync = uPlot.sync("iterations");
  const tip = byId("tip");

  const axis = (more) => ({ stroke: () => colour("--quiet"), grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { stroke: () => colour("--grid"), width: 1 }, font: "12px system-ui, sans-serif", ...more });
  // Ticks are round numbers: six decimals tell even single iterations after a million apart.
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 6 });
  const alongX = axis({ values: (_, ticks) => ticks.map((it) => (it % 1 ? "" : compact.format(it))) });
  const line = (name, width, more) => ({ stroke: () => colour(name), width, points: { show: x.length < 30 }, ...more });
  const hidden = { stroke: () => "transparent", points: { show: false } };

  // By default a logarithmic axis ends at powers of ten; 1, 2 and 5 times those are round enough.
  const rounded = (value, up) => {
    const power = 10 ** Math.floor(Math.log10(value));
    return up ? power * [1, 2, 5, 10].find((k) => k * power >= value) : power * [5, 2, 1].find((k) => k * power <= value);
  };
  const aboutValues = (low, high) => [rounded(low, false), rounded(high * 1.05, true)];
  // The light range of few runs is far wider than any run's curve: showing part of it is enough.
  const about = (curve) => {
    const values = [curve.raw, curve.low || [], curve.high || []].flat().filter((y) => y !== null);
    const [least, most] = values.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
    const [from, to] = curve.logarithmic ? [least / 10, most * 10] : [4 * least - 3 * most, 4 * most - 3 * least];
    return (_, low, high) => {
      if (low === null) return curve.logarithmic ? [0.1, 10] : [null, null];
      const ends = [Math.max(low, from), Math.min(high, to)];
      return curve.logarithmic ? aboutValues(...ends) : uPlot.rangeNum(...ends, 0.1, true);
    };
  };
  const withZero = (_, low, high) => (low || high ? uPlot.rangeNum(Math.min(0, low), Math.max(0, high), 0.1, true) : [0, 1]);

  function place(event) {
    const beside = event.clientX + tip.offsetWidth + 24 < innerWidth ? 16 : -16 - tip.offsetWidth;
    const left = Math.min(Math.max(event.clientX + beside, 4), innerWidth - tip.offsetWidth - 4);
    const top = Math.min(Math.max(event.clientY - 60, 4), innerHeight - tip.offsetHeight - 4);
    tip.style.transform = `translate(${left}px, ${top}px)`;
  }

  // Each point has a row of losses.csv; the axis cannot show NaN or infinities, nor 0 if it is logarithmic.
  const lossAt = (curve, index) => (curve.raw[index] !== null ? short(curve.raw[index])
    : curve.logarithmic ? "0 or not finite" : "not finite");

  // Shows the tooltip for the point under the pointer: iteration, both losses, the newest picture up to it.
  function point(u, event) {
    const index = u.posToIdx(event.clientX - u.over.getBoundingClientRect().left);
    const picture = pictureAt(x[index]);
    tip.hidden = false;
    tip.dataset.picture = picture;
    draw(tip.querySelector("canvas"), picture);
    tip.querySelector("p").textContent = `iteration ${whole(x[index])}\n` +
      `D loss ${lossAt(data.losses.d_loss, index)}\nG loss ${lossAt(data.losses.g_loss, index)}\n` +
      `picture of iteration ${whole(data.pictures.iterations[picture])}`;
    place(event);
  }

  function lossChart(id, curve, name) {
    const holder = byId(id);
    const marker = document.createElement("div");
    marker.className = "marker";
    const mark = (u) => {
      const at = u.valToPos(shownIteration(), "x");
      marker.style.left = `${at}px`;
      marker.hidden = !(at >= 0 && at <= u.over.clientWidth);
    };
    const ranged = Boolean(curve.low);
    const options = {
      width: holder.clientWidth, height: 210, legend: { show: false },
      cursor: { sync: { key: sync.key, setSeries: false }, drag: { x: true, y: false }, y: false,
        points: { show: (u, k) => k === 5 || k === 6 } },
      scales: { x: { time: false, range: (_, low, high) => (low < high ? [low, high] : ends) },
        y: { distr: curve.logarithmic ? 3 : 1, range: about(curve) } },
      axes: [alongX, axis({ size: 56, values: (_, ticks) => ticks.map((y) => (y === null ? "" : short(y))) })],
      series: [{}, hidden, hidden, hidden, hidden,
        line(name, 1, { alpha: data.losses.window > 1 ? 0.4 : 1 }), line(name, 2, { show: data.losses.window > 1 }),
        line("--quiet", 1.5, { dash: [6, 4], points: { show: false }, show: Boolean(curve.parent) })],
      // Light: where a run is expected; dark: the runs that it is judged by.
      bands: ranged ? [{ series: [2, 1], fill: () => colour("--range") + "40" },
        { series: [4, 3], fill: () => colour("--range") + "99" }] : [],
      hooks: {
        ready: [(u) => { u.over.append(marker); mark(u); }],
        setSize: [mark],
        setScale: [(u, key) => {
          if (key !== "x") return;
          mark(u);
          const { min, max } = u.scales.x;
          charts.filter((other) => other !== u && (other.scales.x.min !== min || other.scales.x.max !== max))
            .forEach((other) => other.setScale("x", { min, max }));
        }],
      },
    };
    const none = x.map(() => null);
    const u = new uPlot(options, [x, curve.expected_low || none, curve.expected_high || none,
      curve.low || none, curve.high || none, curve.raw, curve.smooth, curve.parent || none], holder);
    let pressed = 0;
    u.over.addEventListener("mousemove", (event) => point(u, event));
    u.over.addEventListener("mouseleave", () => { tip.hidden = true; });
    u.over.addEventListener("mousedown", (event) => { pressed = event.clientX; });
    u.over.addEventListener("click", (event) => {
      if (Math.abs(event.clientX - pressed) < 4) pick(Number(tip.dataset.picture));
    });
    onPicture(() => mark(u));
    charts.push(u);
  }

  function qualityChart(holder) {
    const name = holder.dataset.figure;
    const { iterations, figures } = data[holder.dataset.of];
    const real = figures[name + "_real"];
    return new uPlot({
      width: holder.clientWidth, height: 150, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: (_, low, high) => (low < high ? [low, high] : [low - 1, low + 1]) },
        y: { range: "share" in holder.dataset ? [0, 1] : withZero } },
      axes: [alongX, axis({ size: 56, space: 24, values: (_, ticks) => ticks.map(short) })],
      series: [{}, line("--accent", 2, { points: { show: iterations.length < 60, size: 6, fill: () => colour("--accent") } }),
        ...(real ? [line("--quiet", 1, { dash: [4, 4], points: { show: false } })] : [])],
    }, [iterations, figures[name], ...(real ? [real] : [])], holder);
  }

  function zoom(share) {
    const { min, max } = charts[0].scales.x;
    const at = shownIteration() >= min && shownIteration() <= max ? shownIteration() : (min + max) / 2;
    const width = Math.min((max - min) * share, ends[1] - ends[0]);
    const low = Math.min(Math.max(at - width / 2, ends[0]), ends[1] - width);
    if (share > 1 || x.filter((it) => it >= low && it <= low + width).length > 1) {
      charts[0].setScale("x", { min: low, max: low + width });
    }
  }

  if (x.length) {
    lossChart("d-loss", data.losses.d_loss, "--d");
    lossChart("g-loss", data.losses.g_loss, "--g");
    byId("zoom-in").addEventListener("click", () => zoom(0.5));
    byId("zoom-out").addEventListener("click", () => zoom(2));
    byId("zoom-all").addEventListener("click", () => charts[0].setScale("x", { min: ends[0], max: ends[1] }));
  }
  const small = [...document.querySelectorAll("[data-figure]")].map(qualityChart);
  const all = [...charts, ...small];
  addEventListener("resize", () => all.forEach((u) =>
    u.setSize({ width: u.root.parentElement.clientWidth, height: u.height })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((u) => u.redraw(false)));
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  Object.assign(window.report, { charts, small });
  window.report.isZoomed = () => charts.some((u) => u.scales.x.min > ends[0] || u.scales.x.max < ends[1]);
})();
