// Files as points on a canvas: neighbours sound alike. Pointer and keys find the nearest.

const RADIUS = 3;
/** How far from a point a pointer may be, pixels. */
const REACH = 14;
const MARGIN = 12;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class SoundMap {
  /** `pointed(id)` is told where pointer or keys are, `chosen(id)` what was clicked. */
  constructor(canvas, { colourOf, pointed, chosen }) {
    Object.assign(this, { canvas, colourOf, pointed, chosen });
    this.points = { ids: [], x: [], y: [], word: [], words: [] };
    this.at = -1;
    canvas.addEventListener("pointermove", (event) => this.point(this.nearest(event.offsetX, event.offsetY, REACH)));
    canvas.addEventListener("pointerleave", () => this.point(-1));
    canvas.addEventListener("click", (event) => this.choose(this.nearest(event.offsetX, event.offsetY, REACH)));
    canvas.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(points) {
    this.points = points;
    this.at = -1;
    this.draw();
  }

  /** Both axes have one scale: distances on the map are distances. */
  arrange() {
    const { x, y } = this.points;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const bounds = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    const [[left, right], [low, high]] = [bounds(x), bounds(y)];
    const scale = Math.min((width - 2 * MARGIN) / Math.max(right - left, 0.01), (height - 2 * MARGIN) / Math.max(high - low, 0.01));
    this.left = x.map((value) => width / 2 + (value - (left + right) / 2) * scale);
    this.top = y.map((value) => height / 2 - (value - (low + high) / 2) * scale);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    this.arrange();
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const radius = this.points.ids.length > 20000 ? 1 : this.points.ids.length > 3000 ? 2 : RADIUS;
    pen.globalAlpha = radius < RADIUS ? 0.6 : 1;
    const colours = this.points.words.map((word) => this.colourOf(word));
    if (radius === RADIUS) {
      // Few points: pale ones have an edge.
      pen.fillStyle = style("--faint");
      this.left.forEach((left, i) => pen.fillRect(left - radius - 1, this.top[i] - radius - 1, 2 * radius + 2, 2 * radius + 2));
    }
    this.points.word.forEach((word, i) => {
      pen.fillStyle = colours[word];
      pen.fillRect(this.left[i] - radius, this.top[i] - radius, 2 * radius, 2 * radius);
    });
    this.picture = pen.getImageData(0, 0, this.canvas.width, this.canvas.height);
    this.ring();
  }

  /** Around the point that is pointed at. */
  ring() {
    const pen = this.canvas.getContext("2d");
    pen.putImageData(this.picture, 0, 0);
    if (this.at < 0) return;
    pen.globalAlpha = 1;
    for (const [colour, width] of [[style("--paper"), 5], [style("--ink"), 2]]) {
      pen.beginPath();
      pen.arc(this.left[this.at], this.top[this.at], 8, 0, 2 * Math.PI);
      Object.assign(pen, { strokeStyle: colour, lineWidth: width });
      pen.stroke();
    }
  }

  nearest(x, y, reach) {
    let [best, least] = [-1, reach * reach];
    for (let i = 0; i < this.points.ids.length; i += 1) {
      const far = (this.left[i] - x) ** 2 + (this.top[i] - y) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  point(i) {
    if (i === this.at) return;
    this.at = i;
    this.ring();
    this.pointed(i < 0 ? null : this.points.ids[i]);
  }

  choose(i) {
    if (i < 0) return;
    this.point(i);
    this.chosen(this.points.ids[i]);
  }

  press(event) {
    const step = STEPS[event.key];
    if (step) this.point(this.at < 0 ? this.nearest(this.canvas.clientWidth / 2, this.canvas.clientHeight / 2, Infinity) : this.beyond(step));
    else if (event.key === "Enter" || event.key === " ") this.choose(this.at);
    else return;
    event.preventDefault();
  }

  /** The nearest point within 45 degrees of a direction; the same where there is none. */
  beyond([right, down]) {
    let [best, least] = [this.at, Infinity];
    for (let i = 0; i < this.points.ids.length; i += 1) {
      const [dx, dy] = [this.left[i] - this.left[this.at], this.top[i] - this.top[this.at]];
      const along = dx * right + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * right);
      const far = along + 2 * aside;
      if (along > 0.5 && aside <= along && far < least) [best, least] = [i, far];
    }
    return best;
  }
}
