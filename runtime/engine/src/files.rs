// SPDX-License-Identifier: Apache-2.0
//! Calls of guests on their files.
//!
//! Each is wasmtime-wasi's own, on a thread that [`threads`] lends to the task.
//!
//! Belongs here: what all of them have in common. Does not belong here: which folders there are
//! (grant.rs), counting what is open (descriptors.rs).

pub mod calls;
pub mod plain;
pub mod streams;
pub mod streams3;
pub mod threads;
