//! The pipeline from samples to genre and timeline: the same answer whichever way the samples come.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Cursor;

use genrescope::audio::{AudioStream, Waveform};
use genrescope::features::{Reference, mel_spectrogram, patch_db};
use genrescope::model::{Certainty, Header, Model, MusicGate};
use genrescope::predict::{
    BAND_GROUPS, Decoding, Occlusion, PatchLength, Prediction, Reason, Settings, classify, classify_frames,
    occlusion,
};
use genrescope::{ErrorKind, Result};
use support::{WavSample, assert_all_close, assert_refused, small_header, small_model, sound, wav};

const RATE_HZ: u32 = 22_050;

fn seconds(seconds: f64) -> Vec<f32> {
    sound(RATE_HZ, (seconds * f64::from(RATE_HZ)) as usize, 0.05)
}

fn classify_samples(model: &Model, samples: &[f32], settings: &Settings) -> Result<Prediction> {
    let bytes = wav(samples, RATE_HZ, 1, WavSample::Float32);
    classify(model, AudioStream::from_reader(Box::new(Cursor::new(bytes)), "song.wav", RATE_HZ)?, settings)
}

fn judged(model: &Model, samples: &[f32]) -> Prediction {
    classify_samples(model, samples, &Settings::default()).unwrap()
}

/// Patch by patch, by hand: the starts, each patch alone through the network, the mean.
fn by_hand(model: &Model, samples: Vec<f32>) -> Vec<f32> {
    let front_end = &model.header.front_end;
    let mel = mel_spectrogram(&Waveform { samples, sample_rate_hz: RATE_HZ }, front_end).unwrap();
    let (patch, bands) = (model.header.patch_frames, mel.bands);
    let last = mel.frames() - patch;
    let mut starts: Vec<usize> = (0..=last).step_by(patch / 4).collect();
    if starts.last() != Some(&last) {
        starts.push(last);
    }
    let mut mean = vec![0.0; model.header.genres.len()];
    for start in &starts {
        let db = patch_db(&mel.power[start * bands..(start + patch) * bands], front_end, None);
        let scores = model.scores(&[db.into()]).unwrap().remove(0);
        mean.iter_mut().zip(scores).for_each(|(mean, score)| *mean += score / starts.len() as f32);
    }
    mean
}

#[test]
fn streaming_gives_what_the_whole_gives_patch_by_patch() {
    for network in ["v-kernel", "crnn", "residual"] {
        let model = small_model(network);
        let prediction = judged(&model, &seconds(17.3));
        assert_all_close(&prediction.scores, &by_hand(&model, seconds(17.3)), 1e-5, 0.0);
        assert!((prediction.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn decoding_ahead_and_inline_and_any_number_of_threads_give_the_same() {
    let (model, samples) = (small_model("residual"), seconds(12.0));
    let inline = Settings { decoding: Decoding::Inline, ..Settings::default() };
    let expected = judged(&model, &samples);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let prediction = pool.install(|| classify_samples(&model, &samples, &inline)).unwrap();
        assert_all_close(&prediction.scores, &expected.scores, 1e-6, 0.0);
        assert_eq!(prediction.segments.len(), expected.segments.len());
    }
}

#[test]
fn level_does_not_matter() {
    let model = small_model("residual");
    let quiet: Vec<f32> = seconds(8.0).iter().map(|x| 0.1 * x).collect();
    assert_all_close(&judged(&model, &quiet).scores, &judged(&model, &seconds(8.0)).scores, 1e-4, 0.0);
}

#[test]
fn silence_is_unknown_and_not_a_genre() {
    let samples: Vec<f32> = seconds(8.0).iter().map(|x| 1e-4 * x).collect();
    let prediction = judged(&small_model("crnn"), &samples);
    assert!(prediction.unknown() && prediction.scores.is_empty());
    assert_eq!(prediction.reason, Some(Reason::Silence));
    assert_eq!(prediction.segments.len(), 1);
    assert_eq!(prediction.segments[0].genre, None);
}

/// A model whose gate adds `loudest_band_mean` times the mean level of the highest band to `bias`.
fn gated(network: &str, bias: f32, highest_band: f32) -> Model {
    let plain = small_model(network);
    let bands = plain.header.front_end.mel_bands;
    let patch = vec![-30.0; plain.header.patch_frames * bands].into();
    let embedding = plain.embeddings(&[patch]).unwrap()[0].len();
    let mut weights = vec![0.0; embedding + 3 * bands];
    weights[embedding + bands - 1] = highest_band;
    let music = Some(MusicGate { weights, bias, trained_on: "nothing".into() });
    Model::untrained(Header { music, ..small_header(network) }, 3).unwrap()
}

#[test]
fn a_gate_changes_no_score_and_says_what_is_no_music() {
    for network in ["v-kernel", "v-kernel-l2", "crnn", "bicrnn", "residual"] {
        let plain = judged(&small_model(network), &seconds(12.0));
        let music = judged(&gated(network, 1.0, 0.0), &seconds(12.0));
        let noise = judged(&gated(network, -1.0, 0.0), &seconds(12.0));
        assert_all_close(&music.scores, &plain.scores, 1e-5, 0.0);
        assert_eq!((&music.genre, music.reason), (&plain.genre, None));
        assert_eq!(
            (&noise.scores, &noise.genre, noise.reason),
            (&music.scores, &None, Some(Reason::NotMusic))
        );
        assert!(noise.segments.len() == 1 && noise.segments[0].reason == Some(Reason::NotMusic));
        assert!(judged(&gated(network, -1.0, 0.0), &[0.0; 60_000]).reason == Some(Reason::Silence));
    }
}

#[test]
fn certainty_changes_scores_and_not_their_order_and_says_when_they_say_too_little() {
    let plain = judged(&small_model("crnn"), &seconds(12.0));
    let with = |exponent, unsure_below| {
        let set_least_scores = vec![0.0; Certainty::set_percents().count()];
        let certainty =
            Some(Certainty { exponent, unsure_below, set_least_scores, fitted_on: "nothing".into() });
        let model = Model::untrained(Header { certainty, ..small_header("crnn") }, 3).unwrap();
        judged(&model, &seconds(12.0))
    };
    let highest = |prediction: &Prediction| prediction.scores.iter().copied().fold(0.0, f32::max);
    let sharper = with(3.0, 0.0);
    assert_eq!(sharper.genre, plain.genre);
    assert!(highest(&sharper) > highest(&plain) && (sharper.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    let unsure = with(3.0, highest(&sharper) + 0.01);
    assert_eq!((unsure.genre, unsure.reason), (None, Some(Reason::Unsure)));
    assert_eq!((&unsure.scores, &unsure.segments), (&sharper.scores, &sharper.segments));
    assert_eq!(judged(&small_model("crnn"), &[0.0; 60_000]).reason, Some(Reason::Silence));
}

#[test]
fn a_stretch_that_is_no_music_is_a_segment_of_its_own() {
    let (music, other) =
        (sound(RATE_HZ, 20 * RATE_HZ as usize, 0.0), sound(RATE_HZ, 20 * RATE_HZ as usize, 0.3));
    let model = gated("crnn", 45.0, 1.0);
    let (of_music, of_other) = (judged(&model, &music), judged(&model, &other));
    assert_ne!(of_music.reason, of_other.reason, "the highest band tells them apart");
    let both = judged(&model, &[music, other].concat());
    let reasons: Vec<_> = both.segments.iter().map(|segment| segment.reason).collect();
    assert_eq!((reasons.first(), reasons.last()), (Some(&of_music.reason), Some(&of_other.reason)));
    let change_s = both.segments.iter().find(|segment| segment.reason != of_music.reason).unwrap().start_s;
    assert!((change_s - 20.0).abs() < 3.0, "{change_s}");
}

fn occluded(model: &Model, samples: &[f32], genre: Option<&str>) -> Result<Occlusion> {
    let bytes = wav(samples, RATE_HZ, 1, WavSample::Float32);
    let stream = AudioStream::from_reader(Box::new(Cursor::new(bytes)), "song.wav", RATE_HZ)?;
    occlusion(model, stream, &Settings::default(), genre)
}

#[test]
fn hidden_parts_lower_the_odds_of_a_genre_as_they_do_by_hand() {
    let (model, samples) = (small_model("residual"), seconds(3.1));
    let why = occluded(&model, &samples, Some("pop")).unwrap();
    let mel =
        mel_spectrogram(&Waveform { samples, sample_rate_hz: RATE_HZ }, &model.header.front_end).unwrap();
    let (bands, frames) = (mel.bands, model.header.patch_frames);
    let db = patch_db(&mel.power[..frames * bands], &model.header.front_end, None);
    let odds = |db: Vec<f32>| {
        let pop = f64::from(model.scores(&[db.into()]).unwrap()[0][1]);
        (pop / (1.0 - pop)).ln()
    };
    // The second quarter of the time, the highest eighth of the bands.
    let mut hidden = db.clone();
    for band in bands - bands / BAND_GROUPS..bands {
        let mean = (0..frames).map(|frame| db[frame * bands + band]).sum::<f32>() / frames as f32;
        (frames / 4..frames / 2).for_each(|frame| hidden[frame * bands + band] = mean);
    }
    assert_eq!(why.genre, "pop");
    let found = f64::from(why.slots[1].weights[BAND_GROUPS - 1]);
    assert!((found - (odds(db) - odds(hidden))).abs() < 1e-4, "{found}");
    assert!(found.abs() > 1e-5, "hiding changes something");
}

#[test]
fn what_speaks_for_a_genre_lies_side_by_side_and_leaves_silence_out() {
    let model = small_model("residual");
    let samples = [seconds(7.0), vec![0.0; 8 * RATE_HZ as usize], seconds(4.0)].concat();
    let why = occluded(&model, &samples, None).unwrap();
    assert_eq!(Some(&why.genre), judged(&model, &samples).genre.as_ref());
    assert!(why.slots.windows(2).all(|pair| pair[0].end_s <= pair[1].start_s + 1e-9), "{why:?}");
    assert!(why.slots.iter().any(|slot| slot.start_s < 6.0) && why.slots.last().unwrap().end_s > 18.5);
    assert!(!why.slots.iter().any(|slot| slot.start_s > 9.5 && slot.end_s < 13.0), "{why:?}");
    assert_refused(occluded(&model, &samples, Some("polka")), ErrorKind::BadSettings, "jazz, pop, rock");
    assert_refused(occluded(&model, &[0.0; 100_000], None), ErrorKind::TooShort, "silence");
}

#[test]
fn a_gate_of_another_network_is_refused() {
    let Header { music, .. } = gated("crnn", 0.0, 0.0).header;
    let refused = Model::untrained(Header { music, ..small_header("residual") }, 3);
    assert_refused(refused.map(|_| ()), ErrorKind::BadModel, "music gate");
}

#[test]
fn a_pause_is_a_segment_without_genre_and_does_not_change_the_answer() {
    let model = small_model("crnn");
    let (music, pause) = (seconds(10.0), vec![0.0; 10 * RATE_HZ as usize]);
    let prediction = judged(&model, &[music.clone(), pause, music].concat());
    let silent: Vec<_> = prediction.segments.iter().filter(|s| s.genre.is_none()).collect();
    assert_eq!(silent.len(), 1, "{:?}", prediction.segments);
    assert!((silent[0].start_s - 10.0).abs() < 1.0 && (silent[0].end_s - 20.0).abs() < 1.0);
    assert!(prediction.genre.is_some() && prediction.segments.len() >= 3);
}

#[test]
fn the_timeline_covers_the_track_without_holes() {
    let prediction = judged(&small_model("v-kernel"), &seconds(23.7));
    for intervals in [&prediction.cells, &prediction.segments] {
        assert_eq!(intervals[0].start_s, 0.0);
        assert!((intervals.last().unwrap().end_s - 23.7).abs() < 1e-3);
        assert!(intervals.windows(2).all(|pair| pair[0].end_s == pair[1].start_s));
    }
    assert!(prediction.segments.windows(2).all(|pair| pair[0].genre != pair[1].genre));
}

#[test]
fn a_part_is_judged_as_if_it_were_cut_out_and_keeps_its_times() {
    let (model, samples) = (small_model("crnn"), seconds(20.0));
    let settings = Settings { from_s: 4.0, to_s: Some(12.0), ..Settings::default() };
    let part = classify_samples(&model, &samples, &settings).unwrap();
    let cut = judged(&model, &samples[4 * RATE_HZ as usize..12 * RATE_HZ as usize]);
    assert_all_close(&part.scores, &cut.scores, 1e-5, 0.0);
    assert!((part.duration_s - 8.0).abs() < 1e-6);
    assert_eq!((part.segments[0].start_s, part.segments.last().unwrap().end_s), (4.0, 12.0));
}

#[test]
fn short_audio_is_judged_and_says_so() {
    for (network, how) in [("crnn", "what there is"), ("v-kernel", "repeated")] {
        for length_s in [0.5, 1.1, 2.9] {
            let prediction = judged(&small_model(network), &seconds(length_s));
            assert!(prediction.genre.is_some());
            assert_eq!(prediction.warnings.len(), 1, "{:?}", prediction.warnings);
            assert!(prediction.warnings[0].contains(how), "{:?}", prediction.warnings);
        }
    }
    assert!(judged(&small_model("crnn"), &seconds(3.5)).warnings.is_empty());
}

#[test]
fn less_than_half_a_second_is_too_short_with_a_remedy() {
    let model = small_model("crnn");
    for samples in [seconds(0.4), seconds(0.01), vec![0.5]] {
        let result = classify_samples(&model, &samples, &Settings::default());
        assert_refused(result, ErrorKind::TooShort, "song.wav: ");
    }
    let behind = Settings { from_s: 30.0, ..Settings::default() };
    assert_refused(classify_samples(&model, &seconds(5.0), &behind), ErrorKind::TooShort, "from 30 s on");
}

#[test]
fn the_whole_track_is_one_sequence_for_networks_of_any_length_only() {
    let whole = Settings { patch: PatchLength::Whole, ..Settings::default() };
    let model = small_model("bicrnn");
    let prediction = classify_samples(&model, &seconds(15.0), &whole).unwrap();
    assert_eq!(prediction.segments.len(), 1);
    let longer = Settings { patch: PatchLength::Seconds(6.0), ..Settings::default() };
    assert!(classify_samples(&model, &seconds(15.0), &longer).is_ok());
    for settings in [whole, longer] {
        let result = classify_samples(&small_model("v-kernel"), &seconds(15.0), &settings);
        assert_refused(result, ErrorKind::BadSettings, "small-v-kernel");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let model = small_model("crnn");
    let default = Settings::default;
    let cases = [
        Settings { patch_hop_s: Some(0.0), ..default() },
        Settings { patch_hop_s: Some(f64::NAN), ..default() },
        Settings { patch_hop_s: Some(10.0), ..default() },
        Settings { from_s: -1.0, ..default() },
        Settings { from_s: 5.0, to_s: Some(5.0), ..default() },
        Settings { patch: PatchLength::Seconds(0.01), ..default() },
        Settings { patch: PatchLength::Seconds(1e9), ..default() },
    ];
    for settings in cases {
        assert_refused(settings.check(&model), ErrorKind::BadSettings, "s");
    }
}

#[test]
fn stored_spectrograms_go_the_same_way() {
    let model = small_model("crnn");
    let front_end = &model.header.front_end;
    let waveform = Waveform { samples: seconds(14.0), sample_rate_hz: RATE_HZ };
    let mel = mel_spectrogram(&waveform, front_end).unwrap();
    let db: Vec<f32> = mel.power.iter().map(|power| 10.0 * power.max(1e-30).log10() - 17.0).collect();
    let prediction = classify_frames(&model, &db, &Settings::default()).unwrap();
    assert_all_close(&prediction.scores, &judged(&model, &waveform.samples).scores, 1e-4, 0.0);
    assert_refused(classify_frames(&model, &[], &Settings::default()), ErrorKind::TooShort, "without frames");
}

#[test]
fn a_clip_reference_needs_the_whole_clip_and_gets_it() {
    let mut header = small_header("crnn");
    header.front_end.reference = Reference::Clip;
    let model = Model::untrained(Header { ..header }, 3).unwrap();
    let front_end = &model.header.front_end;
    let loud_end: Vec<f32> =
        seconds(9.0).iter().enumerate().map(|(n, x)| if n < 100_000 { 0.05 * x } else { *x }).collect();
    let mel =
        mel_spectrogram(&Waveform { samples: loud_end.clone(), sample_rate_hz: RATE_HZ }, front_end).unwrap();
    let maximum = mel.power.iter().copied().reduce(f32::max);
    let first = patch_db(&mel.power[..40 * 32], front_end, maximum);
    let expected = model.scores(&[first.into()]).unwrap().remove(0);
    let cell = &judged(&model, &loud_end).cells[0];
    assert_all_close(&cell.scores, &expected, 1e-5, 0.0);
}
