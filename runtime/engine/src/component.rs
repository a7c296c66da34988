// SPDX-License-Identifier: Apache-2.0
//! A loaded component or core module: code that is mapped, imports that are resolved.
//!
//! Belongs here: loading, telling its kind, naming what it lacks.
//! Does not belong here: instances (command.rs, request.rs).

use crate::engine::Engine;
use crate::guest::Guest;
use crate::limits::Limits;
use crate::parts;
use crate::preview1;
use crate::why::{Kind, Result, Why};
use skep_engine_config::offers;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wasmtime::component;
use wasmtime::{FuncType, InstancePre, Module, Precompiled};
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;
use wasmtime_wasi_http::p2::bindings as http2;
use wasmtime_wasi_http::p3::bindings as http3;

pub type Pre = component::InstancePre<Guest>;

/// What can be run: what it is by what it exports, and where in it the exports are.
pub enum Program {
    /// A core module, with `_start`.
    Command1(InstancePre<Guest>),
    Command2(Pre, p2::CommandIndices),
    Command3(Pre, p3::CommandIndices),
    Server2(Pre, http2::ProxyIndices),
    Server3(Pre, http3::ServiceIndices),
    Library(Pre),
}

pub struct Component {
    pub engine: Arc<Engine>,
    pub program: Program,
    /// How many a composition has at least; 0 of a component that is none.
    pub parts: usize,
}

/// Refusals name so many imports; the rest is counted.
const NAMED_IMPORTS: usize = 3;

impl Component {
    /// # Safety
    /// `fd` is a file that our compiler made and that nobody changes any more.
    pub unsafe fn load(engine: &Arc<Engine>, fd: RawFd) -> Result<Component> {
        // SAFETY: the caller's promise.
        let (program, parts) = match unsafe { map(engine, fd) }? {
            Mapped::Module(module) => (Program::of_module(engine, &module)?, 0),
            Mapped::Component(component) => {
                let ty = component.component_type();
                let parts = parts::count(ty.imports(&engine.wasm).map(|(name, _)| name));
                (Program::of_component(engine, &component, parts)?, parts)
            }
        };
        Ok(Component { engine: engine.clone(), program, parts })
    }
}

impl Program {
    fn of_module(engine: &Engine, module: &Module) -> Result<Program> {
        let pre = engine.preview1.instantiate_pre(module).map_err(|error| {
            let text = format!("an import does not fit the host: {error:#}");
            Why::new(Kind::Unresolved, text.replace('\n', " "))
        })?;
        let start = module.get_export(preview1::START);
        if !start.is_some_and(|start| start.func().is_some_and(is_plain)) {
            return Err(Why::invalid("its _start is no function without parameters and results"));
        }
        // Made now, so that the first instance is as quick as the next ones.
        module.initialize_copy_on_write_image().map_err(image_failed)?;
        Ok(Program::Command1(pre))
    }

    fn of_component(
        engine: &Engine,
        component: &component::Component,
        parts: usize,
    ) -> Result<Program> {
        let linked = match parts {
            0 => engine.linker.instantiate_pre(component),
            _ => engine.composer.instantiate_pre(&engine.wasm, component, parts),
        };
        let pre = match linked {
            Ok(pre) => pre,
            Err(error) => return Err(unresolved(engine, component, &error)),
        };
        component.initialize_copy_on_write_image().map_err(image_failed)?;
        Ok(Program::of(pre))
    }

    fn of(pre: Pre) -> Program {
        if let Ok(at) = http3::ServiceIndices::new(&pre) {
            return Program::Server3(pre, at);
        }
        if let Ok(at) = http2::ProxyIndices::new(&pre) {
            return Program::Server2(pre, at);
        }
        if let Ok(at) = p3::CommandIndices::new(&pre) {
            return Program::Command3(pre, at);
        }
        match p2::CommandIndices::new(&pre) {
            Ok(at) => Program::Command2(pre, at),
            Err(_) => Program::Library(pre),
        }
    }

    /// Of a component; a core module has none.
    pub fn pre(&self) -> Option<&Pre> {
        match self {
            Program::Command1(_) => None,
            Program::Command2(pre, _) | Program::Command3(pre, _) => Some(pre),
            Program::Server2(pre, _) | Program::Server3(pre, _) | Program::Library(pre) => {
                Some(pre)
            }
        }
    }

    pub fn is_preview1(&self) -> bool {
        matches!(self, Program::Command1(_))
    }

    /// Whether it can be run within such limits.
    pub fn check(&self, limits: &Limits) -> Result<()> {
        if limits.reuse.is_some() && matches!(self, Program::Server2(..)) {
            return Err(Why::invalid(
                "an instance can take several requests only where the component exports \
                 wasi:http/handler (0.3); this one exports wasi:http/incoming-handler (0.2)",
            ));
        }
        Ok(())
    }

    /// The values of `enum engine_kind`.
    pub fn kind(&self) -> i32 {
        match self {
            Program::Command1(_) | Program::Command2(..) | Program::Command3(..) => 0,
            Program::Server2(..) | Program::Server3(..) => 1,
            Program::Library(_) => 2,
        }
    }

    pub fn wasi_minor(&self) -> u32 {
        match self {
            Program::Command1(_) => 1,
            Program::Command2(..) | Program::Server2(..) => 2,
            Program::Command3(..) | Program::Server3(..) => 3,
            Program::Library(_) => 0,
        }
    }
}

fn is_plain(ty: &FuncType) -> bool {
    ty.params().len() == 0 && ty.results().len() == 0
}

fn image_failed(error: wasmtime::Error) -> Why {
    Why::new(Kind::System, format!("map its memory: {error:#}"))
}

enum Mapped {
    Module(Module),
    Component(component::Component),
}

/// # Safety
/// As for [`Component::load`].
unsafe fn map(engine: &Engine, fd: RawFd) -> Result<Mapped> {
    let failed = |error| Why::system(&format!("read descriptor {fd}"), error);
    // SAFETY: borrowed for this function, never closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(Why::invalid(format_args!("descriptor {fd} is not a file")));
    }
    let mut bytes = vec![0; usize::try_from(about.len()).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    let loaded = match wasmtime::Engine::detect_precompiled(&bytes) {
        Some(Precompiled::Module) => {
            drop(bytes);
            let own = file.try_clone().map_err(failed)?;
            // Its pages are shared and loaded as needed. SAFETY: the caller's promise.
            unsafe { Module::deserialize_open_file(&engine.wasm, own) }.map(Mapped::Module)
        }
        // There is no such door for components, and no /proc any more to name the file by.
        // SAFETY: the caller's promise.
        _ => unsafe { component::Component::deserialize(&engine.wasm, &bytes) }
            .map(Mapped::Component),
    };
    loaded.map_err(|error| Why::new(Kind::Refused, format!("not made for this engine: {error:#}")))
}

fn explain(import: &str) -> String {
    match parts::split(import) {
        Some((part, name)) => format!("of part {part} of a composition: {}", offers::explain(name)),
        None => offers::explain(import),
    }
}

fn unresolved(engine: &Engine, component: &component::Component, error: &wasmtime::Error) -> Why {
    let ty = component.component_type();
    let lacking: Vec<String> = ty
        .imports(&engine.wasm)
        .map(|(name, _)| name.to_string())
        .filter(|name| !offers::offered(parts::split(name).map_or(name, |(_, name)| name)))
        .collect();
    if lacking.is_empty() {
        // Every name is known, so one of them has another shape here.
        let text = format!("an import does not fit the host: {error:#}");
        return Why::new(Kind::Unresolved, text.replace('\n', " "));
    }
    let named: Vec<String> = lacking.iter().take(NAMED_IMPORTS).map(|name| explain(name)).collect();
    let mut text = named.join("; ");
    if lacking.len() > NAMED_IMPORTS {
        text.push_str(&format!("; and {} more", lacking.len() - NAMED_IMPORTS));
    }
    Why::new(Kind::Unresolved, text)
}
