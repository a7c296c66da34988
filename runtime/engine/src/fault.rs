// SPDX-License-Identifier: Apache-2.0
//! How guests end, and the words for it.
//!
//! Belongs here: turning Wasmtime's errors into endings. Does not belong here: how a
//! call of the boundary fails (why.rs), who is told (task.rs).

use crate::ceilings;
use rustc_demangle::demangle;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// The values of `enum engine_how`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum How {
    Exited = 0,
    Trapped = 1,
    Oom = 2,
    Killed = 3,
    Stopped = 4,
    Failed = 5,
}

#[derive(Clone, Debug)]
pub struct Ending {
    pub how: How,
    pub code: i32,
    pub text: String,
}

/// Frames that a sentence on a trap names.
const FRAMES: usize = 4;

impl Ending {
    pub fn new(how: How, text: impl Into<String>) -> Ending {
        Ending { how, code: 0, text: text.into() }
    }

    pub fn exited(code: i32) -> Ending {
        Ending { how: How::Exited, code, text: String::new() }
    }

    pub fn failed(text: impl Into<String>) -> Ending {
        Ending::new(How::Failed, text)
    }

    /// What a call into a guest came back with, when it did not come back well.
    pub fn of_call(error: &wasmtime::Error) -> Ending {
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            return Ending::exited(exit.0 & 0xff);
        }
        Ending::new(How::Trapped, trap_text(error))
    }

    /// Why an instance could not be made.
    pub fn of_start(error: &wasmtime::Error) -> Ending {
        if error.downcast_ref::<Trap>().is_some() || error.downcast_ref::<I32Exit>().is_some() {
            return Ending::of_call(error);
        }
        Ending::failed(format!("cannot make an instance: {}", one_line(error)))
    }

    /// An end other than by choice, after the memory limit had refused something, is
    /// taken to be the refusal's doing.
    pub fn or_oom(self, refused: Option<String>) -> Ending {
        match refused {
            Some(refusal) if !self.is_success() => {
                let text = match (self.how, self.code) {
                    (How::Exited, code) => format!("{refusal}; then it exited with {code}"),
                    (How::Trapped, _) => format!("{refusal}; then: {}", self.text),
                    _ => refusal,
                };
                Ending::new(How::Oom, text)
            }
            _ => self,
        }
    }

    /// Says which number it was, where it ran into a ceiling.
    pub fn with_ceiling(self, handle_max: usize) -> Ending {
        match self.how {
            How::Trapped => Ending { text: ceilings::named(self.text, handle_max), ..self },
            _ => self,
        }
    }

    fn is_success(&self) -> bool {
        self.how == How::Exited && self.code == 0
    }

    /// The line for the guest's stderr; endings by choice have none.
    pub fn line(&self) -> Option<String> {
        let start = match self.how {
            How::Exited | How::Killed => return None,
            How::Stopped if self.text.is_empty() => return None,
            How::Stopped => "stopped",
            How::Trapped => "trapped",
            How::Oom => "out of memory",
            How::Failed => "failed",
        };
        Some(format!("skep: {start}: {}\n", self.text.replace('\n', " ")))
    }
}

/// The trap's name, and the innermost functions it happened in.
fn trap_text(error: &wasmtime::Error) -> String {
    let name = match error.downcast_ref::<Trap>() {
        Some(trap) => {
            let text = trap.to_string();
            text.strip_prefix("wasm trap: ").unwrap_or(&text).to_string()
        }
        None => one_line(error),
    };
    let frames: Vec<String> = error
        .downcast_ref::<WasmBacktrace>()
        .map(|trace| trace.frames().iter().filter_map(|f| f.func_name()).take(FRAMES))
        .into_iter()
        .flatten()
        .map(|function| format!("{:#}", demangle(function)))
        .collect();
    if frames.is_empty() { name } else { format!("{name}, in {}", frames.join(" < ")) }
}

/// The cause of an error, without the backtrace that some carry as context.
fn one_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().replace('\n', " ")
}
