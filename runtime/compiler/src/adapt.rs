// SPDX-License-Identifier: Apache-2.0
//! Core modules become components.
//!
//! Belongs here: which modules can, with which adapter, and words for those that cannot.
//! Does not belong here: exit codes (exit), components that were adapted before (readapt).

use crate::exit::keep_code;
use crate::module::{self, Module, P1, plain_name};
use crate::refusal::{Refusal, Result, refuse};
use std::borrow::Cow;
use wasi_preview1_component_adapter_provider as provider;
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// A command of preview 1, or a module that carries component types, as a component.
pub fn adapt(bytes: &[u8]) -> Result<Vec<u8>> {
    let module = module::read(bytes)?;
    if module.shared_library {
        refuse!("the core module is a shared library (dylink.0): a part of a program, not one");
    }
    match (module.start, module.typed) {
        (true, false) => {
            check_imports(&module)?;
            encode(bytes, Some(provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER))
        }
        (true, true) => encode(bytes, Some(provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)),
        (false, true) if module.imports_p1() => {
            encode(bytes, Some(provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER))
        }
        (false, true) => encode(bytes, None),
        (false, false) if module.initialize => refuse!(
            "the core module is a reactor without component types, so nothing says what it exports; build it as a component or embed its WIT world"
        ),
        (false, false) => refuse!(
            "the core module has neither a _start function nor component types: it is no command of WASI preview 1"
        ),
    }
}

/// Every import must be a function that the adapter implements.
fn check_imports(module: &Module) -> Result<()> {
    if module.imports.iter().any(|(from, _)| from == "wasi_unstable") {
        refuse!(
            "the core module was built for wasi_unstable, which came before WASI preview 1; build it with a newer toolchain"
        );
    }
    let foreign = module.foreign();
    if !foreign.is_empty() {
        refuse!(
            "the core module imports {}, which WASI preview 1 does not have",
            foreign.join(", ")
        );
    }
    let offered = adapter_exports()?;
    for (_, name) in &module.imports {
        if !offered.contains(&plain_name(name)) {
            refuse!("the core module imports {P1}.{name}, which WASI preview 1 does not have");
        }
    }
    Ok(())
}

fn adapter_exports() -> Result<Vec<&'static str>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                names.push(export?.name);
            }
        }
    }
    Ok(names)
}

/// Runs wit-component, with exit codes kept wherever there is an adapter to lose them.
fn encode(bytes: &[u8], adapter: Option<&[u8]>) -> Result<Vec<u8>> {
    let bytes = match adapter {
        Some(_) => keep_code(bytes)?.map_or(Cow::Borrowed(bytes), Cow::Owned),
        None => Cow::Borrowed(bytes),
    };
    let encode = || {
        let mut encoder = ComponentEncoder::default();
        encoder.module(&bytes)?;
        if let Some(adapter) = adapter {
            encoder.adapter(P1, adapter)?;
        }
        encoder.encode()
    };
    encode().map_err(|error: anyhow::Error| {
        Refusal::new(format_args!("the core module cannot become a component: {error:#}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::survey;

    fn module(wat: &str) -> Vec<u8> {
        wat::parse_str(wat).unwrap()
    }

    fn said(wat: &str) -> String {
        adapt(&module(wat)).expect_err("must be refused").text().to_string()
    }

    /// A module with component types for a world.
    fn typed(wat: &str, wit: &str, world: &str) -> Vec<u8> {
        let mut bytes = module(wat);
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("test.wit", wit).unwrap();
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let utf8 = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut bytes, &resolve, world, utf8, false).unwrap();
        bytes
    }

    const EXITS: &str = r#"
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)"#;
    const WIT: &str = "package acme:vault@1.0.0;
        interface store { get: func() -> u32; }
        world app { import store; }
        world vault { export store; }";

    fn names(component: &[u8]) -> (Vec<String>, Vec<String>) {
        let survey = survey(component).unwrap();
        let imports = survey.imports.into_iter().map(|import| import.name).collect();
        (imports, survey.exports.into_iter().map(|export| export.name).collect())
    }

    #[test]
    fn a_command_of_preview_1_becomes_a_command_that_keeps_its_code() {
        let bytes = module(&format!(
            r#"(module {EXITS} (func (export "_start") (call $exit (i32.const 7))))"#
        ));
        let component = adapt(&bytes).unwrap();
        let (imports, exports) = names(&component);
        assert_eq!(exports, ["wasi:cli/run@0.2.12"]);
        assert!(imports.contains(&crate::exit::EXIT.to_string()), "{imports:?}");
        let text = String::from_utf8_lossy(&component);
        assert!(text.contains("exit-with-code"));
    }

    #[test]
    fn a_command_that_imports_an_interface_keeps_it_as_an_import() {
        let wat = format!(
            r#"(module (import "acme:vault/store@1.0.0" "get" (func (result i32))) {EXITS}
                (func (export "_start")))"#
        );
        let (imports, exports) = names(&adapt(&typed(&wat, WIT, "app")).unwrap());
        assert!(imports.contains(&"acme:vault/store@1.0.0".to_string()), "{imports:?}");
        assert_eq!(exports, ["wasi:cli/run@0.2.12"]);
    }

    #[test]
    fn a_reactor_with_component_types_becomes_a_library() {
        let wat = format!(
            r#"(module {EXITS} (func (export "_initialize"))
                (func (export "acme:vault/store@1.0.0#get") (result i32) i32.const 1))"#
        );
        let (imports, exports) = names(&adapt(&typed(&wat, WIT, "vault")).unwrap());
        assert_eq!(exports, ["acme:vault/store@1.0.0"]);
        assert!(imports.contains(&crate::exit::EXIT.to_string()), "{imports:?}");
    }

    #[test]
    fn a_module_with_component_types_alone_needs_no_adapter() {
        let wat = r#"(module (memory (export "memory") 1)
            (func (export "acme:vault/store@1.0.0#get") (result i32) i32.const 1))"#;
        let (imports, exports) = names(&adapt(&typed(wat, WIT, "vault")).unwrap());
        assert_eq!(exports, ["acme:vault/store@1.0.0"]);
        assert!(imports.is_empty(), "{imports:?}");
    }

    #[test]
    fn modules_that_are_no_commands_are_refused_in_words() {
        assert!(said("(module)").contains("neither a _start function nor component types"));
        assert!(said(r#"(module (func (export "_initialize")))"#).contains("reactor"));
        assert!(said(r#"(module (@custom "dylink.0" ""))"#).contains("shared library"));
    }

    #[test]
    fn imports_beyond_preview_1_are_named() {
        let start = r#"(func (export "_start"))"#;
        let foreign = said(&format!(r#"(module (import "env" "abort" (func)) {start})"#));
        assert!(foreign.contains("env.abort"), "{foreign}");
        let old = said(&format!(r#"(module (import "wasi_unstable" "proc_exit" (func)) {start})"#));
        assert!(old.contains("wasi_unstable"), "{old}");
        let more = said(&format!(r#"(module (import "{P1}" "sock_open" (func)) {start})"#));
        assert!(more.contains("sock_open"), "{more}");
    }
}
