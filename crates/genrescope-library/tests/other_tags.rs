//! Property: whatever tags a file has, in any container, a change of its genres and the way back leave all the rest alone.
//! The tags are written and read by lofty, so that no code of ours judges itself.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use genrescope_library::{Changes, FileState, Library, Mtime, genres, recording_hash};
use lofty::config::{ParseOptions, WriteOptions};
use lofty::file::TaggedFile;
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::prelude::*;
use lofty::probe::Probe;
use lofty::tag::{ItemValue, Tag, TagItem, TagType};
use proptest::prelude::*;

/// A recording of each container, and the kinds of tags that it may carry.
const FILES: [(&str, &[TagType]); 11] = [
    ("mono_22050.aiff", &[TagType::Id3v2, TagType::AiffText]),
    ("mono_22050.flac", &[TagType::VorbisComments]),
    ("mono_22050.ogg", &[TagType::VorbisComments]),
    ("mono_22050_alac.m4a", &[TagType::Mp4Ilst]),
    ("mono_22050_ima.wav", &[TagType::Id3v2, TagType::RiffInfo]),
    ("mono_22050_vbr.mp3", &[TagType::Id3v2, TagType::Ape, TagType::Id3v1]),
    ("mono_48000.opus", &[TagType::VorbisComments]),
    ("six_48000.opus", &[TagType::VorbisComments]),
    ("stereo_44100.aac", &[TagType::Id3v2]),
    ("stereo_44100.m4a", &[TagType::Mp4Ilst]),
    ("stereo_44100.mp3", &[TagType::Id3v2, TagType::Ape]),
];
const KEYS: [ItemKey; 9] = [
    ItemKey::TrackTitle,
    ItemKey::TrackArtist,
    ItemKey::AlbumTitle,
    ItemKey::Comment,
    ItemKey::Composer,
    ItemKey::Lyrics,
    ItemKey::MusicBrainzTrackId,
    ItemKey::ReplayGainTrackGain,
    ItemKey::Genre,
];

fn audio(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../genrescope/tests/audio").join(name)
}

/// Tags to be written: which kinds of those that a file may have, texts under keys (a key may come twice), a picture.
#[derive(Clone, Debug)]
struct Given {
    kinds: u8,
    texts: Vec<(usize, String)>,
    picture_bytes: usize,
    id3v23: bool,
}

fn given() -> impl Strategy<Value = Given> {
    let odd = "[ -~äß日\u{1f3b5}\n/;()=]{1,40}";
    let text = prop_oneof![4 => odd.boxed(), 1 => (1_usize..40_000).prop_map(|n| "huge ÿ ".repeat(n / 8 + 1)).boxed()];
    let texts = prop::collection::vec((0..KEYS.len(), text), 0..10);
    let picture = prop_oneof![2 => Just(0), 1 => 1..300_000_usize];
    (1_u8..8, texts, picture, any::<bool>()).prop_map(|(kinds, texts, picture_bytes, id3v23)| Given {
        kinds,
        texts,
        picture_bytes,
        id3v23,
    })
}

impl Given {
    fn has_doubles(&self) -> bool {
        let mut keys: Vec<usize> = self.texts.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn write(&self, path: &Path, kinds: &[TagType]) {
        for (_, kind) in
            kinds.iter().enumerate().filter(|(bit, _)| kinds.len() == 1 || self.kinds >> bit & 1 == 1)
        {
            let mut tag = Tag::new(*kind);
            for (key, text) in &self.texts {
                tag.push(TagItem::new(KEYS[*key], ItemValue::Text(text.clone())));
            }
            if self.picture_bytes > 0 {
                let picture = Picture::unchecked(
                    (0..self.picture_bytes)
                        .map(|n| if n % 3 == 2 { 0xff } else { (n * n % 256) as u8 })
                        .collect(),
                );
                tag.push_picture(picture.pic_type(PictureType::CoverFront).mime_type(MimeType::Png).build());
            }
            let mut options = WriteOptions::default();
            // Behind a comment of several texts in a v2.3 tag lofty itself reads nothing more.
            options.use_id3v23(self.id3v23 && !self.has_doubles());
            // Some values some kinds cannot hold; then the file has other tags less.
            let _ = tag.save_to_path(path, options);
        }
    }
}

/// The tags alone: lofty does not know each codec.
fn read(path: &Path) -> TaggedFile {
    let options = ParseOptions::new().read_properties(false);
    Probe::open(path).unwrap().options(options).guess_file_type().unwrap().read().unwrap()
}

/// All that lofty reads but genres, kind by kind.
fn others(path: &Path) -> Vec<String> {
    let file = read(path);
    let mut others = Vec::new();
    for tag in file.tags() {
        let kind = tag.tag_type();
        for item in tag.items().filter(|item| item.key() != ItemKey::Genre) {
            others.push(format!("{kind:?} {:?} {:?} {:?}", item.key(), item.description(), item.value()));
        }
        others.extend(
            tag.pictures().iter().map(|picture| format!("{kind:?} {:?}", blake3::hash(picture.data()))),
        );
    }
    others
}

/// The genres that lofty reads, of all tags: one that ID3v1 says beside an ID3v2 tag is left as it is.
fn genres_by_lofty(path: &Path) -> Vec<String> {
    let of = |tag: &Tag| tag.get_strings(ItemKey::Genre).map(str::to_owned).collect::<Vec<_>>();
    read(path).tags().iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 66, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_and_its_way_back_leave_sound_and_all_other_tags(
        which in 0..FILES.len(),
        given in given(),
        wanted in prop::collection::vec("[A-Z][a-zé日-]{1,30}", 1..4),
    ) {
        let (name, kinds) = FILES[which];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::copy(audio(name), &path).unwrap();
        given.write(&path, kinds);
        let (original, sound) = (fs::read(&path).unwrap(), recording_hash(&path).unwrap());
        let (before, state) = (others(&path), FileState::of(&path).unwrap());
        let library = Library::open(&folder.path().join("library.db")).unwrap();
        let changes = Changes { run: 1, mtime: Mtime::New, told: &|_| () };
        let mut wanted = wanted;
        wanted.sort();
        wanted.dedup();
        library.change_genres(&path, &wanted, &changes).unwrap();
        prop_assert_eq!(genres(&path).unwrap(), wanted.clone());
        prop_assert_eq!(others(&path), before);
        prop_assert!(recording_hash(&path).unwrap() == sound);
        let read = genres_by_lofty(&path);
        prop_assert!(wanted.iter().all(|genre| read.iter().any(|read| read.contains(genre))), "{:?} of {:?}", read, wanted);
        let change = &library.last_changes().unwrap()[0];
        library.take_back(change, &|_| ()).unwrap();
        prop_assert!(fs::read(&path).unwrap() == original);
        prop_assert_eq!(FileState::of(&path).unwrap(), state);
    }
}

#[test]
fn lofty_wrote_what_is_to_be_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kinds) in FILES {
        let path = folder.path().join(name);
        fs::copy(audio(name), &path).unwrap();
        let texts = vec![(0, "one".into()), (3, "a comment".into()), (8, "Polka".into())];
        Given { kinds: 7, texts, picture_bytes: 100, id3v23: false }.write(&path, kinds);
        assert!(others(&path).len() >= 2, "{name}: {:?}", others(&path));
        assert_eq!(genres(&path).unwrap(), ["Polka"], "{name}");
    }
}

/// An ID3v2.3 tag that is unsynchronised as a whole: zeros stand behind each 0xff of its frames.
#[test]
fn an_unsynchronised_tag_keeps_its_frames() {
    let picture: Vec<u8> = [0xff, 0xfb, 0x90, 0xff, 0, 0xff, 0xff, 0xe0, 1, 0xff].repeat(50);
    let private: Vec<u8> = [b"owner\0".as_slice(), &picture].concat();
    let frame = |id: &[u8], data: &[u8]| [id, &(data.len() as u32).to_be_bytes(), &[0, 0], data].concat();
    let frames = [frame(b"TIT2", b"\0title"), frame(b"PRIV", &private), frame(b"TCON", b"\0(17)")].concat();
    let mut body = Vec::new();
    for (at, byte) in frames.iter().enumerate() {
        body.push(*byte);
        if *byte == 0xff && frames.get(at + 1).is_none_or(|next| *next == 0 || *next >= 0xe0) {
            body.push(0);
        }
    }
    let size = [21, 14, 7, 0].map(|shift| (body.len() >> shift & 0x7f) as u8);
    let sound = fs::read(audio("no_tag_44100_vbr.mp3")).unwrap();
    let original = [b"ID3\x03\0\x80".as_slice(), &size, &body, &sound].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unsynchronised.mp3");
    fs::write(&path, &original).unwrap();
    assert_eq!(genres(&path).unwrap(), ["Rock"]);
    let before = others(&path);
    assert!(!before.is_empty(), "lofty reads the tag");
    let library = Library::open(&folder.path().join("library.db")).unwrap();
    let changes = Changes { run: 1, mtime: Mtime::New, told: &|_| () };
    library.change_genres(&path, &["Jazz".into(), "Ÿ Blues".into()], &changes).unwrap();
    assert_eq!(genres(&path).unwrap(), ["Jazz", "Ÿ Blues"]);
    assert_eq!(others(&path), before);
    library.take_back(&library.last_changes().unwrap()[0], &|_| ()).unwrap();
    assert!(fs::read(&path).unwrap() == original);
}

/// In an MP3 with an APEv2 tag alone the genre goes there, and no second tag is made.
#[test]
fn an_ape_tag_alone_takes_the_genre() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ape.mp3");
    fs::copy(audio("no_tag_44100_vbr.mp3"), &path).unwrap();
    let mut tag = Tag::new(TagType::Ape);
    tag.push(TagItem::new(ItemKey::TrackTitle, ItemValue::Text("a title".into())));
    tag.save_to_path(&path, WriteOptions::default()).unwrap();
    let (original, before) = (fs::read(&path).unwrap(), others(&path));
    let library = Library::open(&folder.path().join("library.db")).unwrap();
    let changes = Changes { run: 1, mtime: Mtime::New, told: &|_| () };
    library.change_genres(&path, &["Jazz".into(), "Blues".into()], &changes).unwrap();
    let file = read(&path);
    assert_eq!(file.tags().iter().map(Tag::tag_type).collect::<Vec<_>>(), [TagType::Ape]);
    assert_eq!((genres(&path).unwrap(), others(&path)), (vec!["Jazz".into(), "Blues".into()], before));
    library.take_back(&library.last_changes().unwrap()[0], &|_| ()).unwrap();
    assert!(fs::read(&path).unwrap() == original);
}

/// The chunks of a RIFF file, which it has to the last byte.
fn chunks(wav: &[u8]) -> Vec<(&[u8], &[u8])> {
    let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(number(4) + 8, wav.len(), "the length in its header");
    let (mut at, mut found) = (12, Vec::new());
    while at < wav.len() {
        let end = at + 8 + number(at + 4);
        found.push((&wav[at..at + 4], &wav[at + 8..end]));
        at = end.next_multiple_of(2);
    }
    found
}

/// FFmpeg before 7 and Windows read the list alone, mutagen the ID3v2 tag alone.
#[test]
fn a_wav_has_its_genre_in_the_id3v2_tag_and_in_the_info_list() {
    let sample = fs::read(audio("mono_22050_ima.wav")).unwrap();
    let sound: Vec<u8> = {
        let kept = chunks(&sample).into_iter().filter(|(name, _)| *name != b"LIST" && *name != b"id3 ");
        kept.flat_map(|(name, body)| {
            let pad = vec![0; body.len() % 2];
            [name, &(body.len() as u32).to_le_bytes(), body, &pad].concat()
        })
        .collect()
    };
    let list = |items: &[u8]| [b"LIST", &(4 + items.len() as u32).to_le_bytes()[..], b"INFO", items].concat();
    let wav = |body: &[u8]| [b"RIFF", &(4 + body.len() as u32).to_le_bytes()[..], b"WAVE", body].concat();
    let title = list(b"INAM\x06\0\0\0title\0IGNR\x06\0\0\0Polka\0");
    let unpadded = list(b"INAM\x05\0\0\0title");
    let cases = [
        sound.clone(),
        [&title[..], &sound].concat(),
        [&sound[..], &title].concat(),
        [&sound[..], &unpadded].concat(),
        [&sound[..], b"note\x01\0\0\0x"].concat(),
    ];
    for (case, body) in cases.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song.wav");
        let original = wav(body);
        fs::write(&path, &original).unwrap();
        let before = others(&path);
        let library = Library::open(&folder.path().join("library.db")).unwrap();
        let changes = Changes { run: 1, mtime: Mtime::New, told: &|_| () };
        library.change_genres(&path, &["Jazz".into(), "Blues".into()], &changes).unwrap();
        let changed = fs::read(&path).unwrap();
        assert_eq!(chunks(&changed).iter().filter(|(name, _)| *name == b"LIST").count(), 1, "case {case}");
        let of = |kind: TagType| {
            let file = read(&path);
            file.tag(kind).unwrap().get_strings(ItemKey::Genre).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(TagType::RiffInfo), ["Jazz; Blues"], "case {case}");
        assert_eq!(of(TagType::Id3v2), ["Jazz", "Blues"], "case {case}");
        assert_eq!((genres(&path).unwrap(), others(&path)), (vec!["Jazz".into(), "Blues".into()], before));
        library.take_back(&library.last_changes().unwrap()[0], &|_| ()).unwrap();
        assert!(fs::read(&path).unwrap() == original, "case {case}");
    }
}
