// The microphone: samples go to the server as they are, 32-bit floats at the microphone's own rate.

import { answer, ask } from "./api.js";

/** The recording is kept here for playing and saving, no longer than this. */
const KEPT_S = 600;
const PAUSE_MS = 200;

export class Live {
  /** `told` takes what the server says of each chunk. */
  constructor(model, told) {
    Object.assign(this, { model, told, fresh: [], kept: [], kept_samples: 0, running: false });
  }

  async start() {
    const wishes = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: wishes });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("/samples.js");
    this.rate_hz = this.context.sampleRate;
    const opened = await answer(`live?rate_hz=${this.rate_hz}&model=${encodeURIComponent(this.model)}`, { method: "POST" });
    this.path = `live/${opened.id}`;
    this.most_samples = opened.chunk_bytes / Float32Array.BYTES_PER_ELEMENT;
    const node = new AudioWorkletNode(this.context, "samples", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => this.fresh.push(data);
    this.context.createMediaStreamSource(this.stream).connect(node);
    this.running = true;
    this.sending = this.send();
  }

  async send() {
    while (this.running) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await this.flush();
    }
  }

  async flush() {
    let samples = joined(this.fresh);
    this.fresh = [];
    this.keep(samples);
    while (samples.length > 0) {
      const chunk = samples.subarray(0, this.most_samples);
      samples = samples.subarray(chunk.length);
      this.told(await answer(this.path, { method: "POST", body: chunk }));
    }
  }

  keep(samples) {
    this.kept_samples += samples.length;
    if (this.kept_samples <= KEPT_S * this.rate_hz) this.kept.push(samples);
    else this.kept = [];
  }

  /** Lets go of the microphone; gives the whole, and the recording as a WAV file where it was not too long. */
  async stop() {
    this.running = false;
    this.stream.getTracks().forEach((track) => track.stop());
    await this.sending;
    await this.context.close();
    await this.flush();
    const whole = await (await ask(this.path, { method: "DELETE" })).json();
    return { whole, wav: this.kept.length ? wav(joined(this.kept), this.rate_hz) : null };
  }

  /** Lets go of the microphone after a failure. */
  abandon() {
    this.running = false;
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.context?.state !== "closed") this.context?.close();
  }
}

/** The part of an answer behind the one before: the time since then is its own. Scores stand in the order of `genres`. */
export function newest(moment, before, genres) {
  const scores = new Map(moment.scores.map(({ genre, score }) => [genre, score]));
  const ordered = moment.scores.length ? genres.map(({ name }) => scores.get(name)) : [];
  return { start_s: before?.end_s ?? 0, end_s: moment.end_s, genre: moment.genre, reason: moment.reason, scores: ordered };
}

function joined(blocks) {
  const whole = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}

/** 32-bit floats, mono. */
function wav(samples, rate_hz) {
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + 4 * samples.length, true);
  text(8, "WAVEfmt ");
  [[16, 16, 4], [20, 3, 2], [22, 1, 2], [24, rate_hz, 4], [28, 4 * rate_hz, 4], [32, 4, 2], [34, 32, 2], [40, 4 * samples.length, 4]]
    .forEach(([at, value, bytes]) => (bytes === 4 ? header.setUint32(at, value, true) : header.setUint16(at, value, true)));
  text(36, "data");
  return new Blob([header, samples], { type: "audio/wav" });
}
