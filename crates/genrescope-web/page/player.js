// The recording that is shown: what is drawn, the playhead over it, the genre under the playhead.

import { drawAreas, drawAxis, drawSegments, drawWaveform, merged, provisionalCells, Span } from "./draw.js";
import { clock, element, nameOf, percent } from "./words.js";

const byId = (id) => document.getElementById(id);
const STEP_S = 5;
const NAMED = 4;
const FILES = [["json", "json", "JSON"], ["csv", "csv", "CSV"], ["svg", "svg", "SVG picture"], ["audacity", "txt", "Labels"], ["jams", "jams", "JAMS"]];

export class Player {
  constructor(colours) {
    this.colours = colours;
    this.item = null;
    this.audio = byId("audio");
    this.strip = byId("strip");
    this.position_s = 0;
    for (const event of ["timeupdate", "seeked", "loadedmetadata", "pause"]) this.audio.addEventListener(event, () => this.follow());
    this.audio.addEventListener("loadedmetadata", () => this.draw());
    this.audio.addEventListener("play", () => this.run());
    this.audio.addEventListener("error", () => {
      byId("unplayable").hidden = !this.item?.url;
      this.audio.hidden = true;
    });
    this.strip.addEventListener("keydown", (event) => this.key(event));
    this.strip.addEventListener("pointerdown", (event) => this.pointer(event));
    this.strip.addEventListener("pointermove", (event) => event.buttons && this.pointer(event));
    new ResizeObserver(() => this.draw()).observe(this.strip);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Shows an item; again when it is shown already and has changed. */
  show(item) {
    const other = item !== this.item;
    this.item = item;
    byId("recording").hidden = false;
    byId("recording").className = item.state;
    if (other) this.load(item);
    this.describe();
    this.draw();
    this.follow();
  }

  load(item) {
    this.position_s = 0;
    this.audio.pause();
    byId("unplayable").hidden = true;
    this.audio.hidden = !item.url;
    if (item.url) this.audio.src = item.url;
    else this.audio.removeAttribute("src");
  }

  get cells() {
    return this.item.whole?.cells ?? provisionalCells(this.item.patches);
  }

  get duration_s() {
    const heard = this.cells.at(-1)?.end_s ?? 0;
    if (this.item.whole) return this.item.whole.record.duration_s;
    if (this.item.state === "live") return Math.max(10, this.item.heard_s ?? 0);
    return Number.isFinite(this.audio.duration) ? Math.max(this.audio.duration, heard) : heard;
  }

  describe() {
    const { item } = this;
    const record = item.whole?.record;
    byId("name").textContent = item.whole?.title ?? item.name;
    const facts = { waiting: "waits for its turn", judging: "is being judged", live: `listening, ${clock(item.heard_s ?? 0)}`, failed: item.error };
    byId("facts").textContent = record ? `${clock(record.duration_s)} long · ${this.changes(record)} · judged by ${record.model.name}` : facts[item.state];
    byId("overall").textContent = record ? overall(record) : "";
    const progress = byId("progress");
    progress.max = this.duration_s || 1;
    if (item.patches.length && item.state === "judging") progress.value = item.patches.at(-1).end_s;
    else progress.removeAttribute("value");
    this.list(record);
  }

  changes(record) {
    const changes = record.segments.length - 1;
    return changes === 0 ? "no change" : `${changes} change${changes === 1 ? "" : "s"}`;
  }

  list(record) {
    const rows = (record?.segments ?? []).map((segment) => {
      const time = element("button", { type: "button" }, `${clock(segment.start_s, 1)} – ${clock(segment.end_s, 1)}`);
      time.addEventListener("click", () => this.seek(segment.start_s));
      const score = segment.genre ? percent(Math.max(...segment.scores)) : "";
      return element("tr", {}, element("td", {}, time), element("td", {}, nameOf(segment)), element("td", {}, score));
    });
    byId("rows").replaceChildren(...rows);
    byId("table").hidden = rows.length === 0;
    byId("downloads").replaceChildren(...(record ? this.downloads() : []));
    const warnings = record?.warnings ?? [];
    byId("warnings").hidden = warnings.length === 0;
    byId("warnings").lastElementChild.replaceChildren(...warnings.map((warning) => element("li", {}, warning)));
    const seen = record ? this.colours.seen(this.cells) : [];
    const genres = seen.map((genre) => this.colours.genres[genre]);
    if (this.cells.some((cell) => cell.genre === null)) genres.push(this.colours.unknown);
    byId("legend").replaceChildren(...genres.map(({ name, colour }) => {
      const swatch = element("i");
      swatch.style.background = colour;
      return element("li", {}, swatch, name);
    }));
  }

  downloads() {
    const { item } = this;
    const stem = item.name.replace(/\.[^.]*$/, "");
    item.files ??= FILES.map(([key, ending, label]) => {
      const url = URL.createObjectURL(new Blob([item.whole.files[key]]));
      return element("a", { class: "button", href: url, download: `${stem}.${ending}` }, label);
    });
    if (item.state === "done" && item.recorded) {
      return [...item.files, element("a", { class: "button", href: item.url, download: item.name }, "WAV")];
    }
    return item.files;
  }

  draw() {
    if (!this.item) return;
    const { cells, colours, item } = this;
    const span = new Span(this.duration_s);
    const segments = item.whole?.record.segments ?? merged(cells);
    drawSegments(byId("segments"), segments, span, colours);
    drawAreas(byId("areas"), cells, span, colours);
    drawWaveform(byId("waveform"), item.whole?.waveform ?? { peak_s: 1, peaks: [] }, span);
    drawAxis(byId("axis"), span);
    const picture = byId("spectrogram");
    if (item.spectrogram) {
      if (picture.getAttribute("src") !== item.spectrogram) picture.src = item.spectrogram;
    } else picture.removeAttribute("src");
    this.strip.setAttribute("aria-valuemax", this.duration_s.toFixed(1));
    this.place();
  }

  /** Every frame while it plays. */
  run() {
    this.follow();
    if (!this.audio.paused) requestAnimationFrame(() => this.run());
  }

  follow() {
    if (!this.item) return;
    if (this.item.state === "live") this.position_s = this.item.heard_s ?? 0;
    else if (this.item.url && !this.audio.hidden) this.position_s = this.audio.currentTime;
    this.place();
  }

  place() {
    byId("playhead").style.transform = `translateX(${new Span(this.duration_s).x(this.position_s, this.strip.clientWidth)}px)`;
    const cell = this.item.state === "live" ? this.item.patches.at(-1) : this.under(this.position_s);
    const name = cell ? nameOf(cell) : this.item.state === "failed" ? "" : "…";
    if (byId("genre").textContent !== name) byId("genre").textContent = name;
    byId("swatch").style.background = cell ? this.colours.of(cell.genre).colour : "";
    this.strip.setAttribute("aria-valuenow", this.position_s.toFixed(1));
    this.strip.setAttribute("aria-valuetext", `${clock(this.position_s)} of ${clock(this.duration_s)}, ${name}`);
    this.scores(cell);
  }

  under(at_s) {
    const { cells } = this;
    return cells.find((cell) => at_s < cell.end_s) ?? cells.at(-1);
  }

  scores(cell) {
    const ranked = [...(cell?.scores ?? [])].map((score, i) => [score, this.colours.genres[i]]).sort((a, b) => b[0] - a[0]).slice(0, NAMED);
    const list = byId("others");
    while (list.children.length > ranked.length) list.lastChild.remove();
    ranked.forEach(([score, { name, colour }], i) => {
      const row = list.children[i] ?? list.appendChild(element("li", {}, element("span"), element("span", { class: "bar" }, element("i")), element("span", { class: "share" })));
      const [word, bar, share] = row.children;
      word.textContent = name;
      bar.firstChild.style.width = `${100 * score}%`;
      bar.firstChild.style.background = colour;
      share.textContent = percent(score);
    });
  }

  seek(at_s) {
    this.position_s = Math.min(Math.max(0, at_s), this.duration_s);
    if (this.item.url && !this.audio.hidden) this.audio.currentTime = this.position_s;
    this.place();
  }

  pointer(event) {
    const { left, width } = this.strip.getBoundingClientRect();
    this.seek(((event.clientX - left) / width) * this.duration_s);
  }

  key(event) {
    const starts = merged(this.cells).map((segment) => segment.start_s);
    const targets = {
      ArrowRight: this.position_s + STEP_S, ArrowUp: this.position_s + STEP_S,
      ArrowLeft: this.position_s - STEP_S, ArrowDown: this.position_s - STEP_S,
      PageDown: starts.find((start) => start > this.position_s + 0.1) ?? this.duration_s,
      PageUp: starts.findLast((start) => start < this.position_s - 0.1) ?? 0,
      Home: 0, End: this.duration_s,
    };
    if (event.key === " ") this.audio.paused ? this.audio.play() : this.audio.pause();
    else if (event.key in targets) this.seek(targets[event.key]);
    else return;
    event.preventDefault();
  }
}

function overall(record) {
  return record.genre ? `overall ${record.genre}, ${percent(record.scores[0].score)}` : `overall unknown: ${nameOf(record)}`;
}
