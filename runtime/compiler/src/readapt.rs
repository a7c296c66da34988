// SPDX-License-Identifier: Apache-2.0
//! Components that are a plain command behind the stock adapter: the command is taken out.
//!
//! A component that wit-component made from one command of preview 1 still holds that module, byte
//! for byte but for the names of imports that occur twice. Behind the adapter it loses its exit
//! codes, and perhaps its heap (see plain). Taken out, it is run as any plain command, where
//! nothing else can differ: see `inner()` and `same_needs()`. Everything else stays as it is.
//!
//! Belongs here: recognising such components. Does not belong here: what modules can run (plain).

use crate::adapt::stock;
use crate::entry::{Line, split};
use crate::module::{self, P1};
use crate::plain::{self, is_plain, unnumbered};
use crate::refusal::Result;
use crate::survey::{Survey, survey};
use skep_engine_config::offers;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use wasmparser::{ComponentName, KnownCustom, Parser, Payload};

/// The command inside, or None where the component is something else or would not be the same.
pub fn readapt<'a>(component: &'a [u8], outside: &Survey) -> Option<Cow<'a, [u8]>> {
    if !is_plain_command(outside) {
        return None;
    }
    let module = unnumbered(inner(component).ok()??).ok()?;
    plain::check(&module::read(&module).ok()?).ok()?;
    let anew = stock(&module).ok()?;
    same_needs(outside, &survey(&anew).ok()?).then_some(module)
}

/// Exports nothing but wasi:cli/run and imports nothing but what the host has, all of 0.2.
fn is_plain_command(outside: &Survey) -> bool {
    let [export] = outside.exports.as_slice() else {
        return false;
    };
    let old = |name: &str| Line::of(split(name).1) == Some(Line::Two);
    split(&export.name).0 == "wasi:cli/run"
        && old(&export.name)
        && outside.imports.iter().all(|import| {
            import.instance
                && old(&import.name)
                && (!import.needs_host || offers::linked(&import.name))
        })
}

/// What wit-component calls the modules it puts into a component, in the component's name section.
const ADAPTER: &str = "wit-component:adapter:wasi_snapshot_preview1";
const PROGRAM: &str = "main";
const HELPERS: [&str; 2] = ["wit-component-shim-module", "wit-component-fixup"];

/// The one module of the program, if the others are the stock adapter and its two helpers, no
/// nested component holds a module, and the program calls only preview 1.
fn inner(component: &[u8]) -> Result<Option<&[u8]>> {
    let Some(modules) = outer_modules(component)? else {
        return Ok(None);
    };
    let names = names(component, modules.len())?;
    let called = |wanted: &str| names.iter().filter(|name| **name == wanted).count();
    let helpers: usize = HELPERS.into_iter().map(called).sum();
    let (1, 1, Some(program)) =
        (called(PROGRAM), called(ADAPTER), names.iter().position(|name| *name == PROGRAM))
    else {
        return Ok(None);
    };
    if 2 + helpers != modules.len() {
        return Ok(None);
    }
    let bytes = &component[modules[program].clone()];
    let module = module::read(bytes)?;
    let only_p1 = module.imports.iter().all(|(from, _)| from == P1);
    Ok((is_plain(&module) && only_p1).then_some(bytes))
}

/// What the component's name section calls its core modules, "" where it says nothing.
fn names(component: &[u8], count: usize) -> Result<Vec<&str>> {
    let mut names = vec![""; count];
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload?
            && let KnownCustom::ComponentName(parts) = section.as_known()
        {
            for part in parts {
                put_names(part?, &mut names)?;
            }
        }
    }
    Ok(names)
}

fn put_names<'a>(part: ComponentName<'a>, names: &mut [&'a str]) -> Result<()> {
    if let ComponentName::CoreModules(map) = part {
        for naming in map {
            let naming = naming?;
            if let Some(name) = names.get_mut(naming.index as usize) {
                *name = naming.name;
            }
        }
    }
    Ok(())
}

/// Where the core modules of the outermost component lie; None if deeper ones have modules too.
fn outer_modules(component: &[u8]) -> Result<Option<Vec<Range<usize>>>> {
    let mut modules = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ComponentSection { .. } => depth += 1,
            Payload::ModuleSection { unchecked_range, .. } => {
                if depth > 0 {
                    return Ok(None);
                }
                let (start, end) = (unchecked_range.start as usize, unchecked_range.end as usize);
                modules.push(start..end);
                depth += 1;
            }
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    Ok(Some(modules))
}

/// An adapter that does other things than the stock one (a file system in memory, a fixed clock)
/// asks its host for other interfaces.
fn same_needs(before: &Survey, after: &Survey) -> bool {
    let needs = |survey: &Survey| -> BTreeSet<String> {
        let names = survey.imports.iter().filter(|import| import.needs_host);
        names.map(|import| split(&import.name).0.to_string()).collect()
    };
    needs(before) == needs(after)
}
