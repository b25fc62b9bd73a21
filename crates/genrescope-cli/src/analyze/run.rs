//! The tracks of a shard through the crew, in their order, into the part.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use anyhow::{Context, Result};
use genrescope::model::Model;
use genrescope::predict::Settings;
use genrescope::report::{Entry, ModelLabel};
use genrescope_arrow::{Row, SCHEMA};

use super::Arguments;
use super::manifest::{self, Manifest, Track};
use super::part::{Origin, Part};
use super::shard::Shard;
use crate::crew::{self, Event, InOrder};
use crate::exit::Ending;
use crate::inputs::Input;
use crate::talk::Talk;

pub(super) fn run(arguments: &Arguments, shard: Shard, talk: &Talk) -> Result<Ending> {
    let threads = arguments.threads.count();
    let (model, settings) = arguments.judging.model_and_settings()?;
    let manifest = manifest::read(&arguments.manifest, shard)?;
    say_what_was_read(&manifest, shard, talk);
    let place = place(arguments, shard)?;
    let origin = origin(&model, &settings, &manifest.tracks);
    if origin.is_finished(&place)? {
        talk.detail(&format!("{}: is there already", place.display()));
        return Ok(Ending::Fine);
    }
    let part = Part::begin(place, &origin, ModelLabel::from(&model))?;
    let (ids, inputs): (Vec<i64>, Vec<Input>) =
        manifest.tracks.into_iter().map(|track| (track.id, track.input)).unzip();
    let threads_each = crew::threads_each(threads, inputs.len());
    let events = crew::start(inputs, threads, crate::judging::judge(model, &settings, threads_each))?;
    Desk { talk: talk.counting_to(ids.len()), ids, part, failed: 0 }.run(&events)
}

fn say_what_was_read(manifest: &Manifest, shard: Shard, talk: &Talk) {
    let (tracks, repeated) = (manifest.tracks.len(), manifest.repeated);
    talk.detail(&format!("shard {shard}: {tracks} of {} tracks", manifest.lines));
    if repeated > 0 {
        talk.warning(&format!(
            "the manifest repeats paths of this shard, {repeated} times; each path is one row"
        ));
    }
}

fn place(arguments: &Arguments, shard: Shard) -> Result<PathBuf> {
    let folder = &arguments.out;
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    Ok(folder.join(shard.file_name()))
}

/// What the rows depend on: other settings, another model or other tracks make another part.
fn origin(model: &Model, settings: &Settings, tracks: &[Track]) -> Origin {
    let mut hasher = blake3::Hasher::new();
    for track in tracks {
        hasher.update(&track.id.to_le_bytes());
    }
    let Settings { patch, patch_hop_s, from_s, to_s, smoothing_s, decoding: _ } = settings;
    let settings = format!("{patch:?} {patch_hop_s:?} {from_s} {to_s:?} {smoothing_s}");
    Origin(vec![
        ("genrescope.schema", SCHEMA.into()),
        ("genrescope.model", model.hash().into()),
        ("genrescope.settings", settings),
        ("genrescope.manifest", hasher.finalize().to_hex()[..16].into()),
    ])
}

/// Where the crew's results come in.
struct Desk {
    talk: Talk,
    ids: Vec<i64>,
    part: Part,
    failed: usize,
}

impl Desk {
    fn run(mut self, events: &Receiver<Event<Entry>>) -> Result<Ending> {
        let mut results = InOrder::default();
        for _ in 0..self.ids.len() {
            let Event::Done(number, entry) = events.recv()? else {
                self.talk.end();
                return Ok(Ending::Interrupted);
            };
            for (number, entry) in results.add(number, entry) {
                self.take(number, entry)?;
            }
        }
        self.talk.end();
        self.part.finish()?;
        Ok(if self.failed > 0 { Ending::SomeFailed } else { Ending::Fine })
    }

    fn take(&mut self, number: usize, mut entry: Entry) -> Result<()> {
        match &mut entry.outcome {
            Ok(prediction) => prediction.cells = Vec::new(),
            Err(error) => {
                self.failed += 1;
                self.talk.error(&error.to_string());
            }
        }
        self.talk.advance(&entry.path);
        self.part.add(Row { track_id: self.ids[number], entry })
    }
}
