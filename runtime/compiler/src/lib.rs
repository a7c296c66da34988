// SPDX-License-Identifier: Apache-2.0
//! The compiler: bytes that somebody sent become native code and a description, or a refusal.
//!
//! Belongs here: the order of the steps. Does not belong here: descriptors, limits on memory and
//! time, the sandbox (the C main), who may run what (runtime/grant).

mod adapt;
mod boundary;
mod describe;
mod detect;
mod entry;
mod exit;
mod identity;
mod limits;
mod memory;
mod module;
mod readapt;
mod refusal;
mod survey;

use describe::{Adapted, describe};
use detect::{Form, form};
use refusal::{Refusal, Result};
use std::borrow::Cow;
use survey::{Survey, survey};
use wasmtime::Engine;

/// What a job puts out.
pub(crate) struct Output {
    pub code: Vec<u8>,
    pub description: String,
}

/// One job from beginning to end.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Output> {
    let (component, outside, adapted) = component(wasm)?;
    let description = describe(outside, adapted)?;
    let code = engine.precompile_component(&component).map_err(not_compiled)?;
    let description = description.json(wasm.len(), code.len())?;
    Ok(Output { code, description })
}

/// The component that is compiled: what came, or what it was adapted to.
fn component(wasm: &[u8]) -> Result<(Cow<'_, [u8]>, Survey, Adapted)> {
    let (component, adapted) = match form(wasm)? {
        Form::Module => (adapt::adapt(wasm)?, Adapted::P1),
        Form::Component => {
            let outside = survey(wasm)?;
            match readapt::readapt(wasm, &outside) {
                Some(anew) => (anew, Adapted::Readapted),
                None => return Ok((Cow::Borrowed(wasm), outside, Adapted::None)),
            }
        }
    };
    let outside = survey(&component)?;
    Ok((Cow::Owned(component), outside, adapted))
}

/// Wasmtime checks what the survey does not: function bodies, and which proposals are on.
fn not_compiled(error: wasmtime::Error) -> Refusal {
    let words = format!("{error:#}");
    let invalid = words.contains("(at offset 0x") || words.contains("Invalid input WebAssembly");
    let what = if invalid { "not valid WebAssembly" } else { "the component cannot be compiled" };
    Refusal::new(format_args!("{what}: {words}"))
}

/// The engine whose settings the worker has too.
pub(crate) fn engine() -> Result<Engine> {
    Engine::new(&skep_engine_config::code())
        .map_err(|error| Refusal::new(format_args!("the engine cannot be set up: {error:#}")))
}

#[cfg(test)]
mod tests;
