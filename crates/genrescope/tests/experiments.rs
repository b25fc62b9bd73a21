//! The settings of every experiment in the repository are settings, and folders of audio are data sets.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use genrescope::ErrorKind;
use genrescope::dataset::Dataset;
use genrescope::features::FrontEnd;
use genrescope::model::zoo;
use genrescope::train::Experiment;

#[test]
fn the_settings_of_every_experiment_can_be_read_and_name_a_network() {
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut count = 0;
    for entry in fs::read_dir(experiments).unwrap() {
        let path = entry.unwrap().path().join("settings.toml");
        if path.exists() {
            for experiment in Experiment::read_all(&path, &[]).unwrap() {
                zoo::architecture(&experiment.settings.model.network).unwrap();
                count += 1;
            }
        }
    }
    assert!(count > 0);
}

/// A second of a tone as a wav file, 16 bit mono.
fn tone(hz: f64) -> Vec<u8> {
    let rate = 22_050u32;
    let sample =
        |i: u32| (8000.0 * (f64::from(i) / f64::from(rate) * hz * std::f64::consts::TAU).sin()) as i16;
    let data: Vec<u8> = (0..rate).flat_map(|i| sample(i).to_le_bytes()).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(rate.to_le_bytes());
    wav.extend((2 * rate).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

#[test]
fn a_folder_of_audio_named_by_genre_is_a_data_set() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audio-folder");
    let _ = fs::remove_dir_all(&folder);
    for sub in ["high/her", "low"] {
        fs::create_dir_all(folder.join(sub)).unwrap();
    }
    fs::write(folder.join("high/her/a.wav"), tone(4000.0)).unwrap();
    fs::write(folder.join("low/b.wav"), tone(200.0)).unwrap();
    fs::write(folder.join("low/c.wav"), b"no audio at all").unwrap();
    fs::write(folder.join("low/cover.txt"), b"not looked at").unwrap();
    let manifest = folder.join("known.csv");
    fs::write(&manifest, "clip,filtered_split,artist\nb,test,him\n").unwrap();

    let dataset = Dataset::read(&folder, Some(&manifest), &FrontEnd::gtzan_mel()).unwrap();
    assert_eq!(dataset.genres, ["high", "low"]);
    let ids: Vec<&str> = dataset.tracks.iter().map(|track| track.id.as_str()).collect();
    assert_eq!(ids, ["high/her/a.wav", "b"]);
    let artists: Vec<&str> = dataset.tracks.iter().filter_map(|track| track.artist.as_deref()).collect();
    assert_eq!(artists, ["high/her", "him"]);
    assert_eq!(dataset.skipped.len(), 1);
    assert!(dataset.skipped[0].path.ends_with("low/c.wav"));
    for track in &dataset.tracks {
        let loudest = track.spectrogram.db.iter().copied().fold(f32::MIN, f32::max);
        assert_eq!((loudest, track.spectrogram.frames()), (0.0, 13));
    }
    let peak = |t: usize| {
        let frame = &dataset.tracks[t].spectrogram.db[6 * 128..7 * 128];
        (0..128).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap()
    };
    assert!(peak(0) > 80 && peak(1) < 20, "{} {}", peak(0), peak(1));
}

#[test]
fn folders_without_audio_are_refused() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-audio");
    fs::create_dir_all(folder.join("genre")).unwrap();
    let kind = |path: &Path| Dataset::read(path, None, &FrontEnd::gtzan_mel()).unwrap_err().kind();
    assert_eq!(kind(&folder), ErrorKind::BadManifest);
    assert_eq!(kind(&folder.join("missing")), ErrorKind::NotFound);
}
