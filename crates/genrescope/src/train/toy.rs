//! A network small enough to be looked into: what L2 normalisation does to a hidden layer (source 2's figure).

use genrescope_nn::layers::{Dense, L2Normalize, Layer, Sigmoid};
use genrescope_nn::{Adam, Graph, Network, Trainer};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::{Error, ErrorKind, Result};

const POINTS: usize = 240;
const STEPS: usize = 400;
const LEARNING_RATE: f32 = 0.05;
const HIDDEN: usize = 3;

/// Points of two classes on their way through a network of three hidden units.
#[derive(Clone, Debug, PartialEq)]
pub struct Toy {
    /// Class of each point, 0 or 1: two half rings around each other.
    pub classes: Vec<usize>,
    /// What the network reads.
    pub plane: Vec<[f32; 2]>,
    /// Behind three sigmoid units.
    pub sigmoid: Vec<[f32; HIDDEN]>,
    /// The same, of length 1: what the scores are made of.
    pub unit: Vec<[f32; HIDDEN]>,
    /// Share of the points that the trained network finds, 0 to 1.
    pub accuracy: f64,
}

/// Trains dense → sigmoid → L2 → dense on two classes of a plane and looks into it; the same for one seed.
///
/// # Errors
/// None: a test trains it.
pub fn l2_toy(seed: u64) -> Result<Toy> {
    let (plane, classes) = half_rings(seed);
    let input = plane.as_flattened();
    let targets: Vec<f32> = classes.iter().flat_map(|&class| [1.0 - class as f32, class as f32]).collect();
    let fail = |e: genrescope_nn::ShapeError| Error::new(ErrorKind::BadSettings, e.to_string());
    let mut trainer = Trainer::new(Network::new(graph(&layers()).map_err(fail)?, seed), Adam::default());
    for _ in 0..STEPS {
        trainer.step(&[input], POINTS, 1, &targets, LEARNING_RATE).map_err(fail)?;
    }
    let up_to = |count: usize| -> Result<Vec<f32>> {
        let mut part = Network::unset(graph(&layers()[..count]).map_err(fail)?);
        for (own, trained) in part.parameters_mut().iter_mut().zip(trainer.network().parameters()) {
            own.data.clone_from(&trained.data);
        }
        part.infer(&[input], POINTS, 1).map_err(fail)
    };
    let right = |(scores, &class): (&[f32], &usize)| usize::from(scores[1] > scores[0]) == class;
    let found = up_to(4)?.chunks_exact(2).zip(&classes).filter(|&pair| right(pair)).count();
    let (sigmoid, unit) = (up_to(2)?.as_chunks().0.to_vec(), up_to(3)?.as_chunks().0.to_vec());
    Ok(Toy { plane, sigmoid, unit, accuracy: found as f64 / classes.len() as f64, classes })
}

fn layers() -> Vec<(&'static str, Layer)> {
    vec![
        ("hidden", Dense { units: HIDDEN }.into()),
        ("sigmoid", Sigmoid.into()),
        ("l2", L2Normalize::default().into()),
        ("scores", Dense { units: 2 }.into()),
    ]
}

fn graph(layers: &[(&str, Layer)]) -> std::result::Result<Graph, genrescope_nn::ShapeError> {
    let mut graph = Graph::new();
    let input = graph.input("plane", [1, 1, 2]);
    graph.chain(input, layers.to_vec())?;
    Ok(graph)
}

/// Two half rings, each reaching into the other.
fn half_rings(seed: u64) -> (Vec<[f32; 2]>, Vec<usize>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut point = |class: usize| {
        let angle = std::f32::consts::PI * rng.random::<f32>();
        let [jitter_x, jitter_y] = [0; 2].map(|_| 0.24 * (rng.random::<f32>() - 0.5));
        let (x, y) =
            if class == 0 { (angle.cos(), angle.sin()) } else { (1.0 - angle.cos(), 0.4 - angle.sin()) };
        [2.0 * (x - 0.5 + jitter_x), 2.0 * (y - 0.2 + jitter_y)]
    };
    let classes: Vec<usize> = (0..POINTS).map(|i| i % 2).collect();
    (classes.iter().map(|&class| point(class)).collect(), classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_values_are_on_the_unit_sphere_and_the_classes_are_learnt() {
        let toy = l2_toy(1).unwrap();
        let length = |point: &[f32; 3]| point.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!(toy.unit.iter().all(|point| (length(point) - 1.0).abs() < 1e-5));
        assert!(toy.sigmoid.iter().flatten().all(|x| (0.0..=1.0).contains(x)));
        assert!(toy.accuracy > 0.9, "{}", toy.accuracy);
        for (before, after) in toy.sigmoid.iter().zip(&toy.unit) {
            assert!((before[0] / length(before) - after[0]).abs() < 1e-5);
        }
    }
}
