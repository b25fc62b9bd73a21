//! FLAC's metadata blocks (RFC 9639, section 8): the block of comments, and room for it.

use genrescope::{ErrorKind, Result};

use super::edit::Edit;
use super::source::{Source, be};
use super::vorbis::Comments;

const LAST: u8 = 0x80;
const PADDING: u8 = 1;
const COMMENTS: u8 = 4;
const HEADER_BYTES: u64 = 4;
const LARGEST_BLOCK: u64 = 0xff_ffff;

struct Block {
    at: u64,
    kind: u8,
    last: bool,
    bytes: u64,
}

/// The blocks of a file and its comments.
pub(crate) struct Tag {
    blocks: Vec<Block>,
    comments: Comments,
}

/// Reads the file whose `fLaC` stands at `at`.
pub(crate) fn read(source: &mut Source, at: u64) -> Result<Tag> {
    let (mut blocks, mut at) = (Vec::<Block>::new(), at + HEADER_BYTES);
    while blocks.last().is_none_or(|block| !block.last) {
        let header = source.bytes(at, HEADER_BYTES)?;
        let bytes = be(&header[1..]);
        blocks.push(Block { at, kind: header[0] & !LAST, last: header[0] & LAST != 0, bytes });
        at += HEADER_BYTES + bytes;
    }
    let comments = match blocks.iter().find(|block| block.kind == COMMENTS) {
        Some(block) => {
            let bytes = source.bytes(block.at + HEADER_BYTES, block.bytes)?;
            Comments::read(&bytes).ok_or_else(|| source.damaged("its Vorbis comments are no list"))?
        }
        None => Comments::none(),
    };
    Ok(Tag { blocks, comments })
}

impl Tag {
    pub(crate) fn comments(&self) -> &Comments {
        &self.comments
    }

    /// The change that gives the file these genres. Padding gives or takes the difference where it can.
    pub(crate) fn edit(&self, source: &Source, genres: &[String]) -> Result<Edit> {
        let content = self.comments.with(genres);
        let fresh = content.len() as u64;
        if fresh > LARGEST_BLOCK {
            return Err(
                source.refuse(ErrorKind::LimitExceeded, "its comments have no room for another genre")
            );
        }
        let mut edit = Edit::default();
        let grown = match self.blocks.iter().find(|block| block.kind == COMMENTS) {
            Some(block) => {
                let mut bytes = header(COMMENTS, block.last, fresh);
                bytes.extend(content);
                edit.replace(block.at, HEADER_BYTES + block.bytes, bytes);
                fresh as i64 - block.bytes as i64
            }
            None => {
                let Some(first) = self.blocks.first() else {
                    return Err(source.damaged("it has no metadata"));
                };
                edit.replace(first.at, HEADER_BYTES, header(first.kind, false, first.bytes));
                let mut bytes = header(COMMENTS, first.last, fresh);
                bytes.extend(content);
                edit.replace(first.at + HEADER_BYTES + first.bytes, 0, bytes);
                (HEADER_BYTES + fresh) as i64
            }
        };
        self.make_room(grown, &mut edit);
        Ok(edit)
    }

    fn make_room(&self, grown: i64, edit: &mut Edit) {
        let fits = |block: &&Block| {
            block.kind == PADDING
                && block.bytes.checked_add_signed(-grown).is_some_and(|bytes| bytes <= LARGEST_BLOCK)
        };
        let Some(padding) = self.blocks.iter().find(fits) else { return };
        let mut bytes = header(PADDING, padding.last, padding.bytes.wrapping_add_signed(-grown));
        bytes.resize(bytes.len() + (-grown).max(0) as usize, 0);
        edit.replace(padding.at, HEADER_BYTES + grown.max(0) as u64, bytes);
    }
}

fn header(kind: u8, last: bool, bytes: u64) -> Vec<u8> {
    let mut header = (bytes as u32).to_be_bytes().to_vec();
    header[0] = kind | if last { LAST } else { 0 };
    header
}
