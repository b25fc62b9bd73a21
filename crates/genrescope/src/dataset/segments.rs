//! Segments: the stretches of a track that lie side by side, as many as fit.
//!
//! Of a stored spectrogram they are stretches of its frames. Audio is cut before anything is computed of it, so that no
//! window of the transform reaches from one segment into the next.

use std::ops::Range;

use super::transpose::{Transposing, Transposition};
use super::{AudioSpan, Dataset, Spectrogram, Track, Transposed};
use crate::audio::Waveform;
use crate::features::{FrontEnd, PatchFeatures, mel_spectrogram, pitch_shift, rereference_db};
use crate::{Error, ErrorKind, Result};

/// Least power that is told from silence; as of a network's patches (-300 dB).
const LEAST_POWER: f32 = 1e-30;

/// What is computed of every track of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    /// How audio becomes a spectrogram.
    pub front_end: FrontEnd,
    /// Frames of a segment; none = tracks are not cut, and have no features.
    pub segment_frames: Option<usize>,
    /// The features of every segment.
    pub features: Option<PatchFeatures>,
    /// Versions of the tracks in other keys, semitones up.
    pub semitones: Vec<f64>,
    /// What is shifted for them.
    pub transposing: Transposing,
}

/// A track's spectrogram and the feature vectors of its segments.
type Version = (Spectrogram, Vec<Vec<f32>>);

impl Extraction {
    /// Spectrograms of whole tracks and nothing else.
    pub fn whole(front_end: &FrontEnd) -> Self {
        Self {
            front_end: front_end.clone(),
            segment_frames: None,
            features: None,
            semitones: Vec::new(),
            transposing: Transposing::Spectrogram,
        }
    }

    /// Whether a set of spectrograms can give all of it.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] with what needs audio.
    pub(super) fn check_without_audio(&self) -> Result<()> {
        let shifts = self.semitones.iter().any(|&semitones| semitones != 0.0);
        let what = match self.features.filter(|features| features.set.needs_audio()) {
            Some(features) => format!("the features {} are computed from audio", features.set.name()),
            None if shifts && self.transposing == Transposing::Waveform => "waveforms are shifted".into(),
            None => return Ok(()),
        };
        let remedy =
            "these are spectrograms: choose mel46 and augment.transposing = \"spectrogram\", or give audio";
        Err(Error::new(ErrorKind::BadSettings, format!("{what}, {remedy}")))
    }

    /// Everything of a recording: spectrogram, features, versions in other keys.
    pub(super) fn of_audio(&self, waveform: &Waveform) -> Result<(Version, Vec<Transposed>)> {
        let version = self.version(waveform)?;
        let transposed = match self.transposing {
            Transposing::Spectrogram => self.transposed_vectors(&version.0),
            Transposing::Waveform => {
                self.shifts().map(|semitones| self.shifted(waveform, semitones)).collect::<Result<_>>()?
            }
        };
        Ok((version, transposed))
    }

    /// Features and versions in other keys of a stored spectrogram.
    pub(super) fn of_spectrogram(&self, spectrogram: &Spectrogram) -> (Vec<Vec<f32>>, Vec<Transposed>) {
        (self.vectors(spectrogram, None, &[]), self.transposed_vectors(spectrogram))
    }

    /// Where the segments of a recording are, samples; the whole of it where tracks are not cut.
    pub(super) fn spans(&self, samples: usize) -> Vec<Range<usize>> {
        match self.segment_frames {
            Some(frames) => spans(samples, frames, &self.front_end),
            None => std::iter::once(0..samples).collect(),
        }
    }

    fn pieces<'a>(&self, samples: &'a [f32]) -> Vec<&'a [f32]> {
        self.spans(samples.len()).into_iter().map(|span| &samples[span]).collect()
    }

    fn shifts(&self) -> impl Iterator<Item = f64> {
        self.semitones.iter().copied().filter(|&semitones| semitones != 0.0)
    }

    fn shifted(&self, waveform: &Waveform, semitones: f64) -> Result<Transposed> {
        let samples = pitch_shift(&waveform.samples, semitones)?;
        let (spectrogram, vectors) = self.version(&Waveform { samples, ..*waveform })?;
        Ok(Transposed { semitones, spectrogram: Some(spectrogram), vectors })
    }

    fn version(&self, waveform: &Waveform) -> Result<Version> {
        let pieces = self.pieces(&waveform.samples);
        let bands = self.front_end.mel_bands;
        let mut power = Vec::new();
        for piece in &pieces {
            let piece = Waveform { samples: piece.to_vec(), ..*waveform };
            power.extend(mel_spectrogram(&piece, &self.front_end)?.power);
        }
        let spectrogram = Spectrogram { bands, db: relative_db(&power) };
        let vectors = self.vectors(&spectrogram, None, &pieces);
        Ok((spectrogram, vectors))
    }

    /// Features of versions whose levels are shifted when they are needed.
    fn transposed_vectors(&self, spectrogram: &Spectrogram) -> Vec<Transposed> {
        let of_shift = |semitones| {
            let transposition = Transposition::new(&self.front_end, semitones);
            let vectors = self.vectors(spectrogram, Some(&transposition), &[]);
            Transposed { semitones, spectrogram: None, vectors }
        };
        self.shifts().map(of_shift).collect()
    }

    fn vectors(
        &self,
        spectrogram: &Spectrogram,
        transposition: Option<&Transposition>,
        pieces: &[&[f32]],
    ) -> Vec<Vec<f32>> {
        let (Some(features), Some(frames)) = (self.features, self.segment_frames) else { return Vec::new() };
        let of_segment = |(segment, start): (usize, usize)| {
            let mut db = spectrogram.crop(start, frames);
            transposition.into_iter().for_each(|transposition| transposition.apply(&mut db));
            rereference_db(&mut db, &self.front_end);
            let piece = pieces.get(segment).copied().unwrap_or_default();
            let heard = self.front_end.samples_of(0, frames);
            let heard = heard.start.min(piece.len())..heard.end.min(piece.len());
            features.of_patch(&db, &piece[heard], &self.front_end)
        };
        starts(spectrogram.frames(), frames).into_iter().enumerate().map(of_segment).collect()
    }
}

/// First frames of the segments of a track: as many as fit side by side, spread evenly; one for a track that is
/// shorter. A track of 387 frames has ten of 38, the `i`-th at frame ⌊38.7·i⌋.
pub fn starts(track_frames: usize, frames: usize) -> Vec<usize> {
    let count = (track_frames / frames.max(1)).max(1);
    (0..count).map(|segment| segment * track_frames / count).collect()
}

/// Where the segments of a recording lie, samples: as many as have `frames` frames each, spread evenly, each just so long
/// that it has no frame more.
fn spans(samples: usize, frames: usize, front_end: &FrontEnd) -> Vec<Range<usize>> {
    let count = (samples / front_end.samples_of(0, frames).end).max(1);
    let stride = samples / count;
    let length = stride.min(front_end.samples_of(frames, 1).start - 1);
    (0..count).map(|segment| segment * stride..segment * stride + length).collect()
}

/// dB relative to the loudest cell.
fn relative_db(power: &[f32]) -> Vec<f32> {
    let level = |power: f32| 10.0 * power.max(LEAST_POWER).log10();
    let loudest = level(power.iter().copied().fold(0.0, f32::max));
    power.iter().map(|&p| level(p) - loudest).collect()
}

/// Every segment as a track of its own, `blues.00000#3`, with all that is known of its track: what protocol `segment`
/// divides. Of what is the same for a whole clip, a segment keeps nothing that a network sees.
pub fn split(dataset: Dataset, frames: usize) -> Dataset {
    let tracks = dataset.tracks.into_iter().flat_map(|track| segments_of(&track, frames)).collect();
    Dataset { tracks, ..dataset }
}

/// The segments of one track.
pub fn segments_of(track: &Track, frames: usize) -> Vec<Track> {
    let starts = starts(track.spectrogram.frames(), frames);
    let count = starts.len();
    let piece = |(segment, start): (usize, usize)| Track {
        id: format!("{}#{segment}", track.id),
        audio: track.audio.as_ref().map(|audio| audio.part(segment, count)),
        spectrogram: track.spectrogram.piece(start, frames),
        vectors: track.vectors.get(segment).cloned().into_iter().collect(),
        transposed: track.transposed.iter().map(|other| other.segment(segment, start, frames)).collect(),
        near_duplicate_of: None,
        genre: track.genre,
        artist: track.artist.clone(),
        artist_fold: track.artist_fold,
        filtered_split: track.filtered_split,
    };
    starts.into_iter().enumerate().map(piece).collect()
}

/// The track that a segment is of; of a whole track its own id.
pub fn track_id(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(track, _)| track)
}

impl AudioSpan {
    /// One of `count` segments: as they were cut, or equal parts of what was not.
    fn part(&self, segment: usize, count: usize) -> Self {
        let stride = self.samples.len() / count.max(1);
        let equal = || self.samples.start + segment * stride..self.samples.start + (segment + 1) * stride;
        let cut = self.segments.get(segment).filter(|_| self.segments.len() == count);
        Self { path: self.path.clone(), samples: cut.cloned().unwrap_or_else(equal), segments: Vec::new() }
    }
}

impl Spectrogram {
    fn piece(&self, start: usize, frames: usize) -> Self {
        let end = (start + frames).min(self.frames());
        Self { bands: self.bands, db: self.db[start * self.bands..end * self.bands].to_vec() }
    }
}

impl Transposed {
    fn segment(&self, segment: usize, start: usize, frames: usize) -> Self {
        Self {
            semitones: self.semitones,
            spectrogram: self.spectrogram.as_ref().map(|spectrogram| spectrogram.piece(start, frames)),
            vectors: self.vectors.get(segment).cloned().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::toy;
    use crate::features::{FeatureSet, Padding};

    #[test]
    fn gtzan_has_ten_segments_of_38_frames_and_three_of_129_and_none_overlap() {
        assert_eq!(starts(387, 38), [0, 38, 77, 116, 154, 193, 232, 270, 309, 348]);
        assert_eq!(starts(387, 129), [0, 129, 258]);
        assert_eq!(starts(20, 38), [0]);
        for frames in 1..60 {
            let starts = starts(387, frames);
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= frames), "{frames}");
            assert!(starts[starts.len() - 1] + frames <= 387, "{frames}");
        }
    }

    #[test]
    fn half_a_minute_of_audio_is_cut_into_the_published_segments() {
        let front_end = FrontEnd { frame_step: 1.0, ..FrontEnd::gtzan_mel() };
        let cases = [
            (661_500, [66_150, 66_150]),
            (661_794, [66_179, 66_179]),
            (660_000, [73_333, 66_559]),
            (30_000, [30_000, 30_000]),
        ];
        for (samples, [stride, length]) in cases {
            let spans = spans(samples, 130, &front_end);
            let expected = |segment: usize| segment * stride..segment * stride + length;
            assert!(spans.iter().enumerate().all(|(n, span)| *span == expected(n)), "{samples}: {spans:?}");
        }
        // 38 coarse frames reach from sample 512 to 64,000; the 39th is centred on 65,536.
        let coarse = spans(661_500, 38, &FrontEnd::gtzan_mel());
        assert_eq!((coarse.len(), coarse[9].clone()), (10, 595_350..660_885));
    }

    #[test]
    fn a_segment_keeps_its_own_frames_and_features_and_its_artist() {
        let extraction = Extraction {
            front_end: FrontEnd { mel_bands: 4, ..FrontEnd::gtzan_mel() },
            segment_frames: Some(8),
            features: Some(PatchFeatures { set: FeatureSet::Mel46, padding: Padding::Reflect }),
            semitones: vec![0.0, 1.0],
            transposing: Transposing::Spectrogram,
        };
        let mut dataset = toy(2, 21, 4);
        for track in &mut dataset.tracks {
            (track.vectors, track.transposed) = extraction.of_spectrogram(&track.spectrogram);
        }
        let whole = dataset.tracks.clone();
        let segments = split(dataset, 8).tracks;
        assert_eq!(segments.len(), 4);
        assert_eq!((segments[3].id.as_str(), track_id(&segments[3].id)), ("high.00001#1", "high.00001"));
        assert_eq!(segments[3].spectrogram.db, whole[1].spectrogram.db[10 * 4..18 * 4]);
        assert_eq!(segments[3].vectors, whole[1].vectors[1..]);
        assert_eq!(segments[3].artist, whole[1].artist);
        assert_ne!(segments[3].transposed[0].vectors, segments[3].vectors);
    }

    #[test]
    fn features_of_a_segment_come_from_its_frames_alone() {
        let extraction = Extraction {
            front_end: FrontEnd { mel_bands: 4, ..FrontEnd::gtzan_mel() },
            segment_frames: Some(8),
            features: Some(PatchFeatures { set: FeatureSet::Mel46, padding: Padding::Reflect }),
            semitones: vec![],
            transposing: Transposing::Spectrogram,
        };
        let mut spectrogram = toy(1, 24, 4).tracks.remove(0).spectrogram;
        let before = extraction.of_spectrogram(&spectrogram).0;
        // Louder, as if the clip's maximum were another one: nothing changes. Other frames: only theirs change.
        spectrogram.db.iter_mut().for_each(|level| *level -= 7.0);
        let quieter = extraction.of_spectrogram(&spectrogram).0;
        for (a, b) in before.iter().flatten().zip(quieter.iter().flatten()) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
        spectrogram.db[..8 * 4].iter_mut().for_each(|level| *level *= 0.5);
        let other = extraction.of_spectrogram(&spectrogram).0;
        assert_eq!(other[1..], quieter[1..]);
        assert_ne!(other[0], quieter[0]);
    }
}
