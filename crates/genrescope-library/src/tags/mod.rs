//! Genre tags of music files: read, and the change that sets them.
//!
//! *Takes* the file of an ID3v2 (MP3, MP2, ADTS, WAV, AIFF), APEv2, Vorbis-comment (FLAC, Ogg Vorbis, Opus) or iTunes (M4A)
//! tag. *Gives* its genres, and an [`Edit`](edit::Edit): the few places where bytes are replaced. *Never* writes, and never
//! touches another tag or the sound: everything but the genre stays as bytes. A tag library
//! would write the whole tag anew from what it understood of it; and the replaced bytes are what `undo` puts back.

mod ape;
pub(crate) mod edit;
mod flac;
mod genre_names;
mod id3v2;
mod info;
mod mp4;
mod ogg;
mod riff;
pub(crate) mod source;
mod vorbis;

use std::path::Path;

use genrescope::{ErrorKind, Result};

use edit::Edit;
use source::Source;

const ID3V1_BYTES: u64 = 128;

/// What the genre tags say.
pub(crate) enum Genres {
    Read(Vec<String>),
    /// There is one, compressed or encrypted.
    Unreadable,
}

/// The tags of a file, by its container.
enum Tags {
    Mpeg { id3: Option<id3v2::Tag>, ape: Option<ape::Tag>, id3v1: Option<&'static str> },
    Flac(flac::Tag),
    Ogg(ogg::Tag),
    Chunks(riff::Tag),
    Mp4(mp4::Tag),
}

/// The genres that a file's tags say it has, each once.
///
/// # Errors
/// [`ErrorKind::UnsupportedFormat`] for a container whose tags are not written, [`ErrorKind::Corrupt`],
/// [`ErrorKind::LimitExceeded`], [`ErrorKind::Io`].
pub fn genres(path: &Path) -> Result<Vec<String>> {
    Ok(read(&mut Source::open(path)?)?.genres())
}

/// A hash of all tags but the genre.
pub(crate) fn others(path: &Path) -> Result<blake3::Hash> {
    let tags = read(&mut Source::open(path)?)?;
    let mut hasher = blake3::Hasher::new();
    tags.others(&mut |item| {
        hasher.update(&(item.len() as u64).to_le_bytes());
        hasher.update(item);
    });
    Ok(hasher.finalize())
}

/// The change that gives a file these genres.
pub(crate) fn edit(path: &Path, genres: &[String]) -> Result<Edit> {
    let mut source = Source::open(path)?;
    read(&mut source)?.edit(&mut source, genres)
}

fn read(source: &mut Source) -> Result<Tags> {
    let id3 = id3v2::read(source, 0)?;
    let at = id3.as_ref().map_or(0, |tag| tag.length);
    let start = source.up_to(at, 12)?;
    match (at, start.as_slice()) {
        (_, [b'f', b'L', b'a', b'C', ..]) => flac::read(source, at).map(Tags::Flac),
        (0, [b'O', b'g', b'g', b'S', ..]) => ogg::read(source).map(Tags::Ogg),
        (0, [b'R', b'I', b'F', b'F', .., b'W', b'A', b'V', b'E']) => {
            riff::read(source, riff::Order::Low).map(Tags::Chunks)
        }
        (0, [b'F', b'O', b'R', b'M', .., b'A', b'I', b'F', b'F' | b'C']) => {
            riff::read(source, riff::Order::High).map(Tags::Chunks)
        }
        (0, [_, _, _, _, b'f', b't', b'y', b'p', ..]) => mp4::read(source).map(Tags::Mp4),
        (0, [0xff, 0xe0..=0xff, ..]) => mpeg(source, None),
        (1.., _) => mpeg(source, id3),
        _ => {
            let what = "tags of this container are not written";
            Err(source.refuse(ErrorKind::UnsupportedFormat, what))
        }
    }
}

fn mpeg(source: &mut Source, id3: Option<id3v2::Tag>) -> Result<Tags> {
    let id3v1_at = source.length.saturating_sub(ID3V1_BYTES);
    let last = source.up_to(id3v1_at, ID3V1_BYTES)?;
    let has_id3v1 = last.len() == ID3V1_BYTES as usize && last.starts_with(b"TAG");
    let ape = ape::read(source, if has_id3v1 { id3v1_at } else { source.length })?;
    let ape = ape.filter(|ape| id3.as_ref().is_none_or(|id3| ape.at() >= id3.length));
    let id3v1 = if has_id3v1 { genre_names::name(last[127].into()) } else { None };
    Ok(Tags::Mpeg { id3, ape, id3v1 })
}

impl Tags {
    fn genres(&self) -> Vec<String> {
        let of_id3 = |tag: Option<&id3v2::Tag>| match tag.map(id3v2::Tag::genres) {
            Some(Genres::Read(genres)) => genres,
            Some(Genres::Unreadable) => vec!["(compressed or encrypted)".to_owned()],
            None => Vec::new(),
        };
        match self {
            Self::Mpeg { id3, ape, id3v1 } => {
                let of_ape = || ape.as_ref().map(ape::Tag::genres).unwrap_or_default();
                let candidates =
                    [of_id3(id3.as_ref()), of_ape(), id3v1.map(str::to_owned).into_iter().collect()];
                candidates.into_iter().find(|genres| !genres.is_empty()).unwrap_or_default()
            }
            Self::Flac(tag) => tag.comments().genres(),
            Self::Ogg(tag) => tag.comments().genres(),
            Self::Chunks(tag) => match of_id3(tag.id3()) {
                genres if genres.is_empty() => tag.info_genres(),
                genres => genres,
            },
            Self::Mp4(tag) => tag.genres(),
        }
    }

    fn others(&self, each: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Mpeg { id3, ape, .. } => {
                id3.iter().flat_map(id3v2::Tag::others).for_each(&mut *each);
                ape.iter().flat_map(ape::Tag::others).for_each(each);
            }
            Self::Flac(tag) => tag.comments().others().for_each(each),
            Self::Ogg(tag) => tag.comments().others().for_each(each),
            Self::Chunks(tag) => tag.others().for_each(each),
            Self::Mp4(tag) => tag.others().for_each(each),
        }
    }

    fn edit(&self, source: &mut Source, genres: &[String]) -> Result<Edit> {
        match self {
            Self::Mpeg { id3, ape, .. } => {
                let mut edit = Edit::default();
                let ape_only = id3.is_none() && ape.is_some();
                if !ape_only {
                    edit.join(id3.as_ref().unwrap_or(&id3v2::Tag::new(0)).edit(genres));
                }
                if let Some(ape) = ape.as_ref().filter(|ape| ape_only || ape.has_genre()) {
                    edit.join(ape.edit(genres));
                }
                Ok(edit)
            }
            Self::Flac(tag) => tag.edit(source, genres),
            Self::Ogg(tag) => tag.edit(source, genres),
            Self::Chunks(tag) => tag.edit(source, genres),
            Self::Mp4(tag) => tag.edit(source, genres),
        }
    }
}
