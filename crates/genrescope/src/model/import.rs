//! ONNX file → a model that judges by it. Made elsewhere, run by rten.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rten::{Dimension, NodeId, RunOptions, ThreadPool, Value};
use serde_json::json;

use super::card::{FOREIGN, FORMAT_VERSION, bad};
use super::engine::Engine;
use super::file::hash;
use super::{Header, Model, Normalisation, PatchInput, TrainedOn, zoo};
use crate::error::Result;

/// Scores of a genre vocabulary sum to 1 to this.
const SUM_TOLERANCE: f32 = 1e-3;
/// Most numbers that it may read at once, 64 MB: half an hour in 128 bands.
const MOST_NUMBERS: usize = 1 << 24;

/// A graph that gives scores of patches.
pub(super) struct OnnxNetwork {
    graph: rten::Model,
    mel: NodeId,
    features: Option<NodeId>,
    scores: NodeId,
    /// Patches that it takes at once; any number unless fixed.
    batch: Option<usize>,
    options: RunOptions,
}

impl Model {
    /// A model of an ONNX file: an export of this program, or one of your own that says what it reads.
    ///
    /// # Shape
    /// Its input `mel` is `[batch, bands, frames]`, dB as of [`patch_db`](crate::features::patch_db), as they are;
    /// `scores`, its output, `[batch, genres]`, sum 1. Its metadata are `genrescope.front_end`, all settings of a
    /// [`FrontEnd`](crate::features::FrontEnd) as JSON, and `genrescope.genres`, a JSON list in the order of the
    /// scores; `genrescope.patch_frames` where the file leaves the number of frames open; if you like
    /// `genrescope.model`, its name, and `genrescope.licence`.
    ///
    /// # Errors
    /// [`ErrorKind::BadModel`](crate::ErrorKind::BadModel) with what is wrong and why.
    pub fn from_onnx(bytes: Vec<u8>) -> Result<Self> {
        let hash = hash(&bytes);
        let graph = contained(|| {
            rten::Model::load(bytes).map_err(|e| bad(format!("not an ONNX file that can be run: {e}")))
        })?;
        let network = OnnxNetwork::new(graph)?;
        let header = network.header()?;
        network.check(&header)?;
        let model = Self { header, engine: Engine::Onnx(Arc::new(network)), hash, tagger: None };
        model.scores(&[quiet_patch(&model.header)])?;
        Ok(model)
    }
}

impl OnnxNetwork {
    fn new(graph: rten::Model) -> Result<Self> {
        let named = |ids: &[NodeId], name: &str| {
            let is_it = |id: &NodeId| graph.node_info(*id).is_some_and(|info| info.name() == Some(name));
            ids.iter().copied().find(is_it)
        };
        let (inputs, outputs) = (graph.input_ids(), graph.output_ids());
        let mel = named(inputs, "mel").ok_or_else(|| {
            bad("it has no input `mel`, [batch, bands, frames] in dB; one that reads samples cannot be used")
        })?;
        let scores =
            named(outputs, "scores").ok_or_else(|| bad("it has no output `scores`, [batch, genres]"))?;
        let features = named(inputs, "features");
        if inputs.len() > 1 + usize::from(features.is_some()) {
            return Err(bad("it has inputs beside `mel` and `features`, which nothing here fills"));
        }
        let extents = shape(&graph, mel);
        let fixed = extents.iter().filter_map(|extent| match extent {
            Dimension::Fixed(extent) => Some(*extent),
            Dimension::Symbolic(_) => None,
        });
        let numbers = fixed.fold(1, usize::saturating_mul);
        if !(1..=MOST_NUMBERS).contains(&numbers) {
            return Err(bad(format!(
                "its input is {extents:?}; 1 to {MOST_NUMBERS} numbers can be read at once"
            )));
        }
        let batch = match extents.first() {
            Some(Dimension::Fixed(patches)) => Some(*patches),
            _ => None,
        };
        let threads = rayon::current_num_threads();
        let options =
            RunOptions::default().with_thread_pool(Some(Arc::new(ThreadPool::with_num_threads(threads))));
        Ok(Self { graph, mel, features, scores, batch, options })
    }

    /// The header that an export of this program has inside, or one of the single keys.
    fn header(&self) -> Result<Header> {
        if let Some(text) = self.said("header") {
            // What tells music reads numbers that the file does not give.
            return Ok(Header { music: None, ..Header::parse(text)? });
        }
        let frames = match shape(&self.graph, self.mel).get(2) {
            Some(Dimension::Fixed(frames)) => Some(*frames),
            _ => None,
        };
        let patch_frames = match (frames, self.said("patch_frames")) {
            (Some(frames), _) => frames,
            (None, Some(text)) => {
                text.parse().map_err(|_| bad("its genrescope.patch_frames is no number"))?
            }
            (None, None) => {
                return Err(bad("it leaves the number of frames open and states no genrescope.patch_frames"));
            }
        };
        let header = json!({
            "format_version": FORMAT_VERSION,
            "name": self.said("model").unwrap_or(FOREIGN),
            "network": FOREIGN,
            "patch_frames": patch_frames,
            "any_length": frames.is_none(),
            "front_end": self.stated("front_end")?,
            "genres": self.stated("genres")?,
            "normalisation": Normalisation::none(),
            "trained_on": TrainedOn { data: "unknown".into(), ..TrainedOn::default() },
            "results": [],
            "licence": self.said("licence").unwrap_or("unknown"),
            "commit": "unknown",
        });
        Header::parse(&header.to_string())
    }

    fn said(&self, key: &str) -> Option<&str> {
        self.graph.metadata().get(&format!("genrescope.{key}"))
    }

    fn stated(&self, key: &str) -> Result<serde_json::Value> {
        let text =
            self.said(key).ok_or_else(|| bad(format!("its metadata do not state genrescope.{key}")))?;
        serde_json::from_str(text).map_err(|e| bad(format!("its genrescope.{key} is no JSON: {e}")))
    }

    fn check(&self, header: &Header) -> Result<()> {
        if self.features.is_some() != header.features.is_some() {
            return Err(bad("it reads audio features, which only an export of this program can say"));
        }
        let bands = header.front_end.mel_bands;
        let frames = header.patch_frames;
        if frames.saturating_mul(bands) > MOST_NUMBERS {
            return Err(bad(format!("a patch of {frames} frames is too long")));
        }
        for (extent, (expected, what)) in
            shape(&self.graph, self.mel).iter().skip(1).zip([(bands, "bands"), (frames, "frames")])
        {
            if let Dimension::Fixed(found) = extent
                && *found != expected
            {
                return Err(bad(format!("it reads {found} {what}, its metadata say {expected}")));
            }
        }
        Ok(())
    }

    pub(super) fn parameter_counts(&self) -> zoo::ParameterCounts {
        let all = self.graph.total_params();
        zoo::ParameterCounts { all, trainable: all }
    }

    /// As of [`Model::scores`].
    pub(super) fn scores(&self, header: &Header, patches: &[PatchInput]) -> Result<Vec<Vec<f32>>> {
        let mut scores = Vec::with_capacity(patches.len());
        for patches in patches.chunks(self.batch.unwrap_or(patches.len()).max(1)) {
            // A fixed batch is filled up; what comes of the filling is left.
            let filled =
                patches.iter().chain(patches.iter().cycle()).take(self.batch.unwrap_or(patches.len()));
            scores.extend(self.run(header, filled)?.into_iter().take(patches.len()));
        }
        Ok(scores)
    }

    fn run<'a>(
        &self,
        header: &Header,
        patches: impl Iterator<Item = &'a PatchInput> + Clone,
    ) -> Result<Vec<Vec<f32>>> {
        let (bands, count) = (header.front_end.mel_bands, patches.clone().count());
        let mel: Vec<f32> = patches.clone().flat_map(|patch| bands_first(&patch.db, bands)).collect();
        let mut inputs = vec![(self.mel, value([count, bands, mel.len() / count / bands], mel)?.into())];
        if let Some(features) = self.features {
            let all: Vec<f32> = patches.flat_map(|patch| patch.features.iter().copied()).collect();
            inputs.push((features, value([count, all.len() / count], all)?.into()));
        }
        let options = Some(self.options.clone());
        let run = || {
            self.graph
                .run_n(inputs, [self.scores], options)
                .map_err(|e| bad(format!("it cannot be run: {e}")))
        };
        let [found] = contained(run)?;
        let ([_, genres], scores) = found
            .into_shape_vec::<f32, 2>()
            .map_err(|e| bad(format!("its scores are no [batch, genres]: {e}")))?;
        if genres != header.genres.len() || scores.len() != count * genres {
            return Err(bad(format!(
                "it gives {genres} scores a patch, its metadata name {} genres",
                header.genres.len()
            )));
        }
        scores.chunks_exact(genres).map(|scores| checked(header, scores)).collect()
    }
}

/// What an engine that fails would take down with it.
fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let failed = |_| Err(bad("it makes the program fail that runs ONNX files; export it anew"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(failed)
}

/// A patch in which nothing sounds.
fn quiet_patch(header: &Header) -> PatchInput {
    let cells = header.patch_frames * header.front_end.mel_bands;
    PatchInput { db: vec![header.front_end.floor_db; cells], features: vec![0.0; header.input().features] }
}

fn checked(header: &Header, scores: &[f32]) -> Result<Vec<f32>> {
    let (are_shares, sum) =
        (scores.iter().all(|score| (0.0..=1.0 + SUM_TOLERANCE).contains(score)), scores.iter().sum::<f32>());
    if are_shares && (!header.vocabulary.is_genres() || (sum - 1.0).abs() <= SUM_TOLERANCE) {
        return Ok(scores.to_vec());
    }
    Err(bad(format!("its scores {scores:?} are no shares with sum 1; end it with a softmax")))
}

fn value<const N: usize>(shape: [usize; N], data: Vec<f32>) -> Result<Value> {
    Value::from_shape(shape, data).map_err(|e| bad(format!("its input: {e}")))
}

fn shape(graph: &rten::Model, node: NodeId) -> Vec<Dimension> {
    graph.node_info(node).and_then(|info| info.shape()).unwrap_or_default()
}

/// `[frames, bands]` → `[bands, frames]`.
fn bands_first(db: &[f32], bands: usize) -> impl Iterator<Item = f32> {
    (0..bands).flat_map(move |band| db.iter().skip(band).step_by(bands).copied())
}
