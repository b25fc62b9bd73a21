//! Softmax and its cross-entropy.

/// `e^z / Σ e^z` of each row of `classes` numbers, shifted by the row's maximum.
pub fn softmax(logits: &[f32], classes: usize) -> Vec<f32> {
    let mut scores = logits.to_vec();
    for row in scores.chunks_exact_mut(classes) {
        let maximum = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|z| *z = (*z - maximum).exp());
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|z| *z /= sum);
    }
    scores
}

/// `1 / (1 + e^-z)` of each number: for labels of which each may be right or not.
pub fn sigmoid(logits: &[f32]) -> Vec<f32> {
    logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect()
}

/// Mean over rows of `−Σ target · ln softmax(logits)`, and its gradient by the logits. Targets may be soft; each row
/// sums to 1.
///
/// # Shape
/// `logits`, `targets` `[samples, classes]`.
pub fn softmax_cross_entropy(logits: &[f32], targets: &[f32], classes: usize) -> (f32, Vec<f32>) {
    let scores = softmax(logits, classes);
    let samples = (logits.len() / classes) as f32;
    let loss: f64 =
        logits.chunks_exact(classes).zip(targets.chunks_exact(classes)).map(|(z, t)| row_loss(z, t)).sum();
    let gradient = scores.iter().zip(targets).map(|(score, target)| (score - target) / samples).collect();
    ((loss / f64::from(samples)) as f32, gradient)
}

fn row_loss(logits: &[f32], targets: &[f32]) -> f64 {
    let maximum = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let log_sum = logits.iter().map(|z| (f64::from(*z) - maximum).exp()).sum::<f64>().ln() + maximum;
    logits.iter().zip(targets).map(|(z, t)| f64::from(*t) * (log_sum - f64::from(*z))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_logits_cost_the_logarithm_of_the_classes() {
        let (loss, gradient) = softmax_cross_entropy(&[3.0; 4], &[0.0, 1.0, 0.0, 0.0], 4);
        assert!((loss - 4f32.ln()).abs() < 1e-6);
        assert_eq!(gradient, [0.25, -0.75, 0.25, 0.25]);
    }

    #[test]
    fn large_logits_stay_finite() {
        let (loss, gradient) = softmax_cross_entropy(&[1e4, -1e4], &[0.0, 1.0], 2);
        assert!((loss - 2e4).abs() < 1.0 && gradient.iter().all(|g| g.is_finite()));
    }
}
