//! Matrix products of dense and recurrent layers: a safe door to the `gemm` library.

use super::product::Write;
use gemm_common::Parallelism;

/// A view of numbers as a matrix: `[rows, columns]` with the two strides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same numbers with rows further apart than their columns fill.
    pub(crate) fn with_row_stride(self, row_stride: usize) -> Self {
        Self { row_stride, ..self }
    }

    /// Rows and columns exchanged; nothing moves.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn end(&self) -> usize {
        match (self.rows, self.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => (rows - 1) * self.row_stride + (columns - 1) * self.column_stride + 1,
        }
    }
}

/// `c (+)= a · b`, with `c` row after row.
///
/// # Panics
/// When the shapes do not fit or reach outside their slices.
pub(crate) fn matmul(a: Matrix, b: Matrix, c: &mut [f32], write: Write) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "inner extents of a matrix product");
    assert!(
        a.end() <= a.data.len() && b.end() <= b.data.len() && m * n <= c.len(),
        "matrix outside its slice"
    );
    let add = write == Write::Add;
    // SAFETY: all three operands were checked to lie inside their slices, and `c` is borrowed exclusively.
    unsafe {
        gemm_f32::gemm::f32::get_gemm_fn()(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            if add { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
