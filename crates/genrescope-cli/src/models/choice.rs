//! How a model is found: the one that judges unless another is named, one inside, one that is installed, or a file.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use genrescope::model::{Model, Vocabulary};

use super::folder::{Chosen, Folder, unknown};

/// The models inside; the first judges unless another was chosen.
pub(super) const INSIDE: [&str; 3] = ["best", "fast", "musicnn"];

/// What files of models end with.
pub(super) const ENDINGS: [&str; 2] = ["safetensors", "onnx"];

/// How a file is named, if as a model is.
pub(super) fn ending(file: &Path) -> Option<&'static str> {
    let found = file.extension()?;
    ENDINGS.into_iter().find(|ending| found.eq_ignore_ascii_case(ending))
}

/// The name of whichever model judges where none is named.
pub(super) const CHOSEN: &str = "default";

/// Whether a model inside is called so, or the chosen one.
pub(super) fn is_inside(name: &str) -> bool {
    name == CHOSEN || INSIDE.contains(&name)
}

/// A model of genres: the chosen one unless another is named.
pub(crate) fn load(choice: Option<&Path>) -> Result<Model> {
    let model = find(choice)?;
    if model.header.vocabulary == Vocabulary::Genres {
        return Ok(model);
    }
    Err(anyhow!(
        "`{}` gives tags, no genres; choose `best`, whose genres rest on its tags, or `classify --vocabulary tags`",
        model.header.name
    ))
}

/// A model of tags: musicnn unless another is named.
pub(crate) fn load_tags(choice: Option<&Path>) -> Result<Model> {
    let Some(choice) = choice else { return Ok(Model::musicnn()?) };
    let model = find(Some(choice))?;
    let model = model.tagger().map(|tagger| tagger.model.clone()).unwrap_or(model);
    if model.header.vocabulary == Vocabulary::Tags {
        return Ok(model);
    }
    Err(anyhow!("`{}` gives genres, no tags; choose `musicnn`", model.header.name))
}

/// Any model: the chosen one unless another is named.
pub(crate) fn find(choice: Option<&Path>) -> Result<Model> {
    let Some(choice) = choice.filter(|choice| *choice != Path::new(CHOSEN)) else {
        return match Folder::of_the_user().chosen()? {
            Chosen::Inside(name) => Ok(Model::find(Some(Path::new(name)))?),
            Chosen::Installed(installed) => Ok(installed.model),
        };
    };
    match choice.to_str().filter(|name| !is_inside(name) && is_name(choice)) {
        Some(name) => {
            let (_, installed) = Folder::of_the_user().find(name)?.ok_or_else(|| unknown(name))?;
            Ok(installed.model)
        }
        None => Model::find(Some(choice)).context("the model cannot be used"),
    }
}

/// Not a path, and no file of that name is here.
fn is_name(choice: &Path) -> bool {
    choice.components().count() == 1 && ending(choice).is_none() && !choice.is_file()
}
