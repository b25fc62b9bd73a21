//! Genres that old tags name by number.

/// ID3v1's 80, then Winamp's up to 191.
const NAMES: [&str; 192] = [
    "Blues",
    "Classic Rock",
    "Country",
    "Dance",
    "Disco",
    "Funk",
    "Grunge",
    "Hip-Hop",
    "Jazz",
    "Metal",
    "New Age",
    "Oldies",
    "Other",
    "Pop",
    "R&B",
    "Rap",
    "Reggae",
    "Rock",
    "Techno",
    "Industrial",
    "Alternative",
    "Ska",
    "Death Metal",
    "Pranks",
    "Soundtrack",
    "Euro-Techno",
    "Ambient",
    "Trip-Hop",
    "Vocal",
    "Jazz+Funk",
    "Fusion",
    "Trance",
    "Classical",
    "Instrumental",
    "Acid",
    "House",
    "Game",
    "Sound Clip",
    "Gospel",
    "Noise",
    "Alternative Rock",
    "Bass",
    "Soul",
    "Punk",
    "Space",
    "Meditative",
    "Instrumental Pop",
    "Instrumental Rock",
    "Ethnic",
    "Gothic",
    "Darkwave",
    "Techno-Industrial",
    "Electronic",
    "Pop-Folk",
    "Eurodance",
    "Dream",
    "Southern Rock",
    "Comedy",
    "Cult",
    "Gangsta",
    "Top 40",
    "Christian Rap",
    "Pop/Funk",
    "Jungle",
    "Native American",
    "Cabaret",
    "New Wave",
    "Psychedelic",
    "Rave",
    "Showtunes",
    "Trailer",
    "Lo-Fi",
    "Tribal",
    "Acid Punk",
    "Acid Jazz",
    "Polka",
    "Retro",
    "Musical",
    "Rock & Roll",
    "Hard Rock",
    "Folk",
    "Folk-Rock",
    "National Folk",
    "Swing",
    "Fast Fusion",
    "Bebop",
    "Latin",
    "Revival",
    "Celtic",
    "Bluegrass",
    "Avantgarde",
    "Gothic Rock",
    "Progressive Rock",
    "Psychedelic Rock",
    "Symphonic Rock",
    "Slow Rock",
    "Big Band",
    "Chorus",
    "Easy Listening",
    "Acoustic",
    "Humour",
    "Speech",
    "Chanson",
    "Opera",
    "Chamber Music",
    "Sonata",
    "Symphony",
    "Booty Bass",
    "Primus",
    "Porn Groove",
    "Satire",
    "Slow Jam",
    "Club",
    "Tango",
    "Samba",
    "Folklore",
    "Ballad",
    "Power Ballad",
    "Rhythmic Soul",
    "Freestyle",
    "Duet",
    "Punk Rock",
    "Drum Solo",
    "A Cappella",
    "Euro-House",
    "Dance Hall",
    "Goa",
    "Drum & Bass",
    "Club-House",
    "Hardcore",
    "Terror",
    "Indie",
    "BritPop",
    "Afro-Punk",
    "Polsk Punk",
    "Beat",
    "Christian Gangsta Rap",
    "Heavy Metal",
    "Black Metal",
    "Crossover",
    "Contemporary Christian",
    "Christian Rock",
    "Merengue",
    "Salsa",
    "Thrash Metal",
    "Anime",
    "JPop",
    "Synthpop",
    "Abstract",
    "Art Rock",
    "Baroque",
    "Bhangra",
    "Big Beat",
    "Breakbeat",
    "Chillout",
    "Downtempo",
    "Dub",
    "EBM",
    "Eclectic",
    "Electro",
    "Electroclash",
    "Emo",
    "Experimental",
    "Garage",
    "Global",
    "IDM",
    "Illbient",
    "Industro-Goth",
    "Jam Band",
    "Krautrock",
    "Leftfield",
    "Lounge",
    "Math Rock",
    "New Romantic",
    "Nu-Breakz",
    "Post-Punk",
    "Post-Rock",
    "Psytrance",
    "Shoegaze",
    "Space Rock",
    "Trop Rock",
    "World Music",
    "Neoclassical",
    "Audiobook",
    "Audio Theatre",
    "Neue Deutsche Welle",
    "Podcast",
    "Indie Rock",
    "G-Funk",
    "Dubstep",
    "Garage Rock",
    "Psybient",
];

/// The name of a number.
pub(crate) fn name(number: usize) -> Option<&'static str> {
    NAMES.get(number).copied()
}

/// What one text of a genre tag means: `17`, `(17)`, `(17)(18)`, `(17)Rock`, `(RX)`, or a name.
pub(crate) fn meant(text: &str) -> Vec<String> {
    let known = |text: &str| match text {
        "RX" => Some("Remix"),
        "CR" => Some("Cover"),
        _ => text.parse().ok().and_then(name),
    };
    if let Some(name) = text.parse().ok().and_then(name) {
        return vec![name.to_owned()];
    }
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((inside, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        let Some(name) = known(inside) else { break };
        found.push(name.to_owned());
        rest = behind;
    }
    let rest = rest.strip_prefix("((").map_or(rest.to_owned(), |rest| format!("({rest}")); // an escaped parenthesis
    let rest = rest.trim();
    if !rest.is_empty() && !found.iter().any(|name| name == rest) {
        found.push(rest.to_owned());
    }
    found
}

/// What texts of genre tags mean, each once.
pub(crate) fn all_meant<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for genre in texts.into_iter().flat_map(|text| meant(text.trim())) {
        if !found.contains(&genre) {
            found.push(genre);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_references_are_names() {
        assert_eq!(name(9), Some("Metal"));
        assert_eq!(name(191), Some("Psybient"));
        let cases: [(&str, &[&str]); 7] = [
            ("17", &["Rock"]),
            ("(17)", &["Rock"]),
            ("(4)Eurodisco", &["Disco", "Eurodisco"]),
            ("(51)(39)", &["Techno-Industrial", "Noise"]),
            ("(RX)(17)Rock", &["Remix", "Rock"]),
            ("((what", &["(what"]),
            ("Jazz (modern)", &["Jazz (modern)"]),
        ];
        cases.iter().for_each(|(text, names)| assert_eq!(meant(text), *names, "{text}"));
    }
}
