//! Live sound: a record or a line for each answer, and how long each genre was heard.

use serde::Serialize;

use super::text::clock;
use super::{ModelLabel, ranked, rounded_s};
use crate::predict::Moment;

/// What an answer calls itself as a record; a change of meaning gets another number.
pub const MOMENT_SCHEMA: &str = "genrescope.moment/1";
/// The same of the sums at the end.
pub const HEARD_SCHEMA: &str = "genrescope.heard/1";

#[derive(Serialize)]
struct MomentRecord<'a> {
    schema: &'static str,
    start_s: f64,
    end_s: f64,
    genre: Option<&'a str>,
    scores: Vec<GenreScore<'a>>,
    unknown: bool,
    reason: Option<&'static str>,
    provisional: bool,
}

#[derive(Serialize)]
struct GenreScore<'a> {
    genre: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct HeardRecord<'a> {
    schema: &'static str,
    duration_s: f64,
    genres: Vec<GenreSeconds<'a>>,
}

#[derive(Serialize)]
struct GenreSeconds<'a> {
    genre: &'a str,
    seconds: f64,
}

/// An answer as one line of JSON, without a line end.
pub fn record(moment: &Moment, model: &ModelLabel) -> String {
    let segment = &moment.segment;
    let score = |(index, score): (usize, f32)| GenreScore { genre: &model.genres[index], score };
    json(&MomentRecord {
        schema: MOMENT_SCHEMA,
        start_s: rounded_s(segment.start_s),
        end_s: rounded_s(segment.end_s),
        genre: segment.genre.as_deref(),
        scores: ranked(&segment.scores).into_iter().map(score).collect(),
        unknown: segment.genre.is_none(),
        reason: segment.reason.map(|reason| reason.name()),
        provisional: moment.provisional,
    })
}

/// An answer as one line for people, without a line end: when, what, how sure, and the runner-up.
pub fn line(moment: &Moment, model: &ModelLabel) -> String {
    let segment = &moment.segment;
    let (start, end) = (clock(segment.start_s, 0), clock(segment.end_s, 0));
    let span = format!("{start:>7} – {end:<7} ");
    let named = |&(index, score): &(usize, f32)| (model.genres[index].as_str(), 100.0 * score);
    let scores = if segment.genre.is_some() { &segment.scores[..] } else { &[] };
    let text = match ranked(scores).iter().map(named).collect::<Vec<_>>()[..] {
        [(first, score), (second, runner_up), ..] => {
            let bar = "█".repeat((score / 5.0).round() as usize);
            format!("{first:<10} {score:3.0} %  {bar:<20}  {second} {runner_up:.0} %")
        }
        [(only, score)] => format!("{only:<10} {score:3.0} %"),
        [] => segment.words().to_owned(),
    };
    span + &text + if moment.provisional { "  (so far)" } else { "" }
}

/// How long each genre was heard, silence and gaps by their names.
#[derive(Clone, Debug, Default)]
pub struct GenreTimes {
    seconds: Vec<(String, f64)>,
    until_s: f64,
}

impl GenreTimes {
    /// The time since the answer before belongs to this one.
    pub fn add(&mut self, moment: &Moment) {
        let (name, end_s) = (moment.segment.words(), moment.segment.end_s);
        let new_s = end_s - self.until_s;
        self.until_s = end_s;
        match self.seconds.iter_mut().find(|(known, _)| known == name) {
            Some((_, seconds)) => *seconds += new_s,
            None => self.seconds.push((name.to_owned(), new_s)),
        }
    }

    /// Longest first.
    fn sorted(&self) -> Vec<&(String, f64)> {
        let mut sorted: Vec<_> = self.seconds.iter().collect();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
        sorted
    }

    /// As one line of JSON, without a line end.
    pub fn record(&self) -> String {
        let seconds = |(genre, seconds): &'_ (String, f64)| (genre.clone(), rounded_s(*seconds));
        let rounded: Vec<(String, f64)> = self.sorted().into_iter().map(seconds).collect();
        let genres = rounded.iter().map(|(genre, seconds)| GenreSeconds { genre, seconds: *seconds });
        json(&HeardRecord {
            schema: HEARD_SCHEMA,
            duration_s: rounded_s(self.until_s),
            genres: genres.collect(),
        })
    }

    /// A line a genre, each with its end: how long, and what share.
    pub fn lines(&self) -> String {
        let share = |seconds: f64| 100.0 * seconds / self.until_s;
        let line = |(name, seconds): &(String, f64)| {
            format!("{:>9}  {:3.0} %  {name}\n", clock(*seconds, 0), share(*seconds))
        };
        self.sorted().into_iter().map(line).collect()
    }
}

fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("strings and finite numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::{Reason, Segment};

    fn moment(start_s: f64, end_s: f64, rock: Option<f32>) -> Moment {
        let scores = rock.map_or_else(Vec::new, |rock| vec![1.0 - rock, rock]);
        let genre = rock.map(|rock| if rock > 0.5 { "rock" } else { "jazz" }.to_owned());
        let reason = rock.is_none().then_some(Reason::Silence);
        Moment { segment: Segment { start_s, end_s, genre, scores, reason }, provisional: start_s == 0.0 }
    }

    #[test]
    fn times_add_up_and_the_longest_stands_first() {
        let mut times = GenreTimes::default();
        for moment in [moment(0.0, 1.0, Some(0.1)), moment(2.0, 4.5, Some(0.9)), moment(3.0, 5.0, None)] {
            times.add(&moment);
        }
        assert_eq!(
            times.lines(),
            "     0:04   70 %  rock\n     0:01   20 %  jazz\n     0:01   10 %  silence\n"
        );
        let record: serde_json::Value = serde_json::from_str(&times.record()).unwrap();
        assert_eq!(record["duration_s"], 5.0);
        assert_eq!(record["genres"][0], serde_json::json!({"genre": "rock", "seconds": 3.5}));
    }
}
