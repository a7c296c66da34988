// SPDX-License-Identifier: Apache-2.0
//! What a core module imports and exports, as far as deciding what to do with it goes.
//!
//! Belongs here: reading. Does not belong here: changing it (rename, exit, adapt).

use crate::refusal::Result;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Preview 1, and the name that wit-component looks for.
pub use skep_engine_config::offers::P1;

#[derive(Default)]
pub struct Module {
    /// Module and name of each import, in order.
    pub imports: Vec<(String, String)>,
    /// Exports the function `_start`: a command.
    pub start: bool,
    /// Exports the function `_initialize`: a reactor.
    pub initialize: bool,
    /// Exports its memory, where preview 1 looks for it.
    pub memory: bool,
    /// Carries component types, so that its imports and exports have a meaning.
    pub typed: bool,
    /// A library for dynamic linking, not a program.
    pub shared_library: bool,
}

pub fn read(bytes: &[u8]) -> Result<Module> {
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    module.imports.push((import.module.to_string(), import.name.to_string()));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    match (export.kind, export.name) {
                        (ExternalKind::Func, "_start") => module.start = true,
                        (ExternalKind::Func, "_initialize") => module.initialize = true,
                        (ExternalKind::Memory, "memory") => module.memory = true,
                        _ => {}
                    }
                }
            }
            Payload::CustomSection(section) => {
                module.typed |= section.name().starts_with("component-type");
                module.shared_library |= section.name() == "dylink.0";
            }
            _ => {}
        }
    }
    Ok(module)
}

impl Module {
    /// Does it call the host by the functions of preview 1?
    pub fn imports_p1(&self) -> bool {
        self.imports.iter().any(|(module, _)| module == P1)
    }

    /// Imports that are not of preview 1, as "module.name", at most three of them.
    pub fn foreign(&self) -> Vec<String> {
        let foreign = self.imports.iter().filter(|(module, _)| module != P1);
        foreign.take(3).map(|(module, name)| format!("{module}.{name}")).collect()
    }
}

/// The name of a function of preview 1, without the ` [v2]` that wit-component gives to the
/// second import of the same function.
pub fn plain_name(name: &str) -> &str {
    name.split_once(" [v").map_or(name, |(plain, _)| plain)
}

/// Is this the type of `proc_exit`: one i32 in, nothing out?
pub fn takes_a_status(types: &[wasmparser::SubType], ty: TypeRef) -> bool {
    let (TypeRef::Func(index) | TypeRef::FuncExact(index)) = ty else {
        return false;
    };
    let Some(sub) = types.get(index as usize) else {
        return false;
    };
    match &sub.composite_type.inner {
        wasmparser::CompositeInnerType::Func(f) => {
            f.params() == [wasmparser::ValType::I32] && f.results().is_empty()
        }
        _ => false,
    }
}
