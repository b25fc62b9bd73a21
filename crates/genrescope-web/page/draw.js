// The genre over time on canvases: stripe of segments, areas of the scores, waveform, axis.

import { clock, nameOf } from "./words.js";

/** Genres above this share of some moment have an area of their own. */
const SEEN = 0.06;
const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A canvas's pen with the origin at the upper left and lengths in CSS pixels. */
function pen(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = "13px system-ui, 'DejaVu Sans', Verdana, sans-serif";
  return { context, width, height };
}

/** Patches overlap: until the whole is known, each stands up to the start of the next. */
export function provisionalCells(patches) {
  return patches.map((patch, i) => ({ ...patch, end_s: patches[i + 1]?.start_s ?? patch.end_s }));
}

/** Neighbouring cells of one genre as one. */
export function merged(cells) {
  const segments = [];
  for (const cell of cells) {
    const last = segments.at(-1);
    if (last && last.genre === cell.genre && last.reason === cell.reason) last.end_s = cell.end_s;
    else segments.push({ ...cell });
  }
  return segments;
}

export class Colours {
  constructor(model, unknown) {
    this.genres = model.genres;
    this.unknown = { name: "no genre", colour: unknown, ink: "#000000" };
    this.byName = new Map(model.genres.map((genre) => [genre.name, genre]));
  }

  of(name) {
    return this.byName.get(name) ?? this.unknown;
  }

  /** Genres that have an area, the strongest first. */
  seen(all) {
    const cells = all.filter((cell) => cell.genre);
    const total = this.genres.map((_, i) => cells.reduce((sum, cell) => sum + (cell.scores[i] ?? 0), 0));
    const shows = (i) => cells.some((cell) => cell.scores[i] >= SEEN);
    return this.genres.map((_, i) => i).filter(shows).sort((a, b) => total[b] - total[a]);
  }
}

export function drawSegments(canvas, segments, span, colours) {
  const { context, width, height } = pen(canvas);
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (const segment of segments) {
    const [left, right] = [span.x(segment.start_s, width), span.x(segment.end_s, width)];
    const { colour, ink } = colours.of(segment.genre);
    context.fillStyle = colour;
    context.fillRect(left, 0, right - left, height);
    const name = nameOf(segment);
    if (height > 20 && context.measureText(name).width + 8 < right - left) {
      context.fillStyle = ink;
      context.fillText(name, (left + right) / 2, height / 2 + 1);
    }
    context.fillStyle = style("--paper");
    if (right - left > 3) context.fillRect(right - 1, 0, 1, height);
  }
}

/** Stacked scores, the strongest genre at the bottom; what is left above is all the others. */
export function drawAreas(canvas, cells, span, colours) {
  const { context, width, height } = pen(canvas);
  context.fillStyle = style("--raised");
  context.fillRect(0, 0, width, height);
  for (const run of runs(cells)) drawRun(context, run, span, colours, { seen: colours.seen(cells), width, height });
}

/** Stretches of cells that all have a genre, or all have none. */
function runs(cells) {
  const found = [];
  for (const cell of cells) {
    const last = found.at(-1);
    if (last && (last.at(-1).genre === null) === (cell.genre === null)) last.push(cell);
    else found.push([cell]);
  }
  return found;
}

function drawRun(context, run, span, colours, { seen, width, height }) {
  const [start, end] = [span.x(run[0].start_s, width), span.x(run.at(-1).end_s, width)];
  if (run[0].genre === null) {
    context.fillStyle = colours.unknown.colour;
    context.fillRect(start, 0, end - start, height);
    return;
  }
  const middles = run.map((cell) => span.x((cell.start_s + cell.end_s) / 2, width));
  const below = run.map(() => 0);
  for (const genre of seen) {
    const above = run.map((cell, i) => below[i] + cell.scores[genre]);
    const y = (share) => height * (1 - share);
    context.beginPath();
    context.moveTo(start, y(above[0]));
    above.forEach((share, i) => context.lineTo(middles[i], y(share)));
    context.lineTo(end, y(above.at(-1)));
    context.lineTo(end, y(below.at(-1)));
    for (let i = run.length - 1; i >= 0; i -= 1) context.lineTo(middles[i], y(below[i]));
    context.lineTo(start, y(below[0]));
    context.fillStyle = colours.genres[genre].colour;
    context.fill();
    above.forEach((share, i) => { below[i] = share; });
  }
}

export function drawWaveform(canvas, waveform, span) {
  const { context, width, height } = pen(canvas);
  if (waveform.peaks.length === 0) return;
  context.fillStyle = style("--wave");
  const loudest = Math.max(1, ...waveform.peaks);
  const column = new Float32Array(Math.ceil(width));
  waveform.peaks.forEach((peak, i) => {
    const from = Math.floor(span.x(i * waveform.peak_s, width));
    const to = Math.min(column.length - 1, Math.floor(span.x((i + 1) * waveform.peak_s, width)));
    for (let x = from; x <= to; x += 1) column[x] = Math.max(column[x], peak / loudest);
  });
  column.forEach((share, x) => {
    const bar = Math.max(1, share * height);
    context.fillRect(x, (height - bar) / 2, 1, bar);
  });
}

export function drawAxis(canvas, span) {
  const { context, width } = pen(canvas);
  const step = STEPS_S.find((s) => (span.duration_s / s) * 62 <= width) ?? span.duration_s;
  context.fillStyle = style("--faint");
  context.textBaseline = "top";
  for (let at = 0; at <= span.duration_s + 1e-6; at += step) {
    const x = span.x(at, width);
    const text = clock(at, step < 1 ? 1 : 0);
    const half = context.measureText(text).width / 2;
    context.fillRect(Math.min(x, width - 1), 0, 1, 4);
    context.fillText(text, Math.min(Math.max(x - half, 0), width - 2 * half), 6);
    if (step <= 0) break;
  }
}

/** The stretch of time that is drawn, from 0. */
export class Span {
  constructor(duration_s) {
    this.duration_s = Math.max(duration_s, 1e-3);
  }

  x(at_s, width) {
    return width * Math.min(1, Math.max(0, at_s / this.duration_s));
  }
}
