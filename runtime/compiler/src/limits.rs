// SPDX-License-Identifier: Apache-2.0
//! How much of everything a component may have.
//!
//! Belongs here: maxima of what foreign bytes can ask of this process and of those who read
//! its description. Those of WebAssembly itself are wasmparser's; memory and time are the sandbox's.

/// Components and modules inside one another; compositions of compositions use about five.
pub const NESTING_MAX: usize = 64;

/// Imports of a component; everything that WASI has is about fifty.
pub const IMPORTS_MAX: usize = 1000;

/// Exports of a component.
pub const EXPORTS_MAX: usize = 1000;

/// Bytes in the name of an import or export.
pub const NAME_MAX: usize = 256;

/// Bytes of a description: what the maxima above come to is cut off long before.
pub const DESCRIPTION_MAX: usize = 256 << 10;

/// Stack of the thread that validates and translates; wasmparser's own maxima keep recursion
/// far below it.
pub const STACK_BYTES: usize = 32 << 20;

/// Stack of the threads that compile functions.
pub const THREAD_STACK_BYTES: usize = 8 << 20;

/// Components of a composition: the engine has so many slots.
pub const PARTS_MAX: usize = 64;

/// Links between them.
pub const EDGES_MAX: usize = 4096;

/// Bytes of a recipe.
pub const RECIPE_MAX: usize = 1 << 20;

/// Instances of one component, in Wasmtime: of a composition its imports, parts and links.
pub const INSTANCES_MAX: usize = 1000;
