// SPDX-License-Identifier: Apache-2.0
//! Several components become one, by a recipe.
//!
//! Belongs here: the steps: each part is checked and gets its own names for its roots, the links
//! are made, and the outside of the result is looked at again.
//! Does not belong here: who is linked to whom (runtime/compose decides), the names (slots), what
//! is a root (roots).

use crate::adapt;
use crate::detect::{Form, form};
use crate::limits::INSTANCES_MAX;
use crate::module;
use crate::plain;
use crate::recipe::{Edge, Part, Recipe};
use crate::refusal::{Refusal, Result, refuse};
use crate::roots::{is_root, is_shared};
use crate::slots;
use crate::survey::{Export, Import, Survey, survey};
use crate::wiring;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wac_graph::types::Package;
use wac_graph::{
    CompositionGraph, EncodeError, EncodeOptions, InstantiationArgumentError, NodeId, PackageId,
};

/// Whose roots are whose in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Each part has its own, in its slot: what the engine runs.
    Separate,
    /// All parts have the same: a component for any host.
    Merged,
}

pub struct Composed {
    pub bytes: Vec<u8>,
    pub outside: Survey,
}

/// A part as it goes into the graph.
struct Ready<'a> {
    part: &'a Part,
    bytes: Cow<'a, [u8]>,
    outside: Survey,
}

pub fn compose(recipe: &Recipe, bytes: &[&[u8]], roots: Roots) -> Result<Composed> {
    if bytes.len() != recipe.parts.len() {
        refuse!("the recipe names {} components, and {} came", recipe.parts.len(), bytes.len());
    }
    let mut parts = Vec::new();
    for (part, bytes) in recipe.parts.iter().zip(bytes) {
        parts.push(of(part, ready(part, bytes))?);
    }
    for edge in &recipe.edges {
        check_edge(edge, &parts)?;
    }
    check_size(recipe, &parts, roots)?;
    let bytes = link(recipe, &parts, roots)?;
    let outside = survey(&bytes)?;
    wiring::check(&bytes, &|import| match part_of(import, recipe) {
        Some((part, root)) => format!("{root} of {}", part.name),
        None => import.to_string(),
    })?;
    if roots == Roots::Separate {
        check_outside(&outside, recipe)?;
    }
    Ok(Composed { bytes, outside })
}

/// A sentence about one part begins with its name.
fn of<T>(part: &Part, done: Result<T>) -> Result<T> {
    done.map_err(|refusal| Refusal::new(format_args!("{}: {refusal}", part.name)))
}

fn ready<'a>(part: &'a Part, bytes: &'a [u8]) -> Result<Ready<'a>> {
    if format!("{:x}", Sha256::digest(bytes)) != part.digest {
        refuse!("its bytes are not those that the recipe names");
    }
    let bytes = component(bytes)?;
    let outside = survey(&bytes)?;
    slots::check(&outside)?;
    Ok(Ready { part, bytes, outside })
}

fn component(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if form(bytes)? == Form::Component {
        return Ok(Cow::Borrowed(bytes));
    }
    let module = module::read(bytes)?;
    if plain::is_plain(&module) {
        refuse!("a core module of WASI preview 1 has no interfaces that could be linked");
    }
    Ok(Cow::Owned(adapt::adapt(bytes, &module)?))
}

fn check_edge(edge: &Edge, parts: &[Ready<'_>]) -> Result<()> {
    let (consumer, provider) = (&parts[edge.consumer], &parts[edge.provider]);
    if !consumer.outside.imports.iter().any(|import| import.name == edge.import) {
        refuse!("{} does not import {}, which the recipe links", consumer.part.name, edge.import);
    }
    if !provider.outside.exports.iter().any(|export| export.name == edge.export) {
        refuse!("{} does not export {}, which the recipe links", provider.part.name, edge.export);
    }
    Ok(())
}

fn is_bound(recipe: &Recipe, slot: usize, import: &str) -> bool {
    recipe.edges.iter().any(|edge| edge.consumer == slot && edge.import == import)
}

/// Said before linking, which takes long over many names.
fn check_size(recipe: &Recipe, parts: &[Ready<'_>], roots: Roots) -> Result<()> {
    let mut names = HashSet::new();
    for (slot, ready) in parts.iter().enumerate() {
        for Import { name, .. } in &ready.outside.imports {
            let own = roots == Roots::Separate && is_root(name);
            if !is_bound(recipe, slot, name) {
                names.insert((own.then_some(slot), name));
            }
        }
        if names.len() + parts.len() + recipe.edges.len() > INSTANCES_MAX {
            refuse!(
                "{} is one component too many: imports, links and components of a composition are at \
                 most {INSTANCES_MAX} together, and it imports {} interfaces",
                ready.part.name,
                ready.outside.imports.len()
            );
        }
    }
    Ok(())
}

fn link(recipe: &Recipe, parts: &[Ready<'_>], roots: Roots) -> Result<Vec<u8>> {
    let exports = &parts[0].outside.exports;
    let (graph, instances) = graph_of(recipe, parts, roots, &|_| true)?;
    let encoded = graph.encode(EncodeOptions::default());
    let bare = exports.iter().any(|export| !export.instance);
    // A function whose types are another part's can be an export only together with them, in an
    // interface. In a pod it is left out: nobody could call it. Another host might want it.
    if matches!(encoded, Err(EncodeError::ValidationFailure { .. }))
        && bare
        && roots == Roots::Separate
    {
        let (graph, instances) = graph_of(recipe, parts, roots, &|export| export.instance)?;
        let encoded = graph.encode(EncodeOptions::default());
        return encoded.map_err(|error| not_encoded(error, parts, &instances));
    }
    encoded.map_err(|error| not_encoded(error, parts, &instances))
}

fn graph_of(
    recipe: &Recipe,
    parts: &[Ready<'_>],
    roots: Roots,
    exported: &dyn Fn(&Export) -> bool,
) -> Result<(CompositionGraph, Vec<NodeId>)> {
    let mut graph = CompositionGraph::new();
    let mut instances = Vec::new();
    for (slot, ready) in parts.iter().enumerate() {
        let renamed = slots::rename(&ready.bytes, |import| {
            (roots == Roots::Separate && is_root(import) && !is_bound(recipe, slot, import))
                .then(|| slots::name(slot, import))
        });
        let package = renamed.and_then(|bytes| add_package(&mut graph, slot, bytes));
        instances.push(graph.instantiate(of(ready.part, package)?));
    }
    for edge in &recipe.edges {
        add_edge(&mut graph, edge, parts, &instances)?;
    }
    for export in parts[0].outside.exports.iter().filter(|export| exported(export)) {
        let item = graph.alias_instance_export(instances[0], &export.name);
        let item = item.map_err(|error| words("an export is lost", &error.into()))?;
        let done = graph.export(item, &export.name);
        done.map_err(|error| words("an export is lost", &error.into()))?;
    }
    Ok((graph, instances))
}

/// Some types that are valid WebAssembly make wac-types panic.
fn add_package(graph: &mut CompositionGraph, slot: usize, bytes: Vec<u8>) -> Result<PackageId> {
    let name = format!("skep:part{slot}");
    let read = AssertUnwindSafe(|| Package::from_bytes(&name, None, bytes, graph.types_mut()));
    let Ok(package) = catch_unwind(read) else {
        refuse!("it cannot be linked: its imports or exports are of a type that is not known here");
    };
    let package = package.map_err(|error| words("it cannot be linked", &error))?;
    let added = graph.register_package(package);
    added.map_err(|error| words("it cannot be linked", &error.into()))
}

fn add_edge(
    graph: &mut CompositionGraph,
    edge: &Edge,
    parts: &[Ready<'_>],
    instances: &[NodeId],
) -> Result<()> {
    let Edge { import, export, .. } = edge;
    let (consumer, provider) = (parts[edge.consumer].part, parts[edge.provider].part);
    let item = graph.alias_instance_export(instances[edge.provider], export);
    let item = item.map_err(|error| words("a link cannot be made", &error.into()))?;
    let linked = graph.set_instantiation_argument(instances[edge.consumer], import, item);
    linked.map_err(|error| match error {
        InstantiationArgumentError::ArgumentTypeMismatch { source, .. } => Refusal::new(format_args!(
            "{} imports {import}, and what {} exports as {export} is of another type: {source:#}",
            consumer.name, provider.name
        )),
        error => words("a link cannot be made", &error.into()),
    })
}

fn not_encoded(error: EncodeError, parts: &[Ready<'_>], instances: &[NodeId]) -> Refusal {
    let name = |node| {
        let slot = instances.iter().position(|instance| *instance == node);
        slot.map_or("a component", |slot| parts[slot].part.name.as_str())
    };
    match error {
        EncodeError::GraphContainsCycle { node } => Refusal::new(format_args!(
            "the components import one another in a ring, which {} is part of",
            name(node)
        )),
        EncodeError::ImportTypeMergeConflict { import, first, second, source } => {
            Refusal::new(format_args!(
                "{} and {} import {import}, each with another type: {source:#}",
                name(first),
                name(second)
            ))
        }
        EncodeError::ValidationFailure { source } => Refusal::new(format_args!(
            "{} and those it is linked with do not fit together: {}",
            parts[0].part.name,
            source.message()
        )),
        error => words("the components cannot be linked", &error.into()),
    }
}

fn words(what: &str, error: &anyhow::Error) -> Refusal {
    Refusal::new(format_args!("{what}: {error:#}"))
}

/// Whose root an import in a slot is, and which.
fn part_of<'a>(import: &'a str, recipe: &'a Recipe) -> Option<(&'a Part, &'a str)> {
    let (slot, root) = slots::split(import)?;
    let part = recipe.parts.get(slot.parse::<usize>().ok()?)?;
    is_root(root).then_some((part, root))
}

/// What the host is asked for: roots in the slots of this composition, types of handles, and types.
fn check_outside(outside: &Survey, recipe: &Recipe) -> Result<()> {
    for import in &outside.imports {
        let is_slot = part_of(&import.name, recipe).is_some();
        if is_slot || is_shared(&import.name) || !import.needs_host {
            continue;
        }
        refuse!(
            "nobody of the composition exports {}, which one of its parts imports",
            import.name
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
