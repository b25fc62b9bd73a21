//! Rows → one NumPy array of records: `numpy.load(path)["tempo"]`.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::Result;

use super::rows::Row;
use super::table::{Shape, Sink};

/// What an array begins with: magic bytes and format version 2.0 (`numpy.lib.format`).
const MAGIC: &[u8; 8] = b"\x93NUMPY\x02\0";
/// Data begin at a multiple of this.
const ALIGNMENT: usize = 64;

pub(super) struct Npy {
    file: BufWriter<File>,
    path_chars: usize,
}

impl Npy {
    pub(super) fn begin(mut file: BufWriter<File>, shape: &Shape) -> Result<Self> {
        let path_chars = shape.path_chars.max(1);
        let features = shape.set.columns().into_iter().map(|column| format!("('{}', '<f8')", column.name));
        let first = [
            ("path", format!("<U{path_chars}")),
            ("segment", "<i8".into()),
            ("start_s", "<f8".into()),
            ("end_s", "<f8".into()),
        ];
        let first = first.map(|(name, kind)| format!("('{name}', '{kind}')"));
        let columns = first.into_iter().chain(features).collect::<Vec<_>>().join(", ");
        let mut header =
            format!("{{'descr': [{columns}], 'fortran_order': False, 'shape': ({},), }}", shape.rows);
        let begun = MAGIC.len() + 4 + header.len() + 1;
        header.extend(std::iter::repeat_n(' ', begun.next_multiple_of(ALIGNMENT) - begun));
        header.push('\n');
        file.write_all(MAGIC)?;
        file.write_all(&(header.len() as u32).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        Ok(Self { file, path_chars })
    }
}

impl Sink for Npy {
    fn add(&mut self, path: &str, rows: &[Row]) -> Result<()> {
        let chars = path.chars().map(u32::from).chain(std::iter::repeat(0)).take(self.path_chars);
        let path: Vec<u8> = chars.flat_map(u32::to_le_bytes).collect();
        for row in rows {
            self.file.write_all(&path)?;
            self.file.write_all(&row.segment.to_le_bytes())?;
            for value in [row.start_s, row.end_s].iter().chain(&row.values) {
                self.file.write_all(&value.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.file.flush()?)
    }
}
