//! Several trainings in one settings file: `networks` and `[[variants]]`.

use std::path::Path;

use super::{Settings, bad_toml, override_key};
use crate::{Error, ErrorKind, Result};

/// One of the trainings that a settings file describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its folder's name: the network's, the variant's, or `network-variant`; empty when the file describes one alone.
    pub name: String,
    /// What it is made of.
    pub settings: Settings,
}

impl Experiment {
    /// All trainings of a file, in order: every one of `networks` (names of the zoo) with every one of `[[variants]]`
    /// (a `name`, and the keys that differ from the rest of the file); the file's own settings where both are absent.
    /// `overrides` win over all.
    ///
    /// # Errors
    /// As [`Settings::read`]; [`ErrorKind::BadSettings`] when two have one name.
    pub fn read_all(path: &Path, overrides: &[String]) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path.display(), e))?;
        Self::parse_all(&text, overrides).map_err(|e| e.at(path.display()))
    }

    /// As [`Experiment::read_all`], of a text.
    ///
    /// # Errors
    /// As [`Experiment::read_all`].
    pub fn parse_all(text: &str, overrides: &[String]) -> Result<Vec<Self>> {
        let mut table: toml::Table = toml::from_str(text).map_err(|e| bad_toml(&e))?;
        let (of_all, of_each): (Vec<&String>, Vec<&String>) = overrides
            .iter()
            .partition(|one| ["networks", "variants"].iter().any(|key| one.trim_start().starts_with(key)));
        of_all.into_iter().try_for_each(|one| override_key(&mut table, one))?;
        let (networks, variants) = (table.remove("networks"), table.remove("variants"));
        if networks.is_none() && variants.is_none() {
            return Ok(vec![Self { name: String::new(), settings: Settings::parse(text, overrides)? }]);
        }
        let networks = networks.map_or(Ok(vec![(String::new(), toml::Table::new())]), networks_of)?;
        let variants = variants.map_or(Ok(vec![(String::new(), toml::Table::new())]), variants_of)?;
        let mut all: Vec<Self> = Vec::new();
        for (network, of_network) in &networks {
            for (variant, of_variant) in &variants {
                let name = [network.as_str(), variant].into_iter().filter(|part| !part.is_empty());
                let name = name.collect::<Vec<_>>().join("-");
                if all.iter().any(|other| other.name == name) {
                    return Err(bad(format!("{name:?} is the name of two trainings")));
                }
                let mut table = table.clone();
                merge(&mut table, of_network);
                merge(&mut table, of_variant);
                of_each.iter().try_for_each(|one| override_key(&mut table, one))?;
                let settings: Settings = table.try_into().map_err(|e| bad_toml(&e))?;
                settings.check().map_err(|e| e.at(&name))?;
                all.push(Self { name, settings });
            }
        }
        Ok(all)
    }
}

fn networks_of(value: toml::Value) -> Result<Vec<(String, toml::Table)>> {
    let names: Vec<String> =
        value.try_into().map_err(|_| bad("networks must be a list of names of the zoo".into()))?;
    let table = |name: &String| toml::Table::from_iter([("network".into(), name.as_str().into())]);
    let model = |name: &String| toml::Table::from_iter([("model".into(), table(name).into())]);
    Ok(names.iter().map(|name| (name.clone(), model(name))).collect())
}

fn variants_of(value: toml::Value) -> Result<Vec<(String, toml::Table)>> {
    let tables: Vec<toml::Table> =
        value.try_into().map_err(|_| bad("variants must be tables: [[variants]]".into()))?;
    tables.into_iter().map(variant_of).collect()
}

fn variant_of(mut table: toml::Table) -> Result<(String, toml::Table)> {
    let name = table.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(bad(format!("[[variants]] need a name that can be a folder's, not {name:?}")));
    }
    Ok((name, table))
}

/// Puts all keys of `from` into `into`, table by table.
fn merge(into: &mut toml::Table, from: &toml::Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

fn bad(what: String) -> Error {
    Error::new(ErrorKind::BadSettings, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "seed = 3\n[data]\nname = \"x\"\npath = \"d\"\n[model]\nnetwork = \"crnn\"\n";

    fn names(text: &str) -> Vec<String> {
        Experiment::parse_all(text, &[]).unwrap().into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn a_plain_file_is_one_training_without_a_name() {
        let all = Experiment::parse_all(LEAST, &["train.epochs=2".into()]).unwrap();
        assert_eq!((all.len(), all[0].name.as_str(), all[0].settings.train.epochs), (1, "", 2));
    }

    #[test]
    fn networks_and_variants_multiply_and_overrides_win() {
        let text = format!(
            "networks = [\"crnn\", \"bicrnn\"]\n{LEAST}\
             [[variants]]\nname = \"C\"\n[[variants]]\nname = \"C_ps\"\naugment.transpose = \"C_ps\"\n"
        );
        let some = Experiment::parse_all(&text, &["networks=[\"crnn\"]".into()]).unwrap();
        assert_eq!(some.len(), 2);
        let one = Experiment::parse_all(&text, &["variants=[{ name = \"7\", seed = 7 }]".into()]).unwrap();
        assert_eq!((one.len(), one[1].name.as_str(), one[1].settings.seed), (2, "bicrnn-7", 7));
        let all = Experiment::parse_all(&text, &["seed=4".into()]).unwrap();
        assert_eq!(names(&text), ["crnn-C", "crnn-C_ps", "bicrnn-C", "bicrnn-C_ps"]);
        let keys: Vec<usize> = all.iter().map(|one| one.settings.augment.semitones().len()).collect();
        assert_eq!(keys, [1, 2, 1, 2]);
        assert_eq!(all[3].settings.model.network, "bicrnn");
        assert!(all.iter().all(|one| one.settings.seed == 4 && one.settings.data.name == "x"));
    }

    #[test]
    fn what_is_no_list_of_trainings_is_refused() {
        let wrong = [
            format!("networks = \"crnn\"\n{LEAST}"),
            format!("networks = [\"none\"]\n{LEAST}"),
            format!("networks = [\"crnn\", \"crnn\"]\n{LEAST}"),
            format!("{LEAST}[[variants]]\nseed = 2\n"),
            format!("{LEAST}[[variants]]\nname = \"a/b\"\n"),
            format!("{LEAST}[[variants]]\nname = \"a\"\ntrain.epoch = 2\n"),
        ];
        for text in wrong {
            assert_eq!(
                Experiment::parse_all(&text, &[]).unwrap_err().kind(),
                ErrorKind::BadSettings,
                "{text}"
            );
        }
    }
}
