//! The genre over time: areas of the scores, segments with their changes, the spectrogram under them.
//!
//! *Takes* a [`Prediction`], an [`Overview`] of what was heard, and answers of other ways to compare. *Gives* a
//! [`Scene`]. *Decides* what is named; every number comes from the prediction.

mod answers;
mod areas;
mod overview;
mod why;

pub use answers::Answer;
pub use overview::Overview;

use super::png::width_of;
use super::scene::{Anchor, DARK, FAINT, INK, LIGHT, RULE, Rectangle, Scene, Shape};
use super::{MEL_HZ, mel_height};
use crate::audio::Title;
use crate::predict::{Occlusion, Prediction, Segment};
use crate::report::palette::{Rgb, UNKNOWN, colour, ink};
use crate::report::text::{certainty, clock, percent, printable};
use crate::report::{ModelLabel, ranked};

const WIDTH: f64 = 1280.0;
/// Left and right edge of all that has a time axis.
const SIDES: [f64; 2] = [76.0, 1240.0];
const SEGMENTS: Stripe = Stripe { y: 154.0, height: 26.0 };
const AREAS: Stripe = Stripe { y: 186.0, height: 260.0 };
const SPECTRUM: Stripe = Stripe { y: 458.0, height: 150.0 };
const HEIGHT: f64 = 668.0;
const FONT: f64 = 12.0;
/// More changes than these are not drawn as lines: they would hide what they divide.
const MOST_LINES: usize = 80;

/// All that a timeline shows.
pub struct Timeline<'a> {
    /// The file's name, shown where its tags say nothing.
    pub file_name: &'a str,
    /// What the tags call it.
    pub title: &'a Title,
    /// By which model it was judged.
    pub model: &'a ModelLabel,
    /// What it was judged to be.
    pub prediction: &'a Prediction,
    /// What was heard.
    pub overview: &'a Overview,
    /// What speaks for a genre, below the spectrogram.
    pub why: Option<&'a Occlusion>,
    /// Other answers, side by side below; may be empty.
    pub answers: &'a [Answer],
}

/// Upper edge and height.
struct Stripe {
    y: f64,
    height: f64,
}

/// A rectangle with a time axis.
struct Place {
    rectangle: Rectangle,
    start_s: f64,
    duration_s: f64,
}

impl Place {
    fn x(&self, at_s: f64) -> f64 {
        let Rectangle { x, width, .. } = self.rectangle;
        x + width * ((at_s - self.start_s) / self.duration_s).clamp(0.0, 1.0)
    }

    /// The part between two times.
    fn of(&self, start_s: f64, end_s: f64) -> Rectangle {
        let x = self.x(start_s);
        Rectangle { x, width: self.x(end_s) - x, ..self.rectangle }
    }
}

impl Timeline<'_> {
    /// The picture.
    pub fn scene(&self) -> Scene {
        let below = HEIGHT + self.why.map_or(0.0, |_| why::HEIGHT);
        let mut scene = Scene::of_size(WIDTH, below + answers::height(self.answers.len()));
        self.heading(&mut scene);
        self.legend(&mut scene);
        areas::draw(self.prediction, &self.model.genres, &self.place(&AREAS), &mut scene);
        let spectrum = self.place(&SPECTRUM).rectangle;
        scene.shapes.push(Shape::Image(spectrum, self.overview.grid(self.prediction.duration_s)));
        self.segments(&mut scene);
        self.changes(&mut scene);
        self.axes(&mut scene);
        if let Some(why) = self.why {
            let field = why::draw(why, HEIGHT, &self.place(&SPECTRUM), &mut scene);
            pitch_axis(&field, &mut scene);
        }
        answers::draw(self.answers, below, &mut scene);
        scene
    }

    /// What the picture is of, as one line.
    pub fn name(&self) -> String {
        match (&self.title.artist, &self.title.name) {
            (Some(artist), Some(name)) => printable(&format!("{artist} – {name}")),
            (None, Some(name)) => printable(name),
            (_, None) => printable(self.file_name),
        }
    }

    fn place(&self, stripe: &Stripe) -> Place {
        let [left, right] = SIDES;
        Place {
            rectangle: Rectangle { x: left, y: stripe.y, width: right - left, height: stripe.height },
            start_s: self.prediction.start_s,
            duration_s: self.prediction.duration_s.max(1e-3),
        }
    }

    /// Title, what it is of, and the overall answer at the right.
    fn heading(&self, scene: &mut Scene) {
        let [left, right] = SIDES;
        let prediction = self.prediction;
        let answer = prediction.genre.as_deref().unwrap_or("unknown");
        let best = ranked(&prediction.scores).into_iter().next().filter(|_| !prediction.unknown());
        let sure = match best {
            Some((_, score)) => format!("{}, {}", percent(score), certainty(score)),
            None => prediction.reason.map_or("", |reason| reason.words()).to_owned(),
        };
        let swatch = best.map_or(UNKNOWN, |(genre, _)| colour(answer, genre));
        scene.words((right, 48.0), Anchor::End, 26.0, INK, answer);
        let answer_width = width_of(answer, 26.0) + 34.0;
        scene.dot((right - answer_width + 18.0, 39.0), 9.0, swatch, 1.0);
        scene.words((right, 72.0), Anchor::End, FONT + 2.0, FAINT, &sure);
        let room = right - left - answer_width - 24.0;
        scene.words((left, 48.0), Anchor::Start, 26.0, INK, &fitted(&self.name(), room, 26.0));
        let facts = format!("{}  ·  {}  ·  judged by {}", self.length(), self.count(), self.model.name);
        scene.words((left, 72.0), Anchor::Start, FONT + 2.0, FAINT, &facts);
    }

    fn length(&self) -> String {
        let (start_s, end_s) =
            (self.prediction.start_s, self.prediction.start_s + self.prediction.duration_s);
        let decimals = usize::from(self.prediction.duration_s < 10.0);
        match start_s {
            0.0 => format!("{} long", clock(end_s, decimals)),
            _ => format!("{} to {}", clock(start_s, decimals), clock(end_s, decimals)),
        }
    }

    fn count(&self) -> String {
        match self.prediction.segments.len() {
            0 | 1 => "no change".into(),
            2 => "1 change".into(),
            segments => format!("{} changes", segments - 1),
        }
    }

    /// The genres of the areas, the strongest first.
    fn legend(&self, scene: &mut Scene) {
        let genres = &self.model.genres;
        let seen = areas::seen(self.prediction);
        let mut names: Vec<(&str, Rgb)> =
            seen.iter().map(|&genre| (genres[genre].as_str(), colour(&genres[genre], genre))).collect();
        if seen.len() < genres.len() && self.prediction.cells.iter().any(|cell| cell.genre.is_some()) {
            names.push(("others", areas::OTHERS));
        }
        if self.prediction.cells.iter().any(|cell| cell.genre.is_none()) {
            names.push(("no genre", UNKNOWN));
        }
        let mut x = SIDES[0];
        for (name, colour) in names {
            scene.fill(Rectangle { x, y: 97.0, width: 12.0, height: 12.0 }, colour, 1.0);
            scene.words((x + 18.0, 108.0), Anchor::Start, FONT + 1.0, INK, name);
            x += 18.0 + width_of(name, FONT + 1.0) + 22.0;
        }
    }

    /// A block for each segment, named where there is room, and the times of the changes over them.
    fn segments(&self, scene: &mut Scene) {
        let place = self.place(&SEGMENTS);
        let decimals = usize::from(self.prediction.duration_s < 120.0);
        let mut free = SIDES[0];
        for (index, segment) in self.prediction.segments.iter().enumerate() {
            let block = place.of(segment.start_s, segment.end_s);
            let colour = self.colour(segment);
            scene.fill(block, colour, 1.0);
            let name = segment.words();
            if width_of(name, FONT + 1.0) + 10.0 < block.width {
                let at = (block.x + block.width / 2.0, block.y + block.height / 2.0 + 4.5);
                scene.words(at, Anchor::Middle, FONT + 1.0, on(colour), name);
            }
            let time = clock(segment.start_s, decimals);
            let half = width_of(&time, FONT) / 2.0;
            if index > 0 && block.x - half > free && block.x + half < SIDES[1] {
                scene.words((block.x, block.y - 8.0), Anchor::Middle, FONT, INK, &time);
                scene.stroke((block.x, block.y - 4.0), (block.x, block.y), INK, 1.2);
                free = block.x + half + 6.0;
            }
        }
    }

    fn colour(&self, segment: &Segment) -> Rgb {
        let index = self.model.genres.iter().position(|genre| Some(genre) == segment.genre.as_ref());
        index.map_or(UNKNOWN, |index| colour(&self.model.genres[index], index))
    }

    /// Lines where the leading genre changes.
    fn changes(&self, scene: &mut Scene) {
        let place = self.place(&SEGMENTS);
        let changes = self.prediction.segments.iter().skip(1).map(|segment| place.x(segment.start_s));
        if changes.len() > MOST_LINES {
            return;
        }
        for x in changes {
            scene.stroke((x, SEGMENTS.y), (x, AREAS.y + AREAS.height), DARK, 1.2);
            scene.stroke((x, SPECTRUM.y), (x, SPECTRUM.y + SPECTRUM.height), LIGHT, 1.2);
        }
    }

    fn axes(&self, scene: &mut Scene) {
        let [left, right] = SIDES;
        let bottom = SPECTRUM.y + SPECTRUM.height;
        for share in [0.0, 0.5, 1.0] {
            let at = AREAS.y + AREAS.height * (1.0 - share) + 0.35 * FONT;
            scene.words((left - 8.0, at), Anchor::End, FONT, INK, &percent(share as f32));
        }
        let place = self.place(&SPECTRUM);
        pitch_axis(&place.rectangle, scene);
        let step = step_s(self.prediction.duration_s);
        let decimals = usize::from(step < 1.0);
        let first = (self.prediction.start_s / step - 1e-9).ceil() as u64;
        let last = ((self.prediction.start_s + self.prediction.duration_s) / step + 1e-9) as u64;
        for mark in first..=last {
            let (at_s, x) = (mark as f64 * step, place.x(mark as f64 * step));
            scene.stroke((x, bottom), (x, bottom + 5.0), FAINT, 1.0);
            scene.words((x, bottom + 8.0 + FONT), Anchor::Middle, FONT, INK, &clock(at_s, decimals));
        }
        scene.stroke((left, bottom), (right, bottom), RULE, 1.0);
        let unit =
            if self.prediction.duration_s < 3600.0 { "minutes:seconds" } else { "hours:minutes:seconds" };
        scene.words((right, bottom + 16.0 + 2.0 * FONT), Anchor::End, FONT - 1.0, FAINT, unit);
    }
}

/// Names of pitches at the left of a field of bands.
fn pitch_axis(field: &Rectangle, scene: &mut Scene) {
    for hz in MEL_HZ {
        let at = field.y + field.height * (1.0 - mel_height(f64::from(hz)));
        let name = if hz < 1000 { format!("{hz} Hz") } else { format!("{} kHz", hz / 1000) };
        scene.stroke((field.x - 5.0, at), (field.x, at), FAINT, 1.0);
        scene.words((field.x - 8.0, at + 0.35 * FONT), Anchor::End, FONT, INK, &name);
    }
}

/// What can be read on a colour, on every screen.
fn on(colour: Rgb) -> Rgb {
    if ink(colour) == [0; 3] { DARK } else { LIGHT }
}

/// A round distance of marks, about ten along the axis.
fn step_s(duration_s: f64) -> f64 {
    const STEPS_S: [f64; 16] =
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
    STEPS_S.into_iter().find(|step| duration_s / step <= 12.0).unwrap_or(duration_s)
}

/// Words, cut off where they are longer than the room.
fn fitted(words: &str, room: f64, size: f64) -> String {
    if width_of(words, size) <= room {
        return words.to_owned();
    }
    let fits = |end: &usize| width_of(&words[..*end], size) + width_of("…", size) <= room;
    let end = words.char_indices().map(|(at, _)| at).take_while(fits).last().unwrap_or(0);
    format!("{}…", words[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_time_are_round_and_few() {
        for (duration_s, step) in [(1.0, 0.1), (24.0, 2.0), (30.0, 5.0), (211.0, 30.0), (600.0, 60.0)] {
            assert_eq!(step_s(duration_s), step, "{duration_s} s");
        }
    }

    #[test]
    fn long_titles_are_cut() {
        assert_eq!(fitted("Goldberg", 200.0, 10.0), "Goldberg");
        let cut = fitted("Goldberg Variations", 60.0, 10.0);
        assert!(cut.ends_with('…') && cut.starts_with("Gold") && width_of(&cut, 10.0) <= 60.0, "{cut}");
    }
}
