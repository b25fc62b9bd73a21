//! Any bytes as audio: decoded, turned into mel patches and judged. The network is a small one without training: its
//! arithmetic is the same whatever it hears, and the time goes to the decoders.
#![no_main]

use std::io::Cursor;
use std::sync::LazyLock;

use genrescope::audio::AudioStream;
use genrescope::model::Model;
use genrescope::predict::{Decoding, Settings, classify};

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let mut header = Model::fast().expect("the model inside is whole").header;
    header.front_end.mel_bands = 32;
    header.network = "v-kernel".into();
    header.any_length = false;
    header.patch_frames = 32;
    Model::untrained(header, 1).expect("a network of the zoo")
});

libfuzzer_sys::fuzz_target!(
    init: {
        // Panics of the decoding libraries are caught where they are called; the fuzzer's own hook would abort there.
        std::panic::set_hook(Box::new(|panic| {
            let file = panic.location().map_or("", |location| location.file());
            if !file.contains("symphonia") && !file.contains("ruopus") {
                eprintln!("{panic}");
                std::process::abort();
            }
        }));
    },
    |bytes: &[u8]| {
        let reader = Box::new(Cursor::new(bytes.to_vec()));
        let Ok(stream) = AudioStream::from_reader(reader, "bytes", 22_050) else { return };
        let settings = Settings { to_s: Some(20.0), decoding: Decoding::Inline, ..Settings::default() };
        if let Ok(prediction) = classify(&MODEL, stream, &settings) {
            let sum: f32 = prediction.scores.iter().sum();
            assert!(prediction.unknown() == prediction.scores.is_empty());
            assert!(prediction.unknown() || (sum - 1.0).abs() < 1e-3, "scores sum to {sum}");
        }
    }
);
