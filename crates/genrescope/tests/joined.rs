//! The joined model `best`: the same answers in a stream as in a file, and by a taggram as by its head.
#![allow(clippy::unwrap_used)]

mod support;

use genrescope::ErrorKind;
use genrescope::audio::{AudioStream, Waveform};
use genrescope::features::{mel_spectrogram, patch_db};
use genrescope::model::{Foreign, Model, PatchInput};
use genrescope::predict::{
    Decoding, Listener, Reason, Settings, Taggram, classify, classify_frames, classify_frames_and_tags,
    occlusion,
};
use support::{TempFolder, WavSample, assert_all_close, assert_refused, music, wav};

const RATE_HZ: u32 = 22_050;

#[test]
fn pieces_of_any_length_give_the_answers_of_the_whole() {
    let (model, folder) = (Model::best().unwrap(), TempFolder::new());
    let samples = music(RATE_HZ, 14 * RATE_HZ as usize);
    let path = folder.file("song.wav", &wav(&samples, RATE_HZ, 1, WavSample::Float32));
    let judged = |decoding| {
        let settings = Settings { decoding, ..Settings::default() };
        classify(&model, AudioStream::open(&path, RATE_HZ).unwrap(), &settings).unwrap()
    };
    let ahead = judged(Decoding::Ahead);
    assert_all_close(&judged(Decoding::Live).scores, &ahead.scores, 1e-5, 0.0);
    assert!((ahead.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    let fast =
        classify(&Model::fast().unwrap(), AudioStream::open(&path, RATE_HZ).unwrap(), &Settings::default());
    assert_ne!(fast.unwrap().scores, ahead.scores);

    let heard = |piece: usize| {
        let mut listener = Listener::new(&model, 1.0).unwrap();
        let mut moments = Vec::new();
        for samples in samples.chunks(piece) {
            moments.extend(listener.push(samples, Vec::new()).unwrap());
        }
        moments.extend(listener.finish().unwrap());
        moments
    };
    let (small, large) = (heard(1000), heard(7001));
    let full = |moments: &[genrescope::predict::Moment]| {
        let full = moments.iter().filter(|moment| !moment.provisional);
        full.flat_map(|moment| moment.segment.scores.clone()).collect::<Vec<f32>>()
    };
    assert!(small[0].provisional && full(&small).len() >= 30);
    assert_all_close(&full(&small), &full(&large), 1e-5, 0.0);
}

#[test]
fn a_level_changes_no_joined_answer() {
    let (model, folder) = (Model::best().unwrap(), TempFolder::new());
    let samples = music(RATE_HZ, 9 * RATE_HZ as usize);
    let judged = |gain: f32| {
        let samples: Vec<f32> = samples.iter().map(|x| gain * x).collect();
        let path = folder.file("song.wav", &wav(&samples, RATE_HZ, 1, WavSample::Float32));
        classify(&model, AudioStream::open(&path, RATE_HZ).unwrap(), &Settings::default()).unwrap().scores
    };
    assert_all_close(&judged(0.02), &judged(0.5), 1e-3, 0.0);
}

#[test]
fn upper_bands_that_a_recording_lacks_are_filled_before_its_tags_are_judged() {
    let folder = TempFolder::new();
    let scores = |rate_hz: u32, is_filled: bool| {
        let samples = music(rate_hz, 9 * rate_hz as usize);
        let path = folder.file("song.wav", &wav(&samples, rate_hz, 1, WavSample::Float32));
        let mut tags = Model::musicnn().unwrap();
        let head = tags.header.head.as_mut().unwrap();
        head.share = 1.0;
        head.mean_spectrum = head.mean_spectrum.take().filter(|_| is_filled);
        let model = Model::fast().unwrap().joined(tags, "tags").unwrap();
        classify(&model, AudioStream::open(&path, RATE_HZ).unwrap(), &Settings::default()).unwrap().scores
    };
    assert_ne!(scores(8000, true), scores(8000, false));
    assert_eq!(scores(RATE_HZ, true), scores(RATE_HZ, false), "nothing is missing");
}

#[test]
fn a_taggram_stands_for_the_audio() {
    let (mut model, mut network) = (Model::best().unwrap(), Model::fast().unwrap());
    (model.header.certainty, network.header.certainty) = (None, None);
    let db: Vec<f32> = (0..200 * 128).map(|i| -((i * 37 % 61) as f32)).collect();
    let settings = Settings::default();
    let tag = |tag: usize| (0..50).map(|i| if i == tag { 0.9 } else { 0.02 }).collect::<Vec<f32>>();
    let of = |row: Vec<f32>| {
        let taggram = Taggram { window_s: 2.992, hop_s: 0.976, scores: vec![row; 12] };
        classify_frames_and_tags(&model, &db, &taggram, &settings).unwrap().scores
    };
    let fast = classify_frames(&network, &db, &settings).unwrap().scores;
    let head = model.tagger().unwrap().head();
    for number in [9, 11, 33] {
        assert_all_close(&of(tag(number)), &head.join(&fast, &tag(number)), 1e-5, 0.0);
    }
    assert_ne!(of(tag(9)), of(tag(11)), "jazz and metal");
    assert_refused(classify_frames(&model, &db, &settings), ErrorKind::BadSettings, "taggram");
}

/// `best` with another share of the head on tags.
fn shared(share: f32) -> Model {
    let mut tags = Model::musicnn().unwrap();
    tags.header.head.as_mut().unwrap().share = share;
    Model::fast().unwrap().joined(tags, "shared").unwrap()
}

#[test]
fn parts_are_hidden_from_both_networks() {
    let folder = TempFolder::new();
    let path = folder.file("song.wav", &wav(&music(RATE_HZ, 218_500), RATE_HZ, 1, WavSample::Float32));
    let why = |model: &Model| {
        let stream = AudioStream::open(&path, RATE_HZ).unwrap();
        occlusion(model, stream, &Settings::default(), Some("pop")).unwrap().slots
    };
    for (slot, alone) in why(&shared(0.0)).iter().zip(why(&Model::fast().unwrap())) {
        assert_all_close(&slot.weights, &alone.weights, 1e-3, 0.0);
    }

    // Of the tags alone, by hand: the second quarter of 9.9 s lies in the first and the second of three windows.
    let model = shared(1.0);
    let (tags, head) = (&model.tagger().unwrap().model, model.tagger().unwrap().head());
    let front_end = &tags.header.front_end;
    let waveform = Waveform::decode(&path, front_end.sample_rate_hz).unwrap();
    let mel = mel_spectrogram(&waveform, front_end).unwrap();
    let window = |number: usize| {
        let power = &mel.power[number * 187 * 96..(number + 1) * 187 * 96];
        let gain = head.mean_power * power.len() as f32 / power.iter().sum::<f32>();
        patch_db(&power.iter().map(|p| gain * p).collect::<Vec<f32>>(), front_end, None)
    };
    let hide = |mut db: Vec<f32>, frames: std::ops::Range<usize>| {
        for band in 26..40 {
            let mean = db.iter().skip(band).step_by(96).sum::<f32>() / 187.0;
            frames.clone().for_each(|frame| db[frame * 96 + band] = mean);
        }
        db
    };
    let odds = |windows: [Vec<f32>; 3]| {
        let scores = tags.scores(&windows.map(PatchInput::from)).unwrap();
        let means: Vec<f32> =
            (0..50).map(|tag| scores.iter().map(|row| row[tag]).sum::<f32>() / 3.0).collect();
        let pop = head.scores(&means)[7];
        (pop / (1.0 - pop)).ln()
    };
    let hidden = odds([hide(window(0), 155..187), hide(window(1), 0..123), window(2)]);
    let expected = odds([0, 1, 2].map(window)) - hidden;
    let found = why(&model)[1].weights[2];
    assert!((found - expected).abs() < 0.02 && found.abs() > 0.1, "{found} {expected}");
}

#[test]
fn music_of_a_kind_that_is_none_of_the_genres_has_no_genre() {
    let folder = TempFolder::new();
    let samples = music(RATE_HZ, 6 * RATE_HZ as usize);
    let path = folder.file("song.wav", &wav(&samples, RATE_HZ, 1, WavSample::Float32));
    let judged = |unsure_above| {
        let mut tags = Model::musicnn().unwrap();
        let head = tags.header.head.as_mut().unwrap();
        head.certainty.as_mut().unwrap().unsure_below = 0.0;
        head.foreign = Some(Foreign { tag: "rock".into(), unsure_above, fitted_on: "nothing".into() });
        let mut model = Model::fast().unwrap().joined(tags, "strict").unwrap();
        model.header.music = None; // which does not take what is synthesised for music
        classify(&model, AudioStream::open(&path, RATE_HZ).unwrap(), &Settings::default()).unwrap()
    };
    let (always, never) = (judged(0.0), judged(1.0));
    assert_eq!((always.genre, always.reason), (None, Some(Reason::Unsure)));
    assert!(always.warnings.iter().any(|warning| warning.contains("sounds rock")), "{:?}", always.warnings);
    assert_eq!(always.scores, never.scores);
    assert!(never.genre.is_some() && never.warnings.iter().all(|warning| !warning.contains("sounds")));
}

#[test]
fn a_short_sound_behind_silence_has_the_tags_of_the_sound() {
    let (model, folder) = (shared(1.0), TempFolder::new());
    let sound = music(RATE_HZ, 14 * RATE_HZ as usize / 5);
    let judged = |silence_s: usize| {
        let samples = [vec![0.0; silence_s * RATE_HZ as usize], sound.clone()].concat();
        let path = folder.file("song.wav", &wav(&samples, RATE_HZ, 1, WavSample::Float32));
        let open = || AudioStream::open(&path, RATE_HZ).unwrap();
        let why = occlusion(&model, open(), &Settings::default(), None).unwrap();
        (classify(&model, open(), &Settings::default()).unwrap(), why.genre)
    };
    let (alone, _) = judged(0);
    for silence_s in [3, 6] {
        let (behind, explained) = judged(silence_s);
        assert_all_close(&behind.scores, &alone.scores, 0.15, 0.0);
        assert!(model.header.genres.contains(&explained));
    }
}
