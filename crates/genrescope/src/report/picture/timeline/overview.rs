//! A recording's samples, while they come → its mel spectrogram as wide as a picture, in bounded memory.

use crate::Result;
use crate::features::{FrontEnd, MEL_BANDS, MelFrames, MelStream, Padding};
use crate::report::picture::panel::{MOST_COLUMNS, grid};
use crate::report::picture::scene::{Grid, Rectangle, Scene, Shape};
use crate::report::picture::{maximum, shade};

/// Columns that are held; when there are twice as many, neighbours become one.
const HELD_COLUMNS: usize = 2 * MOST_COLUMNS;

/// Where the loudest is under this, all is black: power of the rounding of 16 bits.
const LEAST_POWER: f32 = 1e-7;

/// What can be seen of a recording.
pub struct Overview {
    /// None once the recording has ended.
    stream: Option<MelStream>,
    /// Frames that are not in a column yet.
    fresh: MelFrames,
    /// Mel power, `[columns, bands]`: the loudest of the frames that share a column.
    columns: Vec<f32>,
    frames_a_column: usize,
    frame_period_s: f64,
}

impl Overview {
    /// Of samples at this rate.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`](crate::ErrorKind::BadSettings) for a rate that no recording has.
    pub fn new(sample_rate_hz: u32) -> Result<Self> {
        let front_end = FrontEnd {
            sample_rate_hz,
            mel_bands: MEL_BANDS,
            frame_step: 1.0,
            padding: Padding::Constant,
            ..FrontEnd::gtzan_mel()
        };
        Ok(Self {
            stream: Some(MelStream::new(&front_end)?),
            fresh: MelFrames::new(MEL_BANDS),
            columns: Vec::new(),
            frames_a_column: 1,
            frame_period_s: front_end.frame_period_s(),
        })
    }

    /// Takes the next samples.
    pub fn hear(&mut self, samples: &[f32]) {
        if let Some(stream) = &mut self.stream {
            stream.push(samples, &mut self.fresh);
            self.gather();
        }
    }

    /// There are no more samples.
    pub fn end(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.finish(&mut self.fresh);
            self.gather();
        }
    }

    /// Makes columns of the frames that there are; the last may have fewer.
    fn gather(&mut self) {
        while self.fresh.frames() >= if self.stream.is_some() { self.frames_a_column } else { 1 } {
            let frames = self.frames_a_column.min(self.fresh.frames());
            self.columns.extend(loudest(&self.fresh.power[..frames * MEL_BANDS]));
            self.fresh.drop_front(frames);
            if self.columns.len() == 2 * HELD_COLUMNS * MEL_BANDS {
                self.columns = self.columns.chunks(2 * MEL_BANDS).flat_map(loudest).collect();
                self.frames_a_column *= 2;
            }
        }
    }

    /// The spectrogram alone, without axes: a pixel for each column and band.
    pub fn scene(&self, duration_s: f64) -> Scene {
        let grid = self.grid(duration_s);
        let mut scene = Scene::of_size(grid.columns as f64, MEL_BANDS as f64);
        let place = Rectangle { x: 0.0, y: 0.0, width: scene.width, height: scene.height };
        scene.shapes.push(Shape::Image(place, grid));
        scene
    }

    /// The first `duration_s` seconds, dB below their loudest; black where there are none.
    pub(super) fn grid(&self, duration_s: f64) -> Grid {
        let heard = self.columns.len() / MEL_BANDS;
        let column_s = self.frames_a_column as f64 * self.frame_period_s;
        let columns = ((duration_s / column_s).round() as usize).max(1);
        let power = &self.columns[..columns.min(heard) * MEL_BANDS];
        let loudest_db = db(maximum(power).max(LEAST_POWER));
        let at = |column: usize, band: usize| {
            power.get(column * MEL_BANDS + band).map_or(0.0, |&power| shade(db(power) - loudest_db))
        };
        grid(columns, MEL_BANDS, at)
    }
}

/// The loudest of each band of some frames.
fn loudest(frames: &[f32]) -> Vec<f32> {
    let mut bands = frames[..MEL_BANDS].to_vec();
    for frame in frames[MEL_BANDS..].chunks_exact(MEL_BANDS) {
        bands.iter_mut().zip(frame).for_each(|(band, &power)| *band = band.max(power));
    }
    bands
}

fn db(power: f32) -> f32 {
    10.0 * power.max(f32::MIN_POSITIVE).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_recording_is_held_in_as_few_columns_as_a_picture_shows() {
        let mut overview = Overview::new(22_050).unwrap();
        let second: Vec<f32> = (0..22_050).map(|n| (n as f32 * 0.1).sin()).collect();
        (0..200).for_each(|_| overview.hear(&second));
        overview.end();
        assert!(overview.columns.len() <= 2 * HELD_COLUMNS * MEL_BANDS);
        let heard_s =
            (overview.columns.len() / MEL_BANDS * overview.frames_a_column) as f64 * overview.frame_period_s;
        assert!((heard_s - 200.0).abs() < 0.2, "{heard_s} s");
    }

    #[test]
    fn sound_is_bright_where_it_is_and_silence_is_black() {
        let mut overview = Overview::new(22_050).unwrap();
        let tone: Vec<f32> = (0..44_100).map(|n| 0.5 * (n as f32 * 0.2849).sin()).collect();
        overview.hear(&tone);
        overview.hear(&[0.0; 44_100]);
        overview.end();
        let grid = overview.grid(4.0);
        let brightest = |from: usize, to: usize| {
            let rows = grid.levels.chunks(grid.columns);
            rows.flat_map(|row| &row[from * grid.columns / 8..to * grid.columns / 8]).max().copied()
        };
        assert_eq!((brightest(0, 3), brightest(5, 7)), (Some(255), Some(0)));
        let mut silence = Overview::new(22_050).unwrap();
        silence.hear(&[0.0; 22_050]);
        silence.end();
        assert!(silence.grid(1.0).levels.iter().all(|&level| level == 0));
    }
}
