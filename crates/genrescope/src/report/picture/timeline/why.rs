//! What speaks for a genre and against it, by time and bands, as colours on a field like the spectrogram's.

use super::{FONT, Place};
use crate::predict::{BAND_GROUPS, Occlusion};
use crate::report::palette::{PALETTE, Rgb};
use crate::report::picture::scene::{Anchor, INK, RULE, Rectangle, Scene};

/// Of what speaks for it, and against it: red and blue.
const COLOURS: [Rgb; 2] = [PALETTE[9], PALETTE[0]];
/// The odds' factor of full colour, at least: where nothing matters, nothing is coloured.
const LEAST_FULL: f32 = 1.5;
const HEADING: f64 = 26.0;
const FIELD: f64 = 150.0;
const BELOW: f64 = 34.0;

/// What the panel needs.
pub(super) const HEIGHT: f64 = HEADING + FIELD + BELOW;

/// Draws the panel with its upper edge at `top`; gives its field.
pub(super) fn draw(why: &Occlusion, top: f64, place: &Place, scene: &mut Scene) -> Rectangle {
    let field = Rectangle { y: top + HEADING, height: FIELD, ..place.rectangle };
    let strongest =
        why.slots.iter().flat_map(|slot| &slot.weights).fold(0.0_f32, |most, weight| most.max(weight.abs()));
    let full = strongest.max(LEAST_FULL.ln());
    let title = format!(
        "What speaks for {} (red) and against it (blue): with that part hidden its odds are lower, or higher; full colour: {:.1} times",
        why.genre,
        full.exp()
    );
    scene.words((field.x, top + 12.0), Anchor::Start, FONT + 1.0, INK, &title);
    scene.fill(field, RULE, 0.25);
    let height = FIELD / BAND_GROUPS as f64;
    for slot in &why.slots {
        for (group, weight) in slot.weights.iter().enumerate() {
            let y = field.y + FIELD - (group + 1) as f64 * height;
            let opacity = f64::from(weight.abs() / full);
            let part = Rectangle { y, height, ..place.of(slot.start_s, slot.end_s) };
            scene.fill(part, COLOURS[usize::from(*weight < 0.0)], opacity);
        }
    }
    field
}
