//! `genrescope timeline`: one recording → the genre over time, as a picture, a page or a table.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use genrescope::ErrorKind;
use genrescope::audio::Title;
use genrescope::model::Model;
use genrescope::predict::{
    Occlusion, PatchLength, Prediction, Settings, Watch, classify, classify_watched, occlusion,
};
use genrescope::report::picture::timeline::{Answer, Overview, Timeline};
use genrescope::report::text::printable;
use genrescope::report::{Detail, Entry, ModelLabel, audacity, csv, jams, json, page};

use crate::exit::Ending;
use crate::inputs::{self, Input, Source};
use crate::judging::Judging;
use crate::output::WholeFile;
use crate::picture::{PictureFormat, bytes_of};
use crate::talk::Talk;
use crate::{crew, models};

const EXAMPLES: &str = "\
Examples:
  genrescope timeline song.mp3 -o song.svg
  genrescope timeline song.mp3 -o song.html --patch-hop 1
  genrescope timeline song.mp3 -o labels.txt --smoothing 10     labels for Audacity
  genrescope timeline song.mp3 -o song.png --compare default    first 10 s, mean of patches, whole track
  genrescope timeline song.mp3 -o song.svg --why rock           what speaks for rock, and what against it";

/// What is compared with the whole: the first seconds, as long as the model's authors took.
const FIRST_S: f64 = 10.0;

/// Draw or write how the genre of a recording changes
///
/// The ending of OUT says what is written: .svg and .png pictures, a page as .html, segments as .csv, .json, .txt (labels
/// for Audacity) and .jams. Neighbouring stretches of one leading genre are one segment; boundaries are as fine as
/// --patch-hop.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The recording, or - for audio on standard input
    #[arg(value_name = "FILE", required_unless_present = "why")]
    path: Option<PathBuf>,
    /// Where to write, .svg, .png, .html, .csv, .json, .txt or .jams
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    judging: Judging,
    /// Show side by side what the first 10 s, the mean of the patches and the track as one sequence come to, by this
    /// model too: a name or a file; `default` compares the ways alone
    #[arg(long, value_name = "OTHER")]
    compare: Option<PathBuf>,
    /// Show which times and bands speak for a genre: how far its odds fall when they are hidden; the leading genre unless
    /// given (30 times the work)
    #[arg(long, value_name = "GENRE", num_args = 0..=1)]
    why: Option<Option<String>>,
}

impl Arguments {
    /// The recording, and what is to be explained; a word behind `--why` is the recording where there is no other.
    fn recording_and_why(&self) -> Result<(&Path, Option<Option<&str>>)> {
        match (&self.path, &self.why) {
            (Some(path), why) => Ok((path, why.as_ref().map(Option::as_deref))),
            (None, Some(Some(word))) => Ok((Path::new(word), Some(None))),
            (None, _) => bail!("a timeline is of one recording; name it"),
        }
    }
}

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Picture(PictureFormat),
    Html,
    Csv,
    Json,
    Audacity,
    Jams,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        Ok(match ending.as_deref() {
            Some("svg") => Self::Picture(PictureFormat::Svg),
            Some("png") => Self::Picture(PictureFormat::Png),
            Some("html") => Self::Html,
            Some("csv") => Self::Csv,
            Some("json") => Self::Json,
            Some("txt") => Self::Audacity,
            Some("jams") => Self::Jams,
            _ => bail!(
                "{}: a timeline is .svg, .png, .html, .csv, .json, .txt (labels for Audacity) or .jams; name it so",
                path.display()
            ),
        })
    }

    fn is_drawn(self) -> bool {
        matches!(self, Self::Picture(_) | Self::Html)
    }
}

/// A recording that was judged while it was looked at.
struct Heard {
    title: Title,
    overview: Overview,
    prediction: Prediction,
}

/// What a picture shows below.
struct More<'a> {
    why: Option<&'a Occlusion>,
    answers: &'a [Answer],
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    let format = Format::of(&arguments.output)?;
    let (model, settings) = arguments.judging.model_and_settings()?;
    let other = arguments.compare.as_deref().map(|name| models::load(Some(name))).transpose()?;
    let (path, why) = arguments.recording_and_why()?;
    let inputs = inputs::gather(&[path.to_owned()], None)?;
    let [input] = &inputs[..] else {
        bail!("a timeline is of one recording, here are {}; name one", inputs.len());
    };
    let is_once = !format.is_drawn() || matches!(input.source, Ok(Source::Stdin));
    if is_once && (other.is_some() || why.is_some()) {
        bail!("--compare and --why draw a file (it is read several times) as .svg, .png or .html; name one");
    }
    let output = WholeFile::open(&arguments.output)?;
    let heard = match crew::work_on(input, |source| hear(source, &model, &settings)) {
        Ok(heard) => heard,
        Err(error) => {
            talk.error(&error.to_string());
            return Ok(Ending::SomeFailed);
        }
    };
    let warnings = heard.prediction.warnings.iter().cloned().chain(input.warning());
    warnings.for_each(|warning| talk.warning(&format!("{}: {warning}", input.name)));
    let answers = match &other {
        Some(other) => answers(input, &[&model, other], &settings),
        None => Vec::new(),
    };
    let why = match why.map(|genre| explained(genre, input, &model, &settings)).transpose() {
        Err(error) if error.kind() != ErrorKind::BadSettings => {
            talk.error(&error.to_string());
            return Ok(Ending::SomeFailed);
        }
        why => why?,
    };
    let more = More { why: why.as_ref(), answers: &answers };
    output.write(&written(format, input, heard, &more, &ModelLabel::from(&model)))?;
    Ok(Ending::Fine)
}

/// What speaks for a genre; for the leading one unless given.
fn explained(
    genre: Option<&str>,
    input: &Input,
    model: &Model,
    settings: &Settings,
) -> genrescope::Result<Occlusion> {
    let rate_hz = model.header.front_end.sample_rate_hz;
    crew::work_on(input, |source| occlusion(model, source.open(rate_hz)?, settings, genre))
}

fn hear(source: &Source, model: &Model, settings: &Settings) -> genrescope::Result<Heard> {
    let sample_rate_hz = model.header.front_end.sample_rate_hz;
    let stream = source.open(sample_rate_hz)?;
    let title = stream.title();
    let mut overview = Overview::new(sample_rate_hz)?;
    let mut heard = |samples: &[f32]| {
        overview.hear(samples);
        Ok(())
    };
    let watch = Watch { heard: &mut heard, judged: &mut |_| Ok(()) };
    let prediction = classify_watched(model, stream, settings, watch)?;
    overview.end();
    Ok(Heard { title, overview, prediction })
}

/// Three ways to judge by each model: the first seconds, the mean of the patches, the track as one sequence.
fn answers(input: &Input, models: &[&Model; 2], settings: &Settings) -> Vec<Answer> {
    let from_s = settings.from_s;
    let first_s = settings.to_s.map_or(from_s + FIRST_S, |to_s| to_s.min(from_s + FIRST_S));
    let start = if from_s > 0.0 {
        format!("{FIRST_S} s from {from_s} s on")
    } else {
        format!("the first {FIRST_S} s")
    };
    let ways = [
        (start, Settings { to_s: Some(first_s), patch: PatchLength::Model, ..settings.clone() }),
        ("mean of all patches".into(), Settings { patch: PatchLength::Model, ..settings.clone() }),
        ("the whole as one sequence".into(), Settings { patch: PatchLength::Whole, ..settings.clone() }),
    ];
    let [model, other] = models;
    let judged_by = if model.hash() == other.hash() { &models[..1] } else { &models[..] };
    let answer = |model: &Model, (way, settings): &(String, Settings)| {
        let judge =
            |source: &Source| classify(model, source.open(model.header.front_end.sample_rate_hz)?, settings);
        Answer { way: way.clone(), model: ModelLabel::from(model), outcome: crew::work_on(input, judge) }
    };
    judged_by.iter().flat_map(|model| ways.iter().map(move |way| answer(model, way))).collect()
}

fn written(format: Format, input: &Input, heard: Heard, more: &More, label: &ModelLabel) -> Vec<u8> {
    let file_name = Path::new(&input.name).file_name().map_or("-".into(), |name| name.to_string_lossy());
    let file_name = printable(&file_name);
    let Heard { title, overview, prediction } = heard;
    let drawn = || Timeline {
        file_name: &file_name,
        title: &title,
        model: label,
        prediction: &prediction,
        overview: &overview,
        why: more.why,
        answers: more.answers,
    };
    match format {
        Format::Picture(format) => return bytes_of(&drawn().scene(), format),
        Format::Html => return page::timeline(&drawn()).into_bytes(),
        Format::Audacity => return audacity::labels(&prediction).into_bytes(),
        Format::Csv | Format::Json | Format::Jams => (),
    }
    let entry = Entry { path: input.name.clone(), outcome: Ok(prediction) };
    let text = match format {
        Format::Csv => csv::header(label) + &csv::rows(&entry, label, Detail::Segments),
        Format::Jams => jams::document(&entry, &title, label),
        _ => json::record(&entry, label, Detail::Segments) + "\n",
    };
    text.into_bytes()
}
