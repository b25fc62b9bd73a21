//! The figures of all evaluations of a page together.

use std::collections::BTreeMap;

use super::Figure;
use super::details::leak;
use super::experiments::{Experiment, Found};
use super::groups::{Group, counted};
use super::published::{PROTOCOL, modes, ours, published};
use crate::report::figures::{Axis, Bar, BarChart, BarGroup, Chart, Series, Style, sphere};
use crate::train::settings::Protocol;
use crate::train::toy::l2_toy;

/// Protocols from the most to the least flattering, those of one size beside each other.
const PROTOCOLS: [(&str, &str); 9] = [
    ("segment", "random segments"),
    ("track", "random tracks"),
    ("splits", "random splits"),
    ("filtered_random", "random, sizes of filtered"),
    ("filtered", "filtered"),
    ("artist_random", "random, sizes of artist"),
    ("artist", "artist"),
    ("cross_validation", "artists, inside training"),
    ("hold_out", "a fifth held out"),
];

/// Figures of all results together; those that nothing was measured for are left out.
pub(super) fn overall(found: &Found, groups: &[Group]) -> Vec<Figure> {
    let scenes = [
        ("modes", modes_chart(found, groups)),
        ("mode-means", means_chart(found, groups)),
        ("leak", leak_chart(groups)),
        ("transposition", transposition_chart(found)),
    ];
    let named = |(name, chart): (&str, Option<Drawn>)| Some((name.to_owned(), chart?));
    let mut drawn: Vec<(String, Drawn)> = scenes.into_iter().filter_map(named).collect();
    for family in measured_together(groups) {
        let protocol = family[0].protocol();
        let costs = [
            ("size", size_chart(&family)),
            ("work", work_chart(&family)),
            ("speed", speed_chart(found, &family)),
        ];
        drawn.extend(
            costs.into_iter().filter_map(|(cost, chart)| Some((format!("{cost}-{protocol}"), chart?))),
        );
    }
    let mut figures: Vec<Figure> =
        drawn.into_iter().map(|(name, chart)| Figure { name, scene: chart.scene() }).collect();
    let toy = groups.iter().any(|group| group.network() == "v-kernel-l2").then(|| l2_toy(1).ok()).flatten();
    figures.extend(toy.map(|toy| Figure { name: "l2-toy".into(), scene: sphere(&toy) }));
    figures
}

/// One of the two kinds of chart.
enum Drawn {
    Bars(BarChart),
    Lines(Chart),
}

impl Drawn {
    fn scene(&self) -> crate::report::picture::Scene {
        match self {
            Self::Bars(chart) => chart.scene(),
            Self::Lines(chart) => chart.scene(),
        }
    }
}

fn modes_chart(found: &Found, groups: &[Group]) -> Option<Drawn> {
    let bar = |network: &String| {
        let group = ours(groups, network, PROTOCOL);
        Bar {
            label: network.trim_start_matches("mlfi-").into(),
            value: group.map(Group::accuracy),
            note: if group.is_none() { "not run".into() } else { String::new() },
            interval: group.map(Group::interval),
            published: published(found, network),
        }
    };
    let group = |(series, (name, networks)): (usize, (&str, Vec<String>))| BarGroup {
        name: name.into(),
        series,
        bars: networks.iter().map(bar).collect(),
    };
    bars(
        "Accuracy of every mode of interaction",
        &format!("{} Lines: 95 % intervals.", behind(groups)),
        modes().into_iter().enumerate().map(group).collect(),
    )
}

fn means_chart(found: &Found, groups: &[Group]) -> Option<Drawn> {
    let mean = |values: Vec<Option<f64>>| -> Option<f64> {
        let values: Vec<f64> = values.into_iter().collect::<Option<_>>()?;
        Some(values.iter().sum::<f64>() / values.len() as f64)
    };
    let group = |(series, (name, networks)): (usize, (&str, Vec<String>))| {
        let own: Vec<Option<f64>> =
            networks.iter().map(|network| ours(groups, network, PROTOCOL).map(Group::accuracy)).collect();
        let run = own.iter().flatten().count();
        let bar = Bar {
            note: if run < own.len() { format!("{run} of {} run", own.len()) } else { String::new() },
            label: name.trim_end_matches(": no interaction").into(),
            value: mean(own),
            published: mean(networks.iter().map(|network| published(found, network)).collect()),
            interval: None,
        };
        BarGroup { name: String::new(), series, bars: vec![bar] }
    };
    bars("Mean accuracy of the modes", &behind(groups), modes().into_iter().enumerate().map(group).collect())
}

/// What stands behind the networks of source 1.
fn behind(groups: &[Group]) -> String {
    let networks = modes().into_iter().flat_map(|(_, networks)| networks);
    let own: Vec<&Group> = networks.filter_map(|network| ours(groups, &network, PROTOCOL)).collect();
    let words = if own.is_empty() { "nothing of ours so far".into() } else { all_behind(&own) };
    format!("Random segments, which leak; {words}.")
}

/// What stands behind each: the same words for all, or how they differ.
fn all_behind(groups: &[&Group]) -> String {
    let mut behind: Vec<String> = groups.iter().map(|group| group.behind()).collect();
    behind.sort();
    behind.dedup();
    behind.join(" or ")
}

fn bars(title: &str, note: &str, groups: Vec<BarGroup>) -> Option<Drawn> {
    let bars = || groups.iter().flat_map(|group| &group.bars);
    let ends = |bar: &Bar| {
        [bar.value, bar.published]
            .into_iter()
            .chain(bar.interval.map(|ends| ends.map(Some)).into_iter().flatten())
    };
    let values: Vec<f64> = bars().flat_map(ends).flatten().collect();
    bars().find(|bar| bar.value.is_some() || bar.published.is_some())?;
    let axis = Axis::around("accuracy, %", values.iter().copied());
    let cut = if axis.range[0] > 0.0 {
        format!(" The axis begins at {} %.", axis.range[0].round())
    } else {
        String::new()
    };
    Some(Drawn::Bars(BarChart { title: title.into(), note: format!("{note}{cut}"), axis, groups }))
}

/// The network that was measured in most protocols, in each of them.
fn leak_chart(groups: &[Group]) -> Option<Drawn> {
    let of = |network: &str| -> Vec<(&str, &Group)> {
        let find = |(protocol, label): &(&str, &'static str)| {
            let fits = |group: &&Group| group.network() == network && group.protocol() == *protocol;
            Some((*label, groups.iter().filter(fits).max_by_key(|group| group.collection() == "leak")?))
        };
        PROTOCOLS.iter().filter_map(find).collect()
    };
    let network = groups.iter().map(|group| group.network()).max_by_key(|network| of(network).len())?;
    let rows = of(network);
    if rows.len() < 3 {
        return None;
    }
    let group = |(label, group): &(&str, &Group)| BarGroup {
        name: String::new(),
        series: usize::from(leak(group.protocol()).is_some()),
        bars: vec![Bar {
            label: (*label).into(),
            value: Some(group.accuracy()),
            interval: Some(group.interval()),
            note: group.behind(),
            published: None,
        }],
    };
    let note = format!(
        "{network}, the same training. Red: something of what is measured is learned from. Each random twin has the \
         sizes of the split under it: the step between them is what the leak is worth."
    );
    Some(Drawn::Bars(BarChart {
        title: "What each leak is worth".into(),
        note,
        axis: Axis::linear("accuracy, %", [0.0, 100.0]),
        groups: rows.iter().map(group).collect(),
    }))
}

/// The networks of the zoo that were measured together, each once: most of all, and most without a leak.
fn measured_together<'a>(groups: &'a [Group<'a>]) -> Vec<Vec<&'a Group<'a>>> {
    let mut families: BTreeMap<_, Vec<&Group>> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.parameters().is_some()) {
        let family = families.entry(group.family()).or_default();
        if !family.iter().any(|other| other.network() == group.network()) {
            family.push(group);
        }
    }
    let largest = |honest: bool| {
        let fit = families.iter().filter(|((_, _, protocol), _)| !honest || leak(protocol).is_none());
        fit.max_by_key(|(_, family)| family.len())
    };
    let mut found: Vec<_> = [largest(false), largest(true)].into_iter().flatten().collect();
    found.dedup_by_key(|(key, _)| *key);
    found.into_iter().map(|(_, family)| family.clone()).collect()
}

/// Accuracy of networks that were measured together, over what they cost.
fn against(of: &[&Group], cost: impl Fn(&Group) -> Option<f64>, title: &str, axis: &str) -> Option<Drawn> {
    let of: Vec<&Group> = of.iter().copied().filter(|group| cost(group).is_some()).collect();
    if of.len() < 2 {
        return None;
    }
    let mut series: Vec<Series> = Vec::new();
    for group in &of {
        let family = family(group.network());
        let place = series.iter().position(|other| other.name == family).unwrap_or_else(|| {
            series.push(Series {
                name: family,
                points: Vec::new(),
                names: Vec::new(),
                style: Style::Named,
                colour: None,
            });
            series.len() - 1
        });
        series[place].points.push((cost(group)?, group.accuracy()));
        series[place].names.push(group.network().into());
    }
    series.iter_mut().for_each(keep_best_name);
    let points = || series.iter().flat_map(|series| series.points.clone());
    Some(Drawn::Lines(Chart {
        title: title.into(),
        note: format!(
            "Protocol {}; {}. Of more than six of a family the best is named.",
            Protocol::named(of[0].protocol()).map_or_else(|| of[0].protocol().into(), Protocol::label),
            all_behind(&of)
        ),
        across: Axis::logarithmic(axis, points().map(|point| point.0).collect::<Vec<_>>().into_iter()),
        upwards: Axis::around("accuracy, %", points().map(|point| point.1).collect::<Vec<_>>().into_iter()),
        series,
    }))
}

/// Where more than six points would be named, only the highest is.
fn keep_best_name(series: &mut Series) {
    let best = (0..series.points.len()).max_by(|&a, &b| series.points[a].1.total_cmp(&series.points[b].1));
    if series.points.len() > 6 {
        let names = series.names.iter_mut().enumerate().filter(|(i, _)| Some(*i) != best);
        names.for_each(|(_, name)| name.clear());
    }
}

fn family(network: &str) -> String {
    crate::model::zoo::architecture(network).map_or("baseline", |architecture| architecture.family).into()
}

fn size_chart(groups: &[&Group]) -> Option<Drawn> {
    let cost = |group: &Group| group.parameters().map(|count| count as f64);
    against(groups, cost, "Accuracy against size", "trained numbers")
}

fn work_chart(groups: &[&Group]) -> Option<Drawn> {
    let cost = |group: &Group| group.multiply_adds().map(|count| count as f64);
    against(groups, cost, "Accuracy against work", "multiply-adds a patch")
}

fn speed_chart(found: &Found, groups: &[&Group]) -> Option<Drawn> {
    let cost = |group: &Group| found.milliseconds.get(group.network()).copied();
    against(groups, cost, "Accuracy against speed", "ms a patch as published, one thread")
}

fn transposition_chart(found: &Found) -> Option<Drawn> {
    let runs: Vec<&Experiment> =
        found.experiments.iter().filter(|run| !run.transposition.is_empty()).collect();
    let first = runs.first()?;
    let dotted =
        runs.windows(2).find(|pair| pair[0].result.network == pair[1].result.network).map(|pair| pair[1]);
    let mut networks: Vec<&str> = runs.iter().map(|run| &*run.result.network).collect();
    networks.dedup();
    // Runs of one network have its colour: the first a plain line, the others dots on theirs.
    let series: Vec<Series> = runs
        .iter()
        .enumerate()
        .map(|(i, run)| {
            let network = &run.result.network;
            let is_first = i == 0 || runs[i - 1].result.network != *network;
            Series {
                name: if is_first { network.clone() } else { String::new() },
                points: run.transposition.clone(),
                names: Vec::new(),
                style: if is_first { Style::Line } else { Style::Marked },
                colour: networks.iter().position(|other| other == network),
            }
        })
        .collect();
    let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.clone()).collect();
    let note = format!(
        "The measured tracks, shifted by semitones; protocol {}, {} and one seed for each line. Plain lines: {} and others \
         like it; with dots: {}.",
        first.result.protocol,
        counted(first.result.folds.len(), "fold"),
        first.name,
        dotted.map_or("none", |run| &run.name)
    );
    Some(Drawn::Lines(Chart {
        title: "Accuracy in other keys".into(),
        note,
        across: Axis::linear("semitones", [-6.0, 6.0]),
        upwards: Axis::around("accuracy, %", points.iter().map(|point| point.1)),
        series,
    }))
}
