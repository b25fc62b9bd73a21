//! Tests of significance: every network of a collection against one of them, folds paired.

use std::collections::BTreeMap;

use super::details::protocol;
use super::groups::Group;
use super::markup::{chance, missing, table, text};
use crate::evaluate::significance::{McNemar, PairedT, corrected_t, holm, mcnemar};

/// One comparison.
struct Compared<'a> {
    group: &'a Group<'a>,
    against: &'a Group<'a>,
    paired: Option<PairedT>,
    folds: usize,
    mcnemar: Option<McNemar>,
}

/// A table for each collection and protocol with something to compare.
pub(super) fn tables(groups: &[Group]) -> String {
    let mut families: BTreeMap<_, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        families.entry(group.family()).or_default().push(group);
    }
    let families = families.into_iter().filter(|(_, family)| family.len() > 1);
    let tables: String = families.map(|(key, family)| one(key, &family)).collect();
    if tables.is_empty() {
        return String::new();
    }
    let note = "<p>Differences of accuracy in percentage points, paired by fold and seed. <i>p</i>: corrected resampled \
                t-test (Nadeau and Bengio 2003); Holm: the same, raised for the number of tests in the table; McNemar: \
                exact, on the measured tracks of all folds (of random segments: segments, which are not independent, so that its \
                <i>p</i> is too small), shown with how many only one of the two judged rightly.</p>\n";
    note.to_owned() + &tables
}

/// Of variants of one network, the one that is not normalised or not shifted.
const PLAIN: [&str; 2] = ["-none", "-C"];

fn last_name<'a>(group: &'a Group) -> &'a str {
    group.first().name.rsplit('/').next().unwrap_or_default()
}

/// The plain variant of the same network, if this is another one; else the benchmark, a plain variant or the first.
fn reference<'a>(group: &Group, family: &[&'a Group<'a>]) -> &'a Group<'a> {
    let own = last_name(group);
    let is_variant_of = |other: &&&Group| {
        let stem = PLAIN.iter().find_map(|plain| last_name(other).strip_suffix(plain));
        let variant = stem.and_then(|stem| own.strip_prefix(stem)?.strip_prefix('-'));
        variant.is_some_and(|variant| !variant.contains('-')) && last_name(other) != own
    };
    let all = || family.iter();
    let named =
        |words: &[&str]| all().find(|group| words.iter().any(|word| last_name(group).ends_with(word)));
    let general = || named(&["benchmark"]).or_else(|| named(&PLAIN)).unwrap_or(&family[0]);
    all().find(is_variant_of).unwrap_or_else(general)
}

fn one<'a>((collection, data, of): (&str, &str, &str), family: &[&'a Group<'a>]) -> String {
    let pairs = family.iter().map(|&group| (group, reference(group, family)));
    let compared: Vec<Compared> = pairs
        .filter(|(group, other)| !std::ptr::eq(*group, *other))
        .map(|(group, other)| compare(group, other))
        .collect();
    let tested: Vec<f64> = compared.iter().filter_map(|one| Some(one.paired.as_ref()?.p)).collect();
    let mut corrected = holm(&tested).into_iter();
    let row = |one: &Compared| {
        let paired = match &one.paired {
            Some(test) => {
                let t = test.t.map_or(missing("all alike"), |t| format!("{t:.2}"));
                [format!("{:+.2}", test.mean), t, chance(test.p), chance(corrected.next().unwrap_or(test.p))]
            }
            None => [missing("fewer than 2 folds in common"), String::new(), String::new(), String::new()],
        };
        let mcnemar = one.mcnemar.map_or(missing("no tracks in common"), |test| {
            format!("{} <small>{} to {}</small>", chance(test.p), test.only_first, test.only_second)
        });
        let name = vec![text(&one.group.first().name), text(last_name(one.against)), one.folds.to_string()];
        [name, paired.to_vec(), vec![mcnemar]].concat()
    };
    let rows: Vec<Vec<String>> = compared.iter().map(row).collect();
    let caption = format!("{}, {}, {}: differences", text(collection), text(data), protocol(of));
    table(&caption, &["evaluation", "against", "pairs", "difference", "t", "p", "Holm", "McNemar"], &rows)
}

fn compare<'a>(group: &'a Group<'a>, reference: &'a Group<'a>) -> Compared<'a> {
    let others: BTreeMap<(u64, usize), f64> = reference.fold_accuracies().into_iter().collect();
    let differences: Vec<f64> =
        group.fold_accuracies().iter().filter_map(|(fold, own)| Some(own - others.get(fold)?)).collect();
    Compared {
        group,
        against: reference,
        paired: corrected_t(&differences, test_over_train(group)),
        folds: differences.len(),
        mcnemar: tracks_in_common(group, reference),
    }
}

fn test_over_train(group: &Group) -> f64 {
    let folds = &group.first().result.folds;
    let (test, train) =
        folds.iter().fold((0, 0), |sum, fold| (sum.0 + fold.tracks, sum.1 + fold.train_tracks));
    test as f64 / train.max(1) as f64
}

/// McNemar's test on the tracks that the first seeds of both have measured.
fn tracks_in_common(group: &Group, reference: &Group) -> Option<McNemar> {
    let right: BTreeMap<&str, bool> =
        reference.first().answers.iter().map(|answer| (&*answer.id, answer.is_right())).collect();
    let pairs = group.first().answers.iter().filter_map(|own| Some((own.is_right(), *right.get(&*own.id)?)));
    let (own, other): (Vec<bool>, Vec<bool>) = pairs.unzip();
    (!own.is_empty()).then(|| mcnemar(&own, &other))
}
