//! A change of a file as a list of places where bytes are replaced. It can be turned round: the way back.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// At `at`, `removed` bytes make room for `inserted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) at: u64,
    pub(crate) removed: u64,
    pub(crate) inserted: Vec<u8>,
}

/// Places in the order of the file, none over another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    splices: Vec<Splice>,
}

impl Edit {
    pub(crate) fn replace(&mut self, at: u64, removed: u64, inserted: Vec<u8>) {
        self.splices.push(Splice { at, removed, inserted });
        self.splices.sort_by_key(|splice| splice.at); // stable: insertions at one place stay in order
    }

    /// The changes of another, at the places of the same file.
    pub(crate) fn join(&mut self, other: Edit) {
        other.splices.into_iter().for_each(|splice| self.replace(splice.at, splice.removed, splice.inserted));
    }

    /// Writes `source` as it will be; gives the BLAKE3 hashes before and after.
    pub(crate) fn apply(
        &self,
        source: &mut File,
        target: &mut dyn Write,
    ) -> io::Result<(blake3::Hash, blake3::Hash)> {
        let (mut before, mut after) = (blake3::Hasher::new(), blake3::Hasher::new());
        source.rewind()?;
        let mut place = 0;
        for splice in &self.splices {
            let kept = splice.at.checked_sub(place).ok_or_else(|| io::Error::other("changes overlap"))?;
            copy(&mut source.take(kept), kept, &mut |bytes| {
                before.update(bytes);
                after.update(bytes);
                target.write_all(bytes)
            })?;
            copy(&mut source.take(splice.removed), splice.removed, &mut |bytes| {
                before.update(bytes);
                Ok(())
            })?;
            after.update(&splice.inserted);
            target.write_all(&splice.inserted)?;
            place = splice.at + splice.removed;
        }
        let rest = source.metadata()?.len().saturating_sub(place);
        copy(source, rest, &mut |bytes| {
            before.update(bytes);
            after.update(bytes);
            target.write_all(bytes)
        })?;
        Ok((before.finalize(), after.finalize()))
    }

    /// What makes the file of before from the file of after.
    pub(crate) fn reversed(&self, source: &mut File) -> io::Result<Edit> {
        let (mut shift, mut reversed) = (0_i64, Edit::default());
        for splice in &self.splices {
            let mut removed = vec![0; splice.removed as usize];
            source.seek(SeekFrom::Start(splice.at))?;
            source.read_exact(&mut removed)?;
            let inserted = splice.inserted.len() as u64;
            reversed.splices.push(Splice {
                at: splice.at.wrapping_add_signed(shift),
                removed: inserted,
                inserted: removed,
            });
            shift += inserted as i64 - splice.removed as i64;
        }
        Ok(reversed)
    }

    /// As it is kept: per splice three numbers of 64 bits, low byte first, and the bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let of = |splice: &Splice| {
            let numbers = [splice.at, splice.removed, splice.inserted.len() as u64];
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            bytes.extend_from_slice(&splice.inserted);
            bytes
        };
        self.splices.iter().flat_map(of).collect()
    }

    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut edit = Self::default();
        while !bytes.is_empty() {
            let (numbers, rest) = bytes.split_at_checked(24)?;
            let number = |index: usize| super::source::le(&numbers[8 * index..8 * index + 8]);
            let (inserted, rest) = rest.split_at_checked(usize::try_from(number(2)).ok()?)?;
            edit.splices.push(Splice { at: number(0), removed: number(1), inserted: inserted.to_vec() });
            bytes = rest;
        }
        Some(edit)
    }
}

/// Reads exactly `count` bytes in pieces; a file that became shorter is an error.
fn copy(source: &mut dyn Read, count: u64, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    let mut left = count;
    while left > 0 {
        let piece = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        source.read_exact(&mut buffer[..piece])?;
        take(&buffer[..piece])?;
        left -= piece as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_and_its_reverse_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let original: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
        let (before, after) = (folder.path().join("before"), folder.path().join("after"));
        std::fs::write(&before, &original).unwrap();
        let mut edit = Edit::default();
        edit.replace(150_000, 3, vec![]);
        edit.replace(0, 0, vec![1, 2, 3]);
        edit.replace(70_000, 5, vec![9; 90_000]);
        edit.replace(200_000, 0, vec![7]);
        let mut source = File::open(&before).unwrap();
        let (old, new) = edit.apply(&mut source, &mut File::create(&after).unwrap()).unwrap();
        let changed = std::fs::read(&after).unwrap();
        assert_eq!(changed.len(), 200_000 - 3 + 3 - 5 + 90_000 + 1);
        assert_eq!((&changed[..4], changed.last()), (&[1, 2, 3, original[0]][..], Some(&7)));
        assert_eq!((old, new), (blake3::hash(&original), blake3::hash(&changed)));
        let reversed = Edit::from_bytes(&edit.reversed(&mut source).unwrap().to_bytes()).unwrap();
        let mut back = Vec::new();
        reversed.apply(&mut File::open(&after).unwrap(), &mut back).unwrap();
        assert!(back == original);
    }
}
