//! What is done to an input before the network reads it.

use super::Spectrogram;
use super::document::{Document, Setting};

/// One step of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Preparation {
    /// `(value − mean) / deviation`; one number for all columns, or one a column.
    Scale {
        /// Means.
        mean: Vec<f32>,
        /// Deviations, above 0.
        deviation: Vec<f32>,
    },
    /// The same with mean and deviation of each sample; samples that vary less than `least` are not divided.
    ScaleBySample {
        /// The smallest deviation that is divided by.
        least: f32,
    },
    /// Every time step as a sum of the given ones.
    MixSteps {
        /// How many are given.
        given: usize,
        /// Their shares, `[given, time steps]`.
        shares: Vec<f32>,
    },
    /// A spectrogram of samples: the input is `samples`, `[batch, numbers]`. Only as the first step.
    Spectrogram(Spectrogram),
    /// Power → dB under each sample's maximum: power below `least` counts as `least`, levels below `floor` as `floor`.
    Decibels {
        /// The least power.
        least: f32,
        /// The least level, dB.
        floor: f32,
    },
}

impl Preparation {
    /// How many time steps it takes, if it gives another number.
    pub(super) fn frames_given(&self) -> Option<usize> {
        match self {
            Self::MixSteps { given, .. } => Some(*given),
            _ => None,
        }
    }

    /// Writes the step, of a vector or of `[samples, columns, time]`; gives the name of its value.
    pub(super) fn write(
        &self,
        document: &mut Document,
        [input, output]: [&str; 2],
        is_vector: bool,
    ) -> String {
        let named = |part: &str| format!("{output}.{part}");
        match self {
            Self::Scale { mean, deviation } => {
                let extents = [mean.len(), 1];
                let extents = if is_vector { &extents[..1] } else { &extents };
                let mean = document.numbers(&named("mean"), extents, mean);
                let deviation = document.numbers(&named("deviation"), extents, deviation);
                let centred = document.add("Sub", &named("centred"), &[input, &mean], vec![]);
                document.add("Div", output, &[&centred, &deviation], vec![])
            }
            Self::Spectrogram(spectrogram) => spectrogram.write(document, input, output),
            Self::Decibels { least, floor } => decibels(document, [input, output], *least, *floor),
            Self::ScaleBySample { least } => scale_by_sample(document, input, output, *least),
            Self::MixSteps { given, shares } => {
                let extents = [*given, shares.len() / (*given).max(1)];
                let shares = document.numbers(&named("shares"), &extents, shares);
                document.add("MatMul", output, &[input, &shares], vec![])
            }
        }
    }
}

fn decibels(document: &mut Document, [input, output]: [&str; 2], least: f32, floor: f32) -> String {
    let named = |part: &str| format!("{output}.{part}");
    let least = document.numbers(&named("least"), &[1], &[least]);
    let power = document.add("Max", &named("power"), &[input, &least], vec![]);
    let logarithm = document.add("Log", &named("logarithm"), &[&power], vec![]);
    let ten_decades = document.numbers(&named("ten_decades"), &[1], &[10.0 * std::f32::consts::LOG10_E]);
    let level = document.add("Mul", &named("level"), &[&logarithm, &ten_decades], vec![]);
    let axes = vec![("axes", Setting::Integers(vec![1, 2])), ("keepdims", Setting::Integer(1))];
    let maximum = document.add("ReduceMax", &named("maximum"), &[&level], axes);
    let below = document.add("Sub", &named("below"), &[&level, &maximum], vec![]);
    let floor = document.numbers(&named("floor"), &[1], &[floor]);
    document.add("Max", output, &[&below, &floor], vec![])
}

fn scale_by_sample(document: &mut Document, input: &str, output: &str, least: f32) -> String {
    let named = |part: &str| format!("{output}.{part}");
    let axes = || vec![("axes", Setting::Integers(vec![1, 2])), ("keepdims", Setting::Integer(1))];
    let mean = document.add("ReduceMean", &named("mean"), &[input], axes());
    let centred = document.add("Sub", &named("centred"), &[input, &mean], vec![]);
    let squares = document.add("Mul", &named("squares"), &[&centred, &centred], vec![]);
    let variance = document.add("ReduceMean", &named("variance"), &[&squares], axes());
    let deviation = document.add("Sqrt", &named("deviation"), &[&variance], vec![]);
    let least = document.numbers(&named("least"), &[1], &[least]);
    let one = document.numbers(&named("one"), &[1], &[1.0]);
    let varies = document.add("Greater", &named("varies"), &[&deviation, &least], vec![]);
    let divisor = document.add("Where", &named("divisor"), &[&varies, &deviation, &one], vec![]);
    document.add("Div", output, &[&centred, &divisor], vec![])
}
