// All recordings, sortable, each with a small timeline.

import { drawSegments, merged, provisionalCells, Span } from "./draw.js";
import { clock, element, nameOf, percent } from "./words.js";

const byId = (id) => document.getElementById(id);
const STATES = { waiting: "waits", judging: "…", live: "listening" };

const keys = {
  name: (item) => item.name.toLowerCase(),
  genre: (item) => item.whole?.record.genre ?? "~",
  score: ({ whole }) => (whole?.record.genre ? whole.record.scores[0].score : -1),
  length: (item) => item.whole?.record.duration_s ?? 0,
};

export class List {
  constructor(colours, choose) {
    this.colours = colours;
    this.choose = choose;
    this.items = [];
    this.order = { key: null, up: true };
    for (const button of document.querySelectorAll("[data-sort]")) button.addEventListener("click", () => this.sort(button));
    new ResizeObserver(() => this.items.forEach((item) => this.draw(item))).observe(byId("list"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.items.forEach((item) => this.draw(item)));
  }

  add(item) {
    const name = element("button", { type: "button" }, item.name);
    name.addEventListener("click", () => this.choose(item));
    const canvas = element("canvas", { "aria-hidden": "true" });
    item.row = element("tr", {}, element("td", { class: "name" }, name), element("td"), element("td"), element("td"), element("td", { class: "small-timeline" }, canvas));
    item.number = this.items.push(item);
    byId("items").append(item.row);
    byId("list").hidden = this.items.length < 2 && item.state !== "failed";
    this.update(item);
  }

  update(item) {
    const [, genre, score, length] = item.row.children;
    const record = item.whole?.record;
    genre.className = item.state === "failed" ? "failed" : "";
    genre.colSpan = item.state === "failed" ? 4 : 1;
    [score, length, item.row.children[4]].forEach((cell) => { cell.hidden = item.state === "failed"; });
    genre.textContent = record ? nameOf(record) : item.error ?? STATES[item.state];
    score.textContent = record?.genre ? percent(record.scores[0].score) : "";
    length.textContent = record ? clock(record.duration_s) : "";
    if (item.state === "failed") byId("list").hidden = false;
    this.draw(item);
    if (this.order.key && item.state === "done") this.arrange();
  }

  draw(item) {
    const canvas = item.row.querySelector("canvas");
    if (!canvas.clientWidth) return;
    const cells = provisionalCells(item.patches);
    const segments = item.whole?.record.segments ?? merged(cells);
    drawSegments(canvas, segments, new Span(item.whole?.record.duration_s ?? segments.at(-1)?.end_s ?? 1), this.colours);
  }

  mark(current) {
    for (const item of this.items) {
      if (item === current) item.row.setAttribute("aria-current", "true");
      else item.row.removeAttribute("aria-current");
    }
  }

  sort(button) {
    const key = button.dataset.sort;
    this.order = { key, up: this.order.key === key ? !this.order.up : true };
    for (const header of document.querySelectorAll("[data-sort]")) {
      const sorted = header === button ? (this.order.up ? "ascending" : "descending") : "none";
      header.parentElement.setAttribute("aria-sort", sorted);
    }
    this.arrange();
  }

  arrange() {
    const of = keys[this.order.key];
    const compare = (a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : a.number - b.number);
    const sorted = [...this.items].sort((a, b) => (this.order.up ? compare(a, b) : compare(b, a)));
    byId("items").append(...sorted.map((item) => item.row));
  }
}
