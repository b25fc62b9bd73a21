//! Exported models in another engine, rten: the same scores as ours, for every network of the zoo.
//!
//! rten 0.27 runs every operator that an export of a listed network holds. It does not run `RNN`, which only a choice of
//! MLFI's recurrent layers brings in: `reference/onnx_runtime.py`, which asks onnxruntime the same, has that one too.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::audio::Waveform;
use genrescope::features::{FeatureSet, FrontEnd, Padding, PatchFeatures, mel_spectrogram, patch_db};
use genrescope::model::zoo::{Choices, RecurrentKind, architecture, architectures};
use genrescope::model::{ExportInput, FeatureInput, Header, Model, Normalisation, PatchInput, Vocabulary};
use genrescope_nn::Network;
use support::library::{assert_all_close, small_header};
use support::{Stage, ran};

/// The difference that rounding may make, of scores between 0 and 1.
const TOLERANCE: f64 = 1e-5;
const MLFI_BANDS: usize = 128; // five pools leave one

/// Numbers in ±1, others for each name.
fn numbers(name: &str, count: usize) -> Vec<f32> {
    let mut state = name.bytes().fold(1_u32, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn header(network: &str) -> Header {
    let mut header = small_header(network);
    if architecture(network).unwrap().family == "mlfi" {
        let extraction = PatchFeatures { set: FeatureSet::Gtzan55, padding: Padding::Reflect };
        let columns = extraction.columns();
        let mean = numbers("feature means", columns.len());
        let deviation = numbers("feature deviations", columns.len()).iter().map(|x| x + 2.0).collect();
        header.front_end.mel_bands = MLFI_BANDS;
        header.features =
            Some(FeatureInput { extraction, columns, normalisation: Normalisation { mean, deviation } });
    }
    header
}

/// Drawn weights; biases and running statistics too, so that none of them can be left out unseen.
fn model(header: Header) -> Model {
    let graph = architecture(&header.network).unwrap().graph(header.input()).unwrap();
    let mut network = Network::new(graph, 5);
    for parameter in network.parameters_mut() {
        let middle = match parameter.name.rsplit('.').next().unwrap() {
            "gamma" | "variance" => 1.0,
            name if name.ends_with("bias") || ["beta", "mean"].contains(&name) => 0.0,
            _ => continue,
        };
        let drawn = numbers(&parameter.name, parameter.data.len());
        parameter.data = drawn.iter().map(|x| middle + 0.4 * x).collect();
    }
    Model::new(header, network).unwrap()
}

fn patches(model: &Model, count: usize, frames: usize) -> Vec<PatchInput> {
    let (bands, features) = (model.header.front_end.mel_bands, model.header.input().features);
    let patch = |n: usize| PatchInput {
        db: numbers(&format!("patch {n}"), frames * bands).iter().map(|x| 30.0 * x - 40.0).collect(),
        features: numbers(&format!("features {n}"), features),
    };
    (0..count).map(patch).collect()
}

/// `[frames, bands]` → `[bands, frames]`.
fn bands_first(db: &[f32], bands: usize) -> Vec<f32> {
    (0..bands).flat_map(|band| db.iter().skip(band).step_by(bands).copied()).collect()
}

/// What rten makes of the exported file.
fn by_rten(file: &[u8], patches: &[PatchInput], bands: usize) -> Vec<f32> {
    let rten = rten::Model::load(file.to_vec()).unwrap();
    let mel: Vec<f32> = patches.iter().flat_map(|patch| bands_first(&patch.db, bands)).collect();
    let features: Vec<f32> = patches.iter().flat_map(|patch| patch.features.clone()).collect();
    let mel = ([patches.len(), bands, mel.len() / patches.len() / bands].to_vec(), mel);
    let features = ([patches.len(), features.len() / patches.len()].to_vec(), features);
    let ports = [("mel", mel), ("features", features)].into_iter().filter(|(_, (_, data))| !data.is_empty());
    let inputs = ports.map(|(name, (extents, data))| {
        (rten.node_id(name).unwrap(), rten::Value::from_shape(extents, data).unwrap().into())
    });
    let scores = rten.node_id("scores").unwrap();
    let [found] = rten.run_n(inputs.collect(), [scores], None).unwrap();
    let ([samples, _], data) = found.into_shape_vec::<f32, 2>().unwrap();
    assert_eq!(samples, patches.len());
    data
}

fn assert_same_scores(model: &Model, frames: &[usize]) {
    let file = model.to_onnx(ExportInput::Mel).unwrap();
    for (frames, count) in frames.iter().flat_map(|frames| [(*frames, 1), (*frames, 3)]) {
        let patches = patches(model, count, frames);
        let ours = model.scores(&patches).unwrap().concat();
        let theirs = by_rten(&file, &patches, model.header.front_end.mel_bands);
        println!("{}: {frames} frames, batch {count}", model.header.network);
        assert_all_close(&theirs, &ours, TOLERANCE, 0.0);
    }
}

#[test]
fn every_network_of_the_zoo_gives_the_same_scores_elsewhere() {
    for architecture in architectures() {
        let model = model(header(architecture.name));
        let lengths: &[usize] = if architecture.any_length { &[40, 57] } else { &[40] };
        assert_same_scores(&model, lengths);
    }
}

#[test]
fn chosen_recurrent_layers_give_the_same_scores_elsewhere() {
    let choices = Choices { recurrent: RecurrentKind::Lstm, units: 24, average_block: 0, ..Choices::LISTED };
    assert_same_scores(&model(Header { choices, ..header("mlfi-two-way-b2") }), &[40]);
}

#[test]
fn every_normalisation_and_vocabulary_gives_the_same_scores_elsewhere() {
    let bands = small_header("crnn").front_end.mel_bands;
    let deviation = numbers("deviations", bands).iter().map(|x| 20.0 + 5.0 * x).collect();
    let by_band = Normalisation { mean: numbers("means", bands), deviation };
    let cases = [
        (40, Header { normalisation: by_band, ..header("crnn") }),
        (40, Header { normalisation: Normalisation::of_each_patch(), ..header("bicrnn") }),
        (40, Header { vocabulary: Vocabulary::Tags, ..header("residual") }),
        (40, Header { time_resample: Some(61), ..header("v-kernel") }),
    ];
    for (frames, header) in cases {
        assert_same_scores(&model(header), &[frames]);
    }
    let silent = model(Header { normalisation: Normalisation::of_each_patch(), ..header("crnn") });
    let flat = vec![PatchInput::from(vec![-80.0; 40 * bands])];
    let theirs = by_rten(&silent.to_onnx(ExportInput::Mel).unwrap(), &flat, bands);
    assert_all_close(&theirs, &silent.scores(&flat).unwrap().concat(), TOLERANCE, 0.0);
}

/// Scores of samples: by our front end and network, and by rten with the front end inside the file.
#[test]
fn samples_give_the_same_scores_elsewhere_with_the_front_end_inside() {
    for (padding, frame_step) in [(Padding::Constant, 1293.0 / 387.5), (Padding::Reflect, 1.0)] {
        let front_end = FrontEnd { padding, frame_step, ..small_header("crnn").front_end };
        let model = model(Header { front_end: front_end.clone(), ..header("crnn") });
        let file = model.to_onnx(ExportInput::Samples).unwrap();
        let count = front_end.stft_frame(39) as usize * front_end.hop_samples + front_end.n_fft / 2;
        let samples = support::sound(count as f64 / 22_050.0 + 0.1)[..count].to_vec();
        let waveform = Waveform { samples: samples.clone(), sample_rate_hz: front_end.sample_rate_hz };
        let power = mel_spectrogram(&waveform, &front_end).unwrap();
        let bands = front_end.mel_bands;
        let ours = model.scores(&[patch_db(&power.power[..40 * bands], &front_end, None).into()]).unwrap();

        let rten = rten::Model::load(file).unwrap();
        let port = |name: &str| rten.node_id(name).unwrap();
        let samples = rten::Value::from_shape([1, count], samples).unwrap();
        let [found] = rten.run_n(vec![(port("samples"), samples.into())], [port("scores")], None).unwrap();
        // Two Fourier transforms in single precision: levels near the floor differ by up to 1e-2 dB.
        assert_all_close(&found.into_shape_vec::<f32, 2>().unwrap().1, &ours[0], 1e-4, 0.0);
    }
}

#[test]
fn export_writes_a_file_that_says_what_it_is() {
    let stage = Stage::new();
    let (stdout, stderr, code) = ran(&mut stage.genrescope(&["export", "model.safetensors", "-o", "m.onnx"]));
    assert_eq!((stdout.as_str(), stderr.as_str(), code), ("", "", 0));
    let bytes = std::fs::read(stage.path("m.onnx")).unwrap();
    let model = Model::load(&stage.path("model.safetensors")).unwrap();
    let patches = patches(&model, 2, 40);
    let ours = model.scores(&patches).unwrap().concat();
    assert_all_close(&by_rten(&bytes, &patches, model.header.front_end.mel_bands), &ours, TOLERANCE, 0.0);

    let file = onnx_rs::parse(&bytes).unwrap();
    let said = |key: &str| file.metadata_props.iter().find(|entry| entry.key == key).unwrap().value;
    assert_eq!(said("genrescope.hash"), model.hash());
    assert_eq!(said("genrescope.genres"), serde_json::to_string(&model.header.genres).unwrap());
    let header: Header = serde_json::from_str(said("genrescope.header")).unwrap();
    assert_eq!(header, model.header);
    assert!(said("genrescope.front_end").contains("\"sample_rate_hz\":22050"));
    assert!(said("genrescope.input").contains("levels of a patch of 40 frames"));
}

#[test]
fn export_refuses_what_has_no_weights_no_single_network_or_another_ending() {
    let stage = Stage::new();
    let cases = [
        (["export", "bbnn", "-o", "x.onnx"], "without weights"),
        (["export", "best", "-o", "x.onnx"], "two models"),
        (["export", "default", "-o", "x.pb"], "name it so"),
        (["export", "nothing", "-o", "x.onnx"], "no model is called"),
    ];
    for (arguments, expected) in cases {
        let (_, stderr, code) = ran(&mut stage.genrescope(&arguments));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert!(!stage.path("x.onnx").exists());
    }
}
