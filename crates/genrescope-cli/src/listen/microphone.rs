//! The system's microphone as a reader of raw samples.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use genrescope::audio::{RawAudio, SampleFormat};

use super::sound::Origin;

/// Buffers of the sound card that may wait; more are dropped.
const BUFFERS_AHEAD: usize = 64;

/// Opens the system's microphone.
pub(super) fn open() -> Result<Origin> {
    let (buffers, received) = sync_channel(BUFFERS_AHEAD);
    let (opened, outcome) = channel();
    // A stream stays with the thread that made it, and ends when it is dropped.
    thread::spawn(move || match start(buffers) {
        Ok((raw, stream)) => {
            let _ = opened.send(Ok(raw));
            loop {
                thread::park();
                let _ = &stream;
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    });
    let raw = outcome.recv().context("the microphone cannot be opened")??;
    Ok(Origin::Microphone(raw, Box::new(Buffers { received: Mutex::new(received), rest: Vec::new() })))
}

fn start(buffers: SyncSender<Vec<u8>>) -> Result<(RawAudio, cpal::Stream)> {
    let device = cpal::default_host().default_input_device();
    let device = device.context("no microphone is found; connect one, or pipe sound in by `listen -`")?;
    let config = device.default_input_config().context("the microphone says nothing of its format")?;
    let format = match config.sample_format() {
        cpal::SampleFormat::I16 => SampleFormat::S16,
        cpal::SampleFormat::F32 => SampleFormat::F32,
        other => bail!("the microphone gives {other} samples; choose 16 or 32 bits in the system's settings"),
    };
    let raw = RawAudio { format, rate_hz: config.sample_rate(), channels: config.channels() };
    let hear =
        move |data: &cpal::Data, _: &cpal::InputCallbackInfo| drop(buffers.try_send(data.bytes().to_vec()));
    let stream = device
        .build_input_stream_raw(config.config(), config.sample_format(), hear, |_| (), None)
        .context("the microphone cannot be opened")?;
    stream.play().context("the microphone does not start")?;
    Ok((raw, stream))
}

/// What the sound card's thread hands over, as one reader.
struct Buffers {
    received: Mutex<Receiver<Vec<u8>>>,
    rest: Vec<u8>,
}

impl Read for Buffers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let received = self.received.get_mut().unwrap_or_else(PoisonError::into_inner);
            self.rest = received.recv().unwrap_or_default();
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_as_one_reader_that_ends_with_the_sound() {
        let (buffers, received) = sync_channel(4);
        for buffer in [vec![1, 2, 3], vec![4], vec![5, 6]] {
            buffers.send(buffer).unwrap();
        }
        drop(buffers);
        let mut reader = Buffers { received: Mutex::new(received), rest: Vec::new() };
        let mut two = [0; 2];
        assert_eq!((reader.read(&mut two).unwrap(), two), (2, [1, 2]));
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [3, 4, 5, 6]);
    }
}
