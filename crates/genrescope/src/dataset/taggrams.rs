//! Published tag scores of clips, window by window: an `.npz` of NumPy with `X` float32 `[windows, tags]` and `IDS`, the
//! clip of each window. Entries are stored as `numpy.savez` does; what `savez_compressed` writes is refused.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// Larger files are not read, bytes: a hundred times those of GTZAN.
const MAX_FILE_BYTES: u64 = 1 << 29;
const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL_ENTRY: &[u8] = b"PK\x03\x04";

/// Reads the taggrams of clips by their names without folder and extension.
///
/// # Shape
/// `clip → [windows][tags]`, windows in the order of the file.
///
/// # Errors
/// [`ErrorKind::Io`], [`ErrorKind::LimitExceeded`], and [`ErrorKind::Corrupt`] with what is wrong.
pub fn read(path: &Path) -> Result<HashMap<String, Vec<Vec<f32>>>> {
    let fail = |e| Error::io(path.display(), e);
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > MAX_FILE_BYTES {
        let what = format!("{}: {size} bytes, the limit is {MAX_FILE_BYTES}", path.display());
        return Err(Error::new(ErrorKind::LimitExceeded, what));
    }
    parse(&std::fs::read(path).map_err(fail)?)
        .map_err(|what| Error::new(ErrorKind::Corrupt, format!("{}: {what}", path.display())))
}

fn parse(file: &[u8]) -> Result<HashMap<String, Vec<Vec<f32>>>, String> {
    let entries = entries(file)?;
    let array = |name: &str| {
        let range = entries.get(name).ok_or(format!("no array {name}; expected X and IDS"))?;
        Array::parse(file.get(range.clone()).ok_or("it is truncated")?)
    };
    let (scores, clips) = (array("X.npy")?, array("IDS.npy")?);
    let (&[windows, tags], &[names]) = (&scores.shape[..], &clips.shape[..]) else {
        return Err("X must have two dimensions and IDS one".into());
    };
    let characters = clips.descr.strip_prefix("<U").and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
    let fits = |bytes: usize, count: usize, each: usize| count.checked_mul(each) == Some(bytes) && each > 0;
    let floats = scores.descr == "<f4" && windows == names && windows.checked_mul(tags).is_some();
    if !floats
        || !fits(scores.data.len(), windows * tags, 4)
        || !fits(clips.data.len(), names, 4 * characters)
    {
        return Err("X must be float32 and IDS text, one row a window each".into());
    }
    let mut found: HashMap<String, Vec<Vec<f32>>> = HashMap::new();
    let rows = scores.data.chunks_exact(4 * tags).zip(clips.data.chunks_exact(4 * characters));
    for (row, name) in rows {
        let row: Vec<f32> = row.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if row.iter().any(|score| !(0.0..=1.0).contains(score)) {
            return Err("a tag score is not within 0 and 1".into());
        }
        found.entry(clip(name)).or_default().push(row);
    }
    Ok(found)
}

/// `blues/blues.00029.au`, in four bytes a character → `blues.00029`.
fn clip(name: &[u8]) -> String {
    let code = |b: &[u8; 4]| char::from_u32(u32::from_le_bytes(*b)).filter(|c| *c != '\0');
    let name: String = name.as_chunks::<4>().0.iter().filter_map(code).collect();
    let file = name.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned()
}

/// Where the contents of the entries of a zip lie.
fn entries(file: &[u8]) -> Result<HashMap<String, Range<usize>>, String> {
    let end = file.windows(4).rposition(|bytes| bytes == END_OF_DIRECTORY);
    let end = end.ok_or("no .npz file, or a truncated one")?;
    let (count, mut at) = (number(file, end + 10, 2)?, number(file, end + 16, 4)?);
    let mut entries = HashMap::new();
    for _ in 0..count {
        if file.get(at..at + 4) != Some(DIRECTORY_ENTRY) {
            return Err("its directory is damaged".into());
        }
        if number(file, at + 10, 2)? != 0 {
            return Err("it is compressed; write it by numpy.savez".into());
        }
        let (size, local) = (number(file, at + 20, 4)?, number(file, at + 42, 4)?);
        let [name, extra, comment] = [28, 30, 32].map(|field| number(file, at + field, 2));
        let (name, extra, comment) = (name?, extra?, comment?);
        let text = file.get(at + 46..at + 46 + name).ok_or("it is truncated")?;
        if file.get(local..local + 4) != Some(LOCAL_ENTRY) {
            return Err("its directory is damaged".into());
        }
        let from = local + 30 + number(file, local + 26, 2)? + number(file, local + 28, 2)?;
        entries.insert(String::from_utf8_lossy(text).into_owned(), from..from + size);
        at += 46 + name + extra + comment;
    }
    Ok(entries)
}

/// A little-endian number of `bytes` bytes.
fn number(file: &[u8], at: usize, bytes: usize) -> Result<usize, String> {
    let bytes = file.get(at..at + bytes).ok_or("it is truncated")?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// An array of NumPy.
struct Array<'a> {
    descr: String,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Array<'a> {
    fn parse(file: &'a [u8]) -> Result<Self, String> {
        if !file.starts_with(b"\x93NUMPY") {
            return Err("an array of it is not of NumPy".into());
        }
        let long = file.get(6).is_some_and(|version| *version > 1);
        let (length, from) = (number(file, 8, if long { 4 } else { 2 })?, if long { 12 } else { 10 });
        let header = file.get(from..from + length).ok_or("it is truncated")?;
        let header = String::from_utf8_lossy(header);
        let behind = |key: &str| header.split_once(key).map(|(_, rest)| rest.to_owned());
        let descr = behind("'descr': '").and_then(|rest| Some(rest.split_once('\'')?.0.to_owned()));
        let shape = behind("'shape': (").and_then(|rest| Some(rest.split_once(')')?.0.to_owned()));
        let (Some(descr), Some(shape)) = (descr, shape) else {
            return Err("an array's header is damaged".into());
        };
        if header.contains("'fortran_order': True") {
            return Err("an array of it has columns first".into());
        }
        let shape = shape.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::parse);
        let shape = shape.collect::<Result<Vec<usize>, _>>().map_err(|e| e.to_string())?;
        Ok(Self { descr, shape, data: &file[from + length..] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_folder_extension_and_filling() {
        let wide = |text: &str| -> Vec<u8> { text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect() };
        assert_eq!(clip(&wide("blues/blues.00029.au\0\0")), "blues.00029");
        assert_eq!(clip(&wide("name")), "name");
    }

    #[test]
    fn what_is_no_npz_is_refused() {
        for bytes in [&b""[..], b"PK\x05\x06", b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0"] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
