//! Buffers of a thread that every convolution uses again: page faults would cost more than the sums.

use std::cell::RefCell;

/// Contents are left over from the last use.
#[derive(Default)]
pub(super) struct Scratch {
    /// Rows of a fast convolution before they are joined.
    pub(super) products: Vec<f32>,
    /// Output of a convolution before it is pooled.
    pub(super) z: Vec<f32>,
    /// Gradient of that output, with its border.
    pub(super) gradient: Vec<f32>,
    /// Gradient of what a batch norm before the convolution gives.
    pub(super) before: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<(Vec<f32>, Scratch)> = RefCell::default();
}

/// Calls `body` with this thread's buffers, one for a sample with its border before the others; not to be nested.
pub(super) fn with_scratch<R>(body: impl FnOnce(&mut Vec<f32>, &mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(|(image, scratch)| body(image, scratch))
}

/// `length` numbers of a buffer, the first where a line of the cache begins; their contents are left over.
pub(super) fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    const LINE: usize = 64;
    let spare = LINE / size_of::<f32>();
    if buffer.len() < length + spare {
        buffer.resize(length + spare, 0.0);
    }
    let first = buffer.as_ptr().align_offset(LINE).min(spare);
    &mut buffer[first..first + length]
}
