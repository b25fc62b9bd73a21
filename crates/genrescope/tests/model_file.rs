//! A model file says everything about itself, and a file that does not is refused with what and why.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use genrescope::ErrorKind;
use genrescope::model::{Header, Model};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use support::{TempFolder, assert_all_close, assert_refused, small_header, small_model};

fn bytes_of(model: &Model) -> Vec<u8> {
    let folder = TempFolder::new();
    let path = folder.path().join("m.safetensors");
    model.save(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// The file with its header changed.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let mut header: Value =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["genrescope"]).unwrap();
    change(&mut header);
    with_tensors(bytes, Some(header.to_string()), |_| ())
}

/// The file with another header and its tensors `(name, shape, bytes)` changed.
fn with_tensors(
    bytes: &[u8],
    header: Option<String>,
    change: impl FnOnce(&mut Vec<(String, Vec<usize>, Vec<u8>)>),
) -> Vec<u8> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let header = header.unwrap_or_else(|| metadata.metadata().as_ref().unwrap()["genrescope"].clone());
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensors = file.tensors();
    let mut tensors: Vec<_> =
        tensors.iter().map(|(n, t)| (n.clone(), t.shape().to_vec(), t.data().to_vec())).collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, shape, data)| {
        (name, TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap())
    });
    safetensors::serialize(views, Some(HashMap::from([("genrescope".into(), header)]))).unwrap()
}

#[test]
fn a_saved_model_comes_back_with_the_same_hash_header_and_scores() {
    for network in ["v-kernel", "v-kernel-l2", "crnn", "bicrnn", "residual"] {
        let model = small_model(network);
        let copy = Model::from_bytes(&bytes_of(&model)).unwrap();
        let patch: Vec<f32> = (0..40 * 32).map(|i| -((i * 7919) % 60) as f32).collect();
        assert_eq!((copy.hash(), &copy.header), (model.hash(), &model.header), "{network}");
        let scores = copy
            .scores(&[patch.clone().into(), patch.iter().map(|x| x / 2.0).collect::<Vec<_>>().into()])
            .unwrap();
        assert_all_close(&scores[0], &model.scores(&[patch.into()]).unwrap()[0], 1e-6, 0.0);
        assert!((scores[1].iter().sum::<f32>() - 1.0).abs() < 1e-5, "{network}");
    }
}

#[test]
fn two_writings_of_one_model_are_the_same_bytes() {
    assert_eq!(bytes_of(&small_model("crnn")), bytes_of(&small_model("crnn")));
}

#[test]
fn headers_that_do_not_fit_are_refused_with_the_reason() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 17] = [
        ("format version 2 is newer than this program's 1; update", |h| h["format_version"] = json!(2)),
        ("format version 0 is unknown", |h| h["format_version"] = json!(0)),
        ("states no format version", |h| drop(h.as_object_mut().unwrap().remove("format_version"))),
        ("no network is called transformer", |h| h["network"] = json!("transformer")),
        ("its weights are not those", |h| h["genres"] = json!(["jazz", "pop"])),
        ("twice", |h| h["genres"] = json!(["jazz", "pop", "jazz"])),
        ("expected at least two", |h| h["genres"] = json!(["", "pop", "rock"])),
        ("its weights are not those", |h| h["network"] = json!("bicrnn")),
        ("any_length", |h| h["any_length"] = json!(false)),
        ("patch without frames", |h| h["patch_frames"] = json!(0)),
        ("unknown field `pitch`", |h| h["front_end"]["pitch"] = json!(440)),
        ("does not state `padding`", |h| drop(h["front_end"].as_object_mut().unwrap().remove("padding"))),
        ("out of range", |h| h["front_end"]["hop_samples"] = json!(0)),
        ("unknown variant `track`", |h| h["front_end"]["reference"] = json!("track")),
        ("2 means and 1 deviations", |h| h["normalisation"]["mean"] = json!([0.0, 1.0])),
        ("deviations above 0", |h| h["normalisation"]["deviation"] = json!([0.0])),
        ("missing field `licence`", |h| drop(h.as_object_mut().unwrap().remove("licence"))),
    ];
    let bytes = bytes_of(&small_model("crnn"));
    for (reason, change) in cases {
        assert_refused(Model::from_bytes(&with_header(&bytes, change)), ErrorKind::BadModel, reason);
    }
}

#[test]
fn weights_that_do_not_fit_are_refused_with_the_tensor() {
    let bytes = bytes_of(&small_model("crnn"));
    type Change = fn(&mut Vec<(String, Vec<usize>, Vec<u8>)>);
    let cases: [(&str, Change); 4] = [
        ("not finite", |t| t[0].2[..4].copy_from_slice(&f32::NAN.to_le_bytes())),
        ("missing", |t| drop(t.pop())),
        ("is not one of", |t| t.push(("stray".into(), vec![1], vec![0; 4]))),
        ("expected", |t| t.iter_mut().for_each(|t| t.1.insert(0, 1))),
    ];
    for (reason, change) in cases {
        assert_refused(Model::from_bytes(&with_tensors(&bytes, None, change)), ErrorKind::BadModel, reason);
    }
}

#[test]
fn what_is_no_model_file_is_refused_wherever_it_is_cut() {
    let bytes = bytes_of(&small_model("v-kernel"));
    for length in [0, 1, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        assert_refused(Model::from_bytes(&bytes[..length]), ErrorKind::BadModel, "truncated");
    }
    assert_refused(Model::from_bytes(&vec![0x5a; 5000]), ErrorKind::BadModel, "not a model file");
    let foreign = with_tensors(&bytes, Some("{}".into()), |_| ());
    assert_refused(Model::from_bytes(&foreign), ErrorKind::BadModel, "format version");
    let bare = safetensors::serialize(Vec::<(String, TensorView)>::new(), None).unwrap();
    assert_refused(Model::from_bytes(&bare), ErrorKind::BadModel, "not of genrescope");
}

#[test]
fn a_refusal_names_the_file() {
    let folder = TempFolder::new();
    let path = folder.file("song.mp3", b"not a model");
    assert_refused(Model::load(&path), ErrorKind::BadModel, "song.mp3: not a model file");
    assert_refused(Model::load(&folder.path().join("none")), ErrorKind::NotFound, "none");
}

#[test]
fn a_model_whose_header_contradicts_its_network_cannot_be_made() {
    let header = Header { any_length: true, ..small_header("v-kernel") };
    assert_refused(Model::untrained(header, 1), ErrorKind::BadModel, "any_length");
}

#[test]
fn flipped_bytes_never_make_a_file_that_panics() {
    let bytes = bytes_of(&small_model("residual"));
    for position in (0..3000.min(bytes.len())).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[position] ^= 0x15;
        drop(Model::from_bytes(&flipped));
    }
}

#[test]
fn the_model_inside_is_small_and_quick_to_load() {
    let model = Model::fast().unwrap();
    assert_eq!(model.header.genres, genrescope::genres::GTZAN);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/models/fast.safetensors");
    assert!(std::fs::metadata(file).unwrap().len() <= 3_000_000);
    let load = || {
        let start = Instant::now();
        Model::fast().unwrap();
        start.elapsed()
    };
    let fastest = (0..10).map(|_| load()).min().unwrap();
    // 20 ms in a release build; the tests' build is not optimised.
    assert!(fastest < Duration::from_millis(200), "{fastest:?}");
}
