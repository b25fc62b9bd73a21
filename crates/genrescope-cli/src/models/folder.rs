//! Installed models: copies of model files in the user's data folder, each called as its file is, and the one that was
//! chosen to judge.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use genrescope::model::{Model, Vocabulary};

use super::choice::{CHOSEN, ENDINGS, INSIDE, ending, is_inside};
use crate::data_folder::data_folder;

/// Fewer digits of a hash name no model.
const LEAST_DIGITS: usize = 4;
const LONGEST_NAME: usize = 64;

/// Where a user's models are; `None` where the platform has no place for them.
pub(super) struct Folder(Option<PathBuf>);

/// An installed model.
pub(super) struct Installed {
    pub(super) name: String,
    pub(super) model: Model,
}

/// The model that judges where none is named.
pub(super) enum Chosen {
    Inside(&'static str),
    Installed(Box<Installed>),
}

impl Chosen {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Inside(name) => (*name).to_owned(),
            Self::Installed(installed) => installed.name.clone(),
        }
    }
}

/// The file of a model to start from: an installed one's place, or the path itself; `fast` for the one inside.
pub(crate) fn file_of(choice: &Path) -> Result<PathBuf> {
    let Some(name) = choice.to_str().filter(|_| !choice.is_file()) else { return Ok(choice.to_owned()) };
    match name {
        "fast" => Ok(choice.to_owned()),
        CHOSEN | "best" | "musicnn" => {
            bail!("no training starts from `{name}`; start from `fast`, an installed model or a file")
        }
        _ => Ok(Folder::of_the_user().find(name)?.map_or_else(|| choice.to_owned(), |(place, _)| place)),
    }
}

impl Folder {
    pub(super) fn of_the_user() -> Self {
        Self(data_folder().map(|data| data.join("models")))
    }

    /// All that can be read, by name; and what is wrong with the others.
    pub(super) fn all(&self) -> Result<(Vec<Installed>, Vec<anyhow::Error>)> {
        let (mut installed, mut faults) = (Vec::new(), Vec::new());
        for place in self.places()? {
            match read(&place) {
                Ok(model) => installed.push(model),
                Err(error) => faults.push(error),
            }
        }
        Ok((installed, faults))
    }

    /// The installed model of this name, or whose hash begins so.
    pub(super) fn find(&self, name: &str) -> Result<Option<(PathBuf, Installed)>> {
        if let Some(place) = self.places()?.into_iter().find(|place| name_of(place) == name) {
            let installed = read(&place)?;
            return Ok(Some((place, installed)));
        }
        if name.len() < LEAST_DIGITS || !name.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let read = self.places()?.into_iter().filter_map(|place| Some((read(&place).ok()?, place)));
        let mut found = read.filter(|(installed, _)| installed.model.hash().starts_with(name));
        match (found.next(), found.next()) {
            (Some((one, _)), Some((other, _))) if one.model.hash() != other.model.hash() => {
                bail!(
                    "the hashes of `{}` and `{}` both begin with {name}; give more digits",
                    one.name,
                    other.name
                )
            }
            (first, _) => Ok(first.map(|(installed, place)| (place, installed))),
        }
    }

    /// Copies a model file; says what was done.
    pub(super) fn install(&self, file: &Path, name: Option<&str>) -> Result<String> {
        let model = Model::load(file).context("the model cannot be used")?;
        let name = name.unwrap_or(&model.header.name);
        check_name(name)?;
        let folder =
            self.0.as_ref().context("there is no data folder for your user, so no place for models")?;
        if let Some((_, known)) = self.find(name)? {
            if known.model.hash() == model.hash() {
                return Ok(format!("{name} is installed already\n"));
            }
            bail!("`{name}` is another model; remove it first, or give this one a name by --name");
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let ending = ending(file).unwrap_or(ENDINGS[0]);
        put(&folder.join(format!("{name}.{ending}")), &fs::read(file)?)?;
        Ok(format!("{name} {}\n", model.hash()))
    }

    /// Deletes an installed model; says what was done.
    pub(super) fn remove(&self, name: &str) -> Result<String> {
        if is_inside(name) {
            bail!("`{name}` is inside the program and cannot be removed");
        }
        let (place, installed) = self.known(name)?;
        let judged = self.choice()?.as_deref() == Some(installed.model.hash());
        fs::remove_file(&place).with_context(|| place.display().to_string())?;
        let mut said = format!("{} is removed\n", installed.name);
        if judged {
            said += &self.choose(INSIDE[0])?;
        }
        Ok(said)
    }

    /// From now on this model judges where none is named; says so.
    pub(super) fn choose(&self, name: &str) -> Result<String> {
        let folder = self.0.as_ref().context("there is no data folder for your user to note that in")?;
        let (name, choice) = match INSIDE.iter().find(|inside| **inside == name) {
            Some(&"musicnn") => {
                bail!("musicnn gives tags, no genres; choose `best`, whose genres rest on its tags")
            }
            Some(inside) => ((*inside).to_owned(), (*inside).to_owned()),
            None if is_inside(name) => (INSIDE[0].to_owned(), INSIDE[0].to_owned()),
            None => {
                let (_, installed) = self.known(name)?;
                if installed.model.header.vocabulary == Vocabulary::Tags {
                    bail!("`{}` gives tags, no genres, and cannot judge them", installed.name);
                }
                (installed.name, installed.model.hash().to_owned())
            }
        };
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        put(&folder.join(CHOSEN), format!("{choice}\n").as_bytes())?;
        Ok(format!("{name} judges where no model is named\n"))
    }

    /// The model that judges where none is named.
    pub(super) fn chosen(&self) -> Result<Chosen> {
        let Some(choice) = self.choice()? else { return Ok(Chosen::Inside(INSIDE[0])) };
        if let Some(inside) = INSIDE.iter().find(|inside| **inside == choice) {
            return Ok(Chosen::Inside(inside));
        }
        let installed = self.find(&choice)?.with_context(|| {
            format!("the model chosen to judge, hash {choice}, is not installed any more; choose another by `genrescope models default best`")
        })?;
        Ok(Chosen::Installed(Box::new(installed.1)))
    }

    fn choice(&self) -> Result<Option<String>> {
        let Some(place) = self.0.as_ref().map(|folder| folder.join(CHOSEN)) else { return Ok(None) };
        match fs::read_to_string(&place) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| place.display().to_string()),
        }
    }

    fn known(&self, name: &str) -> Result<(PathBuf, Installed)> {
        self.find(name)?.ok_or_else(|| unknown(name))
    }

    /// The files of models, by name.
    fn places(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = &self.0 else { return Ok(Vec::new()) };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| folder.display().to_string()),
        };
        let mut places = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        places.retain(|place| ending(place).is_some());
        places.sort();
        Ok(places)
    }
}

pub(super) fn unknown(name: &str) -> anyhow::Error {
    anyhow!(
        "no model is called `{name}`; `genrescope models` lists those there are, and a model file is one too"
    )
}

fn name_of(place: &Path) -> String {
    place.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The model calls itself as it is installed.
fn read(place: &Path) -> Result<Installed> {
    let mut model = Model::load(place).context("an installed model cannot be used")?;
    let name = name_of(place);
    model.header.name.clone_from(&name);
    Ok(Installed { name, model })
}

/// Names are file names on every platform, and no options.
fn check_name(name: &str) -> Result<()> {
    let fits = |letter: char| letter.is_alphanumeric() || "-_".contains(letter);
    if is_inside(name) {
        bail!("a model inside the program is called `{name}`; give yours another name by --name");
    }
    if !name.starts_with(char::is_alphanumeric) || !name.chars().all(fits) || name.len() > LONGEST_NAME {
        bail!("`{name}` cannot be the name of a model; give it one of letters, digits, - and _ by --name");
    }
    Ok(())
}

/// Beside its place first: nobody reads half a file.
fn put(place: &Path, bytes: &[u8]) -> Result<()> {
    let draft = place.with_extension(format!("{}.part", std::process::id()));
    let written = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, place));
    if written.is_err() {
        drop(fs::remove_file(&draft));
    }
    written.with_context(|| format!("{}: cannot be written", place.display()))
}
