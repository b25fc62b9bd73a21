//! Bytes of a protobuf message, as far as ONNX needs them (<https://protobuf.dev/programming-guides/encoding>).
//!
//! Written here because lists of integers must stand one by one, as `onnx.proto` declares them: a library that packs
//! them is read by onnxruntime, but not by every other program.

/// A message while it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// What the fields come to.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    /// With an integer.
    pub(super) fn integer(mut self, field: u64, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    /// With integers, one by one.
    pub(super) fn integers(self, field: u64, values: &[i64]) -> Self {
        values.iter().fold(self, |message, value| message.integer(field, *value))
    }

    /// With a number of single precision.
    pub(super) fn number(mut self, field: u64, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// With bytes, or text.
    pub(super) fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// With a message inside.
    pub(super) fn message(self, field: u64, inner: Self) -> Self {
        self.bytes(field, inner.0)
    }

    /// With messages inside, one by one.
    pub(super) fn messages(self, field: u64, inner: impl IntoIterator<Item = Self>) -> Self {
        inner.into_iter().fold(self, |message, inner| message.message(field, inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the encoding's description.
    #[test]
    fn fields_are_encoded_as_described() {
        assert_eq!(Message::default().integer(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let testing = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(Message::default().bytes(2, "testing").into_bytes(), testing);
        let inner = Message::default().integer(1, 150);
        assert_eq!(Message::default().message(3, inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().integer(1, -2).into_bytes().len(), 11);
        assert_eq!(Message::default().number(1, 1.0).into_bytes(), [0x0d, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::default().integers(5, &[3, 4]).into_bytes(), [0x28, 3, 0x28, 4]);
    }
}
