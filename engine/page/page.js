// Draws the load test's own tabs below Locust's: charts of the schedule, and thresholds with their history.
// What is drawn lies outside the element that Locust's page redraws.
"use strict";
(() => {
  const PAUSE_MS = 2000, HEIGHT = 170, LEFT = 46, BOTTOM = 20, MOST_POINTS = 300;
  // The places of a second's figures, in the order of LiveSecond.
  const AT = {second: 0, scheduled: 1, started: 2, dropped: 3, failed: 4, p50: 5, p95: 6, p99: 7, lag: 8, vus: 9, vusMax: 10};
  const CHARTS = [
    ["Arrivals against the schedule", "per second",
      [["schedule", "scheduled", "plan", "band"], ["started", "started", "main"], ["dropped", "dropped", "bad"]]],
    ["Latency", "ms, of each second", [["p50", "p50", "low"], ["p95", "p95", "mid"], ["p99", "p99", "high"]]],
    ["Start lag", "ms, p99 of each second", [["p99", "lag", "main"]]],
    ["VUs", "", [["busy", "vus", "main"], ["wanted", "vusMax", "plan", "dashed"]]],
    ["Dropped and failed", "per second", [["dropped", "dropped", "bad"], ["failed", "failed", "high"]]],
  ];
  const section = document.createElement("section"), end = document.createElement("div");
  section.id = "load-test";
  section.setAttribute("aria-label", "Load test");
  end.id = "load-test-end";
  end.setAttribute("role", "status");
  end.hidden = true;
  document.body.append(section, end);
  let run = null, seconds = [], last = null, width = 600, isAsked = false, answers = 0, drawn = "";

  const escape = text => String(text).replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`);
  const number = value => value === null || value === undefined ? "–"
    : value >= 100 ? Math.round(value).toLocaleString("en") : value >= 10 ? String(+value.toFixed(1)) : String(+value.toFixed(2));
  const clock = s => s < 60 ? `${s}s` : `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;

  function thinned(values) {
    // Where a point stands for several seconds it shows the highest, so that no peak is lost.
    const step = Math.ceil(values.length / MOST_POINTS);
    const points = [];
    for (let at = 0; at < values.length; at += step) {
      const part = values.slice(at, at + step).filter(value => value !== null);
      points.push([at, part.length ? Math.max(...part) : null]);
    }
    return points;
  }

  function roundUp(value) {
    const power = 10 ** Math.floor(Math.log10(value || 1));
    return [1, 2, 2.5, 5, 10].map(factor => factor * power).find(limit => limit >= value * 0.999) || 1;
  }

  function chart(title, unit, lines) {
    const shown = lines.map(([label, key, tone, look]) => [label, seconds.map(row => row[AT[key]]), tone, look]);
    const highest = roundUp(Math.max(0, ...shown.map(([, values]) => values.reduce((a, b) => Math.max(a, b || 0), 0))));
    const length = Math.max(1, seconds.length - 1);
    const x = at => LEFT + (width - LEFT) * at / length, y = value => (HEIGHT - BOTTOM) * (1 - value / highest) + 4;
    const paths = shown.map(([, values, tone, look]) => {
      let pen = "M";
      const path = thinned(values).map(([at, value]) => {
        if (value === null) { pen = "M"; return ""; }
        const place = `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = "L";
        return place;
      }).join("");
      return `<path class="tone-${tone}${look ? ` ${look}` : ""}" d="${path}"/>`;
    });
    const grid = [0, 0.5, 1].map(part =>
      `<line x1="${LEFT}" x2="${width}" y1="${y(part * highest)}" y2="${y(part * highest)}"/>` +
      `<text x="${LEFT - 6}" y="${y(part * highest) + 4}" text-anchor="end">${number(part * highest)}</text>`);
    const times = [0, 0.5, 1].map((part, place) =>
      `<text x="${x(part * length)}" y="${HEIGHT}" text-anchor="${["start", "middle", "end"][place]}">${clock(Math.round(part * length))}</text>`);
    // Of a run that has ended the last second says nothing: often it is not a whole one.
    const now = values => last.report ? "" : ` <b>${number(values[values.length - 1])}</b>`;
    const legend = shown.map(([label, values, tone, look]) =>
      `<li class="tone-${tone}${look ? ` ${look}` : ""}">${label}${now(values)}</li>`);
    const told = shown.map(([label, values]) => `${label} ${number(values[values.length - 1])}`).join(", ");
    return `<figure><h2>${title} <small>${unit}</small></h2><ul class="legend">${legend.join("")}</ul>` +
      `<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${title}: ${told}">` +
      `${grid.join("")}${times.join("")}${paths.join("")}</svg></figure>`;
  }

  function strip(threshold) {
    const tones = {p: "good", f: "bad", n: "none"}, count = Math.max(1, threshold.history.length);
    let bars = "", from = 0;
    for (let at = 1; at <= threshold.history.length; at++) {
      if (at === threshold.history.length || threshold.history[at] !== threshold.history[from]) {
        bars += `<rect class="tone-${tones[threshold.history[from]]}" x="${from}" y="0" width="${at - from}" height="1"/>`;
        from = at;
      }
    }
    return `<code>${escape(threshold.metric)} <span>${escape(threshold.source)}</span></code>` +
      `<span><b>${escape(threshold.result)}</b> ${escape(threshold.value)}</span>` +
      `<svg viewBox="0 0 ${count} 1" preserveAspectRatio="none" role="img" aria-label="over the run">${bars}</svg>`;
  }

  function draw() {
    const tab = new URLSearchParams(location.search).get("tab");
    const light = (getComputedStyle(document.body).backgroundColor.match(/\d+/g) || [255]).slice(0, 3);
    const isDark = light.reduce((sum, part) => sum + Number(part), 0) < 380;
    // Locust's form to edit a running test has users, spawn rate and run time: nothing that a schedule has.
    document.querySelectorAll("button").forEach(button => {
      if (button.textContent.trim().toLowerCase() === "edit") button.style.display = "none";
    });
    const isOpen = Boolean(last && last.run && ["schedule", "thresholds"].includes(tab) && document.querySelector('[role="tab"]'));
    // The page changes far more often than what is drawn here.
    const wanted = [tab, isOpen, isDark, innerWidth, answers].join();
    if (wanted === drawn) return;
    drawn = wanted;
    section.className = isDark ? "dark" : "";
    document.body.classList.toggle("load-test-dark", isDark);
    const room = section.clientWidth - 32, columns = Math.max(1, Math.floor((room + 14) / 444));
    width = Math.max(240, Math.floor((room - 14 * (columns - 1)) / columns) - 30);
    document.body.classList.toggle("load-test-open", isOpen);
    if (!isOpen) section.innerHTML = "";
    else if (tab === "schedule") {
      section.innerHTML = seconds.length ? `<div class="charts">${CHARTS.map(parts => chart(...parts)).join("")}</div>`
        : '<p class="none">The charts begin with the first second of the run.</p>';
    } else {
      section.innerHTML = last.thresholds.length
        ? `<figure><h2>State over the run <small>green passes, red fails, grey no samples</small></h2><div class="strip">${last.thresholds.map(strip).join("")}</div></figure>`
        : '<p class="none">The profile has no thresholds.</p>';
    }
    const report = last && last.report;
    end.hidden = !report;
    if (report) {
      end.className = `${report.kind}${isDark ? " dark" : ""}`;
      end.innerHTML = `<b>${escape(report.word)}</b>${escape(report.line)} <a href="./load-test/report" target="_blank">Report</a>`;
    }
    // What the bar at the bottom covers can be scrolled to.
    document.body.style.paddingBottom = report ? `${end.offsetHeight}px` : "";
  }

  async function ask() {
    try {
      const answer = await fetch(`./load-test/live?run=${encodeURIComponent(run || "")}&since=${seconds.length}`);
      if (answer.ok) {
        last = await answer.json();
        answers += 1;
        if (last.run !== run) { run = last.run; seconds = []; }
        seconds = seconds.slice(0, last.since).concat(last.seconds);
      }
    } catch (error) {
      // The process has ended: what was drawn last stays.
    }
    draw();
    setTimeout(ask, PAUSE_MS);
  }

  function drawSoon() {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => { isAsked = false; draw(); });
  }

  new MutationObserver(drawSoon).observe(document.getElementById("root"), {childList: true, subtree: true});
  addEventListener("resize", drawSoon);
  ask();
})();
