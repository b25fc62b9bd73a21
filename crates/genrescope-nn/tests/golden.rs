//! The engine against PyTorch in float64: outputs, losses, gradients and running statistics of `tests/golden/*.json`,
//! on every kernel path that this processor has. Made by `reference/make_nn_golden.py`.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope_nn::layers::Mode;
use genrescope_nn::{Adam, Network, Path, Session, Trainer, softmax_cross_entropy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::iter;
use support::{Case, Generator, difference, targets};

/// Of the tensor's maximum: float32 sums of some thousand terms against float64.
const TOLERANCE: f64 = 1e-4;
/// Of the case's largest gradient: what cancels to zero in float64 (a bias before batch norm) is noise in float32.
const NOISE: f64 = 1e-6;
const SAMPLED: usize = 64;

type Tensors = BTreeMap<String, Vec<f32>>;

#[test]
fn outputs_gradients_and_statistics_equal_pytorch() {
    let (cases, paths) = (Case::all(), paths());
    assert!(cases.len() >= 70, "only {} goldens found", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|case| paths.iter().map(move |path| (case, *path)))
        .flat_map(|(case, path)| compare(case, path))
        .collect();
    assert!(wrong.is_empty(), "{} tensors differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn paths() -> Vec<Path> {
    Path::ALL.into_iter().filter(|path| path.is_available()).collect()
}

/// One line for each tensor that is not PyTorch's.
fn compare(case: &Case, path: Path) -> Vec<String> {
    let golden = case.0["tensors"].as_object().unwrap();
    let largest =
        golden.iter().filter(|(name, _)| name.starts_with("gradient")).map(|(_, tensor)| maximum(tensor));
    let noise = NOISE * largest.fold(0.0, f64::max);
    let tensors = computed(case, path);
    let named = |name: &str, what: String| format!("{} on {path:?}: {name}: {what}", case.name());
    let mut wrong = Vec::new();
    for (name, expected) in golden {
        let full = format!("{}/{name}", case.name());
        match tensors.get(name) {
            Some(actual) => {
                wrong.extend(tensor_difference(&full, actual, expected, noise).map(|w| named(name, w)))
            }
            None => wrong.push(named(name, "was not computed".into())),
        }
    }
    let loss = difference(&tensors["loss"], &[case.0["loss"].as_f64().unwrap()], 0.0, 1e-5);
    wrong.extend(loss.map(|w| named("loss", w)));
    wrong
}

fn maximum(tensor: &Value) -> f64 {
    tensor["maximum"].as_f64().unwrap()
}

fn tensor_difference(name: &str, actual: &[f32], golden: &Value, noise: f64) -> Option<String> {
    let length: u64 =
        golden["shape"].as_array().unwrap().iter().map(|extent| extent.as_u64().unwrap()).product();
    if actual.len() as u64 != length {
        return Some(format!("{} numbers, expected {}", actual.len(), golden["shape"]));
    }
    let tolerance = TOLERANCE * maximum(golden) + noise;
    let entries: Vec<f64> =
        golden["entries"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let norm = actual.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let sum: f64 = actual.iter().map(|x| f64::from(*x)).sum();
    let whole = [golden["norm"].as_f64().unwrap(), golden["sum"].as_f64().unwrap()];
    difference(&sampled(name, actual), &entries, tolerance, 0.0).or_else(|| {
        // The norm of an error of `tolerance` everywhere, and its sum where the signs vary.
        difference(&[norm as f32, sum as f32], &whole, tolerance * (length as f64).sqrt(), 1e-6)
            .map(|what| format!("norm, sum: {what}"))
    })
}

/// All of a small tensor; of a larger one the entries that the golden keeps.
fn sampled(name: &str, values: &[f32]) -> Vec<f32> {
    if values.len() <= SAMPLED {
        return values.to_vec();
    }
    let generator = Generator::named(&format!("{name}/entries"));
    (0..SAMPLED as u64).map(|k| values[(generator.bits(k) % values.len() as u64) as usize]).collect()
}

fn computed(case: &Case, path: Path) -> Tensors {
    let (network, input, features) = (case.network(path), case.input(), case.features());
    let (samples, frames) = (case.samples(), case.shape()[0]);
    let with_features = |input| iter::once(input).chain(features.as_deref()).collect::<Vec<&[f32]>>();
    let inputs = with_features(&input);
    let inference = network.infer(&inputs, samples, frames).unwrap();
    let targets = targets(&format!("{}/targets", case.name()), samples, inference.len() / samples);
    let mut tensors = gradients(&network, &inputs, [samples, frames], &targets);
    tensors.insert("inference".into(), inference);

    let one_hot: Vec<f32> =
        (0..samples * samples).map(|i| f32::from(u8::from(i / samples == i % samples))).collect();
    let learned = case.network_with_learned_input(path);
    let behind = gradients(&learned, &with_features(&one_hot), [samples, 1], &targets);
    tensors.insert("gradient of input".into(), behind["gradient of input table.weight"].clone());

    let mut trainer = Trainer::new(network, Adam::default());
    trainer.step(&inputs, samples, frames, &targets, 0.0).unwrap();
    for parameter in trainer.network().parameters().iter().filter(|parameter| !parameter.is_trained()) {
        tensors.insert(format!("updated {}", parameter.name), parameter.data.clone());
    }
    tensors
}

fn gradients(network: &Network, inputs: &[&[f32]], extent: [usize; 2], targets: &[f32]) -> Tensors {
    let mut session = Session::new();
    let logits = session.forward(network, inputs, extent, Mode::Train { seed: 0 }).unwrap().to_vec();
    let (loss, d_logits) = softmax_cross_entropy(&logits, targets, logits.len() / extent[0]);
    let gradients = session.backward(network, inputs, &d_logits);
    let named = network.parameters().iter().zip(gradients);
    let mut tensors: Tensors = named.map(|(p, g)| (format!("gradient of {}", p.name), g.clone())).collect();
    tensors.extend([("logits".into(), logits), ("loss".into(), vec![loss])]);
    tensors
}
