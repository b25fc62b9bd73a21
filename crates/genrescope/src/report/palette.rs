//! The project's colours: one for each genre, in terminal, pictures and page alike.
//!
//! Found by a search that maximised the smallest distance between any two colours as people with normal
//! vision, without red, without green and without blue cones see them; a test holds that distance.

use crate::genres;

/// A colour: red, green, blue, 0 to 255 (sRGB).
pub type Rgb = [u8; 3];

/// The colours of [`genres::GTZAN`], in its order.
pub const PALETTE: [Rgb; 10] = [
    [0x38, 0x53, 0xcc], // blues: blue
    [0xff, 0xde, 0x4f], // classical: gold
    [0x93, 0x2c, 0x0e], // country: brown
    [0xb4, 0x7f, 0xfa], // disco: lilac
    [0xf3, 0x98, 0x1d], // hiphop: orange
    [0x7b, 0xc0, 0xa8], // jazz: sage
    [0x63, 0x33, 0x72], // metal: plum
    [0xc5, 0xe2, 0xff], // pop: pale blue
    [0x0d, 0x90, 0x97], // reggae: teal
    [0xda, 0x4f, 0x20], // rock: vermilion
];

/// The colours of series in charts, in turn: blue, vermilion, teal, orange, lilac, plum.
pub const SERIES: [Rgb; 6] = [PALETTE[0], PALETTE[9], PALETTE[8], PALETTE[4], PALETTE[3], PALETTE[6]];

/// The colour of what has no genre: silence, gaps.
pub const UNKNOWN: Rgb = [0x8a, 0x8a, 0x8a];

/// The colour of `genre`, the model's genre number `index`: a GTZAN genre has its own everywhere, any other
/// takes the palette's in turn.
pub fn colour(genre: &str, index: usize) -> Rgb {
    let place = genres::GTZAN.iter().position(|known| *known == genre).unwrap_or(index);
    PALETTE[place % PALETTE.len()]
}

/// Black or white, whichever can be read better on `background` (relative luminance, WCAG 2).
pub fn ink(background: Rgb) -> Rgb {
    // 0.179 is where the contrast to black equals the contrast to white: sqrt(1.05 * 0.05) - 0.05.
    if luminance(background) > 0.179 { [0; 3] } else { [255; 3] }
}

fn luminance(colour: Rgb) -> f64 {
    let [red, green, blue] = linear(colour);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn linear(colour: Rgb) -> [f64; 3] {
    colour.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Matrix = [[f64; 3]; 3];

    /// Colour vision deficiency of full severity (Machado, Oliveira, Fernandes 2009), on linear RGB.
    const VISIONS: [(&str, Matrix); 4] = [
        ("normal", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "deuteranopia",
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ],
        ),
        (
            "protanopia",
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
        ),
        (
            "tritanopia",
            [
                [1.255528, -0.076749, -0.178779],
                [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900],
            ],
        ),
    ];

    const XYZ_OF_RGB: Matrix = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ];

    fn times(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    /// CIELAB under D65.
    fn lab(linear: [f64; 3]) -> [f64; 3] {
        let xyz = times(&XYZ_OF_RGB, linear.map(|value| value.clamp(0.0, 1.0)));
        let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
        let [x, y, z] = [f(xyz[0] / 0.95047), f(xyz[1]), f(xyz[2] / 1.08883)];
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn any_two_genres_differ_for_every_kind_of_colour_vision() {
        for (vision, matrix) in &VISIONS {
            let seen = PALETTE.map(|colour| lab(times(matrix, linear(colour))));
            for (i, a) in seen.iter().enumerate() {
                for (j, b) in seen.iter().enumerate().skip(i + 1) {
                    let distance = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    assert!(distance > 16.0, "{vision}: genres {i} and {j} are {distance:.1} apart");
                }
            }
        }
    }

    #[test]
    fn names_on_blocks_can_be_read() {
        for background in PALETTE {
            let (a, b) = (luminance(background), luminance(ink(background)));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{background:?}: contrast {contrast:.1}, WCAG AA asks for 4.5");
        }
    }

    #[test]
    fn a_known_genre_keeps_its_colour_in_any_model_and_others_take_turns() {
        assert_eq!(colour("rock", 0), PALETTE[9]);
        assert_eq!(colour("tango", 12), PALETTE[2]);
    }
}
