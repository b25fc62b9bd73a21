//! What people and programs read, letter by letter.
#![allow(clippy::unwrap_used)]

use genrescope::audio::{AudioStream, Title};
use genrescope::predict::{Prediction, Reason, Segment};
use genrescope::report::text::{Colour, Layout, clock, printable};
use genrescope::report::{Detail, Entry, ModelLabel, SetLimit, audacity, csv, jams, json, text};
use genrescope::{Error, ErrorKind};

fn label() -> ModelLabel {
    let genres = ["jazz", "pop", "rock"].map(String::from).to_vec();
    ModelLabel { name: "small".into(), hash: "0123456789abcdef".into(), genres, set: None }
}

fn segment(times: [f64; 2], genre: &str, scores: [f32; 3]) -> Segment {
    let [start_s, end_s] = times;
    Segment { start_s, end_s, genre: Some(genre.into()), scores: scores.to_vec(), reason: None }
}

fn song() -> Entry {
    let pause =
        Segment { start_s: 150.0, end_s: 160.0, genre: None, scores: vec![], reason: Some(Reason::Silence) };
    let segments = vec![
        segment([0.0, 150.0], "rock", [0.125, 0.125, 0.75]),
        pause,
        segment([160.0, 211.4004], "pop", [0.0, 0.5, 0.5]),
    ];
    let prediction = Prediction {
        start_s: 0.0,
        duration_s: 211.4004,
        genre: Some("rock".into()),
        scores: vec![0.0625, 0.25, 0.6875],
        reason: None,
        cells: segments.clone(),
        segments,
        warnings: vec!["a hole".into()],
    };
    Entry { path: "song, live.mp3".into(), outcome: Ok(prediction) }
}

fn silence() -> Entry {
    let prediction = Prediction {
        start_s: 0.0,
        duration_s: 3.0,
        genre: None,
        scores: vec![],
        reason: Some(Reason::Silence),
        cells: vec![],
        segments: vec![],
        warnings: vec![],
    };
    Entry { path: "quiet.wav".into(), outcome: Ok(prediction) }
}

fn failure() -> Entry {
    Entry {
        path: "x.mp3".into(),
        outcome: Err(Error::new(ErrorKind::Corrupt, "x.mp3: \"damaged\"; copy it again")),
    }
}

fn layout(colour: Colour, detail: Detail) -> Layout {
    Layout { width: 60, colour, top: 2, detail }
}

#[test]
fn a_json_record_is_one_line_with_every_field_in_order() {
    let expected = concat!(
        r#"{"schema":"genrescope.prediction/1","path":"song, live.mp3","duration_s":211.4,"#,
        r#""model":{"name":"small","hash":"0123456789abcdef"},"genre":"rock","#,
        r#""scores":[{"genre":"rock","score":0.6875},{"genre":"pop","score":0.25},{"genre":"jazz","score":0.0625}],"#,
        r#""unknown":false,"reason":null,"#,
        r#""segments":[{"start_s":0.0,"end_s":150.0,"genre":"rock","scores":[0.125,0.125,0.75]},"#,
        r#"{"start_s":150.0,"end_s":160.0,"genre":null,"reason":"silence","scores":[]},"#,
        r#"{"start_s":160.0,"end_s":211.4,"genre":"pop","scores":[0.0,0.5,0.5]}],"#,
        r#""genres":["jazz","pop","rock"],"warnings":["a hole"]}"#
    );
    assert_eq!(json::record(&song(), &label(), Detail::Segments), expected);
    assert!(!json::record(&song(), &label(), Detail::Track).contains("segments"));
}

#[test]
fn a_failed_input_is_a_record_too() {
    let expected = r#"{"schema":"genrescope.prediction/1","path":"x.mp3","error":{"kind":"corrupt","message":"x.mp3: \"damaged\"; copy it again"}}"#;
    assert_eq!(json::record(&failure(), &label(), Detail::Segments), expected);
}

#[test]
fn silence_is_null_with_its_reason_and_without_scores() {
    let record = json::record(&silence(), &label(), Detail::Track);
    assert!(record.contains(r#""genre":null,"scores":[],"unknown":true,"reason":"silence""#), "{record}");
}

#[test]
fn csv_has_the_same_columns_for_tracks_segments_and_failures() {
    let label = label();
    let rows = |entry: &Entry, detail| csv::rows(entry, &label, detail);
    assert_eq!(
        csv::header(&label),
        "path,start_s,end_s,genre,score,unknown,reason,error_kind,error,jazz,pop,rock\n"
    );
    assert_eq!(
        rows(&song(), Detail::Track),
        "\"song, live.mp3\",0,211.4,rock,0.687500,false,,,,0.062500,0.250000,0.687500\n"
    );
    assert_eq!(rows(&silence(), Detail::Track), "quiet.wav,0,3,,,true,silence,,,,,\n");
    assert_eq!(
        rows(&failure(), Detail::Track),
        "x.mp3,,,,,,,corrupt,\"x.mp3: \"\"damaged\"\"; copy it again\",,,\n"
    );
    let segments = rows(&song(), Detail::Segments);
    assert_eq!(segments.lines().nth(1), Some("\"song, live.mp3\",150,160,,,true,silence,,,,,"));
    assert_eq!(segments.lines().count(), 3);
}

#[test]
fn text_is_one_line_with_genre_certainty_and_runner_up() {
    let lines = |entry: &Entry| text::entry(entry, &label(), &layout(Colour::Plain, Detail::Track));
    assert_eq!(lines(&song()), "rock      69 %  ████████░░░░  likely   then pop 25 %       song, live.mp3\n");
    assert_eq!(lines(&silence()), "unknown                       silence                      quiet.wav\n");
    assert_eq!(lines(&failure()), "", "a failure is said on stderr");
}

#[test]
fn an_unsure_answer_names_the_genres_it_wavers_between() {
    let mut entry = song();
    let prediction = entry.outcome.as_mut().unwrap();
    (prediction.genre, prediction.reason) = (None, Some(Reason::Unsure));
    let line = text::entry(&entry, &label(), &layout(Colour::Plain, Detail::Track));
    assert_eq!(line, "unknown                       unsure   rock 69 %, pop 25 %  song, live.mp3\n");
    let record = json::record(&entry, &label(), Detail::Track);
    assert!(record.contains(r#""genre":null,"scores":[{"genre":"rock""#), "{record}");
    assert!(record.contains(r#""unknown":true,"reason":"unsure""#), "{record}");
}

#[test]
fn sets_stand_in_every_format_of_recordings() {
    let label = ModelLabel { set: Some(SetLimit { percent: 90, least_score: 0.2 }), ..label() };
    let line = |entry: &Entry| text::entry(entry, &label, &layout(Colour::Plain, Detail::Track));
    assert_eq!(line(&song()), "rock      69 %  ████████░░░░  likely   90 %: rock, pop     song, live.mp3\n");
    assert!(line(&silence()).contains("silence  ") && !line(&silence()).contains("90 %"));
    let record = |entry: &Entry| json::record(entry, &label, Detail::Track);
    assert!(record(&song()).contains(r#""reason":null,"set":{"percent":90,"genres":["rock","pop"]}"#));
    assert!(record(&silence()).contains(r#""set":{"percent":90,"genres":[]}"#));
    assert!(csv::header(&label).ends_with(",rock,set\n"));
    let rows = [song(), silence(), failure()].map(|entry| csv::rows(&entry, &label, Detail::Segments));
    assert!(rows[0].lines().all(|row| row.ends_with(",rock;pop")), "{}", rows[0]);
    assert!(rows[1..].iter().all(|rows| rows.lines().all(|row| row.ends_with(",,"))), "{rows:?}");
}

#[test]
fn the_timeline_can_be_read_without_colour() {
    let lines = text::entry(&song(), &label(), &layout(Colour::Plain, Detail::Segments));
    let expected = "\
rock      69 %  ████████░░░░  likely   then pop 25 %       song, live.mp3
  rock────────────────────────────────────sipop───────────
  0:00            1:00            2:00            3:00
  0:00 – 2:30  ■ rock      75 %  then jazz 12 %
  2:30 – 2:40  ■ silence
  2:40 – 3:31  ■ pop       50 %  then rock 50 %
";
    assert_eq!(lines, expected);
}

#[test]
fn colour_only_adds_colours() {
    let coloured = text::entry(&song(), &label(), &layout(Colour::Ansi, Detail::Track));
    let mut plain = String::new();
    for (number, part) in coloured.split('\x1b').enumerate() {
        plain += if number == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    assert_eq!(plain, text::entry(&song(), &label(), &layout(Colour::Plain, Detail::Track)));
    let timeline = text::entry(&song(), &label(), &layout(Colour::Ansi, Detail::Segments));
    assert!(timeline.contains("\x1b[48;2;218;79;32m\x1b[38;2;0;0;0m rock "), "{timeline:?}");
}

#[test]
fn clocks_are_those_of_a_player() {
    let cases = [
        (0.0, 0, "0:00"),
        (59.6, 0, "1:00"),
        (211.4, 0, "3:31"),
        (3729.0, 0, "1:02:09"),
        (9.96, 1, "0:10.0"),
    ];
    for (seconds, decimals, expected) in cases {
        assert_eq!(clock(seconds, decimals), expected);
    }
}

#[test]
fn names_cannot_control_the_terminal() {
    assert_eq!(printable("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
}

#[test]
fn labels_are_tab_separated_seconds_with_six_decimals() {
    let labels = audacity::labels(&song().outcome.unwrap());
    let expected =
        "0.000000\t150.000000\trock\n150.000000\t160.000000\tsilence\n160.000000\t211.400400\tpop\n";
    assert_eq!(labels, expected);
    assert_eq!(audacity::labels(&silence().outcome.unwrap()), "");
}

#[test]
fn jams_holds_all_scores_of_the_whole_and_the_leading_genre_of_each_segment() {
    let title = Title { name: Some("Song".into()), artist: None };
    let document: serde_json::Value =
        serde_json::from_str(&jams::document(&song(), &title, &label())).unwrap();
    assert_eq!(document["file_metadata"]["title"], "Song");
    assert_eq!(document["file_metadata"]["duration"], 211.4);
    let [tags, segments] = [0, 1].map(|i| &document["annotations"][i]);
    assert_eq!([&tags["namespace"], &segments["namespace"]], ["tag_open", "segment_open"]);
    assert_eq!(tags["data"].as_array().unwrap().len(), 3);
    let best = serde_json::json!({"time": 0.0, "duration": 211.4, "value": "rock", "confidence": 0.6875});
    assert_eq!(tags["data"][0], best);
    let pause = serde_json::json!({"time": 150.0, "duration": 10.0, "value": "silence", "confidence": null});
    assert_eq!(segments["data"][1], pause);
}

#[test]
fn jams_of_a_failed_input_names_its_error() {
    let document: serde_json::Value =
        serde_json::from_str(&jams::document(&failure(), &Title::default(), &label())).unwrap();
    assert_eq!(document["annotations"], serde_json::json!([]));
    assert_eq!(document["file_metadata"]["title"], "x.mp3");
    assert_eq!(document["sandbox"]["genrescope"]["error"]["kind"], "corrupt");
}

#[test]
fn a_recording_is_called_as_its_tags_say() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo/demo.ogg");
    let title = AudioStream::open(demo.as_ref(), 22_050).unwrap().title();
    assert_eq!(title.name.as_deref(), Some("One theme, two styles"));
}
