//! A text in the pieces in which it is streamed.

use serde::{Deserialize, Serialize};

/// Words longer than this are cut into pieces of [`WORD_PIECE_CHARS`].
const WORD_CHARS_MAX: usize = 12;
const WORD_PIECE_CHARS: usize = 6;

/// A text in the pieces in which it is streamed: in JSON either a list of strings, taken as they
/// are, or one string, cut by words (long ones once more) much as tokens would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Fragments(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(String),
    Pieces(Vec<String>),
}

// === impl Fragments ===

impl Fragments {
    /// The whole text.
    pub fn concat(&self) -> String {
        self.0.concat()
    }
}

impl From<&str> for Fragments {
    fn from(text: &str) -> Self {
        let mut pieces: Vec<String> = Vec::new();
        let mut word = String::new();
        let mut after_blank = true;
        for c in text.chars() {
            // A blank opens the next fragment, as in most tokenizers.
            if c.is_whitespace() && !after_blank {
                push_word(&mut pieces, &std::mem::take(&mut word));
            }
            after_blank = c.is_whitespace();
            word.push(c);
        }
        push_word(&mut pieces, &word);
        Self(pieces)
    }
}

impl From<Written> for Fragments {
    fn from(written: Written) -> Self {
        match written {
            Written::Whole(text) => Self::from(text.as_str()),
            Written::Pieces(pieces) => Self(pieces),
        }
    }
}

fn push_word(pieces: &mut Vec<String>, word: &str) {
    let chars: Vec<char> = word.chars().collect();
    if chars.is_empty() {
        return;
    }
    let piece_chars = if chars.len() > WORD_CHARS_MAX { WORD_PIECE_CHARS } else { chars.len() };
    pieces.extend(chars.chunks(piece_chars).map(|piece| piece.iter().collect::<String>()));
}
