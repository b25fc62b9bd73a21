// In the audio thread: microphone → mono blocks, the mean of its channels.

const BLOCK_SAMPLES = 4096;

class Samples extends AudioWorkletProcessor {
  block = new Float32Array(BLOCK_SAMPLES);
  filled = 0;

  process([channels]) {
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length; i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled] = sum / channels.length;
      this.filled += 1;
      if (this.filled === BLOCK_SAMPLES) this.send();
    }
    return true;
  }

  send() {
    this.port.postMessage(this.block, [this.block.buffer]);
    this.block = new Float32Array(BLOCK_SAMPLES);
    this.filled = 0;
  }
}

registerProcessor("samples", Samples);
