//! What was heard → the files that the command line writes, by the library's own writers.

use genrescope::report::picture::svg;
use genrescope::report::picture::timeline::Timeline;
use genrescope::report::text::printable;
use genrescope::report::{Detail, Entry, ModelLabel, audacity, csv, jams, json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hearing::{Heard, Purpose};

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Json,
    Csv,
    Svg,
    Audacity,
    Jams,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Jams => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Svg => "image/svg+xml",
            Self::Audacity => "text/plain; charset=utf-8",
        }
    }

    /// What the recording must be heard for.
    pub(crate) fn purpose(self) -> Purpose {
        if self == Self::Svg { Purpose::Picture } else { Purpose::Answer }
    }
}

/// A recording that was judged, ready to be written.
pub(crate) struct Documents<'a> {
    entry: Entry,
    heard: Heard,
    label: &'a ModelLabel,
}

/// Everything that the page shows of a recording.
#[derive(Serialize)]
struct Whole {
    record: Box<RawValue>,
    /// The timeline as fine as the patch hop.
    cells: Box<RawValue>,
    title: String,
    waveform: Peaks,
    /// The spectrogram alone, as SVG.
    spectrogram: String,
    files: Files,
}

#[derive(Serialize)]
struct Peaks {
    peak_s: f64,
    /// Thousandths of full scale.
    peaks: Vec<u16>,
}

#[derive(Serialize)]
struct Files {
    json: String,
    csv: String,
    svg: String,
    audacity: String,
    jams: String,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(name: &str, heard: Heard, label: &'a ModelLabel) -> Self {
        let entry = Entry { path: name.to_owned(), outcome: Ok(heard.prediction.clone()) };
        Self { entry, heard, label }
    }

    pub(crate) fn write(&self, format: Format, detail: Detail) -> String {
        match format {
            Format::Json => json::record(&self.entry, self.label, detail) + "\n",
            Format::Csv => csv::header(self.label) + &csv::rows(&self.entry, self.label, detail),
            Format::Svg => svg(&self.timeline(&printable(&self.entry.path)).scene()),
            Format::Audacity => audacity::labels(&self.heard.prediction),
            Format::Jams => jams::document(&self.entry, &self.heard.title, self.label),
        }
    }

    fn timeline<'b>(&'b self, file_name: &'b str) -> Timeline<'b> {
        Timeline {
            file_name,
            title: &self.heard.title,
            model: self.label,
            prediction: &self.heard.prediction,
            overview: &self.heard.overview,
            why: None,
            answers: &[],
        }
    }

    /// All of it, as one line of JSON.
    pub(crate) fn whole(&self) -> String {
        let Heard { prediction, waveform, overview, .. } = &self.heard;
        let raw = |json| RawValue::from_string(json).expect("the library writes JSON");
        let file = |format| self.write(format, Detail::Segments);
        let whole = Whole {
            record: raw(json::record(&self.entry, self.label, Detail::Segments)),
            cells: raw(json::segments(&prediction.cells)),
            title: self.timeline(&printable(&self.entry.path)).name(),
            waveform: Peaks { peak_s: waveform.peak_s(), peaks: waveform.peaks() },
            spectrogram: svg(&overview.scene(prediction.duration_s)),
            files: Files {
                json: file(Format::Json),
                csv: file(Format::Csv),
                svg: file(Format::Svg),
                audacity: file(Format::Audacity),
                jams: file(Format::Jams),
            },
        };
        serde_json::to_string(&whole).expect("strings and finite numbers always serialise")
    }
}
