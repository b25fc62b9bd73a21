//! Live sound: answers come in time, and full patches have the scores of a recording's.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Cursor;

use genrescope::ErrorKind;
use genrescope::audio::AudioStream;
use genrescope::features::Reference;
use genrescope::model::{Header, Model};
use genrescope::predict::{Listener, Moment, PatchLength, Reason, Settings, classify};
use support::{WavSample, assert_all_close, assert_refused, small_header, small_model, sound, wav};

const RATE_HZ: u32 = 22_050;

fn seconds(seconds: f64) -> Vec<f32> {
    sound(RATE_HZ, (seconds * f64::from(RATE_HZ)) as usize, 0.05)
}

/// What is said of a sound that comes in blocks, and how much was heard when it was said, seconds.
fn heard(model: &Model, samples: &[f32], block: usize) -> Vec<(f64, Moment)> {
    heard_by(Listener::new(model, 0.5).unwrap(), samples, block)
}

fn heard_by(mut listener: Listener, samples: &[f32], block: usize) -> Vec<(f64, Moment)> {
    let mut said = Vec::new();
    for block in samples.chunks(block) {
        let moments = listener.push(block, vec![]).unwrap();
        let at_s = listener.duration_s();
        said.extend(moments.into_iter().map(|moment| (at_s, moment)));
    }
    let at_s = listener.duration_s();
    said.extend(listener.finish().unwrap().into_iter().map(|moment| (at_s, moment)));
    said
}

#[test]
fn full_patches_have_the_scores_of_a_recording() {
    for network in ["v-kernel", "crnn", "residual"] {
        let model = small_model(network);
        let samples = seconds(16.0);
        let said = heard(&model, &samples, 2_048);
        let bytes = wav(&samples, RATE_HZ, 1, WavSample::Float32);
        let stream = AudioStream::from_reader(Box::new(Cursor::new(bytes)), "song.wav", RATE_HZ).unwrap();
        // Patches that lie beside each other: one alone covers each cell.
        let hop_s = 40.0 * model.header.front_end.frame_period_s();
        let settings = Settings { patch_hop_s: Some(hop_s), ..Settings::default() };
        let prediction = classify(&model, stream, &settings).unwrap();
        let full: Vec<&Moment> = said.iter().map(|(_, m)| m).filter(|m| !m.provisional).collect();
        let (first, cell) = (&full[0].segment, &prediction.cells[0]);
        assert_eq!((first.start_s, first.end_s), (cell.start_s, cell.end_s), "{network}");
        assert_all_close(&first.scores, &cell.scores, 1e-6, 0.0);
        // Starts 6 frames apart meet those 40 apart at 120.
        let (later, cell) = (&full[20].segment, &prediction.cells[3]);
        assert_eq!((later.start_s, later.end_s), (cell.start_s, cell.end_s), "{network}");
        assert_all_close(&later.scores, &cell.scores, 1e-6, 0.0);
    }
}

#[test]
fn the_first_answer_comes_soon_and_the_others_twice_a_second() {
    let said = heard(&small_model("crnn"), &seconds(10.0), 441);
    let (first_s, first) = &said[0];
    assert!(*first_s <= 1.5 && first.provisional, "{first_s} s: {first:?}");
    for pair in said.windows(2) {
        assert!(pair[1].0 - pair[0].0 <= 0.5, "{} s after {} s", pair[1].0, pair[0].0);
    }
    for (at_s, moment) in &said {
        assert!(at_s - moment.segment.end_s < 0.2, "at {at_s} s until {} s", moment.segment.end_s);
        assert_eq!(moment.provisional, moment.segment.end_s - moment.segment.start_s < 3.0, "{moment:?}");
    }
}

#[test]
fn the_size_of_the_blocks_changes_no_full_patch() {
    let (model, samples) = (small_model("crnn"), seconds(8.0));
    let full = |block| -> Vec<Moment> {
        let said = heard(&model, &samples, block).into_iter().map(|(_, moment)| moment);
        said.filter(|moment| !moment.provisional).collect()
    };
    let (small, large) = (full(441), full(30_000));
    assert_eq!(small.len(), large.len());
    for (small, large) in small.iter().zip(&large) {
        assert_eq!(small.segment.start_s, large.segment.start_s);
        assert_all_close(&small.segment.scores, &large.segment.scores, 1e-5, 0.0);
    }
}

#[test]
fn a_pause_is_shown_while_it_lasts_and_what_was_lost_too() {
    let model = small_model("crnn");
    let samples = [seconds(6.0), vec![0.0; 2 * RATE_HZ as usize], seconds(4.0)].concat();
    for (at_s, moment) in heard(&model, &samples, 2_048) {
        let newest_s = moment.segment.end_s - 0.3;
        let pause = (6.3..7.7).contains(&newest_s).then_some(Reason::Silence);
        if !(5.7..8.3).contains(&newest_s) || pause.is_some() {
            assert_eq!(moment.segment.reason, pause, "at {at_s} s: {moment:?}");
            assert_eq!(moment.segment.genre.is_none(), pause.is_some());
        }
    }
    let mut listener = Listener::new(&model, 0.5).unwrap();
    let lost = vec![5.0..9.0];
    let said = listener.push(&seconds(9.0), lost).unwrap();
    assert_eq!(said.last().unwrap().segment.reason, Some(Reason::Gap));
}

#[test]
fn too_little_sound_is_no_answer_and_wrong_settings_are_refused() {
    let model = small_model("crnn");
    assert_eq!(heard(&model, &seconds(0.4), 441), []);
    assert!(heard(&model, &seconds(0.7), 441)[0].1.provisional);
    for hop_s in [0.0, -1.0, f64::NAN, 9.0] {
        assert_refused(Listener::new(&model, hop_s).map(|_| ()), ErrorKind::BadSettings, "patch hop");
    }
    let mut header = Header { name: "whole".into(), ..small_header("crnn") };
    header.front_end.reference = Reference::Clip;
    let model = Model::untrained(header, 3).unwrap();
    assert_refused(Listener::new(&model, 0.5).map(|_| ()), ErrorKind::BadSettings, "`whole`");
}

#[test]
fn a_state_that_is_carried_ends_where_the_whole_sequence_does() {
    let model = small_model("crnn");
    // 0 dB is the loudest so far: it is at the beginning.
    let mut samples = seconds(21.3);
    samples.iter_mut().skip(RATE_HZ as usize).for_each(|sample| *sample *= 0.3);
    let whole = Settings { patch: PatchLength::Whole, ..Settings::default() };
    for (block, until_s) in [(2_048, 21.3), (441, 8.0), (100_000, 16.0)] {
        let part = &samples[..(until_s * f64::from(RATE_HZ)) as usize];
        let said = heard_by(Listener::carrying(&model, 0.5).unwrap(), part, block);
        assert!(said.len() as f64 > until_s / 0.5 - 3.0, "{} answers", said.len());
        let bytes = wav(part, RATE_HZ, 1, WavSample::Float32);
        let stream = AudioStream::from_reader(Box::new(Cursor::new(bytes)), "song.wav", RATE_HZ).unwrap();
        let prediction = classify(&model, stream, &whole).unwrap();
        let (_, last) = said.last().unwrap();
        assert_eq!((last.segment.start_s, last.provisional), (0.0, false));
        assert_all_close(&last.segment.scores, &prediction.scores, 1e-5, 0.0);
    }
}

#[test]
fn a_carried_state_answers_as_often_and_shows_pauses() {
    let model = small_model("crnn");
    let samples = [seconds(6.0), vec![0.0; 2 * RATE_HZ as usize], seconds(4.0)].concat();
    let said = heard_by(Listener::carrying(&model, 0.5).unwrap(), &samples, 2_048);
    assert!(said[0].0 <= 1.5 && said[0].1.provisional);
    for pair in said.windows(2) {
        assert!(pair[1].1.segment.end_s - pair[0].1.segment.end_s <= 0.5, "{pair:?}");
    }
    let at = |at_s: f64| &said.iter().find(|(_, moment)| moment.segment.end_s > at_s).unwrap().1.segment;
    assert_eq!((at(5.0).reason, at(7.2).reason, at(9.0).reason), (None, Some(Reason::Silence), None));
    assert!(heard_by(Listener::carrying(&model, 0.5).unwrap(), &seconds(0.4), 441).is_empty());
}

#[test]
fn only_a_recurrent_network_that_reads_forward_carries_a_state() {
    for network in ["bicrnn", "v-kernel", "residual"] {
        let model = small_model(network);
        assert_refused(
            Listener::carrying(&model, 0.5).map(|_| ()),
            ErrorKind::BadSettings,
            "no state to carry",
        );
    }
    assert_refused(
        Listener::carrying(&small_model("crnn"), 9.0).map(|_| ()),
        ErrorKind::BadSettings,
        "patch hop",
    );
}
