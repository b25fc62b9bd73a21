//! A file or a reader → blocks of mono samples at one rate, in bounded memory.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use symphonia::core::io::{MediaSource, ReadOnlySource};

use super::decode::{Decoder, Stretch};
use super::resample::Resampler;
use super::title::Title;
use super::{MAX_STREAM_S, SAMPLE_RATES_HZ};
use crate::{Error, ErrorKind, Result};

/// About how many samples a block has.
const BLOCK_SAMPLES: usize = 16_384;
/// The same of live sound: at 22,050 Hz less than a tenth of a second.
const LIVE_BLOCK_SAMPLES: usize = 2_048;

/// Decodes, mixes to mono (mean of the channels) and resamples while it is read.
///
/// ```no_run
/// # fn main() -> genrescope::Result<()> {
/// let mut stream = genrescope::audio::AudioStream::open("song.mp3".as_ref(), 22_050)?;
/// let mut samples = 0;
/// while let Some(block) = stream.next_block()? {
///     samples += block.len();
/// }
/// # Ok(())
/// # }
/// ```
pub struct AudioStream {
    name: String,
    sample_rate_hz: u32,
    block_samples: usize,
    longest_s: u64,
    decoder: Decoder,
    resampler: Option<Resampler>,
    packet: Vec<f32>,
    read_s: f64,
    lost: Vec<Range<f64>>,
    made_samples: u64,
    skip_until: u64,
    ended: bool,
    warnings: Vec<String>,
}

impl AudioStream {
    /// Opens a file; its samples will come at `sample_rate_hz`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Io`] (a folder, no permission), [`ErrorKind::UnsupportedFormat`],
    /// [`ErrorKind::Corrupt`], [`ErrorKind::TooShort`] (an empty file), [`ErrorKind::LimitExceeded`]; each with the path.
    pub fn open(path: &Path, sample_rate_hz: u32) -> Result<Self> {
        let at = path.display();
        let file = File::open(path).map_err(|e| Error::io(&at, e))?;
        let metadata = file.metadata().map_err(|e| Error::io(&at, e))?;
        if metadata.is_dir() {
            return Err(Error::new(
                ErrorKind::Io,
                format!("{at}: is a folder, not a file; name the files in it"),
            ));
        }
        Self::from_file(file, &at.to_string(), sample_rate_hz)
    }

    /// Reads an open file from where it stands; `name` stands in messages.
    ///
    /// # Errors
    /// As [`AudioStream::open`].
    pub fn from_file(file: File, name: &str, sample_rate_hz: u32) -> Result<Self> {
        let metadata = file.metadata().map_err(|e| Error::io(name, e))?;
        if metadata.is_file() && metadata.len() == 0 {
            let message = format!("{name}: the file is empty; copy it again from its source");
            return Err(Error::new(ErrorKind::TooShort, message));
        }
        Self::from_source(Box::new(file), name.to_owned(), sample_rate_hz)
    }

    /// Reads from what cannot seek (stdin, a pipe); `name` stands in messages.
    ///
    /// # Errors
    /// As [`AudioStream::open`].
    pub fn from_reader(reader: Box<dyn Read + Send + Sync>, name: &str, sample_rate_hz: u32) -> Result<Self> {
        Self::from_source(Box::new(ReadOnlySource::new(reader)), name.to_owned(), sample_rate_hz)
    }

    fn from_source(source: Box<dyn MediaSource>, name: String, sample_rate_hz: u32) -> Result<Self> {
        if !SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
            let message =
                format!("audio at {sample_rate_hz} Hz was asked for; choose from {SAMPLE_RATES_HZ:?} Hz");
            return Err(Error::new(ErrorKind::BadSettings, message));
        }
        let decoder = Decoder::open(source).map_err(|e| e.at(&name))?;
        Ok(Self {
            name,
            sample_rate_hz,
            block_samples: BLOCK_SAMPLES,
            longest_s: MAX_STREAM_S,
            decoder,
            resampler: None,
            packet: Vec::new(),
            read_s: 0.0,
            lost: Vec::new(),
            made_samples: 0,
            skip_until: 0,
            ended: false,
            warnings: Vec::new(),
        })
    }

    /// Decodes on so many threads at once, where the codec allows it: the samples are the same. Some seconds are read ahead.
    #[must_use]
    pub fn on_threads(mut self, threads: usize) -> Self {
        self.decoder.use_threads(threads);
        self
    }

    /// For a sound that is still being made: short blocks, so that they come soon, and no longest duration.
    #[must_use]
    pub fn live(self) -> Self {
        Self { block_samples: LIVE_BLOCK_SAMPLES, longest_s: u64::MAX, ..self }
    }

    /// The rate of the samples that come, Hz.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// The rate of the recording where it is read now, Hz; unknown before the first block and behind the last.
    pub fn recorded_rate_hz(&self) -> Option<u32> {
        self.resampler.as_ref().map(Resampler::input_rate_hz)
    }

    /// What stands in messages: the path, or the name of the reader.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the tags before the audio call the recording.
    pub fn title(&self) -> Title {
        self.decoder.title().clone()
    }

    /// What was repaired or left out so far, one sentence for each kind of damage; complete when the stream has ended.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Gives what was lost and is silent in the blocks, as far as it has not been given yet: stretches of the recording,
    /// seconds. It is known no later than the block in which it lies.
    pub fn take_lost(&mut self) -> Vec<Range<f64>> {
        std::mem::take(&mut self.lost)
    }

    /// Makes the next block begin at `from_s` seconds of the recording. What lies before is decoded and dropped; a
    /// position already passed changes nothing, one behind the end leaves no blocks.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] for a position that is negative or no number.
    pub fn skip_to(&mut self, from_s: f64) -> Result<()> {
        if !(0.0..=MAX_STREAM_S as f64).contains(&from_s) {
            let message = format!("{}: cannot start at {from_s} s; give a position from 0 s on", self.name);
            return Err(Error::new(ErrorKind::BadSettings, message));
        }
        self.skip_until = (from_s * f64::from(self.sample_rate_hz)).round() as u64;
        Ok(())
    }

    /// The next samples, mono at [`sample_rate_hz`](Self::sample_rate_hz), never empty; `None` at the end.
    ///
    /// # Errors
    /// [`ErrorKind::TooShort`] when there was no sample at all, [`ErrorKind::Corrupt`] when no packet could be decoded,
    /// [`ErrorKind::LimitExceeded`], [`ErrorKind::Io`].
    pub fn next_block(&mut self) -> Result<Option<Vec<f32>>> {
        let mut block = Vec::with_capacity(2 * self.block_samples);
        while block.is_empty() && !self.ended {
            self.fill(&mut block).map_err(|e| e.at(&self.name))?;
            let first = self.made_samples - block.len() as u64;
            let skipped = self.skip_until.saturating_sub(first).min(block.len() as u64);
            block.drain(..skipped as usize);
        }
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    fn fill(&mut self, block: &mut Vec<f32>) -> Result<()> {
        while block.len() < self.block_samples && !self.ended {
            match self.decoder.next_stretch(&mut self.packet)? {
                Some(stretch) => self.resample(stretch, block)?,
                None => self.end(block),
            }
        }
        self.made_samples += block.len() as u64;
        self.warnings = self.decoder.damage().warnings();
        self.check_length()
    }

    /// Appends the packet at our rate. A stream may change its rate on the way (chained files): then a new resampler.
    fn resample(&mut self, stretch: Stretch, block: &mut Vec<f32>) -> Result<()> {
        let rate_hz = stretch.rate_hz;
        let start_s = self.read_s;
        self.read_s += self.packet.len() as f64 / f64::from(rate_hz);
        if stretch.lost {
            match self.lost.last_mut() {
                Some(last) if last.end == start_s => last.end = self.read_s,
                _ => self.lost.push(start_s..self.read_s),
            }
        }
        if self.resampler.as_ref().is_none_or(|r| r.input_rate_hz() != rate_hz) {
            let fresh = Resampler::new(rate_hz, self.sample_rate_hz)?;
            if let Some(old) = self.resampler.replace(fresh) {
                old.finish(block);
            }
        }
        if let Some(resampler) = &mut self.resampler {
            resampler.push(&self.packet, block);
        }
        Ok(())
    }

    fn end(&mut self, block: &mut Vec<f32>) {
        self.ended = true;
        if let Some(resampler) = self.resampler.take() {
            resampler.finish(block);
        }
    }

    fn check_length(&self) -> Result<()> {
        let fail = |kind, message: String| Err(Error::new(kind, message));
        if self.made_samples > self.longest_s.saturating_mul(self.sample_rate_hz.into()) {
            return fail(
                ErrorKind::LimitExceeded,
                format!("longer than {} hours; split it", MAX_STREAM_S / 3600),
            );
        }
        if self.ended && self.decoder.decoded_packets() == 0 && self.made_samples > 0 {
            return fail(
                ErrorKind::Corrupt,
                "not one packet can be decoded; copy it again from its source".into(),
            );
        }
        if self.ended && self.made_samples == 0 {
            return fail(
                ErrorKind::TooShort,
                "a header without a single sample; copy it again from its source".into(),
            );
        }
        Ok(())
    }
}
