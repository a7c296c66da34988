// SPDX-License-Identifier: Apache-2.0
//! The compiler: bytes that somebody sent become native code and a description, or a refusal.
//!
//! Belongs here: the order of the steps. Does not belong here: descriptors, limits on memory and
//! time, the sandbox (the C main), who may run what (runtime/grant).

mod adapt;
mod boundary;
mod compose;
mod describe;
mod detect;
mod entry;
mod exit;
mod identity;
mod limits;
mod memory;
mod module;
mod plain;
mod readapt;
mod recipe;
mod refusal;
mod rename;
mod roots;
mod slots;
mod survey;
mod wiring;

use compose::{Composed, Roots};
use describe::{Adapted, Description, describe, describe_composed, describe_plain};
use detect::{Form, form};
use refusal::{Refusal, Result};
use std::borrow::Cow;
use survey::survey;
use wasmtime::Engine;

/// What a job puts out.
pub(crate) struct Output {
    pub code: Vec<u8>,
    pub description: String,
}

/// What came, as it will be compiled: adapted, taken out, or as it was.
struct Prepared<'a> {
    form: Form,
    bytes: Cow<'a, [u8]>,
    description: Description,
}

/// One job from beginning to end.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Output> {
    finish(engine, prepare(wasm)?, wasm.len())
}

/// What a component is, without native code.
pub(crate) fn look(wasm: &[u8]) -> Result<Output> {
    let description = prepare(wasm)?.description.json(wasm.len(), 0)?;
    Ok(Output { code: Vec::new(), description })
}

/// The same for several components that a recipe makes one: each has its own roots.
pub(crate) fn compile_composed(engine: &Engine, recipe: &[u8], parts: &[&[u8]]) -> Result<Output> {
    let recipe = recipe::read(recipe)?;
    let Composed { bytes, outside } = compose::compose(&recipe, parts, Roots::Separate)?;
    let names = recipe.parts.into_iter().map(|part| part.name).collect();
    let description = describe_composed(outside, names)?;
    let prepared = Prepared { form: Form::Component, bytes: Cow::Owned(bytes), description };
    finish(engine, prepared, parts.iter().map(|part| part.len()).sum())
}

/// Several components become one for any host: what comes out is Wasm.
pub(crate) fn link(recipe: &[u8], parts: &[&[u8]]) -> Result<Output> {
    let recipe = recipe::read(recipe)?;
    let Composed { bytes, outside } = compose::compose(&recipe, parts, Roots::Merged)?;
    let wasm_bytes = parts.iter().map(|part| part.len()).sum();
    let description = describe(outside, Adapted::None)?.json(wasm_bytes, bytes.len())?;
    Ok(Output { code: bytes, description })
}

fn finish(engine: &Engine, prepared: Prepared<'_>, wasm_bytes: usize) -> Result<Output> {
    let Prepared { form, bytes, description } = prepared;
    let code = match form {
        Form::Module => engine.precompile_module(&bytes),
        Form::Component => engine.precompile_component(&bytes),
    };
    let code = code.map_err(|error| not_compiled(form, &error))?;
    let description = description.json(wasm_bytes, code.len())?;
    Ok(Output { code, description })
}

fn prepare(wasm: &[u8]) -> Result<Prepared<'_>> {
    match form(wasm)? {
        Form::Module => prepare_module(wasm),
        Form::Component => prepare_component(wasm),
    }
}

fn prepare_module(wasm: &[u8]) -> Result<Prepared<'_>> {
    let module = module::read(wasm)?;
    if plain::is_plain(&module) {
        plain::check(&module)?;
        let description = describe_plain(&module);
        return Ok(Prepared { form: Form::Module, bytes: Cow::Borrowed(wasm), description });
    }
    let component = adapt::adapt(wasm, &module)?;
    let outside = survey(&component)?;
    slots::check(&outside)?;
    let description = describe(outside, Adapted::P1)?;
    Ok(Prepared { form: Form::Component, bytes: Cow::Owned(component), description })
}

fn prepare_component(wasm: &[u8]) -> Result<Prepared<'_>> {
    let outside = survey(wasm)?;
    slots::check(&outside)?;
    let (form, bytes, adapted) = match readapt::readapt(wasm, &outside) {
        Some(inner) => (Form::Module, inner, Adapted::Readapted),
        None => (Form::Component, Cow::Borrowed(wasm), Adapted::None),
    };
    Ok(Prepared { form, bytes, description: describe(outside, adapted)? })
}

/// Wasmtime checks what the survey does not: function bodies, and which proposals are on.
fn not_compiled(form: Form, error: &wasmtime::Error) -> Refusal {
    let words = format!("{error:#}");
    let invalid = words.contains("(at offset 0x") || words.contains("Invalid input WebAssembly");
    let what = match form {
        _ if invalid => "not valid WebAssembly",
        Form::Module => "the core module cannot be compiled",
        Form::Component => "the component cannot be compiled",
    };
    Refusal::new(format_args!("{what}: {words}"))
}

/// The engine whose settings the worker has too.
pub(crate) fn engine() -> Result<Engine> {
    Engine::new(&skep_engine_config::code())
        .map_err(|error| Refusal::new(format_args!("the engine cannot be set up: {error:#}")))
}

#[cfg(test)]
mod tests;
