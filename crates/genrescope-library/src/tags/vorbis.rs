//! Vorbis comments (xiph.org, Vorbis I, section 5): a list of `KEY=value`, kept as bytes.

use super::genre_names::all_meant;
use super::source::le;

/// A list that was read.
pub(crate) struct Comments {
    vendor: Vec<u8>,
    fields: Vec<Vec<u8>>,
    /// What follows the list: a framing bit, or a binary appendix.
    tail: Vec<u8>,
}

impl Comments {
    pub(crate) fn none() -> Self {
        // It names the encoder, and we have encoded nothing.
        Self { vendor: Vec::new(), fields: Vec::new(), tail: Vec::new() }
    }

    /// None for bytes that are no such list.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let vendor = text(&mut rest)?.to_vec();
        let count = le(rest.get(..4)?);
        rest = &rest[4..];
        let fields = (0..count).map_while(|_| text(&mut rest).map(<[u8]>::to_vec)).collect::<Vec<_>>();
        (fields.len() as u64 == count).then(|| Self { vendor, fields, tail: rest.to_vec() })
    }

    pub(crate) fn genres(&self) -> Vec<String> {
        let values =
            self.fields.iter().filter(|field| is_genre(field)).map(|field| &field[b"GENRE=".len()..]);
        let values: Vec<String> = values.map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        all_meant(values.iter().map(String::as_str).filter(|value| !value.trim().is_empty()))
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.iter().filter(|field| !is_genre(field));
        [&self.vendor, &self.tail].into_iter().chain(fields).map(Vec::as_slice)
    }

    /// The list with these genres, a field each, where the first was.
    pub(crate) fn with(&self, genres: &[String]) -> Vec<u8> {
        let place = self.fields.iter().position(|field| is_genre(field)).unwrap_or(self.fields.len());
        let fresh: Vec<Vec<u8>> = genres.iter().map(|genre| format!("GENRE={genre}").into_bytes()).collect();
        let (before, behind) = self.fields.split_at(place);
        let fields: Vec<&Vec<u8>> =
            before.iter().chain(&fresh).chain(behind.iter().filter(|field| !is_genre(field))).collect();
        let mut bytes = (self.vendor.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.vendor);
        bytes.extend((fields.len() as u32).to_le_bytes());
        for field in fields {
            bytes.extend((field.len() as u32).to_le_bytes());
            bytes.extend_from_slice(field);
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}

fn is_genre(field: &[u8]) -> bool {
    field.get(..6).is_some_and(|key| key.eq_ignore_ascii_case(b"GENRE="))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(le(rest.get(..4)?)).ok()?;
    let (text, behind) = rest[4..].split_at_checked(length)?;
    *rest = behind;
    Some(text)
}
