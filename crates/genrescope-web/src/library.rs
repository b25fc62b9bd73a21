//! `/api/v1/library`: what a music library holds, its files as they are searched and sorted, and a map of them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use genrescope::report::palette::{colour, ink};
use genrescope_library::{Agreement, Catalogue, Search, Song, Sort};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::App;
use crate::about::hex;
use crate::limits::MAX_LISTED;
use crate::recordings::wishes;
use crate::refusal::{Refusal, json_response};

/// Files of a list unless another number is asked for.
const LISTED: usize = 100;

/// Which files are wanted, behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    query: String,
    genre: Option<String>,
}

/// Which of them, and how sorted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WantedList {
    query: String,
    genre: Option<String>,
    like: Option<i64>,
    sort: Sort,
    order: Order,
    offset: usize,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Usual,
    Reversed,
}

/// A file as it is listed.
#[derive(Serialize)]
struct Listed<'a> {
    id: i64,
    name: String,
    folder: String,
    genre: Option<&'a str>,
    score: Option<f32>,
    reason: Option<&'a str>,
    duration_s: Option<f64>,
    tags: &'a [String],
    agreement: &'static str,
    stale: bool,
    error: Option<&'a str>,
}

/// Columns of the map: a number stands for the same file in each.
#[derive(Default, Serialize)]
struct Map<'a> {
    explained: [f64; 2],
    ids: Vec<i64>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// Indices of `words`.
    word: Vec<usize>,
    words: Vec<&'a str>,
}

fn answer(body: &impl Serialize) -> Result<Response, Refusal> {
    let body = serde_json::to_string(body).map_err(|_| Refusal::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Counts and proportions.
pub(crate) async fn overview(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let catalogue = app.catalogue().await?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut models = HashSet::new();
    for song in &catalogue.songs {
        *counts.entry(song.word()).or_default() += 1;
        models.extend(song.model.as_deref());
    }
    let count = |is: &dyn Fn(&Song) -> bool| catalogue.songs.iter().filter(|song| is(song)).count();
    let mut groups: Vec<(&str, usize)> = counts.into_iter().collect();
    groups.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    answer(&json!({
        "files": catalogue.songs.len(),
        "duration_s": catalogue.songs.iter().filter_map(|song| song.duration_s).sum::<f64>(),
        "failed": count(&|song| song.error.is_some()),
        "differing": count(&|song| song.agreement == Agreement::Differs),
        "tagged": count(&|song| !song.tags.is_empty()),
        "stale": count(&|song| app.is_stale(song)),
        "models": models.len(),
        "model": {"name": catalogue.model.name, "hash": catalogue.model.hash},
        "groups": groups.iter().map(|group| described(*group, &catalogue)).collect::<Vec<_>>(),
    }))
}

/// A genre, or a reason why there is none, with its colour.
fn described((name, files): (&str, usize), catalogue: &Catalogue) -> Value {
    let Some(index) = catalogue.model.genres.iter().position(|genre| genre == name) else {
        return json!({"name": name, "files": files});
    };
    let colour = colour(name, index);
    json!({"name": name, "files": files, "colour": hex(colour), "ink": hex(ink(colour))})
}

/// A part of the files that are wanted.
pub(crate) async fn files(
    State(app): State<Arc<App>>,
    query: Result<Query<WantedList>, QueryRejection>,
) -> Result<Response, Refusal> {
    let WantedList { query, genre, like, sort, order, offset, limit } = wishes(query)?;
    let limit = limit.unwrap_or(LISTED);
    if !(1..=MAX_LISTED).contains(&limit) {
        return Err(Refusal::bad_request(format!("`limit` is from 1 to {MAX_LISTED}; go on with `offset`")));
    }
    let catalogue = app.catalogue().await?;
    if like.is_some_and(|id| catalogue.song(id).is_none()) {
        return Err(unknown_file());
    }
    let search = Search { query, genre, like, sort, reversed: order == Order::Reversed };
    let found = catalogue.search(&search);
    let files: Vec<Listed> = found.iter().skip(offset).take(limit).map(|song| app.listed(song)).collect();
    answer(&json!({"total": found.len(), "offset": offset, "files": files}))
}

/// One file.
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Response, Refusal> {
    let catalogue = app.catalogue().await?;
    answer(&app.listed(catalogue.song(numbered(id)?).ok_or_else(unknown_file)?))
}

/// Where the files that are wanted lie; those that the leading model did not judge are left out.
pub(crate) async fn map(
    State(app): State<Arc<App>>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Wanted { query, genre } = wishes(query)?;
    let catalogue = app.catalogue().await?;
    let search = Search { query, genre, sort: Sort::Path, ..Search::default() };
    let mut map = Map { explained: catalogue.explained, ..Map::default() };
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for song in catalogue.search(&search) {
        let Some([x, y]) = song.place else { continue };
        let next = numbers.len();
        let number = *numbers.entry(song.word()).or_insert(next);
        if number == next {
            map.words.push(song.word());
        }
        map.ids.push(song.id);
        map.x.push(rounded(x));
        map.y.push(rounded(y));
        map.word.push(number);
    }
    answer(&map)
}

/// No screen shows more.
fn rounded(place: f32) -> f32 {
    (place * 1e4).round() / 1e4
}

pub(crate) fn numbered(id: Result<Path<i64>, PathRejection>) -> Result<i64, Refusal> {
    id.map(|Path(id)| id).map_err(|e| Refusal::bad_request(e.body_text()))
}

pub(crate) fn unknown_file() -> Refusal {
    Refusal::not_found("the library has no such file; see /api/v1/library/files")
}

impl App {
    /// Whether no model that is served judged it.
    fn is_stale(&self, song: &Song) -> bool {
        song.model.as_ref().is_some_and(|model| self.judges.iter().all(|judge| judge.label.hash != *model))
    }

    fn listed<'a>(&self, song: &'a Song) -> Listed<'a> {
        let shown = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        Listed {
            id: song.id,
            name: shown(song.path.file_name()),
            folder: shown(song.path.parent().map(FilePath::as_os_str)),
            genre: song.genre.as_deref(),
            score: song.score,
            reason: song.reason.as_deref(),
            duration_s: song.duration_s,
            tags: &song.tags,
            agreement: match song.agreement {
                Agreement::Agrees => "agrees",
                Agreement::Differs => "differs",
                Agreement::Foreign => "foreign",
                Agreement::Open => "open",
            },
            stale: self.is_stale(song),
            error: song.error.as_deref(),
        }
    }
}
