//! Genrescope for Python: conversions only.
//!
//! *Takes* paths, bytes, NumPy arrays and Arrow's batches. *Gives* the same back. *Decides* which Python exception an
//! error is. *Never* holds the interpreter's lock while it decodes or computes.
#![forbid(unsafe_code)]
// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

mod audio;
#[cfg(feature = "arrow")]
mod batches;
mod classifier;
mod evaluation;
mod failure;
mod feature;
mod judging;
mod recording;
mod vectors;

/// What `genrescope` is made of; import that.
#[pyo3::pymodule]
mod _genrescope {
    #[pymodule_export]
    use crate::audio::load;
    #[cfg(feature = "arrow")]
    #[pymodule_export]
    use crate::batches::track_id;
    #[pymodule_export]
    use crate::classifier::{Classifier, Segment};
    #[pymodule_export]
    use crate::evaluation::{evaluate, fold_count};
    #[pymodule_export]
    use crate::failure::{GenrescopeError, panic_for_tests};
    #[pymodule_export]
    use crate::feature::{
        chroma_stft, hpss, melspectrogram, mfcc, power_to_db, rms, spectral_bandwidth, spectral_centroid,
        spectral_rolloff, tempo, zero_crossing_rate,
    };
    #[pymodule_export]
    use crate::vectors::{embedding, feature_names, features};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
