// SPDX-License-Identifier: Apache-2.0
//! Failures as values: a kind and one sentence, as in `struct engine_why`.
//!
//! Belongs here: how a call of the boundary fails, and how a panic becomes a failure.
//! Does not belong here: how a guest ends (fault.rs).

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

/// The values of `enum engine_why_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    Invalid = 1,
    Limit = 2,
    Unresolved = 3,
    Refused = 4,
    System = 5,
    Bug = 6,
}

#[derive(Debug)]
pub struct Why {
    pub kind: Kind,
    pub text: String,
}

pub type Result<T> = std::result::Result<T, Why>;

impl Why {
    pub fn new(kind: Kind, text: impl fmt::Display) -> Why {
        Why { kind, text: text.to_string() }
    }

    pub fn invalid(text: impl fmt::Display) -> Why {
        Why::new(Kind::Invalid, text)
    }

    /// What the kernel refused: `doing` names it, as in "start the threads".
    pub fn system(doing: &str, error: std::io::Error) -> Why {
        Why::new(Kind::System, format_args!("{doing}: {error}"))
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps a panic's words and place for whoever catches it, and prints nothing: the
/// default hook would write to the process's stderr, which belongs to no guest.
pub fn hook_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
            let words = info.payload_as_str().unwrap_or("a panic without words");
            let text = match info.location() {
                Some(at) => format!("{words} ({}:{})", file_name(at.file()), at.line()),
                None => words.to_string(),
            };
            LAST_PANIC.with(|last| *last.borrow_mut() = Some(text));
        }));
    });
}

/// Without the folders of the machine that built it.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Runs `work`; a panic in it comes back as its words.
pub fn catch<R>(work: impl FnOnce() -> R) -> std::result::Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        LAST_PANIC
            .with(|last| last.borrow_mut().take())
            .unwrap_or_else(|| "a panic in a thread that has ended".to_string())
    })
}

/// The longest start of `text` that has at most `max` bytes and whole characters.
pub fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
