//! A list of tracks → those of a shard; the rest of the list is read and forgotten.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use genrescope_arrow::track_id;

use super::shard::Shard;
use crate::inputs::{Input, Source, os_string};

/// A track of the shard.
pub(super) struct Track {
    pub(super) id: i64,
    pub(super) input: Input,
}

/// The tracks of a shard, in the order of the manifest.
#[derive(Default)]
pub(super) struct Manifest {
    pub(super) tracks: Vec<Track>,
    /// Lines that name a track of the shard once more.
    pub(super) repeated: usize,
    /// Tracks of all shards, repeated ones included.
    pub(super) lines: u64,
}

/// Reads a manifest: CSV with a column `path` where its name ends in `.csv`, otherwise one path a line. Paths are
/// relative to the manifest's folder.
pub(super) fn read(place: &Path, shard: Shard) -> Result<Manifest> {
    let name = || place.display().to_string();
    let file = File::open(place).with_context(name)?;
    let is_csv = place.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let folder = place.parent().unwrap_or(Path::new(""));
    let mut wanted = Wanted { shard, folder, seen: HashSet::new(), found: Manifest::default() };
    let file = BufReader::new(file);
    if is_csv { wanted.read_csv(file) } else { wanted.read_lines(file) }.with_context(name)?;
    if wanted.found.lines == 0 {
        bail!("{}: names no track", name());
    }
    Ok(wanted.found)
}

struct Wanted<'a> {
    shard: Shard,
    folder: &'a Path,
    seen: HashSet<i64>,
    found: Manifest,
}

impl Wanted<'_> {
    fn read_lines(&mut self, mut file: impl BufRead) -> Result<()> {
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            let path = line.strip_suffix(b"\n").unwrap_or(&line);
            let path = path.strip_suffix(b"\r").unwrap_or(path);
            if !path.is_empty() {
                self.add(path);
            }
            line.clear();
        }
        Ok(())
    }

    fn read_csv(&mut self, file: impl BufRead) -> Result<()> {
        let mut rows = csv::Reader::from_reader(file);
        let column = rows.byte_headers()?.iter().position(|name| name == b"path");
        let column = column.ok_or_else(|| anyhow!("has no column `path`; name it in the first line"))?;
        let mut row = csv::ByteRecord::new();
        while rows.read_byte_record(&mut row)? {
            match row.get(column) {
                Some(path) if !path.is_empty() => self.add(path),
                _ => bail!("line {}: names no path", row.position().map_or(0, |position| position.line())),
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &[u8]) {
        self.found.lines += 1;
        let id = track_id(path);
        if !self.shard.has(id) {
            return;
        }
        if !self.seen.insert(id) {
            self.found.repeated += 1;
            return;
        }
        let name = String::from_utf8_lossy(path).into_owned();
        let file = self.folder.join(PathBuf::from(os_string(path)));
        self.found.tracks.push(Track { id, input: Input { name, source: Ok(Source::File(file)) } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str, content: &str, shard: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let place = folder.path().join(file);
        std::fs::write(&place, content).unwrap();
        let manifest = read(&place, shard.parse().unwrap()).map_err(|error| format!("{error:#}"))?;
        let inside = |track: &Track| match &track.input.source {
            Ok(Source::File(path)) => path.starts_with(folder.path()),
            _ => false,
        };
        assert!(manifest.tracks.iter().all(inside));
        Ok(manifest.tracks.into_iter().map(|track| track.input.name).collect())
    }

    #[test]
    fn a_list_and_a_table_name_the_same_tracks() {
        let list = names("m.txt", "b.wav\r\n\na, c.wav\nb.wav", "0/1").unwrap();
        let table = names("m.CSV", "genre,path\n,b.wav\nx,\"a, c.wav\"\ny,b.wav\n", "0/1").unwrap();
        assert_eq!(list, ["b.wav", "a, c.wav"]);
        assert_eq!(table, list);
    }

    #[test]
    fn shards_share_the_tracks_among_them() {
        let content: String = (0..40).map(|n| format!("{n}.wav\n")).collect();
        let mut all: Vec<String> =
            ["0/3", "1/3", "2/3"].iter().flat_map(|shard| names("m.txt", &content, shard).unwrap()).collect();
        all.sort_by_key(|name| name.trim_end_matches(".wav").parse::<u32>().unwrap());
        assert_eq!(all.iter().map(|name| format!("{name}\n")).collect::<String>(), content);
    }

    #[test]
    fn a_manifest_that_cannot_be_used_says_why() {
        for (file, content, said) in [
            ("m.txt", "\n\n", "m.txt: names no track"),
            ("m.csv", "file\na.wav\n", "has no column `path`"),
            ("m.csv", "n,path\n1,a.wav\n2,\n", "line 3: names no path"),
        ] {
            let message = names(file, content, "0/2").unwrap_err();
            assert!(message.contains(said), "{message}");
        }
    }
}
