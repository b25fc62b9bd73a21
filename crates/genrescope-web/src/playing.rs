//! `/api/v1/library/files/{id}/audio`: the bytes of a file that stands in the library, or a range of them.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use genrescope_library::FileState;
use tokio::io::AsyncReadExt;
use tokio::task::spawn_blocking;

use crate::App;
use crate::library::{numbered, unknown_file};
use crate::refusal::Refusal;

/// Read at once, bytes.
const PART_BYTES: usize = 64 << 10;

/// The first byte, and how many.
type Stretch = (u64, u64);

pub(crate) async fn audio(
    State(app): State<Arc<App>>,
    id: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let catalogue = app.catalogue().await?;
    let song = catalogue.song(numbered(id)?).filter(|song| song.error.is_none()).ok_or_else(unknown_file)?;
    let (path, state) = (song.path.clone(), song.state);
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Ok(stretch) = stretch(range, state.bytes) else { return Ok(beyond(state.bytes)) };
    let start = stretch.map_or(0, |(start, _)| start);
    let kind = content_type(&path);
    let file =
        spawn_blocking(move || opened(&path, state, start)).await.map_err(|_| Refusal::internal())??;
    Ok(response(file, state.bytes, stretch, kind))
}

/// A file as the library knows it: what was put at its place since is nothing that was scanned.
fn opened(path: &FilePath, state: FileState, start: u64) -> Result<File, Refusal> {
    let gone = |_| Refusal::not_found("the file is gone or cannot be read; `genrescope scan` takes notice");
    // Asked before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(gone)?.is_file() || FileState::of(path).ok() != Some(state) {
        let message = "the file has changed since it was scanned; `genrescope scan` takes notice";
        return Err(Refusal::new(StatusCode::CONFLICT, "changed", message));
    }
    let mut file = File::open(path).map_err(gone)?;
    file.seek(SeekFrom::Start(start)).map_err(gone)?;
    Ok(file)
}

fn beyond(bytes: u64) -> Response {
    let message = format!("the range lies beyond the file, which has {bytes} bytes");
    let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range", message);
    ([(header::CONTENT_RANGE, format!("bytes */{bytes}"))], refusal).into_response()
}

/// The one range that is asked for (RFC 9110, 14.2); none where it is none, or several: then the whole is the answer.
fn stretch(range: Option<&str>, bytes: u64) -> Result<Option<Stretch>, ()> {
    let unit_and_range = range.and_then(|range| range.split_once('='));
    let of_bytes = unit_and_range.filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = of_bytes.and_then(|(_, range)| range.split_once('-')) else {
        return Ok(None);
    };
    let (first, last) = (first.trim(), last.trim());
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let (start, end) = match (number(first), number(last)) {
        (Some(start), Some(last)) if start <= last => (start, last.saturating_add(1).min(bytes)),
        (Some(start), None) if last.is_empty() => (start, bytes),
        (None, Some(tail)) if first.is_empty() => {
            (if tail == 0 { bytes } else { bytes.saturating_sub(tail) }, bytes)
        }
        _ => return Ok(None),
    };
    if start < bytes { Ok(Some((start, end - start))) } else { Err(()) }
}

fn response(file: File, bytes: u64, stretch: Option<Stretch>, kind: &'static str) -> Response {
    let (start, count) = stretch.unwrap_or((0, bytes));
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_LENGTH, count.to_string()),
    ];
    let body = body(file.into(), count);
    match stretch {
        None => (headers, body).into_response(),
        Some(_) => {
            let place = format!("bytes {start}-{}/{bytes}", start + count - 1);
            (StatusCode::PARTIAL_CONTENT, headers, [(header::CONTENT_RANGE, place)], body).into_response()
        }
    }
}

fn body(file: tokio::fs::File, count: u64) -> Body {
    let parts = stream::try_unfold((file, count), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut part = vec![0; usize::try_from(left).unwrap_or(PART_BYTES).min(PART_BYTES)];
        let read = file.read(&mut part).await?;
        if read == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof));
        }
        part.truncate(read);
        Ok(Some((part, (file, left - read as u64))))
    });
    Body::from_stream(parts)
}

/// By the name: browsers play by content, but want to be told that it is sound.
fn content_type(path: &FilePath) -> &'static str {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str().unwrap_or_default() {
        "mp3" | "mp2" | "mp1" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "m4a" | "mp4" | "m4b" => "audio/mp4",
        "aac" => "audio/aac",
        "wav" => "audio/wav",
        "aif" | "aiff" | "aifc" => "audio/aiff",
        "webm" => "audio/webm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_answered_and_what_is_none_is_the_whole() {
        let of = |range: &str| stretch(Some(range), 1000);
        assert_eq!(of("bytes=0-499"), Ok(Some((0, 500))));
        assert_eq!(of("Bytes=500-"), Ok(Some((500, 500))));
        assert_eq!(of("bytes=-200"), Ok(Some((800, 200))));
        assert_eq!(of("bytes=-5000"), Ok(Some((0, 1000))));
        assert_eq!(of("bytes=990-18446744073709551615"), Ok(Some((990, 10))));
        for beyond in ["bytes=1000-", "bytes=5000-6000", "bytes=-0"] {
            assert_eq!(of(beyond), Err(()), "{beyond}");
        }
        for none in ["bytes=5-2", "bytes=0-1,5-6", "seconds=0-1", "bytes=-", "bytes=+1-2", "bytes=a-b", ""] {
            assert_eq!(of(none), Ok(None), "{none}");
        }
        assert_eq!(stretch(None, 1000), Ok(None));
        assert_eq!(stretch(Some("bytes=0-"), 0), Err(()));
    }
}
