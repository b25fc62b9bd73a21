// The page in headless Chromium, against the real program. Needs `npm install` of package.json, Chromium, a binary.
//
//     node page.mjs BINARY CHROMIUM DEMO.ogg [FOLDER FOR SCREENSHOTS]

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [binary, executablePath, recording, shots] = process.argv.slice(2);
const demo = resolve(recording);
const folder = mkdtempSync(join(tmpdir(), "genrescope-page-"));
const path = (name) => join(folder, name);

/** Chords and noise, 16-bit mono: what the fake microphone hears. */
function wav(seconds, rate = 48000) {
  const samples = new Int16Array(seconds * rate);
  for (let n = 0; n < samples.length; n += 1) {
    const tones = [220, 277, 330].reduce((sum, hz) => sum + Math.sin((2 * Math.PI * hz * n) / rate), 0);
    samples[n] = 4000 * tones * (0.6 + 0.4 * Math.sin(n / 9000)) + 2000 * (Math.random() - 0.5);
  }
  const header = Buffer.from("RIFF    WAVEfmt \x10\0\0\0\x01\0\x01\0        \x02\0\x10\0data    ", "latin1");
  [[4, 36 + samples.byteLength], [24, rate], [28, 2 * rate], [40, samples.byteLength]].forEach(([at, value]) => header.writeUInt32LE(value, at));
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}

async function served(...options) {
  const server = spawn(binary, ["serve", "--port", "0", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const url of createInterface({ input: server.stdout })) return { server, url };
  throw new Error("the server did not start");
}

const classified = (file) => JSON.parse(execFileSync(binary, ["classify", "--timeline", "--format", "json", file]))[0];

async function done(page, count = 1) {
  await page.waitForFunction((n) => document.querySelectorAll("#downloads a").length && document.querySelectorAll("#items tr").length >= n, count);
}

async function saved(page, label) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(`#downloads a:text-is("${label}")`)]);
  const to = path(download.suggestedFilename());
  await download.saveAs(to);
  return to;
}

async function shot(page, name) {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

const tests = {
  async "an upload shows its timeline, with progress on the way"({ page }) {
    await page.evaluate(() => {
      window.seen = new Set();
      new MutationObserver(() => window.seen.add(document.getElementById("recording").className)).observe(document.getElementById("recording"), { attributes: true });
    });
    await page.setInputFiles("#files", demo);
    await done(page);
    assert.ok((await page.evaluate(() => [...window.seen])).includes("judging"));
    const record = classified(demo);
    assert.match(await page.textContent("#overall"), new RegExp(`${record.genre}, ${Math.round(100 * record.scores[0].score)} %`));
    assert.equal(await page.locator("#rows tr").count(), record.segments.length);
    assert.equal(await page.textContent("#genre"), record.segments[0].genre);
    const painted = await page.evaluate(() => ["segments", "areas", "waveform", "axis"].map((id) => {
      const canvas = document.getElementById(id);
      return new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
    }));
    assert.ok(painted.every((values) => values > 2), `canvases are painted: ${painted}`);
    assert.ok(await page.evaluate(() => document.getElementById("spectrogram").naturalWidth > 100));
  },

  async "patches are drawn before the whole is there"({ page }) {
    await page.evaluate(() => {
      const { fetch } = window;
      window.fetch = async (address, options) => {
        const response = await fetch(address, options);
        if (!address.includes("timeline")) return response;
        const text = await response.text();
        return new Response(text.slice(0, text.indexOf("event: result")), response);
      };
    });
    await page.setInputFiles("#files", demo);
    await page.waitForFunction(() => document.getElementById("message").textContent.includes("broke"));
    const widths = await page.evaluate(() => document.querySelector("#items canvas").width);
    assert.ok(widths > 0);
    assert.match(await page.getAttribute("#strip", "aria-valuetext"), new RegExp(`, ${classified(demo).segments[0].genre}$`));
  },

  async "click, keys and table move the playhead and the genre under it"({ page }) {
    await page.setInputFiles("#files", demo);
    await done(page);
    const record = classified(demo);
    await page.waitForFunction(() => document.getElementById("audio").readyState > 0);
    const box = await page.locator("#strip").boundingBox();
    await page.mouse.click(box.x + 0.75 * box.width, box.y + 60);
    const position = () => page.evaluate(() => document.getElementById("audio").currentTime);
    assert.ok(Math.abs((await position()) - 0.75 * record.duration_s) < 0.5, `${await position()} s`);
    assert.equal(await page.textContent("#genre"), record.segments.find((s) => s.end_s > 0.75 * record.duration_s).genre);
    await page.focus("#strip");
    await page.keyboard.press("Home");
    assert.equal(await position(), 0);
    await page.keyboard.press("ArrowRight");
    assert.equal(await position(), 5);
    await page.keyboard.press("PageDown");
    const next = record.segments.find((s) => s.start_s > 5);
    assert.ok(Math.abs((await position()) - next.start_s) < 0.01);
    assert.match(await page.getAttribute("#strip", "aria-valuetext"), new RegExp(`of 0:\\d\\d, ${next.genre}`));
    await page.click("#table summary");
    await page.click("#rows tr:first-child button");
    assert.equal(await position(), 0);
    await page.evaluate(() => document.getElementById("audio").play());
    await page.waitForFunction(() => document.getElementById("audio").currentTime > 0.3);
    await page.focus("#strip");
    await page.keyboard.press(" ");
    assert.ok(await page.evaluate(() => document.getElementById("audio").paused));
  },

  async "downloads are what the command line writes"({ page }) {
    await page.setInputFiles("#files", demo);
    await done(page);
    for (const [label, ending] of [["CSV", "csv"], ["Labels", "txt"], ["SVG picture", "svg"], ["JAMS", "jams"], ["JSON", "json"]]) {
      const out = path(`expected.${ending}`);
      execFileSync(binary, ["timeline", "demo.ogg", "-o", out], { cwd: dirname(demo) });
      assert.equal(readFileSync(await saved(page, label), "utf8"), readFileSync(out, "utf8"), label);
    }
  },

  async "a text file is an error in classify's words, and the page goes on"({ page }) {
    writeFileSync(path("notes.txt"), "these are only words ".repeat(50));
    await page.setInputFiles("#files", [path("notes.txt"), demo]);
    await page.waitForFunction(() => document.querySelectorAll("#items tr").length === 2 && /\d %/.test(document.getElementById("items").textContent));
    const message = await page.textContent("#message");
    assert.match(message, /^notes\.txt: /);
    assert.ok((await page.textContent("#items .failed")).includes(message));
    await page.click("#items button:text-is('demo.ogg')");
    await done(page);
  },

  async "several files are a list that can be sorted"({ page }) {
    writeFileSync(path("chords.wav"), wav(11));
    await page.setInputFiles("#files", [demo, path("chords.wav")]);
    await page.waitForFunction(() => (document.getElementById("items").textContent.match(/\d %|no music/g) ?? []).length === 2);
    const names = () => page.locator("#items td.name").allTextContents();
    await page.click("[data-sort=name]");
    assert.deepEqual(await names(), ["chords.wav", "demo.ogg"]);
    await page.click("[data-sort=length]");
    await page.click("[data-sort=length]");
    assert.deepEqual(await names(), ["demo.ogg", "chords.wav"]);
    assert.equal(await page.getAttribute("th:has([data-sort=length])", "aria-sort"), "descending");
    await page.click("#items button:text-is('chords.wav')");
    assert.equal(await page.textContent("#name"), "chords.wav");
    await shot(page, "list");
  },

  async "files and folders can be dropped"({ context, page }) {
    mkdirSync(path("album/second disc"), { recursive: true });
    for (const name of ["album/first.wav", "album/second disc/last.wav"]) writeFileSync(path(name), wav(6));
    writeFileSync(path("album/notes.txt"), "no recording");
    const devtools = await context.newCDPSession(page);
    const data = { items: [], files: [demo, path("album")], dragOperationsMask: 1 };
    const drag = (type) => devtools.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
    await drag("dragEnter");
    await drag("dragOver");
    await page.waitForSelector("body.dropping");
    await shot(page, "dropping");
    await drag("drop");
    await page.waitForFunction(() => (document.getElementById("items").textContent.match(/\d %|no music/g) ?? []).length === 3);
    assert.deepEqual((await page.locator("#items td.name").allTextContents()).sort(), [basename(demo), "first.wav", "last.wav"].sort());
    assert.equal(await page.locator("body.dropping").count(), 0);
    await shot(page, "dropped");
  },

  async "the microphone has the numbers of the command line"({ page }) {
    await page.click("#listen");
    await page.waitForFunction(() => document.getElementById("listen").textContent === "Stop listening");
    await page.waitForFunction(() => document.getElementById("genre").textContent !== "…", null, { timeout: 4000 });
    await page.waitForTimeout(12500);
    await shot(page, "live");
    await page.click("#listen");
    await done(page);
    const [recording, json] = [await saved(page, "WAV"), JSON.parse(readFileSync(await saved(page, "JSON"), "utf8"))];
    const record = classified(recording);
    // The stand-in for a microphone beeps.
    assert.ok(record.duration_s > 11 && (record.genre || record.reason === "not_music"), JSON.stringify(record).slice(0, 200));
    for (const key of ["duration_s", "genre", "reason", "scores", "segments", "warnings"]) assert.deepEqual(json[key], record[key], key);
  },

  async "two tabs do not disturb each other"({ context, page, url }) {
    const other = await context.newPage();
    await other.goto(url);
    await other.waitForSelector("[data-ready]");
    writeFileSync(path("other.wav"), wav(20));
    await Promise.all([page.setInputFiles("#files", demo), other.setInputFiles("#files", path("other.wav"))]);
    await Promise.all([done(page), done(other)]);
    assert.equal(await other.textContent("#name"), "other.wav");
    assert.match(await page.textContent("#facts"), /0:2\d long/);
    await other.close();
  },

  async "the model card is one click away"({ page }) {
    await page.click("#card-open");
    await page.waitForSelector("#card[open]");
    assert.match(await page.textContent("#card-facts"), /GTZAN|gtzan/);
    const { results } = JSON.parse(execFileSync(binary, ["inspect", "--json"]));
    const shown = await page.textContent("#card-results");
    assert.ok(results.length > 0);
    for (const { protocol, accuracy_percent: accuracy } of results) {
      const row = shown.split("\n").find((line) => line.includes(protocol));
      assert.ok(row?.split(protocol)[1].includes(`${accuracy.toFixed(1)} %`), shown);
    }
    await shot(page, "card");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#card[open]").count(), 0);
  },

  async "light, dark and a phone's width: nothing is wider than the screen"({ page }) {
    await page.setInputFiles("#files", demo);
    await done(page);
    await page.mouse.click(700, 500);
    for (const [name, colorScheme, width] of [["light", "light", 1200], ["dark", "dark", 1200], ["phone", "light", 375], ["phone-dark", "dark", 375]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.waitForTimeout(200);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), name);
      await shot(page, name);
    }
  },

  async "a scanned library is counted, searched, sorted, mapped and heard"({ browser, context }) {
    mkdirSync(path("music"));
    for (const name of ["one.ogg", "two.ogg"]) writeFileSync(path(`music/${name}`), readFileSync(demo));
    writeFileSync(path("music/chords.wav"), wav(12));
    execFileSync(binary, ["scan", path("music"), "--db", path("music.db"), "-q"]);
    const { server, url } = await served("--db", path("music.db"));
    try {
      const page = await context.newPage();
      const complaints = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (line) => line.type() === "error" && complaints.push(line.text()));
      await page.goto(url);
      await page.click("#library");
      await page.waitForSelector("[data-ready] #rows tr");
      assert.match(await page.textContent("#counts"), /^3 files/);
      assert.equal(await page.locator("#rows tr").count(), 3);
      assert.match(await page.textContent("#map-note"), /^3 files/);
      await page.click('th [data-sort="length"]');
      await page.waitForFunction(() => document.querySelector("#rows button").textContent === "chords.wav");
      await page.fill("#query", "TWO");
      await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
      await page.focus("#rows button");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.getElementById("audio").currentTime > 0.2);
      assert.match(await page.textContent("#playing"), /^two\.ogg: /);
      await page.fill("#query", "");
      await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 3);
      await page.focus("#map");
      await page.keyboard.press("ArrowRight");
      await page.waitForFunction(() => document.getElementById("under").textContent.includes("%"));
      const painted = await page.evaluate(() => new Set(document.getElementById("map").getContext("2d").getImageData(0, 0, 400, 300).data).size);
      assert.ok(painted > 2, "the map is painted");
      await page.click("#groups button");
      assert.equal(await page.getAttribute("#groups button", "aria-pressed"), "true");
      await page.setViewportSize({ width: 360, height: 740 });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off on a telephone");
      await shot(page, "library");
      assert.deepEqual(complaints, []);
      await page.close();
    } finally {
      server.kill("SIGINT");
    }
  },

  async "beyond this machine the address with the token opens the page"({ browser }) {
    const { server, url } = await served("--host", "127.0.0.1");
    try {
      assert.match(url, /#token=[0-9a-f]{32}$/);
      const page = await browser.newPage();
      await page.goto(url.split("#")[0]);
      await page.waitForFunction(() => document.getElementById("message").textContent.includes("token"));
      await page.goto("about:blank");
      await page.goto(url);
      await page.waitForSelector("[data-ready]");
      assert.ok(!page.url().includes("token"), "it does not stay in the address");
      await page.setInputFiles("#files", demo);
      await done(page);
      await page.close();
    } finally {
      server.kill("SIGINT");
    }
  },
};

writeFileSync(path("microphone.wav"), wav(20));
const fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-audio-capture=${path("microphone.wav")}`];
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", ...fake] });
const { server, url } = await served();
let [passed, failed] = [0, 0];
try {
  for (const [name, test] of Object.entries(tests)) {
    const context = await browser.newContext({ permissions: ["microphone"], acceptDownloads: true });
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (line) => line.type() === "error" && !/status of 4\d\d/.test(line.text()) && complaints.push(line.text()));
    page.on("request", (request) => /^https?:/.test(request.url()) && !request.url().startsWith(url) && complaints.push(`asks ${request.url()}`));
    try {
      await page.goto(url);
      await page.waitForSelector("[data-ready]");
      await test({ browser, context, page, url });
      assert.deepEqual(complaints, []);
      passed += 1;
      console.log(`ok: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED: ${name}\n${error.stack}\n${complaints.join("\n")}`);
      await shot(page, `failed-${failed}`);
    }
    await context.close();
  }
} finally {
  await browser.close();
  server.kill("SIGINT");
  rmSync(folder, { recursive: true, force: true });
}
console.log(`test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; 0 ignored`);
process.exitCode = failed ? 1 : 0;
