// The page: files and microphone in, items to the list and the player.

import { answer, timeline } from "./api.js";
import { showCard } from "./card.js";
import { Colours } from "./draw.js";
import { List } from "./list.js";
import { Live, newest } from "./live.js";
import { Player } from "./player.js";
import { nameOf } from "./words.js";

const byId = (id) => document.getElementById(id);
/** Recordings that are sent at once. */
const AT_ONCE = 2;

const say = (message) => { byId("message").textContent = message; };
const mention = (message) => { byId("status").textContent = message; };

const [health, about] = await Promise.all([answer("health"), answer("models")]).catch((error) => {
  say(error.message);
  throw error;
});
const choice = byId("model");
choice.replaceChildren(...about.models.map((model) => new Option(model.name, model.name)));
choice.parentElement.hidden = about.models.length < 2;
byId("library").hidden = !health.library;
const coloursOf = Object.fromEntries(about.models.map((model) => [model.name, new Colours(model, about.unknown_colour)]));

const player = new Player(coloursOf[choice.value]);
const list = new List(coloursOf[choice.value], show);
const queue = [];
let running = 0;
let live = null;

function show(item) {
  player.colours = coloursOf[item.model];
  player.show(item);
  list.mark(item);
}

const changed = new Set();

/** Draws an item again with the next frame, however often it changes until then. */
function refresh(item) {
  if (changed.size === 0) requestAnimationFrame(redraw);
  changed.add(item);
}

function redraw() {
  for (const item of changed) {
    list.colours = coloursOf[item.model];
    list.update(item);
    if (player.item === item) player.show(item);
  }
  changed.clear();
}

function judged(item, whole) {
  item.whole = whole;
  item.state = "done";
  const stretched = whole.spectrogram.replace("<svg ", '<svg preserveAspectRatio="none" ');
  item.spectrogram = URL.createObjectURL(new Blob([stretched], { type: "image/svg+xml" }));
  delete whole.spectrogram;
  mention(`${item.name}: ${nameOf(whole.record)}`);
  refresh(item);
}

function failed(item, error) {
  item.state = "failed";
  item.error = error.message;
  say(error.message);
  refresh(item);
}

async function judge(item) {
  item.state = "judging";
  refresh(item);
  try {
    if (item.file.size > health.upload_bytes) {
      throw new Error(`${item.name}: larger than ${health.upload_bytes >> 20} MiB; use \`genrescope classify\` for it`);
    }
    for await (const { kind, data } of timeline(item.file, item.model)) {
      if (kind === "patch") item.patches.push(...data);
      else judged(item, data);
      if (kind === "patch") refresh(item);
    }
  } catch (error) {
    failed(item, error);
  }
}

async function work() {
  if (running >= AT_ONCE) return;
  running += 1;
  while (queue.length) await judge(queue.shift());
  running -= 1;
}

function add(files) {
  say(files.length ? "" : "there are no recordings in it");
  const items = files.map((file) => ({ name: file.name, file, url: URL.createObjectURL(file), state: "waiting", patches: [], model: choice.value }));
  items.forEach((item) => list.add(item));
  queue.push(...items);
  if (items.length) show(items[0]);
  for (let i = 0; i < AT_ONCE; i += 1) work();
}

/** Of a folder, what is named like a recording; the server judges by content. */
const isRecording = (file) => health.extensions.includes(file.name.split(".").pop().toLowerCase());

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))].filter(isRecording);
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const inside of entries) found.push(...(await filesIn(inside)));
  }
}

async function dropped(items) {
  const entries = [...items].map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry?.() }));
  const parts = await Promise.all(entries.map(({ file, entry }) => (entry?.isDirectory ? filesIn(entry) : file ? [file] : [])));
  return parts.flat();
}

async function listen() {
  const button = byId("listen");
  button.disabled = true;
  try {
    await (live ? stopListening() : startListening());
  } catch (error) {
    live?.opened.abandon();
    if (live) failed(live.item, error);
    else say(`the microphone cannot be used: ${error.message}`);
    live = null;
  }
  button.disabled = false;
  button.setAttribute("aria-pressed", String(Boolean(live)));
  button.textContent = live ? "Stop listening" : "Listen to the microphone";
}

async function startListening() {
  say("");
  const name = `microphone ${new Date().toLocaleTimeString("en-GB").replaceAll(":", "-")}.wav`;
  const item = { name, state: "live", patches: [], heard_s: 0, model: choice.value };
  const opened = new Live(item.model, ({ heard_s, moments }) => {
    item.heard_s = heard_s;
    for (const moment of moments) item.patches.push(newest(moment, item.patches.at(-1), coloursOf[item.model].genres));
    refresh(item);
  });
  try {
    await opened.start();
  } catch (error) {
    opened.abandon();
    throw error;
  }
  opened.sending.catch(() => live && listen());
  live = { item, opened };
  list.add(item);
  show(item);
}

async function stopListening() {
  const { item, opened } = live;
  const { whole, wav } = await opened.stop();
  live = null;
  if (wav) {
    item.url = URL.createObjectURL(wav);
    item.recorded = true;
  }
  judged(item, whole);
  player.load(item);
  player.show(item);
}

byId("choose-files").addEventListener("click", () => byId("files").click());
byId("choose-folder").addEventListener("click", () => byId("folder").click());
byId("files").addEventListener("change", ({ target }) => { add([...target.files]); target.value = ""; });
byId("folder").addEventListener("change", ({ target }) => { add([...target.files].filter(isRecording)); target.value = ""; });
byId("listen").addEventListener("click", listen);
byId("card-open").addEventListener("click", () => showCard(choice.value).catch((error) => say(error.message)));
byId("openapi").addEventListener("click", async (event) => {
  event.preventDefault();
  const description = new Blob([JSON.stringify(await answer("openapi.json"), null, 2)], { type: "application/json" });
  window.open(URL.createObjectURL(description));
});
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  add(await dropped(event.dataTransfer.items));
});
const refused = !window.isSecureContext || !navigator.mediaDevices;
byId("listen").disabled = refused;
byId("microphone-note").hidden = !refused;
document.body.dataset.ready = "yes";
