//! Tables 4.1 to 4.3 of source 1: the published column beside ours.

use super::experiments::Found;
use super::groups::Group;
use super::markup::{beside, missing, percent, table};

/// One table: its caption, and its networks in order.
const TABLES: [(&str, &[&str]); 3] = [
    (
        "Table 4.1, one-way interaction (audio): what the visual module sends (A: convolutions, B: GRUs) and where it joins",
        &["audio-a1", "audio-a2", "audio-a3", "audio-a4", "audio-b1", "audio-b2", "audio-b3", "audio-b4"],
    ),
    (
        "Table 4.2, one-way interaction (vision): the dense layer that joins the visual module",
        &["vision-a", "vision-b", "vision-c", "vision-d", "vision-e"],
    ),
    (
        "Table 4.3, two-way interaction",
        &[
            "two-way-a1",
            "two-way-a2",
            "two-way-a3",
            "two-way-a4",
            "two-way-b1",
            "two-way-b2",
            "two-way-b3",
            "two-way-b4",
        ],
    ),
];
/// Of source 1's numbers.
pub(super) const PROTOCOL: &str = "segment";
const OURS: [&str; 3] = ["segment", "track", "filtered"];

/// The modes with their networks.
pub(super) fn modes() -> Vec<(&'static str, Vec<String>)> {
    let of = |stem: &str, places: &[&str]| places.iter().map(|place| format!("mlfi-{stem}{place}")).collect();
    let four = ["1", "2", "3", "4"];
    vec![
        ("benchmark: no interaction", vec!["mlfi-benchmark".into()]),
        ("audio, A", of("audio-a", &four)),
        ("audio, B", of("audio-b", &four)),
        ("vision", of("vision-", &["a", "b", "c", "d", "e"])),
        ("two-way, A", of("two-way-a", &four)),
        ("two-way, B", of("two-way-b", &four)),
    ]
}

/// What was published of a network, percent.
pub(super) fn published(found: &Found, network: &str) -> Option<f64> {
    let row = found.published.iter().find(|row| row.what == network && row.protocol == PROTOCOL);
    row.map(|row| row.accuracy)
}

/// Ours: of several ways of training that of the collection `mlfi`, else that of most folds.
pub(super) fn ours<'a, 'b>(groups: &'b [Group<'a>], network: &str, protocol: &str) -> Option<&'b Group<'a>> {
    let fits = |group: &&Group| group.network() == network && group.protocol() == protocol;
    groups
        .iter()
        .filter(fits)
        .max_by_key(|group| (group.collection() == "mlfi", group.fold_accuracies().len()))
}

/// The three tables, each with the benchmark above.
pub(super) fn tables(found: &Found, groups: &[Group]) -> String {
    let is_known = |row: &super::experiments::Published| row.what.starts_with("mlfi-");
    if !found.published.iter().any(is_known)
        && !groups.iter().any(|group| group.network().starts_with("mlfi-"))
    {
        return String::new();
    }
    let note = "<p>Accuracy in percent. Source 1 measured random segments: the column beside it is its like, the others \
                say what is left where no segment of a measured song was learned from.</p>\n";
    let sources = sources(found);
    let tables = TABLES.iter().map(|(caption, networks)| {
        let names = std::iter::once("benchmark").chain(networks.iter().copied());
        let rows: Vec<Vec<String>> = names.map(|name| row(found, groups, name)).collect();
        table(caption, &["network", "published", "ours: segment", "ours: track", "ours: filtered"], &rows)
    });
    format!("{note}<div class=\"tables wide\">{}</div>\n{sources}", tables.collect::<String>())
}

fn row(found: &Found, groups: &[Group], name: &str) -> Vec<String> {
    let network = format!("mlfi-{name}");
    let published = published(found, &network).map_or(missing("not given"), |value| format!("{value:.2}"));
    let ours = OURS.iter().map(|protocol| match ours(groups, &network, protocol) {
        Some(group) => format!("{} {}", percent(group.accuracy()), beside(&group.behind())),
        None => missing("not run"),
    });
    [name.to_owned(), published].into_iter().chain(ours).collect()
}

fn sources(found: &Found) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in found.published.iter().filter(|row| !row.what.starts_with("mlfi-")) {
        let words = [&row.what, &row.protocol].map(|words| super::markup::text(words));
        rows.push([&words[..], &[percent(row.accuracy), super::markup::text(&row.source)]].concat());
    }
    if rows.is_empty() {
        return String::new();
    }
    table("What others published", &["what", "protocol", "accuracy", "source"], &rows)
}
