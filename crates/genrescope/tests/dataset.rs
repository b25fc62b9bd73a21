//! Truths about partitions of tracks and about batches.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use genrescope::dataset::augment::{Augment, Keys};
use genrescope::dataset::check::check;
use genrescope::dataset::folds::{self, Partition};
use genrescope::dataset::patches::{Places, Sampling, build_batch, plan_epoch};
use genrescope::dataset::{Dataset, Spectrogram, Split, Track, segments};
use genrescope::features::FrontEnd;
use genrescope::model::Normalisation;

fn data() -> Option<PathBuf> {
    let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = std::env::var_os("GENRESCOPE_DATA").map_or(default, PathBuf::from);
    folder.join("gtzan-mel/tracks.csv").exists().then_some(folder)
}

fn gtzan(test: &str) -> Option<Dataset> {
    let Some(folder) = data() else {
        println!("SKIPPED: {test}: the GTZAN spectrograms are not at hand");
        return None;
    };
    Some(Dataset::read(&folder.join("gtzan-mel"), None, &FrontEnd::gtzan_mel()).unwrap())
}

/// 120 tracks of four genres; artists of one to seven tracks, some unknown, one duplicate across artists.
fn made_up() -> Dataset {
    let track = |t: usize| Track {
        id: format!("t{t:03}"),
        genre: (t / 7) % 4,
        artist: (t % 10 != 9).then(|| format!("a{}", t / 7 + (t % 7) / 4 * 100)),
        artist_fold: Some((t / 28 % 3 + 1) as u8),
        filtered_split: Some([Split::Train, Split::Valid, Split::Test][t / 28 % 3]),
        near_duplicate_of: (t == 50).then(|| "t002".to_owned()),
        audio: None,
        spectrogram: Spectrogram {
            bands: 8,
            db: (0..40 * 8).map(|c| -((c * (t + 3) % 71) as f32)).collect(),
        },
        vectors: vec![],
        transposed: vec![],
    };
    Dataset {
        genres: ["a", "b", "c", "d"].map(String::from).to_vec(),
        tracks: (0..120).map(track).collect(),
        skipped: vec![],
    }
}

fn assert_apart(dataset: &Dataset, parts: &[&[usize]]) {
    let groups = folds::groups(&dataset.tracks);
    let mut part_of = HashMap::new();
    let mut seen = HashSet::new();
    for (p, part) in parts.iter().enumerate() {
        for &t in *part {
            assert!(seen.insert(t), "track {t} stands in two parts");
            assert_eq!(*part_of.entry(groups[t]).or_insert(p), p, "group of track {t} stands in two parts");
        }
    }
}

#[test]
fn groups_join_artists_and_near_duplicates() {
    let dataset = made_up();
    let groups = folds::groups(&dataset.tracks);
    assert_eq!(groups[2], groups[50]);
    assert_eq!(groups[0], groups[1]);
    assert_ne!(groups[0], groups[9]);
    assert_eq!(
        groups.iter().filter(|&&g| g == groups[19]).count(),
        1,
        "an unknown artist is a group of its own"
    );
}

#[test]
fn grouped_folds_hold_every_track_once_and_no_group_twice() {
    let dataset = made_up();
    let all: Vec<usize> = (0..120).collect();
    let parts = folds::grouped_k_fold(&dataset, &all, 5, 7).unwrap();
    assert_apart(&dataset, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut union: Vec<usize> = parts.concat();
    union.sort_unstable();
    assert_eq!(union, all);
    for genre in 0..4 {
        let counts: Vec<usize> =
            parts.iter().map(|p| p.iter().filter(|&&t| dataset.tracks[t].genre == genre).count()).collect();
        assert!(
            counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 4,
            "genre {genre}: {counts:?}"
        );
    }
}

#[test]
fn grouped_folds_depend_on_the_seed_and_not_on_the_order() {
    let dataset = made_up();
    let all: Vec<usize> = (0..120).collect();
    let reversed: Vec<usize> = (0..120).rev().collect();
    let folds = |subset: &[usize], seed| folds::grouped_k_fold(&dataset, subset, 5, seed).unwrap();
    assert_eq!(folds(&all, 1), folds(&reversed, 1));
    assert_ne!(folds(&all, 1), folds(&all, 2));

    let mut permuted = made_up();
    permuted.tracks.reverse();
    let ids = |dataset: &Dataset, parts: Vec<Vec<usize>>| -> Vec<HashSet<String>> {
        parts.iter().map(|p| p.iter().map(|&t| dataset.tracks[t].id.clone()).collect()).collect()
    };
    let other = folds::grouped_k_fold(&permuted, &all, 5, 1).unwrap();
    assert_eq!(ids(&dataset, folds(&all, 1)), ids(&permuted, other));
}

#[test]
fn too_many_folds_are_refused() {
    let dataset = made_up();
    for (subset, k) in [(vec![0, 1, 2], 2), (vec![], 2), ((0..120).collect(), 1)] {
        assert!(folds::grouped_k_fold(&dataset, &subset, k, 0).is_err(), "{subset:?} {k}");
    }
}

#[test]
fn a_twin_shares_nothing_with_what_was_excluded() {
    let dataset = made_up();
    let kept = folds::twin(&dataset, &[2, 60]);
    assert!(!kept.is_empty() && !kept.contains(&50), "a near-duplicate of an excluded track is kept");
    assert_apart(&dataset, &[&kept, &[2, 60]]);
}

#[test]
fn gtzan_partitions_are_the_published_ones() {
    let Some(dataset) = gtzan("gtzan_partitions_are_the_published_ones") else { return };
    assert_eq!((dataset.tracks.len(), dataset.skipped.len()), (999, 0));
    let sizes = |p: &Partition| [p.train.len(), p.valid.len(), p.test.len()];
    assert_eq!(sizes(&folds::filtered(&dataset).unwrap()), [442, 197, 290]);
    let mut tested = 0;
    for fold in 1..=3 {
        let partition = folds::artist(&dataset, fold, 1).unwrap();
        assert_apart(&dataset, &[&partition.train, &partition.valid, &partition.test]);
        assert_eq!(sizes(&partition).iter().sum::<usize>(), 946);
        tested += partition.test.len();
    }
    assert_eq!(tested, 946);
}

#[test]
fn gtzan_cross_validation_is_balanced() {
    let Some(dataset) = gtzan("gtzan_cross_validation_is_balanced") else { return };
    let Partition { train, valid, .. } = folds::filtered(&dataset).unwrap();
    let both = [train, valid].concat();
    let parts = folds::grouped_k_fold(&dataset, &both, 5, 1).unwrap();
    assert_apart(&dataset, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 639);
    let share = |p: &Vec<usize>, g| p.iter().filter(|&&t| dataset.tracks[t].genre == g).count();
    for (p, part) in parts.iter().enumerate() {
        let counts: Vec<usize> = (0..10).map(|g| share(part, g)).collect();
        println!("fold {p}: {} tracks, by genre {counts:?}", part.len());
        assert!(counts.iter().all(|&count| count > 0), "fold {p}: {counts:?}");
    }
}

#[test]
fn the_twin_of_the_audio_clips_keeps_773_tracks() {
    let Some(dataset) = gtzan("the_twin_of_the_audio_clips_keeps_773_tracks") else { return };
    let mini = data().unwrap().join("gtzan-mini");
    let genres = std::fs::read_dir(mini).unwrap();
    let files = genres.flat_map(|genre| std::fs::read_dir(genre.unwrap().path()).unwrap());
    let clips: Vec<String> =
        files.map(|f| f.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let excluded = dataset.indices_of(&clips);
    assert_eq!(excluded.len(), 101);
    let kept = folds::twin(&dataset, &excluded);
    assert_eq!(kept.len(), 773);
    assert_apart(&dataset, &[&kept, &excluded]);
    let fewest = (0..10).map(|g| kept.iter().filter(|&&t| dataset.tracks[t].genre == g).count()).min();
    assert_eq!(fewest, Some(58), "reggae has one less than by artist alone");
}

fn by_genre(dataset: &Dataset, part: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; dataset.genres.len()];
    part.iter().for_each(|&t| counts[dataset.tracks[t].genre] += 1);
    counts
}

#[test]
fn stratified_folds_have_every_genre_alike_and_depend_on_the_seed_alone() {
    let dataset = made_up();
    let all: Vec<usize> = (0..120).collect();
    let reversed: Vec<usize> = (0..120).rev().collect();
    let folds = |subset: &[usize], seed| folds::stratified_k_fold(&dataset, subset, 10, seed).unwrap();
    let parts = folds(&all, 1);
    let mut union = parts.concat();
    union.sort_unstable();
    assert_eq!(union, all);
    for part in &parts {
        assert_eq!(part.len(), 12);
        assert!(by_genre(&dataset, part).iter().all(|count| (2..=4).contains(count)), "{part:?}");
    }
    assert_eq!(parts, folds(&reversed, 1));
    assert_ne!(parts, folds(&all, 2));
}

#[test]
fn every_fold_is_measured_once_and_the_next_two_choose() {
    let parts: Vec<Vec<usize>> = (0..10).map(|part| vec![2 * part, 2 * part + 1]).collect();
    let partitions = folds::rotated(&parts);
    for (k, partition) in partitions.iter().enumerate() {
        assert_eq!(partition.test, parts[k]);
        assert_eq!(partition.valid, [&parts[(k + 1) % 10][..], &parts[(k + 2) % 10]].concat());
        let mut all = [&partition.train[..], &partition.valid, &partition.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(partition.train.len(), 14);
    }
}

#[test]
fn random_twins_have_the_sizes_of_what_they_stand_for_and_other_tracks() {
    let dataset = made_up();
    let original: Vec<Partition> = (1..=3).map(|fold| folds::artist(&dataset, fold, 1).unwrap()).collect();
    let twins = folds::random_twins(&dataset, &original, 5);
    let mut tested: Vec<usize> = vec![];
    for (twin, original) in twins.iter().zip(&original) {
        let pairs =
            [(&twin.train, &original.train), (&twin.valid, &original.valid), (&twin.test, &original.test)];
        for (twin, original) in pairs {
            assert_eq!(by_genre(&dataset, twin), by_genre(&dataset, original));
            assert_ne!(twin, original);
        }
        let seen: HashSet<usize> = [&twin.train[..], &twin.valid, &twin.test].concat().into_iter().collect();
        assert_eq!(seen.len(), twin.train.len() + twin.valid.len() + twin.test.len());
        tested.extend(&twin.test);
    }
    let mut expected: Vec<usize> = original.iter().flat_map(|partition| partition.test.clone()).collect();
    tested.sort_unstable();
    expected.sort_unstable();
    assert_eq!(tested, expected, "the twins' test parts are disjoint and cover the same tracks");
}

#[test]
fn a_group_in_two_parts_is_refused_by_name() {
    let dataset = made_up();
    let apart = Partition { train: vec![0, 1], valid: vec![7], test: vec![14] };
    folds::refuse_crossing(&dataset, &apart).unwrap();
    for crossing in [Partition { test: vec![2], ..apart.clone() }, Partition { valid: vec![50], ..apart }] {
        let error = folds::refuse_crossing(&dataset, &crossing).unwrap_err();
        assert!(error.to_string().contains("t00") && error.to_string().contains("in train"), "{error}");
    }
}

#[test]
fn gtzan_has_9990_segments_and_the_twins_of_its_splits_have_their_sizes() {
    let Some(dataset) = gtzan("gtzan segments") else { return };
    let sizes = |p: &Partition| [p.train.len(), p.valid.len(), p.test.len()];
    let filtered = folds::filtered(&dataset).unwrap();
    folds::refuse_unfiltered(&dataset, &filtered).unwrap();
    let twin = folds::random_twins(&dataset, &[filtered], 1);
    assert_eq!(sizes(&twin[0]), [442, 197, 290]);
    let segments = segments::split(dataset, 38);
    assert_eq!(segments.tracks.len(), 9990);
    assert!(segments.tracks.iter().all(|segment| segment.spectrogram.frames() == 38));
    let all: Vec<usize> = (0..9990).collect();
    let partitions = folds::rotated(&folds::stratified_k_fold(&segments, &all, 10, 1).unwrap());
    for partition in &partitions {
        assert_eq!(sizes(partition), [6993, 1998, 999]);
        assert!(by_genre(&segments, &partition.test).iter().all(|count| (99..=101).contains(count)));
    }
}

#[test]
fn every_segment_is_learned_from_once_an_epoch_in_every_key() {
    let dataset = made_up();
    let augment = Augment { transpose: Keys::Listed(vec![0.0, 2.0]), ..Augment::none() };
    let sampling = Sampling { places: Places::Segments, batch_size: 12, ..sampling(augment) };
    let tracks: Vec<usize> = (0..30).collect();
    let plans = plan_epoch(&dataset, &sampling, &tracks, 0);
    // 40 frames are two segments of 16.
    assert_eq!(plans.iter().map(|plan| plan.samples()).sum::<usize>(), 30 * 2 * 2);
    let patches = |epoch| {
        let plans = plan_epoch(&dataset, &sampling, &tracks, epoch);
        let batches = plans.iter().map(|plan| build_batch(&dataset, &sampling, plan));
        let bits = |patch: &[f32]| patch.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let mut all: Vec<Vec<u32>> =
            batches.flat_map(|batch| batch.input.chunks(16 * 8).map(bits).collect::<Vec<_>>()).collect();
        all.sort();
        all
    };
    assert_eq!(patches(0), patches(1), "the same patches in another order");
    assert_ne!(plan_epoch(&dataset, &sampling, &tracks, 1)[0].samples(), 0);
}

fn sampling(augment: Augment) -> Sampling {
    Sampling {
        front_end: FrontEnd { mel_bands: 8, ..FrontEnd::gtzan_mel() },
        normalisation: Normalisation { mean: vec![-40.0], deviation: vec![20.0] },
        features: None,
        augment,
        patch_frames: 16,
        time_resample: None,
        places: Places::Random,
        crops_per_track: 3,
        batch_size: 32,
        seed: 5,
        tags: Vec::new(),
    }
}

#[test]
fn batches_depend_on_the_epoch_and_on_nothing_else() {
    let dataset = made_up();
    let tracks: Vec<usize> = (0..100).collect();
    let sampling = sampling(Augment { crop_frames: Some([4, 16]), ..Augment::default() });
    let build = |epoch, batch: usize| {
        build_batch(&dataset, &sampling, &plan_epoch(&dataset, &sampling, &tracks, epoch)[batch])
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(build(3, 1), one_thread.install(|| build(3, 1)));
    assert_ne!(build(3, 1).input, build(4, 1).input);
    assert_eq!(plan_epoch(&dataset, &sampling, &tracks, 0).len(), 9);
}

#[test]
fn batches_have_finite_inputs_and_targets_that_sum_to_one() {
    let dataset = made_up();
    let tracks: Vec<usize> = (0..120).collect();
    let sampling = sampling(Augment { crop_frames: Some([1, 60]), ..Augment::default() });
    for plan in plan_epoch(&dataset, &sampling, &tracks, 0) {
        let batch = build_batch(&dataset, &sampling, &plan);
        assert_eq!(batch.input.len(), plan.samples() * batch.frames * 8);
        assert!(batch.input.iter().all(|x| x.is_finite()));
        assert!(batch.targets.chunks(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }
}

#[test]
fn unvaried_patches_peak_at_0_db_and_stop_at_the_floor() {
    let dataset = made_up();
    let sampling = sampling(Augment::none());
    let plan = &plan_epoch(&dataset, &sampling, &[1, 2, 3], 0)[0];
    let batch = build_batch(&dataset, &sampling, plan);
    assert_eq!(plan.samples(), 9);
    for patch in batch.input.chunks(16 * 8) {
        let loudest = patch.iter().copied().fold(f32::MIN, f32::max);
        let quietest = patch.iter().copied().fold(f32::MAX, f32::min);
        assert_eq!((loudest, quietest), (2.0, -1.0));
    }
    assert!(batch.targets.iter().all(|&share| share == 0.0 || share == 1.0));
}

#[test]
fn the_28_published_near_duplicates_are_found_among_others() {
    let Some(mut dataset) = gtzan("near-duplicates") else { return };
    let originals: HashSet<String> =
        dataset.tracks.iter().filter_map(|track| track.near_duplicate_of.clone()).collect();
    // All pairs of all tracks take a while without optimisation; every ninth of the others is enough to be confused by.
    let mut number = 0;
    dataset.tracks.retain(|track| {
        number += 1;
        track.near_duplicate_of.is_some() || originals.contains(&track.id) || number % 9 == 0
    });
    let found = check(&dataset, &FrontEnd::gtzan_mel());
    let listed = found.duplicates.iter().filter(|pair| pair.listed).count();
    assert_eq!((listed, found.listed_but_not_found.len()), (28, 0));
    let others: Vec<_> = found.duplicates.iter().filter(|pair| !pair.listed).collect();
    assert!(others.len() <= 5, "{others:?}");
    assert!(found.crossing.iter().any(|group| group.split == "artist_fold"), "reggae.00054 and reggae.00003");
}
