//! Figures of results: numbers → [`Scene`]s, which are written as SVG or PNG.
//!
//! *Takes* what was measured. *Gives* a scene that says on itself what it shows. *Never* computes a result, and draws
//! nothing where there is none.

mod axes;
mod bars;
mod chart;
mod confusion;
mod importance;
mod kernels;
mod network;
mod reliability;
mod sphere;

pub use axes::{Axis, Scale};
pub use bars::{Bar, BarChart, BarGroup};
pub use chart::{Chart, Series, Style};
pub use confusion::confusion;
pub use importance::{FeatureRow, importance};
pub use kernels::kernels;
pub use network::{network, network_text};
pub use reliability::reliability;
pub use sphere::sphere;

use super::palette::Rgb;
use super::picture::{Anchor, FAINT, INK, Scene};

/// Width of every figure but those of networks: what a phone shows without shrinking it much.
const WIDTH: f64 = 460.0;
const LEFT: f64 = 14.0;
const TITLE: f64 = 15.0;
const FONT: f64 = 12.0;
/// Mean width of a letter over its height.
const LETTER: f64 = 0.58;

/// Title, what it is of, and where the figure may begin below.
struct Heading<'a> {
    title: &'a str,
    note: &'a str,
}

impl Heading<'_> {
    /// Writes it; the height that it takes.
    fn draw(&self, scene: &mut Scene) -> f64 {
        let mut y = 10.0;
        for line in wrapped(self.title, scene.width - 2.0 * LEFT, TITLE) {
            y += TITLE + 4.0;
            scene.words((LEFT, y), Anchor::Start, TITLE, INK, &line);
        }
        for line in wrapped(self.note, scene.width - 2.0 * LEFT, FONT) {
            y += FONT + 4.0;
            scene.words((LEFT, y), Anchor::Start, FONT, FAINT, &line);
        }
        y + 12.0
    }

    fn height(&self, width: f64) -> f64 {
        self.draw(&mut Scene::of_size(width, 0.0))
    }
}

/// Words in lines that fit a width, by the letters' mean width.
fn wrapped(words: &str, width: f64, size: f64) -> Vec<String> {
    let most = (width / (0.94 * LETTER * size)) as usize;
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// Names of series with their colours, in a row that breaks where it must; the height below them.
fn legend(scene: &mut Scene, top: f64, names: &[(&str, Rgb)]) -> f64 {
    let (mut x, mut y) = (LEFT, top);
    for (name, colour) in names {
        let length = 18.0 + LETTER * FONT * name.chars().count() as f64 + 14.0;
        if x + length > scene.width && x > LEFT {
            (x, y) = (LEFT, y + FONT + 6.0);
        }
        scene.dot((x + 5.0, y - 4.0), 5.0, *colour, 1.0);
        scene.words((x + 15.0, y), Anchor::Start, FONT, INK, name);
        x += length;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_no_word_is_lost() {
        let words = "accuracy of every network on random segments of three seconds";
        let lines = wrapped(words, 200.0, 12.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), words);
        assert_eq!(wrapped("", 200.0, 12.0), Vec::<String>::new());
    }
}
