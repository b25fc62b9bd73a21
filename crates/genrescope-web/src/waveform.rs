//! Samples, while they come → the peaks of a waveform as wide as a screen, in bounded memory.

/// Peaks that are kept; when there are twice as many, neighbours become one.
const PEAKS: usize = 1500;
/// Samples of a peak at first.
const FINEST_SAMPLES: usize = 256;

/// How loud a recording is over time.
pub(crate) struct Waveform {
    peaks: Vec<f32>,
    samples_a_peak: usize,
    sample_rate_hz: u32,
    /// The peak that is not whole yet, and its samples.
    fresh: (f32, usize),
}

impl Waveform {
    pub(crate) fn new(sample_rate_hz: u32) -> Self {
        Self { peaks: Vec::new(), samples_a_peak: FINEST_SAMPLES, sample_rate_hz, fresh: (0.0, 0) }
    }

    pub(crate) fn hear(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (part, rest) = samples.split_at(samples.len().min(self.samples_a_peak - self.fresh.1));
            samples = rest;
            let peak = part.iter().fold(self.fresh.0, |peak, sample| peak.max(sample.abs()));
            self.fresh = (peak, self.fresh.1 + part.len());
            if self.fresh.1 == self.samples_a_peak {
                self.peaks.push(peak);
                self.fresh = (0.0, 0);
                self.halve();
            }
        }
    }

    fn halve(&mut self) {
        if self.peaks.len() == 2 * PEAKS {
            self.peaks = self.peaks.chunks(2).map(|pair| pair[0].max(pair[1])).collect();
            self.samples_a_peak *= 2;
        }
    }

    /// Length of a peak, seconds.
    pub(crate) fn peak_s(&self) -> f64 {
        self.samples_a_peak as f64 / f64::from(self.sample_rate_hz)
    }

    /// The peaks, thousandths of full scale.
    pub(crate) fn peaks(&self) -> Vec<u16> {
        let fresh = (self.fresh.1 > 0).then_some(self.fresh.0);
        let thousandths = |peak: f32| (1000.0 * peak.min(2.0)).round() as u16;
        self.peaks.iter().copied().chain(fresh).map(thousandths).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_stay_few_and_in_their_place() {
        let mut waveform = Waveform::new(22_050);
        let mut samples = vec![0.0; 22_050 * 300];
        samples[22_050 * 200] = -0.5;
        samples.chunks(1000).for_each(|block| waveform.hear(block));
        let peaks = waveform.peaks();
        assert!((PEAKS..=2 * PEAKS).contains(&peaks.len()), "{}", peaks.len());
        let at = peaks.iter().position(|&peak| peak == 500).unwrap();
        assert!((at as f64 * waveform.peak_s() - 200.0).abs() <= waveform.peak_s());
        assert_eq!(peaks.iter().filter(|&&peak| peak > 0).count(), 1);
    }
}
