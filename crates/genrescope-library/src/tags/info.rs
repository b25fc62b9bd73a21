//! The `INFO` list of a RIFF file (Multimedia Programming Interface 1.0, chapter 2): items of four letters, a length and a
//! text that ends with a zero.

use super::genre_names::all_meant;
use super::source::le;

const HEADER_BYTES: usize = 8;
const GENRE: &[u8] = b"IGNR";

/// A list that was read.
pub(crate) struct Info {
    /// Each with its header and its padding.
    items: Vec<Vec<u8>>,
    /// Something else than items follows them: such a list is read as far as it goes, and not written.
    broken: bool,
}

impl Info {
    /// One without items.
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), broken: false }
    }

    /// Of the bytes behind the word `INFO`.
    pub(crate) fn read(mut rest: &[u8]) -> Self {
        let mut info = Self::new();
        while rest.iter().any(|byte| *byte != 0) {
            let size = rest.get(4..HEADER_BYTES).map(|size| le(size) as usize);
            let Some(end) = size.map(|size| HEADER_BYTES + size).filter(|end| *end <= rest.len()) else {
                info.broken = true;
                break;
            };
            // Programs exist that leave the padding of the last item out.
            let (item, behind) = rest.split_at(end.next_multiple_of(2).min(rest.len()));
            info.items.push(item.to_vec());
            rest = behind;
        }
        info
    }

    pub(crate) fn genres(&self) -> Vec<String> {
        let genres = self.items.iter().filter(|item| item.starts_with(GENRE));
        let texts: Vec<String> = genres.map(|item| text(item)).collect();
        all_meant(texts.iter().map(String::as_str).filter(|text| !text.trim().is_empty()))
    }

    /// All other items as bytes.
    pub(crate) fn others(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter(|item| !item.starts_with(GENRE)).map(|item| unpadded(item))
    }

    /// The list with these genres: in one item, as the format has no other way. None where it is not written.
    pub(crate) fn with(&self, genres: &[String]) -> Option<Vec<u8>> {
        if self.broken {
            return None;
        }
        let mut genre = GENRE.to_vec();
        let text = genres.join("; ") + "\0";
        genre.extend((text.len() as u32).to_le_bytes());
        genre.extend_from_slice(text.as_bytes());
        let first = self.items.iter().position(|item| item.starts_with(GENRE));
        let mut list = b"INFO".to_vec();
        let mut put = |item: &[u8]| {
            list.extend_from_slice(item);
            list.resize(list.len().next_multiple_of(2), 0);
        };
        for (index, item) in self.items.iter().enumerate() {
            match item.starts_with(GENRE) {
                false => put(item),
                true if Some(index) == first => put(&genre),
                true => (),
            }
        }
        if first.is_none() {
            put(&genre);
        }
        Some(list)
    }
}

fn unpadded(item: &[u8]) -> &[u8] {
    &item[..HEADER_BYTES + le(&item[4..HEADER_BYTES]) as usize]
}

fn text(item: &[u8]) -> String {
    String::from_utf8_lossy(&unpadded(item)[HEADER_BYTES..]).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genre_takes_the_place_of_others_and_a_broken_list_is_not_written() {
        let list = b"INAM\x03\0\0\0ab\0\0IGNR\x02\0\0\x008\0IGNR\x04\0\0\0Pop\0IART\x01\0\0\0x";
        let info = Info::read(list);
        assert_eq!(info.genres(), ["Jazz", "Pop"]);
        let written = info.with(&["Free Jazz".into(), "Rock".into()]).unwrap();
        assert_eq!(written, b"INFOINAM\x03\0\0\0ab\0\0IGNR\x10\0\0\0Free Jazz; Rock\0IART\x01\0\0\0x\0");
        assert!(info.others().eq(Info::read(&written[4..]).others()));
        let broken = Info::read(b"IGNR\x04\0\0\0Pop\0INAM\xff\0\0\0ab");
        assert_eq!((broken.genres(), broken.with(&["Rock".into()])), (vec!["Pop".to_owned()], None));
        assert_eq!(Info::read(b"INAM\x02\0\0\0a\0IG").with(&[]), None);
    }
}
