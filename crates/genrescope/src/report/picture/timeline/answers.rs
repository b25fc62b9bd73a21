//! Answers of several ways to judge one recording, side by side.

use super::{FONT, SIDES, fitted, width_of};
use crate::Error;
use crate::predict::Prediction;
use crate::report::palette::{UNKNOWN, colour};
use crate::report::picture::scene::{Anchor, FAINT, INK, RULE, Rectangle, Scene};
use crate::report::text::percent;
use crate::report::{ModelLabel, ranked};

/// How one way of judging answers.
pub struct Answer {
    /// What was judged, in words: `the first 10 s`.
    pub way: String,
    /// By which model.
    pub model: ModelLabel,
    /// The judgement, or why there is none.
    pub outcome: Result<Prediction, Error>,
}

/// Cards in a row.
const CARDS: usize = 3;
const GAP: f64 = 28.0;
const CARD_HEIGHT: f64 = 128.0;
const HEADING: f64 = 34.0;
/// Genres that a card names.
const NAMED: usize = 3;

/// What so many answers need.
pub(super) fn height(answers: usize) -> f64 {
    if answers == 0 { 0.0 } else { HEADING + answers.div_ceil(CARDS) as f64 * (CARD_HEIGHT + GAP) }
}

pub(super) fn draw(answers: &[Answer], top: f64, scene: &mut Scene) {
    let [left, right] = SIDES;
    if answers.is_empty() {
        return;
    }
    scene.words(
        (left, top + 12.0),
        Anchor::Start,
        FONT + 4.0,
        INK,
        "The same recording, judged in other ways",
    );
    let width = (right - left - (CARDS - 1) as f64 * GAP) / CARDS as f64;
    for (index, answer) in answers.iter().enumerate() {
        let x = left + (index % CARDS) as f64 * (width + GAP);
        let y = top + HEADING + (index / CARDS) as f64 * (CARD_HEIGHT + GAP);
        card(answer, Rectangle { x, y, width, height: CARD_HEIGHT }, scene);
    }
}

fn card(answer: &Answer, place: Rectangle, scene: &mut Scene) {
    let Rectangle { x, y, width, .. } = place;
    scene.stroke((x, y), (x + width, y), RULE, 1.0);
    scene.words((x, y + 22.0), Anchor::Start, FONT + 1.0, INK, &answer.way);
    scene.words((x + width, y + 22.0), Anchor::End, FONT - 1.0, FAINT, &answer.model.name);
    match &answer.outcome {
        Ok(prediction) => scores(prediction, &answer.model, place, scene),
        Err(error) => {
            let why = fitted(&error.to_string(), width, FONT - 1.0);
            scene.words((x, y + 50.0), Anchor::Start, FONT, FAINT, "no answer");
            scene.words((x, y + 68.0), Anchor::Start, FONT - 1.0, FAINT, &why);
        }
    }
}

/// All scores as one bar, the leading genres by name under it.
fn scores(prediction: &Prediction, model: &ModelLabel, place: Rectangle, scene: &mut Scene) {
    let Rectangle { x, y, width, .. } = place;
    let ranked = ranked(&prediction.scores);
    let bar = Rectangle { x, y: y + 64.0, width, height: 20.0 };
    let answer = prediction.genre.as_deref().unwrap_or("unknown");
    let best = ranked.first().map_or(String::new(), |&(_, score)| percent(score));
    scene.words((x, y + 52.0), Anchor::Start, 20.0, INK, answer);
    scene.words((x + width, y + 52.0), Anchor::End, 20.0, INK, &best);
    scene.fill(bar, UNKNOWN, 0.25);
    let mut from = 0.0;
    for &(genre, score) in &ranked {
        let part = Rectangle { x: x + width * from, width: width * f64::from(score), ..bar };
        scene.fill(part, colour(&model.genres[genre], genre), 1.0);
        from += f64::from(score);
    }
    let mut at = x;
    for &(genre, score) in ranked.iter().take(NAMED) {
        let name = format!("{} {}", model.genres[genre], percent(score));
        scene.dot((at + 5.0, y + 103.0), 5.0, colour(&model.genres[genre], genre), 1.0);
        scene.words((at + 16.0, y + 107.0), Anchor::Start, FONT, INK, &name);
        at += 16.0 + width_of(&name, FONT) + 16.0;
    }
}
