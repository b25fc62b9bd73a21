//! A library in memory, as a page asks for it: every file with its place on a map; searched, sorted and cut.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use genrescope::Result;
use rusqlite::{OptionalExtension, Row};
use serde::Deserialize;

use crate::agreement::Agreement;
use crate::listing::direction;
use crate::path_bytes::to_path;
use crate::projection::Projection;
use crate::rows::floats;
use crate::{FileState, Library};

/// A file of the library.
#[derive(Clone, Debug)]
pub struct Song {
    /// Its number in the library: stays as long as its row.
    pub id: i64,
    /// Where it is.
    pub path: PathBuf,
    /// As it was when it was heard.
    pub state: FileState,
    /// The leading genre.
    pub genre: Option<String>,
    /// Its score.
    pub score: Option<f32>,
    /// Why there is no genre.
    pub reason: Option<String>,
    /// Length, seconds.
    pub duration_s: Option<f64>,
    /// The genres of its tags.
    pub tags: Arc<[String]>,
    /// What they say against what was heard.
    pub agreement: Agreement,
    /// Hash of the model that judged it.
    pub model: Option<String>,
    /// Why it could not be judged.
    pub error: Option<String>,
    /// On the map; none for what [`Catalogue::model`] did not judge.
    pub place: Option<[f32; 2]>,
    /// Where its scores point.
    direction: Vec<f32>,
    /// What a search looks at: path and tags in small letters.
    searched: String,
}

impl Song {
    /// Its genre, or why there is none.
    pub fn word(&self) -> &str {
        let failed = || if self.error.is_some() { "failed" } else { "unknown" };
        self.genre.as_deref().or(self.reason.as_deref()).unwrap_or_else(failed)
    }
}

/// The model that judged most of a library.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogueModel {
    /// Its hash.
    pub hash: String,
    /// Its name.
    pub name: String,
    /// Its genres, in the order of scores.
    pub genres: Vec<String>,
}

/// All files that are there.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// By path.
    pub songs: Vec<Song>,
    /// The model whose judgements the map is made of.
    pub model: CatalogueModel,
    /// The parts of the variance between its files that the map's two axes show.
    pub explained: [f64; 2],
}

/// In which order songs are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Those whose tags differ from what was heard first, the surest first; then by path.
    #[default]
    Disagreement,
    /// By path.
    Path,
    /// By genre, in it the surest first.
    Genre,
    /// By score.
    Score,
    /// By length.
    Length,
}

/// Which songs are wanted.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Words that path or tags must hold, in any order; capitals do not matter.
    pub query: String,
    /// The genre, or why there is none.
    pub genre: Option<String>,
    /// Those that sound like this song, nearest first, whatever `sort` says.
    pub like: Option<i64>,
    /// The order.
    pub sort: Sort,
    /// Whether it is turned round.
    pub reversed: bool,
}

impl Catalogue {
    /// Reads all files of a library that are there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn read(library: &Library) -> Result<Self> {
        let model = library.leading_model()?;
        let mut known = HashMap::new();
        let mut songs = library.songs(&model, &mut known)?;
        let projection =
            Projection::of(songs.iter().map(|song| song.direction.as_slice()).filter(|d| !d.is_empty()));
        for song in songs.iter_mut().filter(|song| !song.direction.is_empty()) {
            song.place = Some(projection.place(&song.direction));
        }
        Ok(Self { songs, model, explained: projection.explained })
    }

    /// The song of that number.
    pub fn song(&self, id: i64) -> Option<&Song> {
        self.songs.iter().find(|song| song.id == id)
    }

    /// All songs that are wanted, in their order.
    pub fn search(&self, search: &Search) -> Vec<&Song> {
        let words: Vec<String> = search.query.split_whitespace().map(str::to_lowercase).collect();
        let wanted = |song: &&Song| {
            search.genre.as_deref().is_none_or(|genre| song.word() == genre)
                && words.iter().all(|word| song.searched.contains(word))
        };
        let mut found: Vec<&Song> = self.songs.iter().filter(wanted).collect();
        if let Some(id) = search.like {
            let here = self.song(id).map(|song| song.direction.as_slice()).unwrap_or_default();
            let mut near: Vec<(f32, &Song)> =
                found.into_iter().filter_map(|song| Some((distance(here, &song.direction)?, song))).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            return near.into_iter().map(|(_, song)| song).collect();
        }
        found.sort_by(
            |a, b| if search.reversed { search.sort.compare(b, a) } else { search.sort.compare(a, b) },
        );
        found
    }
}

/// As [`like`](crate::like) measures; only songs of one model can be compared.
fn distance(a: &[f32], b: &[f32]) -> Option<f32> {
    (!a.is_empty() && a.len() == b.len()).then(|| 1.0 - a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())
}

impl Sort {
    /// Equal songs keep their order, by path.
    fn compare(self, a: &Song, b: &Song) -> Ordering {
        let surest = || b.score.unwrap_or(-1.0).total_cmp(&a.score.unwrap_or(-1.0));
        let agrees = |song: &Song| song.agreement != Agreement::Differs;
        match self {
            Self::Disagreement if !agrees(a) && !agrees(b) => surest(),
            Self::Disagreement => agrees(a).cmp(&agrees(b)),
            Self::Path => a.path.cmp(&b.path),
            Self::Genre => {
                (a.genre.is_none(), a.word()).cmp(&(b.genre.is_none(), b.word())).then_with(surest)
            }
            Self::Score => surest(),
            Self::Length => a.duration_s.unwrap_or(-1.0).total_cmp(&b.duration_s.unwrap_or(-1.0)),
        }
    }
}

/// What tags as they are kept come to with a genre that was heard: most songs share it with others.
type Known = HashMap<(Option<String>, Option<String>), (Arc<[String]>, Agreement)>;

impl Library {
    /// A number that changes whenever another program has written to the library.
    ///
    /// # Errors
    /// Those of the database.
    pub fn version(&self) -> Result<i64> {
        let version = self.connection.pragma_query_value(None, "data_version", |row| row.get(0));
        version.map_err(|e| self.failure(&e))
    }

    fn leading_model(&self) -> Result<CatalogueModel> {
        let found = self.connection.query_row(LEADING_MODEL, [], |row| {
            let genres = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default();
            Ok(CatalogueModel { hash: row.get(0)?, name: row.get(1)?, genres })
        });
        found.optional().map(Option::unwrap_or_default).map_err(|e| self.failure(&e))
    }

    fn songs(&self, model: &CatalogueModel, known: &mut Known) -> Result<Vec<Song>> {
        let mut read = || {
            let mut statement = self.connection.prepare(SONGS)?;
            let rows = statement.query_map([], |row| song(row, model, known))?;
            rows.collect::<rusqlite::Result<Vec<Song>>>()
        };
        read().map_err(|e| self.failure(&e))
    }
}

const LEADING_MODEL: &str = "
    SELECT hash, name, genres FROM model
    ORDER BY (SELECT count(*) FROM recording WHERE recording.model = model.hash) DESC, hash LIMIT 1";

const SONGS: &str = "
    SELECT id, path, bytes, mtime_ns, genre, score, reason, duration_s, tags, model, error, scores
    FROM file LEFT JOIN recording ON recording.hash = file.recording
    WHERE NOT missing ORDER BY path";

fn song(row: &Row, model: &CatalogueModel, known: &mut Known) -> rusqlite::Result<Song> {
    let path = to_path(row.get_ref(1)?.as_blob()?);
    let (genre, kept): (Option<String>, Option<String>) = (row.get(4)?, row.get(8)?);
    let judge: Option<String> = row.get(9)?;
    let (tags, agreement) = known
        .entry((kept.clone(), genre.clone()))
        .or_insert_with(|| {
            let tags: Vec<String> =
                kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default();
            let agreement = Agreement::of(&tags, genre.as_deref(), &model.genres);
            (tags.into(), agreement)
        })
        .clone();
    let scores = row.get_ref(11)?.as_blob_or_null()?.map(floats).unwrap_or_default();
    let comparable = judge.as_ref() == Some(&model.hash) && scores.len() == model.genres.len();
    let mut searched = path.to_string_lossy().to_lowercase();
    tags.iter().for_each(|tag| searched.extend(['\n'].into_iter().chain(tag.to_lowercase().chars())));
    Ok(Song {
        id: row.get(0)?,
        path,
        state: FileState { bytes: row.get::<_, i64>(2)? as u64, mtime_ns: row.get(3)? },
        genre,
        score: row.get(5)?,
        reason: row.get(6)?,
        duration_s: row.get(7)?,
        tags,
        agreement,
        model: judge,
        error: row.get(10)?,
        place: None,
        direction: if comparable { direction(&scores) } else { Vec::new() },
        searched,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four songs of one model, one of another, one that failed; two copies of a recording.
    fn library() -> (tempfile::TempDir, Catalogue) {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(&folder.path().join("library.db")).unwrap();
        let floats = |scores: [f32; 3]| -> String {
            scores.iter().flat_map(|s| s.to_le_bytes()).map(|b| format!("{b:02x}")).collect()
        };
        let recording = |hash: &str, model: &str, genre: &str, score: f32, scores: [f32; 3]| {
            format!(
                "INSERT INTO recording VALUES (x'{hash}', x'00', 60.0, '{model}', '{genre}', NULL, {score}, x'{}');",
                floats(scores)
            )
        };
        let file = |name: &str, recording: &str, tags: &str| {
            let path: String = name.bytes().map(|b| format!("{b:02x}")).collect();
            format!(
                "INSERT INTO file (path, bytes, mtime_ns, recording, tags) VALUES (x'{path}', 1, 2, {recording}, {tags});"
            )
        };
        let rows = [
            "INSERT INTO model VALUES ('m', 'fast', '[\"jazz\",\"pop\",\"rock\"]');".to_owned(),
            "INSERT INTO model VALUES ('o', 'old', '[\"polka\"]');".to_owned(),
            recording("01", "m", "jazz", 0.9, [0.9, 0.05, 0.05]),
            recording("02", "m", "rock", 0.6, [0.1, 0.3, 0.6]),
            recording("03", "m", "rock", 0.8, [0.05, 0.15, 0.8]),
            recording("04", "o", "polka", 1.0, [1.0, 0.0, 0.0]),
            file("/a/Blue.mp3", "x'01'", "'[\"Jazz\"]'"),
            file("/a/copy.mp3", "x'01'", "'[\"Pop\"]'"),
            file("/b/Loud Song.mp3", "x'02'", "'[\"Pop\", \"Live\"]'"),
            file("/b/rock.mp3", "x'03'", "'[\"Jazz\"]'"),
            file("/c/old.mp3", "x'04'", "NULL"),
            file("/c/zz.mp3", "NULL", "NULL"),
            "UPDATE file SET error = 'broken' WHERE recording IS NULL;".to_owned(),
        ];
        library.connection.execute_batch(&rows.concat()).unwrap();
        (folder, Catalogue::read(&library).unwrap())
    }

    fn names(catalogue: &Catalogue, search: &Search) -> Vec<String> {
        let name = |song: &&Song| song.path.file_stem().unwrap().to_string_lossy().into_owned();
        catalogue.search(search).iter().map(name).collect()
    }

    #[test]
    fn disagreements_come_first_the_surest_first() {
        let (_folder, catalogue) = library();
        assert_eq!(names(&catalogue, &Search::default()), ["copy", "rock", "Loud Song", "Blue", "old", "zz"]);
        let by_score = Search { sort: Sort::Score, reversed: true, ..Search::default() };
        assert_eq!(names(&catalogue, &by_score), ["zz", "Loud Song", "rock", "Blue", "copy", "old"]);
        let by_genre = Search { sort: Sort::Genre, ..Search::default() };
        assert_eq!(names(&catalogue, &by_genre), ["Blue", "copy", "old", "rock", "Loud Song", "zz"]);
    }

    #[test]
    fn words_are_searched_in_paths_and_tags() {
        let (_folder, catalogue) = library();
        let search = |query: &str, genre: Option<&str>| {
            names(
                &catalogue,
                &Search { query: query.into(), genre: genre.map(str::to_owned), ..Search::default() },
            )
        };
        assert_eq!(search("LOUD /b", None), ["Loud Song"]);
        assert_eq!(search("live", None), ["Loud Song"]);
        assert_eq!(search("", Some("rock")), ["rock", "Loud Song"]);
        assert_eq!(search("", Some("failed")), ["zz"]);
        assert_eq!(search("%", None), [""; 0]);
    }

    #[test]
    fn neighbours_are_nearest_first_and_of_one_model() {
        let (_folder, catalogue) = library();
        assert_eq!(catalogue.model.name, "fast");
        let rock = catalogue.songs.iter().find(|song| song.path.ends_with("rock.mp3")).unwrap();
        let found = names(&catalogue, &Search { like: Some(rock.id), ..Search::default() });
        assert_eq!(found[..2], ["rock", "Loud Song"]);
        assert_eq!(found.len(), 4, "one of another model and one that failed are left out");
        assert_eq!(catalogue.songs.iter().filter(|song| song.place.is_some()).count(), 4);
        let apart = |a: usize, b: usize| {
            let (a, b) = (catalogue.songs[a].place.unwrap(), catalogue.songs[b].place.unwrap());
            (a[0] - b[0]).hypot(a[1] - b[1])
        };
        assert!(apart(0, 1) < 1e-6, "copies lie on each other");
        assert!(apart(2, 3) < apart(2, 0), "rock lies nearer to rock than to jazz");
    }
}
