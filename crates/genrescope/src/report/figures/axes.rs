//! Two axes around an area: where numbers stand, and what is written beside them.

use super::FONT;
use crate::report::picture::{Anchor, FAINT, INK, RULE, Rectangle, Scene};

/// How numbers are laid along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences are equally far.
    Linear,
    /// Equal ratios are equally far.
    Logarithmic,
}

/// One axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it counts, with its unit.
    pub name: String,
    /// Where it begins and ends.
    pub range: [f64; 2],
    /// How numbers are laid along it.
    pub scale: Scale,
}

impl Axis {
    /// An axis of equal differences.
    pub fn linear(name: &str, range: [f64; 2]) -> Self {
        Self { name: name.into(), range, scale: Scale::Linear }
    }

    /// A linear axis from 0, or from below the least where `zero` is far, to above the most of these values.
    pub fn around(name: &str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        if !(least.is_finite() && most.is_finite()) {
            return Self::linear(name, [0.0, 1.0]);
        }
        let step = step((most - least).max(1e-3 * most.abs()).max(1e-9));
        let from = if least >= 0.0 && least < 0.5 * most { 0.0 } else { (least / step).floor() * step };
        Self::linear(name, [from, (most / step).ceil().max(from / step + 1.0) * step])
    }

    /// A logarithmic axis around these values, all above 0.
    pub fn logarithmic(name: &str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min).max(1e-9);
        let most = values.fold(least, f64::max);
        let range = if least.is_finite() { [least / 1.5, most * 1.5] } else { [1.0, 10.0] };
        Self { name: name.into(), range, scale: Scale::Logarithmic }
    }

    /// Where a number stands, 0 to 1 within the range.
    pub(super) fn share(&self, value: f64) -> f64 {
        let [from, to] = self.range;
        match self.scale {
            Scale::Linear => (value - from) / (to - from),
            Scale::Logarithmic => (value / from).ln() / (to / from).ln(),
        }
    }

    /// Round numbers within the range.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let [from, to] = self.range;
        let within = |tick: &f64| *tick >= from - 1e-9 * to.abs() && *tick <= to + 1e-9 * to.abs();
        match self.scale {
            Scale::Linear => {
                let step = step(to - from);
                let first = (from / step - 1e-9).ceil() as i64;
                (first..first + 12).map(|i| i as f64 * step).filter(within).collect()
            }
            Scale::Logarithmic => {
                let decades = from.log10().floor() as i32..=to.log10().ceil() as i32;
                let steps: &[f64] = if to / from > 100.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let tick = |decade: i32| steps.iter().map(move |step| step * 10f64.powi(decade));
                decades.flat_map(tick).filter(within).collect()
            }
        }
    }
}

/// A round distance of about five marks.
fn step(length: f64) -> f64 {
    let decade = 10f64.powf((length / 5.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|s| s * decade).find(|s| length / s <= 6.0).unwrap_or(10.0 * decade)
}

/// A number as short as it can be read: `1.2 M`, `430 k`, `0.25`.
pub(super) fn short(value: f64) -> String {
    let rounded = |value: f64| {
        let text = format!("{value:.2}");
        let text = text.trim_end_matches('0').trim_end_matches('.').replace('-', "−");
        if text == "−0" { "0".into() } else { text }
    };
    match value.abs() {
        size if size >= 1e6 => format!("{} M", rounded(value / 1e6)),
        size if size >= 1e4 => format!("{} k", rounded(value / 1e3)),
        _ => rounded(value),
    }
}

/// An area with its axes.
pub(super) struct Axes<'a> {
    pub(super) place: Rectangle,
    pub(super) across: &'a Axis,
    pub(super) upwards: &'a Axis,
}

impl Axes<'_> {
    /// Where a pair of numbers stands.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let Rectangle { x: left, y: top, width, height } = self.place;
        (left + self.across.share(x) * width, top + (1.0 - self.upwards.share(y)) * height)
    }

    /// Lines of the grid, numbers, and what the axes count.
    pub(super) fn draw(&self, scene: &mut Scene) {
        let Rectangle { x, y, width, height } = self.place;
        let bottom = y + height;
        for tick in self.upwards.ticks() {
            let (_, at) = self.at(self.across.range[0], tick);
            scene.stroke((x, at), (x + width, at), RULE, 1.0);
            scene.words((x - 6.0, at + 0.35 * FONT), Anchor::End, FONT, INK, &short(tick));
        }
        for tick in self.across.ticks() {
            let (at, _) = self.at(tick, self.upwards.range[0]);
            scene.stroke((at, bottom), (at, bottom + 4.0), FAINT, 1.0);
            scene.words((at, bottom + 4.0 + FONT), Anchor::Middle, FONT, INK, &short(tick));
        }
        scene.stroke((x, bottom), (x + width, bottom), FAINT, 1.0);
        scene.words((x - 36.0, y - 10.0), Anchor::Start, FONT, FAINT, &self.upwards.name);
        scene.words((x + width, bottom + 4.0 + 2.4 * FONT), Anchor::End, FONT, FAINT, &self.across.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_at_round_numbers_within_the_range() {
        assert_eq!(Axis::linear("", [0.0, 1.0]).ticks(), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(Axis::linear("", [-6.0, 6.0]).ticks(), [-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0]);
        assert_eq!(Axis::logarithmic("", [1.0, 1e6].into_iter()).ticks().len(), 7);
    }

    #[test]
    fn an_axis_holds_all_its_values() {
        for values in [vec![93.4, 95.2], vec![0.1, 0.9], vec![5.0], vec![0.0, 0.0], vec![-3.0, 2.0]] {
            let axis = Axis::around("", values.iter().copied());
            assert!(
                values.iter().all(|v| (-1e-9..=1.0 + 1e-9).contains(&axis.share(*v))),
                "{values:?} {axis:?}"
            );
        }
        let logarithmic = Axis::logarithmic("", [2.0, 300.0].into_iter());
        assert!(logarithmic.share(2.0) > 0.0 && logarithmic.share(300.0) < 1.0);
    }

    #[test]
    fn numbers_are_short() {
        let cases =
            [(1_042_090.0, "1.04 M"), (179_538.0, "179.54 k"), (0.25, "0.25"), (-6.0, "−6"), (100.0, "100")];
        for (value, expected) in cases {
            assert_eq!(short(value), expected);
        }
    }
}
