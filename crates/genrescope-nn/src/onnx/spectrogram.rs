//! Samples that become a spectrogram inside the file.

use super::document::{Document, Extent, Setting};

/// What stands before the first and after the last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// Zeros.
    Zeros,
    /// The samples mirrored at the first and the last one.
    Mirror,
}

/// Power of a short-time Fourier transform, its bins summed to columns; step `t` is centred on sample `t · hop`.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// How many samples are given.
    pub samples: usize,
    /// What each frame is multiplied by; as long as a frame.
    pub window: Vec<f32>,
    /// Samples from step to step.
    pub hop: usize,
    /// What stands before the first and after the last sample.
    pub edges: Edges,
    /// The steps that are kept, in order.
    pub steps: Vec<usize>,
    /// Shares of the bins in each column, `[columns, window / 2 + 1]`.
    pub shares: Vec<f32>,
}

impl Spectrogram {
    pub(super) fn extent(&self) -> Extent {
        Extent::Fixed(self.samples)
    }

    /// `[samples, numbers]` → `[samples, columns, time]`.
    pub(super) fn write(&self, document: &mut Document, input: &str, output: &str) -> String {
        let named = |part: &str| format!("{output}.{part}");
        let framed = self.frames(document, input, &named("stft"));
        let steps: Vec<i64> = self.steps.iter().map(|step| *step as i64).collect();
        let steps = document.integers(&named("steps"), &steps);
        let axis = vec![("axis", Setting::Integer(1))];
        let kept = document.add("Gather", &named("kept"), &[&framed, &steps], axis);
        let over_parts = vec![("axes", Setting::Integers(vec![3])), ("keepdims", Setting::Integer(1))];
        let power = document.add("ReduceSumSquare", &named("power"), &[&kept], over_parts);
        let axis = document.integers(&named("parts"), &[3]);
        let power = document.add("Squeeze", &named("bins_last"), &[&power, &axis], vec![]);
        let order = vec![("perm", Setting::Integers(vec![0, 2, 1]))];
        let power = document.add("Transpose", &named("bins"), &[&power], order);
        let bins = self.window.len() / 2 + 1;
        let shares = document.numbers(&named("shares"), &[self.shares.len() / bins, bins], &self.shares);
        document.add("MatMul", output, &[&shares, &power], vec![])
    }

    /// `[samples, numbers]` → `[samples, time, bins, 2]`.
    fn frames(&self, document: &mut Document, input: &str, output: &str) -> String {
        let named = |part: &str| format!("{output}.{part}");
        let reach = (self.window.len() / 2) as i64;
        let reach = document.integers(&named("reach"), &[0, reach, 0, reach]);
        let mode = match self.edges {
            Edges::Zeros => "constant",
            Edges::Mirror => "reflect",
        };
        let mode = vec![("mode", Setting::Text(mode))];
        let padded = document.add("Pad", &named("padded"), &[input, &reach], mode);
        let axis = document.integers(&named("axis"), &[2]);
        let signal = document.add("Unsqueeze", &named("signal"), &[&padded, &axis], vec![]);
        let hop = document.integer(&named("hop"), self.hop as i64);
        let window = document.numbers(&named("window"), &[self.window.len()], &self.window);
        // The default, said for the official checker, which otherwise counts all bins.
        let half = vec![("onesided", Setting::Integer(1))];
        document.add("STFT", output, &[&signal, &hop, &window], half)
    }
}
