// SPDX-License-Identifier: Apache-2.0
//! What one instance may hold, and what one call may carry.
//!
//! Belongs here: the ceilings that hold for every task, and the words for who runs into one.
//! Does not belong here: limits that a grant can set (limits.rs), memory (memory.rs).

use std::fmt::Display;

/// Bytes that one call may carry from a guest to the host.
pub const CALL_BYTES: usize = 8 << 20;

/// Bytes of the header fields of one message.
pub const FIELD_BYTES: usize = 128 << 10;

/// Handles that an instance may have however little memory it may.
const HANDLES_MIN: usize = 256;

/// Bytes that a guest gets from one call for randomness.
pub const RANDOM_BYTES: u64 = 1 << 20;

/// How many handles an instance may have. What the host keeps behind one counts towards no memory
/// limit, and the largest are header fields: all of them together keep to the limit's size.
pub fn handles(handle_max: usize, memory_bytes: u64) -> usize {
    let fit = memory_bytes / FIELD_BYTES as u64;
    handle_max.min(usize::try_from(fit).unwrap_or(usize::MAX).max(HANDLES_MIN))
}

enum Ceiling {
    Handles,
    Call,
    Fields,
}

/// What Wasmtime says of each, which is without the number.
const WORDS: &[(&str, Ceiling)] = &[
    ("store handle limit exceeded", Ceiling::Handles),
    ("resource table has no free keys", Ceiling::Handles),
    ("fuel allocated for hostcalls has been exhausted", Ceiling::Call),
    ("total size of fields exceeds limit", Ceiling::Fields),
];

/// The text of a trap, with the ceiling that it speaks of.
pub fn named(text: String, handle_max: usize) -> String {
    let with = |limit: &dyn Display| format!("{text} (limit of {limit})");
    match WORDS.iter().find(|(words, _)| text.contains(words)) {
        Some((_, Ceiling::Handles)) => with(&format_args!("{handle_max} handles")),
        Some((_, Ceiling::Call)) => with(&format_args!("{CALL_BYTES} bytes in one call")),
        Some((_, Ceiling::Fields)) => with(&format_args!("{FIELD_BYTES} bytes of headers")),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{handles, named};

    #[test]
    fn little_memory_means_few_handles() {
        assert_eq!(handles(10_000, u64::MAX), 10_000);
        assert_eq!(handles(10_000, 128 << 20), 1024);
        assert_eq!(handles(10_000, 1 << 20), 256);
        assert_eq!(handles(100, 1 << 20), 100);
    }

    #[test]
    fn a_ceiling_is_said_with_its_number_and_other_traps_are_left_alone() {
        let said = |text: &str| named(text.to_string(), 77);
        assert!(
            said("cannot lend: store handle limit exceeded").ends_with("(limit of 77 handles)")
        );
        assert!(said("total size of fields exceeds limit").contains("131072 bytes"));
        assert_eq!(said("unreachable"), "unreachable");
    }
}
