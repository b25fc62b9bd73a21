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

/// The same of the first `classes` numbers of each row, and of the others, labels of which each may be right or not, the mean
/// of `−target · ln sigmoid(logit) − (1 − target) · ln (1 − sigmoid(logit))`; a label whose target is not a number counts as 0.
/// The gradient is that of the first loss and `weight` times the second.
///
/// # Shape
/// `logits`, `targets` `[samples, classes + labels]`.
pub fn cross_entropy_with_labels(
    logits: &[f32],
    targets: &[f32],
    [classes, labels]: [usize; 2],
    weight: f32,
) -> ([f32; 2], Vec<f32>) {
    let row = classes + labels;
    let samples = (logits.len() / row) as f32;
    let share = 1.0 / (samples * labels.max(1) as f32);
    let (mut losses, mut gradient) = ([0.0_f64; 2], Vec::with_capacity(logits.len()));
    for (logits, targets) in logits.chunks_exact(row).zip(targets.chunks_exact(row)) {
        let (of_classes, slopes) = softmax_cross_entropy(&logits[..classes], &targets[..classes], classes);
        losses[0] += f64::from(of_classes / samples);
        gradient.extend(slopes.into_iter().map(|slope| slope / samples));
        for (&logit, &target) in logits[classes..].iter().zip(&targets[classes..]) {
            let known = !target.is_nan();
            // ln(1 + e^z), which stays finite.
            let soft_plus = logit.max(0.0) + (-logit.abs()).exp().ln_1p();
            losses[1] += if known { f64::from(share * (soft_plus - target * logit)) } else { 0.0 };
            gradient.push(if known { weight * share * (1.0 / (1.0 + (-logit).exp()) - target) } else { 0.0 });
        }
    }
    (losses.map(|loss| loss as f32), gradient)
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
    fn labels_count_beside_the_classes_where_they_are_known() {
        let (logits, targets) =
            ([1.0, 2.0, 0.5, -3.0, 0.0, 0.0, 80.0, -80.0], [0.0, 1.0, 0.2, f32::NAN, 1.0, 0.0, 1.0, 0.0]);
        let loss = |logits: &[f32]| {
            let [classes, labels] = cross_entropy_with_labels(logits, &targets, [2, 2], 0.6).0;
            classes + 0.6 * labels
        };
        let (of_classes, _) = softmax_cross_entropy(&[1.0, 2.0, 0.0, 0.0], &[0.0, 1.0, 1.0, 0.0], 2);
        let label = -0.2 * sigmoid(&[0.5])[0].ln() - 0.8 * (1.0 - sigmoid(&[0.5])[0]).ln();
        assert!((loss(&logits) - of_classes - 0.6 * label / 4.0).abs() < 1e-6, "{}", loss(&logits));
        let (_, gradient) = cross_entropy_with_labels(&logits, &targets, [2, 2], 0.6);
        for (i, slope) in gradient.iter().enumerate() {
            let moved = |by: f32| {
                let mut moved = logits;
                moved[i] += by;
                loss(&moved)
            };
            let expected = (moved(0.01) - moved(-0.01)) / 0.02;
            assert!((slope - expected).abs() < 1e-4, "{i}: {slope} {expected}");
        }
        assert_eq!(gradient[3], 0.0);
    }

    #[test]
    fn large_logits_stay_finite() {
        let (loss, gradient) = softmax_cross_entropy(&[1e4, -1e4], &[0.0, 1.0], 2);
        assert!((loss - 2e4).abs() < 1.0 && gradient.iter().all(|g| g.is_finite()));
    }
}
