// The pictures: slider, keys, play button, statistics. Other scripts use them through `window.report`.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("report-data").textContent);
  const { iterations, statistics, layout } = data.pictures;
  const last = iterations.length - 1;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const whole = (value) => value.toLocaleString("en-US");
  const short = (value) => (value === null ? "not recorded" : String(+value.toPrecision(4)));
  const listeners = [];
  let sheets = null;
  let shown = -1;
  let timer = 0;

  // Parsed when the first picture is drawn, and decoded one by one, so that a page of a thousand opens quickly.
  const decoded = new Map();
  function sheetOf(index, ready) {
    sheets = sheets || JSON.parse(byId("report-sheets").textContent);
    let image = decoded.get(index);
    if (!image) {
      image = new Image();
      image.src = "data:image/png;base64," + sheets[index];
      decoded.set(index, image);
      if (decoded.size > 200) decoded.delete(decoded.keys().next().value);
    }
    if (image.complete && image.naturalWidth) ready(image);
    else image.addEventListener("load", () => ready(image), { once: true });
  }

  // Draws a sheet like the published figure: each tile enlarged, white between the tiles.
  function draw(canvas, index) {
    // Phones show nothing if a canvas has over 16.7 million pixels, some browsers if it is over 32,767 px high.
    const scale = Math.min(2, Math.sqrt(16e6 / (layout.width * layout.height)), 16384 / Math.max(layout.width, layout.height));
    const [wide, high] = [layout.width, layout.height].map((side) => Math.max(1, Math.floor(side * scale)));
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    canvas.dataset.wanted = index;
    sheetOf(index, (sheet) => {
      if (canvas.dataset.wanted !== String(index)) return;
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      layout.tops.forEach((top, row) => layout.lefts.forEach((left, column) => {
        const width = sheet.naturalWidth / layout.lefts.length, height = sheet.naturalHeight / layout.tops.length;
        pen.drawImage(sheet, column * width, row * height, width, height, left * scale, top * scale,
          layout.tile_width * scale, layout.tile_height * scale);
      }));
      canvas.dataset.drawn = index;
    });
  }

  const rows = data.names.map((name) => {
    const row = { value: document.createElement("span"), verdict: document.createElement("span"),
      wide: document.createElement("s"), range: document.createElement("i"), place: document.createElement("b") };
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    const gauge = document.createElement("div");
    term.textContent = name;
    row.verdict.className = "verdict";
    gauge.className = "gauge";
    gauge.setAttribute("aria-hidden", "true");
    gauge.append(row.wide, row.range, row.place);
    detail.append(row.value, row.verdict, gauge);
    byId("statistics").append(term, detail);
    return row;
  });
  const highest = rows.map((_, k) => 1.05 * Math.max(...statistics.map((four) => four[k]),
    ...(data.published ? data.published.expected_high.map((four) => four[k]) : [])) || 1);

  function showStatistics(index) {
    const at = data.published ? data.published.iterations.indexOf(iterations[index]) : -1;
    return rows.map((row, k) => {
      const value = statistics[index][k];
      row.value.textContent = value.toFixed(3);
      row.place.style.left = (100 * value) / highest[k] + "%";
      row.range.hidden = row.wide.hidden = at < 0;
      row.verdict.classList.remove("out");
      row.verdict.textContent = "";
      if (at >= 0) {
        const { low: lows, high: highs, expected_low, expected_high } = data.published;
        const low = expected_low[at][k], high = expected_high[at][k];
        const where = value < low ? "below" : value > high ? "above" : "within";
        for (const [bar, from, to] of [[row.range, lows[at][k], highs[at][k]], [row.wide, low, high]]) {
          bar.style.left = (100 * from) / highest[k] + "%";
          bar.style.width = (100 * (to - from)) / highest[k] + "%";
        }
        row.verdict.textContent = where === "within" ? "as expected"
          : `${where} the expected range, ${low.toFixed(3)} to ${high.toFixed(3)}`;
        row.verdict.classList.toggle("out", where !== "within");
      }
      return `${data.names[k]} ${value.toFixed(3)} ${row.verdict.textContent}`.trim();
    });
  }

  function showPublished(iteration) {
    if (!data.frames.length) return;
    const index = data.frame_iterations.indexOf(iteration);
    const image = byId("published");
    byId("published-figure").hidden = false;
    byId("no-published").hidden = index >= 0;
    image.classList.toggle("absent", index < 0);
    image.src = "data:image/png;base64," + data.frames[Math.max(index, 0)];
    image.alt = index < 0 ? "" : `16 samples of the published run at iteration ${whole(iteration)}`;
    byId("published-caption").textContent = index < 0 ? "" : `, iteration ${whole(iteration)}`;
  }

  function show(index) {
    index = Math.min(Math.max(index, 0), last);
    if (index === shown) return;
    shown = index;
    const iteration = iterations[index];
    const at = `iteration ${whole(iteration)}`;
    draw(byId("picture"), index);
    const measured = showStatistics(index);
    byId("picture").setAttribute("aria-label",
      [`${whole(data.pictures.samples)} samples of this run at ${at}`, ...measured].join("; "));
    byId("picture-caption").textContent = `, ${data.pictures.files[index]}`;
    showPublished(iteration);
    const losses = document.createElement("span");
    losses.textContent = `D loss ${short(data.pictures.d_loss[index])}, ` +
      `G loss ${short(data.pictures.g_loss[index])}`;
    byId("now").replaceChildren(at[0].toUpperCase() + at.slice(1), losses);
    byId("slider").value = index;
    byId("slider").setAttribute("aria-valuetext", `${at}, picture ${whole(index + 1)} of ${whole(last + 1)}`);
    listeners.forEach((listener) => listener(iteration));
  }

  function stop() {
    clearTimeout(timer);
    timer = 0;
    byId("play").textContent = "Play";
    byId("now").setAttribute("aria-live", "polite");
  }

  function step() {
    if (shown >= last) return stop();
    show(shown + 1);
    timer = setTimeout(step, Number(byId("speed").value));
  }

  function toggle() {
    if (timer) return stop();
    // A screen reader could not keep up with them.
    byId("now").setAttribute("aria-live", "off");
    byId("play").textContent = "Stop";
    if (shown >= last) show(0);
    timer = setTimeout(step, Number(byId("speed").value));
  }

  // People who ask for reduced motion should not see pictures flash by.
  function suitSpeeds() {
    [...byId("speed").options].forEach((option) => {
      option.disabled = calm.matches && option.value !== "750";
    });
    byId("speed").value = calm.matches || last < 60 ? "750" : "80";
  }

  byId("slider").max = last;
  byId("slider").addEventListener("input", (event) => {
    stop();
    show(Number(event.target.value));
  });
  byId("play").addEventListener("click", toggle);
  document.addEventListener("keydown", (event) => {
    const taken = event.target.closest("select, summary, [tabindex], #explore");
    if (taken || event.ctrlKey || event.altKey || event.metaKey) return;
    // The space bar presses a focused button by itself. Up, Down, Home and End scroll the page outside of the player.
    if (event.key === " " && event.target.closest("button")) return;
    if (/Up|Down|Home|End/.test(event.key) && !event.target.closest(".player")) return;
    const moves = { ArrowLeft: shown - 1, ArrowDown: shown - 1, ArrowRight: shown + 1,
      ArrowUp: shown + 1, Home: 0, End: last };
    if (event.key === " ") toggle();
    else if (event.key in moves) {
      stop();
      show(moves[event.key]);
    } else return;
    event.preventDefault();
  });
  calm.addEventListener("change", suitSpeeds);
  suitSpeeds();

  window.report = { data, draw, whole, short, onPicture: (listener) => listeners.push(listener),
    // The newest picture that is no later than an iteration.
    pictureAt: (iteration) => Math.max(0, iterations.findLastIndex((it) => it <= iteration)),
    pick: (index) => { stop(); show(index); }, shownIteration: () => iterations[shown] };
  show(last);

  // Reloads a page that its run keeps rewriting, unless the reader is busy with it.
  const isBusy = () => document.hidden || timer || shown !== last || window.report.isZoomed() ||
    document.activeElement !== document.body || document.querySelector("details[open]");
  if (data.reload_s) setInterval(() => isBusy() || location.reload(), data.reload_s * 1000);
})();
