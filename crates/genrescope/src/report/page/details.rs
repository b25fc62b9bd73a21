//! The list of all results, and each evaluation with what can be read from it.

use super::evaluation;
use super::experiments::{Experiment, Found};
use super::groups::{Group, counted};
use super::markup::{beside, figure, missing, percent, table, text, with_interval};
use crate::evaluate::{Figures, Judgement};
use crate::metrics::best;
use crate::train::settings::Protocol;

/// Pairs and tracks that are listed.
const LISTED: usize = 10;

/// What the page holds, in a sentence.
pub(super) fn summary(found: &Found) -> String {
    let leaking = found.experiments.iter().filter(|run| leak(&run.result.protocol).is_some()).count();
    let mut words =
        format!("{} by <code>genrescope evaluate</code>", counted(found.experiments.len(), "evaluation"));
    if leaking > 0 {
        words += &format!(
            ", {leaking} of them by protocols that leak: their numbers compare with their like only"
        );
    }
    words + ". Accuracy with its 95&nbsp;% interval; what was not measured says so."
}

/// What of the measured tracks a protocol lets a network learn from.
pub(super) fn leak(protocol: &str) -> Option<&'static str> {
    Protocol::named(protocol).and_then(Protocol::leak)
}

/// A protocol's name, marked where it leaks.
pub(super) fn protocol(name: &str) -> String {
    let words = text(&name.replace('_', " "));
    leak(name)
        .map_or(words.clone(), |why| format!("{words} <span class=\"leak\" title=\"{why}\">leaks</span>"))
}

/// One line a network, protocol and way of training.
pub(super) fn overview(found: &Found, groups: &[Group]) -> String {
    let row = |group: &Group| {
        let pooled = group.first().measured();
        let parameters = group
            .parameters()
            .map_or(missing("not of the zoo"), |count| format!("{:.2}&nbsp;M", count as f64 / 1e6));
        vec![
            format!("{} {}", text(group.network()), beside(&group.first().name)),
            with_interval(group.accuracy(), group.interval()),
            protocol(group.protocol()),
            format!("{:.3}", pooled.macro_f1),
            format!("{:.3}", pooled.log_loss),
            parameters,
            pooled.tracks.to_string(),
            text(&group.behind()),
        ]
    };
    let rows: Vec<Vec<String>> = groups.iter().map(row).collect();
    let head = [
        "network",
        "accuracy",
        "protocol",
        "macro F1",
        "log-loss",
        "trained numbers",
        "measured",
        "folds · seeds",
    ];
    let mut body = table("Accuracy is the mean over seeds, its interval that of the first.", &head, &rows);
    if !found.unfinished.is_empty() {
        let row = |one: &super::experiments::Unfinished| {
            let folds: Vec<String> = one.accuracies.iter().map(|accuracy| percent(*accuracy)).collect();
            vec![text(&one.name), counted(folds.len(), "fold"), folds.join(", ")]
        };
        let rows: Vec<Vec<String>> = found.unfinished.iter().map(row).collect();
        body += &table(
            "Unfinished: folds that are measured, without a result so far.",
            &["evaluation", "done", "accuracy"],
            &rows,
        );
    }
    body
}

/// Every evaluation, folded up.
pub(super) fn experiments(found: &Found) -> String {
    found.experiments.iter().map(experiment).collect()
}

fn experiment(run: &Experiment) -> String {
    let result = &run.result;
    let figures: String = evaluation::of_experiment(run).iter().map(figure).collect();
    format!(
        "<details>\n<summary><b>{}</b> <span>{}</span> <span>{}</span></summary>\n<p>{}</p>\n<div class=\"figures\">{figures}</div>\n\
         <div class=\"tables\">{}{}{}{}</div>\n</details>\n",
        text(&run.name),
        protocol(&result.protocol),
        with_interval(run.measured().accuracy_percent, run.measured().interval_percent),
        facts(run),
        classes(run),
        confused(run),
        folds(run),
        worst(run),
    )
}

fn facts(run: &Experiment) -> String {
    let result = &run.result;
    let mut facts = vec![
        text(&result.network),
        format!("data {}", text(&result.data)),
        format!("learned from {}", text(&result.learn)),
        format!("seed {}", result.seed),
        counted(result.folds.len(), "fold"),
    ];
    facts.extend(leak(&result.protocol).map(str::to_owned));
    if let Some(segments) = &result.segments {
        let shown = |figures: &Figures| with_interval(figures.accuracy_percent, figures.interval_percent);
        facts.push(format!("segments by themselves: {}", shown(segments)));
        facts.push(format!("whole tracks by the mean of their segments: {}", shown(&result.pooled)));
    }
    facts.join(" · ")
}

fn classes(run: &Experiment) -> String {
    let shown = |share: Option<f64>| share.map_or(missing("none"), |share| format!("{share:.2}"));
    let classes = run.measured().confusion.classes();
    let rows = run.result.genres.iter().zip(classes).map(|(genre, class)| {
        vec![
            text(genre),
            shown(class.precision),
            shown(class.recall),
            shown(class.f1),
            class.support.to_string(),
        ]
    });
    let head = ["genre", "precision", "recall", "F1", "measured"];
    table("Genre by genre", &head, &rows.collect::<Vec<_>>())
}

fn confused(run: &Experiment) -> String {
    let genres = &run.result.genres;
    let rows = run.measured().confusion.most_confused(LISTED).into_iter().map(|pair| {
        let names = format!("{} → {}", text(&genres[pair.truth]), text(&genres[pair.predicted]));
        vec![names, percent(100.0 * pair.share), pair.count.to_string()]
    });
    table(
        "Most confused: true → predicted",
        &["pair", "of the true genre", "times"],
        &rows.collect::<Vec<_>>(),
    )
}

fn folds(run: &Experiment) -> String {
    let rows = run.result.folds.iter().map(|fold| {
        vec![
            fold.fold.to_string(),
            percent(fold.accuracy_percent),
            fold.valid_accuracy_percent.map_or(missing("none"), percent),
            fold.tracks.to_string(),
            fold.train_tracks.to_string(),
            fold.valid_tracks.to_string(),
            fold.epochs.to_string(),
        ]
    });
    let head = ["fold", "accuracy", "in validation", "measured", "learned from", "chosen by", "epoch kept"];
    table("Fold by fold", &head, &rows.collect::<Vec<_>>())
}

fn worst(run: &Experiment) -> String {
    let genres = &run.result.genres;
    let believed = |answer: &Judgement| answer.scores.get(answer.genre).copied().unwrap_or(0.0);
    let mut wrong: Vec<&Judgement> = run.answers.iter().filter(|answer| !answer.is_right()).collect();
    wrong.sort_by(|a, b| believed(a).total_cmp(&believed(b)).then_with(|| a.id.cmp(&b.id)));
    if run.answers.is_empty() {
        return format!(
            "<p>{}</p>",
            missing("worst tracks and calibration need the folds' files, fold-1.json …")
        );
    }
    let rows = wrong.iter().take(LISTED).map(|answer| {
        let called = match answer.scores.is_empty() {
            true => "silence".to_owned(),
            false => {
                format!("{} {:.2}", text(&genres[best(&answer.scores)]), answer.scores[best(&answer.scores)])
            }
        };
        vec![text(&answer.id), text(&genres[answer.genre]), format!("{:.3}", believed(answer)), called]
    });
    let head = ["track", "genre", "its score", "called"];
    table("Worst: least score of the true genre", &head, &rows.collect::<Vec<_>>())
}
