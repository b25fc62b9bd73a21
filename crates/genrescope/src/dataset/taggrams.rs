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
    let entry = |name: &str| {
        let range = entries.get(name).ok_or(format!("no array {name}; expected X and IDS"))?;
        file.get(range.clone()).ok_or("it is truncated".to_owned())
    };
    let (shape, scores) = array::<f32>(entry("X.npy")?)?;
    let (_, names) = array::<String>(entry("IDS.npy")?)?;
    let (&[windows, tags], false) = (&shape[..], shape.contains(&0)) else {
        return Err("X must have two dimensions, windows and tags".into());
    };
    if windows != names.len() {
        return Err(format!("{windows} windows in X, {} names in IDS", names.len()));
    }
    if scores.iter().any(|score| !(0.0..=1.0).contains(score)) {
        return Err("a tag score is not within 0 and 1".into());
    }
    let mut found: HashMap<String, Vec<Vec<f32>>> = HashMap::new();
    for (row, name) in scores.chunks_exact(tags).zip(&names) {
        found.entry(clip(name).to_owned()).or_default().push(row.to_vec());
    }
    Ok(found)
}

/// Shape and numbers of an array whose rows stand one behind the other; `bytes` bound what it can ask for.
fn array<T: npyz::Deserialize>(bytes: &[u8]) -> Result<(Vec<usize>, Vec<T>), String> {
    let npy = npyz::NpyFile::new(bytes).map_err(|e| e.to_string())?;
    let shape: Option<Vec<usize>> = npy.shape().iter().map(|n| usize::try_from(*n).ok()).collect();
    let shape = shape.ok_or("an array of it is too large")?;
    let each = npy.dtype().num_bytes().unwrap_or(usize::MAX);
    let total = shape.iter().try_fold(each, |total, extent| total.checked_mul(*extent));
    if total.is_none_or(|total| total > bytes.len()) {
        return Err("an array of it is truncated".into());
    }
    if npy.order() == npyz::Order::Fortran && shape.len() > 1 {
        return Err("an array of it has columns first".into());
    }
    Ok((shape, npy.into_vec().map_err(|e| e.to_string())?))
}

/// `blues/blues.00029.au` → `blues.00029`.
fn clip(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_folder_and_extension() {
        assert_eq!(clip("blues/blues.00029.au"), "blues.00029");
        assert_eq!(clip("name"), "name");
    }

    #[test]
    fn an_array_that_claims_more_than_its_file_holds_is_refused() {
        let npy = |descr: &str, shape: &str| {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
            [b"\x93NUMPY\x01\x00\x76\x00", format!("{header:<117}\n").as_bytes(), &[0; 8]].concat()
        };
        assert_eq!(array::<f32>(&npy("<f4", "1, 2")).unwrap(), (vec![1, 2], vec![0.0; 2]));
        assert!(array::<f32>(&npy("<f4", "9000000000, 2")).unwrap_err().contains("truncated"));
        assert!(array::<String>(&npy("<U4000000000", "1,")).is_err());
        assert!(array::<f32>(&npy("<i4", "1, 2")).is_err());
    }

    #[test]
    fn what_is_no_npz_is_refused() {
        for bytes in [&b""[..], b"PK\x05\x06", b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0"] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
