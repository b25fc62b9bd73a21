//! A training run on disk: everything that the next epoch needs, so that a run that was killed goes on as if nothing
//! had happened.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::history::Epoch;
use super::schedule::Patience;
use crate::{Error, ErrorKind, Result};

/// Version of the layout of checkpoints.
const VERSION: u32 = 1;

/// The small part of a run's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// One row an epoch done.
    pub(crate) history: Vec<Epoch>,
    /// Steps that the optimiser has taken.
    pub(crate) steps: u64,
    /// What the schedule has seen.
    pub(crate) patience: Patience,
    /// The epoch whose weights are kept so far.
    pub(crate) best_epoch: Option<usize>,
    /// Whether nothing is left to do.
    pub(crate) finished: bool,
}

/// All of a run's state. Arrays are named `kind.index`, the index being the parameter's.
#[derive(Debug, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    pub(crate) arrays: HashMap<String, Vec<f32>>,
}

impl Checkpoint {
    /// Puts arrays in under `kind`.
    pub(crate) fn insert(&mut self, kind: &str, arrays: Vec<Vec<f32>>) {
        self.arrays
            .extend((0..).zip(arrays).map(|(index, array): (usize, _)| (format!("{kind}.{index}"), array)));
    }

    /// Takes the arrays of `kind` out; empty when there are none.
    pub(crate) fn remove(&mut self, kind: &str) -> Vec<Vec<f32>> {
        (0..).map_while(|index: usize| self.arrays.remove(&format!("{kind}.{index}"))).collect()
    }

    /// Writes the file in one piece: a reader sees the old one or the new one. `settings` is compared on reading.
    pub(crate) fn save(&self, path: &Path, settings: &str) -> Result<()> {
        let state = serde_json::to_string(&self.state).map_err(|e| bad(path, &e.to_string()))?;
        let metadata =
            [("version", VERSION.to_string()), ("state", state), ("settings", settings.to_owned())];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        let bytes: Vec<(&String, Vec<u8>)> =
            self.arrays.iter().map(|(name, a)| (name, to_bytes(a))).collect();
        let mut views = Vec::new();
        for (name, bytes) in &bytes {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / size_of::<f32>()], bytes);
            views.push((*name, view.map_err(|e| bad(path, &e.to_string()))?));
        }
        let file = safetensors::serialize(views, Some(metadata)).map_err(|e| bad(path, &e.to_string()))?;
        write_atomically(path, &file)
    }

    /// Reads a file that was written with the same settings; none when there is no file.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], or [`ErrorKind::BadSettings`] when the run had other settings.
    pub(crate) fn load(path: &Path, settings: &str) -> Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(path.display(), e)),
        };
        let corrupt = |e: safetensors::SafeTensorError| bad(path, &e.to_string());
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(corrupt)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let entry = |key: &str| metadata.get(key).ok_or_else(|| bad(path, &format!("{key} is missing")));
        if *entry("version")? != VERSION.to_string() {
            return Err(bad(path, "a checkpoint of another version"));
        }
        if entry("settings")? != settings {
            let what = "belongs to a run with other settings; use them, or another folder, or start afresh";
            return Err(Error::new(ErrorKind::BadSettings, format!("{}: {what}", path.display())));
        }
        let state = serde_json::from_str(entry("state")?).map_err(|e| bad(path, &e.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(corrupt)?;
        let arrays =
            tensors.tensors().into_iter().map(|(name, view)| (name, from_bytes(view.data()))).collect();
        Ok(Some(Self { state, arrays }))
    }
}

/// Writes beside `path`, then renames: no reader, no kill and no other process at the same work ever sees half a file.
///
/// # Errors
/// [`ErrorKind::Io`].
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|e| Error::io(path.display(), e))
}

fn to_bytes(array: &[f32]) -> Vec<u8> {
    array.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn bad(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{}: {what}", path.display()))
}
