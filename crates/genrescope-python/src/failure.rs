//! Errors and panics → Python's exceptions; the one place where that is decided.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use genrescope::{Error, ErrorKind};
use pyo3::exceptions::{PyException, PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    genrescope,
    GenrescopeError,
    PyException,
    "A recording or a model that cannot be used; `kind` says why, as in the command line's records."
);

/// Works without the interpreter's lock; a panic becomes an exception.
pub(crate) fn unlocked<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> genrescope::Result<T> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(result) => result.map_err(|error| exception(py, &error)),
        Err(panic) => Err(GenrescopeError::new_err(format!("internal error: {}", message(&*panic)))),
    }
}

/// The exception of an error, with its `kind`.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let message = error.to_string();
    let exception = match error.kind() {
        ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
        ErrorKind::Io => PyOSError::new_err(message),
        ErrorKind::BadSettings => PyValueError::new_err(message),
        _ => GenrescopeError::new_err(message),
    };
    match exception.value(py).setattr("kind", error.kind().name()) {
        Ok(()) => exception,
        Err(other) => other,
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

/// Panics, as a fault of this package would: the tests see what becomes of it.
#[pyfunction(name = "_panic_for_tests")]
pub(crate) fn panic_for_tests(py: Python<'_>) -> PyResult<()> {
    unlocked(py, || panic!("on purpose"))
}
