// SPDX-License-Identifier: Apache-2.0
//! A loaded component: code that is mapped, imports that are resolved.
//!
//! Belongs here: loading, telling its kind, naming what it lacks.
//! Does not belong here: instances (command.rs, request.rs).

use crate::engine::Engine;
use crate::guest::Guest;
use crate::why::{Kind, Result, Why};
use skep_engine_config::offers;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wasmtime::component::{self, InstancePre};
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;
use wasmtime_wasi_http::p2::bindings as http2;
use wasmtime_wasi_http::p3::bindings as http3;

/// What a component is, by what it exports, and where in it the exports are.
pub enum Program {
    Command2(p2::CommandIndices),
    Command3(p3::CommandIndices),
    Server2(http2::ProxyIndices),
    Server3(http3::ServiceIndices),
    Library,
}

pub struct Component {
    pub engine: Arc<Engine>,
    pub pre: InstancePre<Guest>,
    pub program: Program,
}

/// Refusals name so many imports; the rest is counted.
const NAMED_IMPORTS: usize = 3;

impl Component {
    /// # Safety
    /// `fd` is a file that our compiler made and that nobody changes any more.
    pub unsafe fn load(engine: &Arc<Engine>, fd: RawFd) -> Result<Component> {
        // SAFETY: the caller's promise.
        let component = unsafe { map(engine, fd) }?;
        let pre = match engine.linker.instantiate_pre(&component) {
            Ok(pre) => pre,
            Err(error) => return Err(unresolved(engine, &component, &error)),
        };
        // Made now, so that the first instance is as quick as the next ones.
        component
            .initialize_copy_on_write_image()
            .map_err(|error| Why::new(Kind::System, format!("map its memory: {error:#}")))?;
        Ok(Component { engine: engine.clone(), program: Program::of(&pre), pre })
    }
}

impl Program {
    fn of(pre: &InstancePre<Guest>) -> Program {
        if let Ok(at) = http3::ServiceIndices::new(pre) {
            return Program::Server3(at);
        }
        if let Ok(at) = http2::ProxyIndices::new(pre) {
            return Program::Server2(at);
        }
        if let Ok(at) = p3::CommandIndices::new(pre) {
            return Program::Command3(at);
        }
        match p2::CommandIndices::new(pre) {
            Ok(at) => Program::Command2(at),
            Err(_) => Program::Library,
        }
    }

    /// The values of `enum engine_kind`.
    pub fn kind(&self) -> i32 {
        match self {
            Program::Command2(_) | Program::Command3(_) => 0,
            Program::Server2(_) | Program::Server3(_) => 1,
            Program::Library => 2,
        }
    }

    pub fn wasi_minor(&self) -> u32 {
        match self {
            Program::Command2(_) | Program::Server2(_) => 2,
            Program::Command3(_) | Program::Server3(_) => 3,
            Program::Library => 0,
        }
    }
}

/// # Safety
/// As for [`Component::load`].
unsafe fn map(engine: &Engine, fd: RawFd) -> Result<component::Component> {
    let failed = |error| Why::system(&format!("read descriptor {fd}"), error);
    // SAFETY: borrowed for this function, never closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(Why::invalid(format_args!("descriptor {fd} is not a file")));
    }
    let path = format!("/proc/self/fd/{fd}");
    let loaded = if File::open(&path).is_ok() {
        // Mapped from the file, so that its pages are shared and loaded as needed.
        // SAFETY: the caller's promise.
        unsafe { component::Component::deserialize_file(&engine.wasm, &path) }
    } else {
        // Without /proc, or where only the descriptor gives access to the file.
        let mut bytes = vec![0; usize::try_from(about.len()).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        // SAFETY: the caller's promise.
        unsafe { component::Component::deserialize(&engine.wasm, bytes) }
    };
    loaded.map_err(|error| {
        let text = format!("not made for this engine: {error:#}").replace(&path, "it");
        Why::new(Kind::Refused, text)
    })
}

fn unresolved(engine: &Engine, component: &component::Component, error: &wasmtime::Error) -> Why {
    let ty = component.component_type();
    let lacking: Vec<String> = ty
        .imports(&engine.wasm)
        .map(|(name, _)| name.to_string())
        .filter(|name| !offers::offered(name))
        .collect();
    if lacking.is_empty() {
        // Every name is known, so one of them has another shape here.
        let text = format!("an import does not fit the host: {error:#}");
        return Why::new(Kind::Unresolved, text.replace('\n', " "));
    }
    let named: Vec<String> =
        lacking.iter().take(NAMED_IMPORTS).map(|name| offers::explain(name)).collect();
    let mut text = named.join("; ");
    if lacking.len() > NAMED_IMPORTS {
        text.push_str(&format!("; and {} more", lacking.len() - NAMED_IMPORTS));
    }
    Why::new(Kind::Unresolved, text)
}
