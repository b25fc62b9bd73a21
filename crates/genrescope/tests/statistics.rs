//! Metrics and tests of significance against scikit-learn, scipy and statsmodels.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::evaluate::significance::{corrected_t, holm, mcnemar};
use genrescope::metrics::{Confusion, best, calibration};
use serde::Deserialize;
use support::assert_all_close;

#[derive(Deserialize)]
struct Golden {
    answers: Vec<Answers>,
    paired: Vec<Paired>,
    mcnemar: Vec<Discordant>,
    holm: Vec<Family>,
}

#[derive(Deserialize)]
struct Answers {
    name: String,
    truth: Vec<usize>,
    scores: Vec<Vec<f32>>,
    confusion: Vec<Vec<usize>>,
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<usize>,
    bins: Vec<usize>,
    confidences: Vec<f64>,
    accuracies: Vec<f64>,
    counts: Vec<usize>,
    expected_error: f64,
    brier: f64,
    log_loss: f64,
}

#[derive(Deserialize)]
struct Paired {
    name: String,
    differences: Vec<f64>,
    test_over_train: f64,
    t: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Discordant {
    only_first: usize,
    only_second: usize,
    p: f64,
}

#[derive(Deserialize)]
struct Family {
    p: Vec<f64>,
    corrected: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

#[test]
fn every_genre_has_scikit_learns_precision_recall_and_f1() {
    for case in golden().answers {
        let predicted: Vec<usize> = case.scores.iter().map(|scores| best(scores)).collect();
        let confusion = Confusion::new(&case.truth, &predicted, case.support.len());
        assert_eq!(confusion.0, case.confusion, "{}", case.name);
        let classes = confusion.classes();
        let all = |figure: fn(&genrescope::metrics::ClassFigures) -> Option<f64>| -> Vec<f64> {
            classes.iter().map(|class| figure(class).unwrap_or(0.0)).collect()
        };
        assert_all_close(&all(|class| class.precision), &case.precision, 1e-12, 0.0);
        assert_all_close(&all(|class| class.recall), &case.recall, 1e-12, 0.0);
        assert_all_close(&all(|class| class.f1), &case.f1, 1e-12, 0.0);
        assert_eq!(classes.iter().map(|class| class.support).collect::<Vec<_>>(), case.support);
    }
}

#[test]
fn calibration_is_scikit_learns() {
    for case in golden().answers {
        let ours = calibration(&case.truth, &case.scores);
        let filled: Vec<usize> = (0..ours.bins.len()).filter(|&bin| ours.bins[bin].count > 0).collect();
        assert_eq!(filled, case.bins, "{}", case.name);
        let of = |figure: fn(&genrescope::metrics::Bin) -> f64| -> Vec<f64> {
            filled.iter().map(|&bin| figure(&ours.bins[bin])).collect()
        };
        assert_all_close(&of(|bin| bin.confidence), &case.confidences, 1e-9, 0.0);
        assert_all_close(&of(|bin| bin.accuracy), &case.accuracies, 1e-12, 0.0);
        let counts: Vec<usize> = filled.iter().map(|&bin| ours.bins[bin].count).collect();
        assert_eq!(counts, case.counts);
        let figures = [ours.expected_error, ours.brier, ours.log_loss];
        // scikit-learn divides each row by its sum, which is 1 but for the rounding of 32 bits.
        assert_all_close(&figures, &[case.expected_error, case.brier, case.log_loss], 1e-6, 0.0);
    }
}

#[test]
fn mcnemars_exact_test_is_that_of_statsmodels() {
    for Discordant { only_first, only_second, p } in golden().mcnemar {
        let right = |first: bool| {
            let only = |count, right| std::iter::repeat_n(right, count);
            only(only_first, first).chain(only(only_second, !first)).chain([true, false]).collect::<Vec<_>>()
        };
        let test = mcnemar(&right(true), &right(false));
        assert_eq!((test.only_first, test.only_second), (only_first, only_second));
        assert_all_close(&[test.p], &[p], 1e-300, 1e-9);
    }
}

#[test]
fn the_corrected_t_test_has_the_p_of_scipys_distribution() {
    for case in golden().paired {
        let test = corrected_t(&case.differences, case.test_over_train).unwrap();
        println!("{}", case.name);
        assert_all_close(&[test.t.unwrap(), test.p], &[case.t, case.p], 1e-12, 1e-9);
    }
}

#[test]
fn holms_correction_is_that_of_statsmodels() {
    for Family { p, corrected } in golden().holm {
        assert_all_close(&holm(&p), &corrected, 1e-15, 1e-12);
    }
}
