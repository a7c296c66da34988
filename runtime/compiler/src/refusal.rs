// SPDX-License-Identifier: Apache-2.0
//! Why a component is refused: one sentence for a person.
//!
//! Belongs here: the sentence, its length, and how the errors of libraries become one.
//! Does not belong here: what is refused (each module decides for itself).

use std::fmt::Display;

/// Bytes of a sentence, as compiler.h has it without the NUL.
pub const SENTENCE_MAX: usize = 399;

/// One sentence of one line, without a full stop.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(String);

pub type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    /// Line breaks and control characters become spaces; what is too long is cut.
    pub fn new(sentence: impl Display) -> Self {
        let words = sentence.to_string();
        let mut line = words
            .split(|c: char| c.is_control() || c == ' ')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        line.truncate(line.floor_char_boundary(SENTENCE_MAX));
        Self(line)
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// `refuse!("a {} of {}", x, y)` leaves the function with a refusal.
macro_rules! refuse {
    ($($words:tt)*) => {
        return Err($crate::refusal::Refusal::new(format_args!($($words)*)))
    };
}
pub(crate) use refuse;

/// A failure to read the binary: said differently when bytes are missing at its end.
impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        let (words, at) = (error.message(), error.offset());
        if words.starts_with("unexpected end") {
            Self::new(format_args!(
                "the file is truncated or damaged: at byte {at} it says that more follows than there is"
            ))
        } else {
            Self::new(format_args!("not valid WebAssembly: {words} (at byte {at})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_of_bounded_length() {
        let long = Refusal::new("ä\nb\t".repeat(1000));
        assert!(long.text().len() <= SENTENCE_MAX);
        assert!(long.text().starts_with("ä b ä b"));
        assert!(!long.text().contains(['\n', '\t']));
    }
}
