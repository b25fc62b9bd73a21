//! What a file's tags say that a recording is called.

use symphonia::core::meta::{MetadataRevision, StandardTag};

/// Who plays what, as far as the tags say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// The name of the piece.
    pub name: Option<String>,
    /// Who plays it.
    pub artist: Option<String>,
}

impl Title {
    pub(super) fn of(tags: &MetadataRevision) -> Self {
        let tracks = tags.per_track.iter().map(|track| &track.metadata);
        let tags: Vec<&StandardTag> = std::iter::once(&tags.media)
            .chain(tracks)
            .flat_map(|container| &container.tags)
            .filter_map(|tag| tag.std.as_ref())
            .collect();
        let first = |wanted: fn(&StandardTag) -> Option<&String>| {
            let found = tags.iter().filter_map(|tag| wanted(tag)).map(|text| text.trim());
            found.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
        };
        let name = first(|tag| match tag {
            StandardTag::TrackTitle(text) => Some(text),
            _ => None,
        });
        let artist = first(|tag| match tag {
            StandardTag::Artist(text) => Some(text),
            _ => None,
        });
        Self { name, artist }
    }
}
