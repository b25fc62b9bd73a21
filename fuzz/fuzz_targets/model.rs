//! Any bytes as a model file: refused, or whole.
#![no_main]

use genrescope::model::Model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = Model::from_bytes(bytes) {
        assert!(!model.header.genres.is_empty());
    }
});
