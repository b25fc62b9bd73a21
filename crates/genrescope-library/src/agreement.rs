//! What tags say against what was heard.

/// How the genres of a file's tags stand to the one that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// One names it.
    Agrees,
    /// They name genres that the model knows, but not this one.
    Differs,
    /// They name none that the model knows: nothing can be said.
    Foreign,
    /// There is no genre in the tags, or none was heard.
    Open,
}

impl Agreement {
    /// Of the genres of tags and the one that was heard; `known` are those of the model. A tag names a genre where it
    /// holds its letters: `Hip-Hop/Rap` names hiphop, `Jazz-Rock` names jazz and rock.
    pub fn of(tags: &[String], heard: Option<&str>, known: &[String]) -> Self {
        let Some(heard) = heard.filter(|_| !tags.is_empty()) else { return Self::Open };
        let tags: Vec<String> = tags.iter().map(|tag| letters(tag)).collect();
        let named = |genre: &str| tags.iter().any(|tag| tag.contains(&letters(genre)));
        if named(heard) {
            Self::Agrees
        } else if known.iter().any(|genre| named(genre)) {
            Self::Differs
        } else {
            Self::Foreign
        }
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_compared_by_its_letters_and_only_with_genres_that_the_model_knows() {
        let known = ["hiphop", "jazz", "rock"].map(str::to_owned);
        let of = |tags: &[&str], heard| {
            Agreement::of(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>(), heard, &known)
        };
        assert_eq!(of(&["Hip-Hop/Rap"], Some("hiphop")), Agreement::Agrees);
        assert_eq!(of(&["Live", "JAZZ-Rock"], Some("rock")), Agreement::Agrees);
        assert_eq!(of(&["Hip Hop"], Some("jazz")), Agreement::Differs);
        assert_eq!(of(&["Schlager"], Some("jazz")), Agreement::Foreign);
        assert_eq!(of(&[], Some("jazz")), Agreement::Open);
        assert_eq!(of(&["Jazz"], None), Agreement::Open);
    }
}
