//! What was heard, and what tags say → which genres they should have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use genrescope::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::listing::{Item, Wanted, list};
use crate::{FileState, Library, genres};

/// What becomes of genres that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// The file stays as it is.
    Kept,
    /// Others are put behind them.
    Extended,
    /// Others take their place.
    Replaced,
}

/// How the genres of a model are written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenreMap {
    /// What stands for a genre of the model; nothing, one or several. Others are written as the model calls them.
    names: BTreeMap<String, Names>,
    /// Above which genre one stands; it is written too, and what stands above that.
    parents: BTreeMap<String, String>,
    /// Further genres of a recording are written too from this score on.
    also: Option<f32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl GenreMap {
    /// Reads `[names]`, `[parents]` and `also` of a TOML file; `genres` are those of the model.
    ///
    /// # Errors
    /// [`ErrorKind::BadSettings`] with what is wrong; those of reading.
    pub fn read(path: &Path, genres: &[String]) -> Result<Self> {
        let at = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(&at, e))?;
        let bad = |what: String| Error::new(ErrorKind::BadSettings, format!("{at}: {what}"));
        let map: Self = toml::from_str(&text).map_err(|e| bad(e.to_string().trim_end().to_owned()))?;
        match map.names.keys().find(|name| !genres.contains(name)) {
            Some(name) => {
                Err(bad(format!("the model knows no genre `{name}`; it knows {}", genres.join(", "))))
            }
            None => Ok(map),
        }
    }

    /// What is written for a recording with these scores of `genres`: the leading one, further ones from
    /// `also` on, and what stands above them; each once.
    fn written(&self, scores: &[f32], genres: &[String]) -> Vec<String> {
        let mut ranked: Vec<(f32, &String)> = scores.iter().copied().zip(genres).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let chosen = ranked
            .iter()
            .enumerate()
            .filter(|(place, (score, _))| *place == 0 || self.also.is_some_and(|also| *score >= also));
        let mut written = Vec::new();
        for (_, (_, genre)) in chosen {
            let names = match self.names.get(*genre) {
                Some(Names::One(name)) => std::slice::from_ref(name),
                Some(Names::Several(names)) => names,
                None => std::slice::from_ref(*genre),
            };
            for name in names {
                let mut next = Some(name);
                while let Some(name) = next.filter(|name| !written.contains(*name)) {
                    written.push(name.clone());
                    next = self.parents.get(name);
                }
            }
        }
        written
    }
}

/// A file whose genres would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The file.
    pub path: PathBuf,
    /// The genres of its tags.
    pub before: Vec<String>,
    /// Those that they would have.
    pub after: Vec<String>,
}

impl Proposal {
    /// Whether the file's genres are still those that were looked at.
    ///
    /// # Errors
    /// [`ErrorKind::BadManifest`] where they are not, and those of [`genres`].
    pub fn check(&self) -> Result<()> {
        let now = genres(&self.path)?;
        if now == self.before {
            return Ok(());
        }
        let now = if now.is_empty() { "none".into() } else { now.join("; ") };
        let what = format!("{}: its genre is {now} by now, and stays so; tag again", self.path.display());
        Err(Error::new(ErrorKind::BadManifest, what))
    }
}

/// All that was looked at.
#[derive(Debug, Default)]
pub struct Proposed {
    /// What would change.
    pub proposals: Vec<Proposal>,
    /// Files that have a genre or the right ones.
    pub fine: usize,
    /// Files without a genre that is sure enough.
    pub unsure: usize,
    /// Files that changed since they were heard.
    pub changed: usize,
    /// Files whose tags cannot be read or written.
    pub errors: Vec<Error>,
}

/// What tags should say of files of the library that were judged by the model with this hash and these genres, with a
/// score of at least `wanted.min`.
///
/// # Errors
/// Those of the database; those of files are in [`Proposed::errors`].
pub fn propose(
    library: &Library,
    wanted: &Wanted,
    (model, genres): (&str, &[String]),
    (present, map): (Present, &GenreMap),
) -> Result<Proposed> {
    let mut proposed = Proposed::default();
    let all = Wanted { min: None, ..wanted.clone() };
    list(library, &all, &mut |item| {
        // What is no music has scores as well, and no genre.
        let score = item.score.filter(|_| item.genre.is_some());
        let sure = score.is_some_and(|score| score >= wanted.min.unwrap_or_default());
        if !sure || item.model.as_deref() != Some(model) {
            proposed.unsure += 1;
            return Ok(());
        }
        if FileState::of(&item.path).ok() != Some(item.state) {
            proposed.changed += 1;
            return Ok(());
        }
        match proposal(item, genres, present, map) {
            Ok(Some(proposal)) => proposed.proposals.push(proposal),
            Ok(None) => proposed.fine += 1,
            Err(error) => proposed.errors.push(error),
        }
        Ok(())
    })?;
    Ok(proposed)
}

fn proposal(item: Item, names: &[String], present: Present, map: &GenreMap) -> Result<Option<Proposal>> {
    let before = genres(&item.path)?;
    let heard = map.written(&item.scores, names);
    let has = |genre: &String| before.iter().any(|known| known.to_lowercase() == genre.to_lowercase());
    let after: Vec<String> = match present {
        Present::Kept if !before.is_empty() => before.clone(),
        Present::Extended => before.iter().chain(heard.iter().filter(|genre| !has(genre))).cloned().collect(),
        Present::Kept | Present::Replaced => heard,
    };
    let changes = after != before && !after.is_empty();
    Ok(changes.then_some(Proposal { path: item.path, before, after }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_gives_own_names_what_stands_above_them_and_further_genres() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.toml");
        let genres = ["jazz", "pop", "rock"].map(str::to_owned);
        std::fs::write(&path, "also = 0.3\n[names]\njazz = [\"Jazz\", \"Swing\"]\npop = []\n[parents]\nSwing = \"Jazz\"\nJazz = \"Music\"")
            .unwrap();
        let map = GenreMap::read(&path, &genres).unwrap();
        assert_eq!(map.written(&[0.5, 0.1, 0.4], &genres), ["Jazz", "Music", "Swing", "rock"]);
        assert_eq!(map.written(&[0.1, 0.8, 0.1], &genres), [""; 0]);
        assert_eq!(GenreMap::default().written(&[0.5, 0.1, 0.4], &genres), ["jazz"]);
        std::fs::write(&path, "[names]\npolka = \"Polka\"").unwrap();
        assert!(GenreMap::read(&path, &genres).unwrap_err().to_string().contains("polka"));
    }
}
