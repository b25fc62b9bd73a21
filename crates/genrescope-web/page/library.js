// The library: proportions, map, search, list, and what is played.

import { answer, ask } from "./api.js";
import { SoundMap } from "./map.js";
import { clock, element, nameOf, percent } from "./words.js";

const byId = (id) => document.getElementById(id);
const PAGE = 100;
/** Most of a file that is fetched to be played, bytes. */
const PLAYED_BYTES = 64 << 20;
const PAUSE_MS = 150;
const UNKNOWN = "#8a8a8a";

const say = (message) => { byId("message").textContent = message; };
const guarded = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
};

/** Calls once it was not called for a moment. */
function settled(work) {
  let timer;
  return (...given) => { clearTimeout(timer); timer = setTimeout(() => work(...given), PAUSE_MS); };
}

const wanted = { query: "", genre: null, like: null, sort: "disagreement", order: "usual", offset: 0 };
const colours = new Map();
const colourOf = (word) => colours.get(word) ?? UNKNOWN;
let asked = new AbortController();
let played = 0;

const parameters = (keys) => new URLSearchParams(keys.filter((key) => wanted[key] !== null && wanted[key] !== "").map((key) => [key, wanted[key]]));
const length = (song) => (song.duration_s === null ? "" : clock(song.duration_s));
const word = (song) => nameOf(song) || (song.error ? "failed" : "unknown");

const map = new SoundMap(byId("map"), {
  colourOf,
  pointed: settled(guarded(async (id) => {
    const song = id === null ? null : await answer(`library/files/${id}`);
    byId("under").textContent = song ? `${song.name}: ${word(song)}${song.score === null ? "" : ` ${percent(song.score)}`}` : "";
  })),
  chosen: guarded(async (id) => play(await answer(`library/files/${id}`))),
});

function together(seconds) {
  const [count, unit] = seconds < 7200 ? [seconds / 60, "minutes"] : [seconds / 3600, "hours"];
  return `${count.toLocaleString("en", { maximumFractionDigits: count < 10 ? 1 : 0 })} ${unit}`;
}

async function overview() {
  const { files, duration_s, failed, differing, tagged, stale, model, groups } = await answer("library");
  groups.forEach((group) => colours.set(group.name, group.colour ?? UNKNOWN));
  const amount = (count) => count.toLocaleString("en");
  byId("counts").textContent = `${amount(files)} files, ${together(duration_s)}`;
  const facts = [`${amount(tagged)} with a genre in their tags`, `${amount(differing)} of them another than was heard`];
  if (failed) facts.push(`${amount(failed)} could not be judged`);
  if (stale) facts.push(`${amount(stale)} judged by a model that is not served`);
  byId("facts").textContent = `${facts.join(" · ")}. Judged by ${model.name}.`;
  const largest = Math.max(...groups.map((group) => group.files), 1);
  byId("groups").replaceChildren(...groups.map((group) => groupRow(group, files, largest)));
}

function groupRow({ name, files }, all, largest) {
  const [dot, bar, fill] = [element("i", { class: "dot" }), element("span", { class: "bar" }), element("i")];
  dot.style.background = fill.style.background = colourOf(name);
  fill.style.width = `${(100 * files) / largest}%`;
  bar.append(fill);
  const label = `${name.replaceAll("_", " ")}`;
  const button = element("button", { type: "button", "aria-pressed": "false", title: `${files} files` }, dot, element("span", {}, label), bar,
    element("span", { class: "share" }, `${((100 * files) / all).toFixed(1)} %`));
  button.addEventListener("click", () => change({ genre: wanted.genre === name ? null : name, like: null }));
  button.dataset.group = name;
  return element("li", {}, button);
}

/** What is wanted becomes something else: list and map follow. */
const change = guarded(async (changes) => {
  say("");
  Object.assign(wanted, { offset: 0, ...changes });
  asked.abort();
  asked = new AbortController();
  const options = { signal: asked.signal };
  marks();
  const onMap = ["query", "genre"].some((key) => key in changes);
  const [files, points] = await Promise.all([
    answer(`library/files?${parameters(["query", "genre", "like", "sort", "order", "offset"])}&limit=${PAGE}`, options),
    onMap ? answer(`library/map?${parameters(["query", "genre"])}`, options) : null,
  ]);
  list(files);
  if (points) showMap(points);
});

function marks() {
  for (const button of document.querySelectorAll("[data-group]")) button.setAttribute("aria-pressed", String(button.dataset.group === wanted.genre));
  const sort = wanted.like === null ? wanted.sort : null;
  byId("differing").setAttribute("aria-pressed", String(sort === "disagreement"));
  for (const button of document.querySelectorAll("th [data-sort]")) {
    const up = (wanted.order === "usual") !== (button.dataset.sort === "score");
    button.parentElement.setAttribute("aria-sort", button.dataset.sort === sort ? (up ? "ascending" : "descending") : "none");
  }
  byId("everything").hidden = wanted.like === null;
  byId("everything").textContent = "Back to all files";
}

function showMap(points) {
  map.show(points);
  const [across, up] = points.explained.map(percent);
  byId("map-note").textContent = `${points.ids.length.toLocaleString("en")} files. Neighbours sound alike: the two principal components of what the model heard; `
    + `${across} of all difference lies along the width, ${up} along the height, the rest is not seen here.`;
}

function list({ total, offset, files }) {
  byId("rows").replaceChildren(...files.map(row));
  byId("range").textContent = total ? `${(offset + 1).toLocaleString("en")}–${(offset + files.length).toLocaleString("en")} of ${total.toLocaleString("en")}` : "no file";
  byId("before").disabled = offset === 0;
  byId("after").disabled = offset + files.length >= total;
}

function row(song) {
  const name = element("button", { type: "button", title: "Play" }, song.name);
  name.addEventListener("click", guarded(() => play(song)));
  const near = element("button", { type: "button", "aria-label": `What sounds like ${song.name}` }, "similar");
  near.addEventListener("click", () => change({ like: song.id, genre: null, query: "" }));
  const dot = element("i", { class: "dot" });
  dot.style.background = colourOf(word(song));
  const says = song.tags.join(", ");
  const made = element("tr", {},
    element("td", { class: "name" }, name, element("span", { class: "folder" }, song.folder)),
    element("td", song.error ? { class: "failed", title: song.error } : {}, dot, word(song) + (song.stale ? " (stale)" : "")),
    element("td", {}, song.score === null ? "" : percent(song.score)),
    element("td", { class: song.agreement }, song.agreement === "differs" ? `≠ ${says}` : says),
    element("td", {}, length(song)),
    element("td", { class: "near" }, song.genre === null ? "" : near));
  made.dataset.id = song.id;
  return made;
}

/** The file as the library has it; of a very long one the beginning. */
async function play(song) {
  say("");
  played = song.id;
  byId("player").hidden = false;
  byId("playing").textContent = `${song.name} …`;
  const response = await ask(`library/files/${song.id}/audio`, { headers: { range: `bytes=0-${PLAYED_BYTES - 1}` } }).catch((error) => {
    byId("playing").textContent = `${song.name}: ${error.message}`;
    throw error;
  });
  const sound = await response.blob();
  if (played !== song.id) return;
  const whole = Number(response.headers.get("content-range")?.split("/")[1] ?? sound.size);
  const audio = byId("audio");
  URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(sound);
  byId("playing").textContent = `${song.name}: ${word(song)}${whole > sound.size ? " (its beginning)" : ""}`;
  for (const shown of document.querySelectorAll("#rows tr")) {
    if (Number(shown.dataset.id) === song.id) shown.setAttribute("aria-current", "true");
    else shown.removeAttribute("aria-current");
  }
  await audio.play().catch((error) => { if (error.name === "NotSupportedError") throw new Error(`${song.name}: this browser cannot play it`); });
}

byId("search").addEventListener("submit", (event) => event.preventDefault());
byId("query").addEventListener("input", settled(() => change({ query: byId("query").value.trim(), like: null })));
byId("everything").addEventListener("click", () => change({ like: null, query: byId("query").value.trim() }));
byId("before").addEventListener("click", () => change({ offset: Math.max(0, wanted.offset - PAGE) }));
byId("after").addEventListener("click", () => change({ offset: wanted.offset + PAGE }));
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const { sort } = button.dataset;
    const again = wanted.sort === sort && wanted.like === null && sort !== "disagreement";
    change({ sort, like: null, order: again && wanted.order === "usual" ? "reversed" : "usual" });
  });
}

await guarded(async () => {
  await overview();
  byId("shown").hidden = false;
  await change({ query: "" });
})();
document.body.dataset.ready = "yes";
