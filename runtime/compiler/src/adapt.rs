// SPDX-License-Identifier: Apache-2.0
//! Core modules that carry component types become components.
//!
//! Belongs here: which modules can, with which adapter, and words for those that cannot.
//! Does not belong here: exit codes (exit), modules that stay modules (plain).

use crate::exit::keep_code;
use crate::module::{Module, P1};
use crate::refusal::{Refusal, Result, refuse};
use std::borrow::Cow;
use wasi_preview1_component_adapter_provider as provider;
use wit_component::ComponentEncoder;

/// A module that carries component types, or says why one without them is nothing to run.
pub fn adapt(bytes: &[u8], module: &Module) -> Result<Vec<u8>> {
    if module.shared_library {
        refuse!("the core module is a shared library (dylink.0): a part of a program, not one");
    }
    if !module.typed {
        return Err(untyped(module));
    }
    let adapter = match (module.start, module.imports_p1()) {
        (true, _) => Some(provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        (false, true) => Some(provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
        (false, false) => None,
    };
    let bytes = match adapter {
        Some(_) => keep_code(bytes)?.map_or(Cow::Borrowed(bytes), Cow::Owned),
        None => Cow::Borrowed(bytes),
    };
    encode(&bytes, adapter)
}

/// What the stock tools make of a plain command.
pub fn stock(bytes: &[u8]) -> Result<Vec<u8>> {
    encode(bytes, Some(provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER))
}

fn untyped(module: &Module) -> Refusal {
    Refusal::new(if module.initialize {
        "the core module is a reactor without component types, so nothing says what it exports; build it as a component or embed its WIT world"
    } else {
        "the core module has neither a _start function nor component types: it is no command of WASI preview 1"
    })
}

fn encode(bytes: &[u8], adapter: Option<&[u8]>) -> Result<Vec<u8>> {
    let encode = || {
        let mut encoder = ComponentEncoder::default();
        encoder.module(bytes)?;
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
    use crate::module::read;
    use crate::survey::survey;

    fn module(wat: &str) -> Vec<u8> {
        wat::parse_str(wat).unwrap()
    }

    fn adapted(bytes: &[u8]) -> Result<Vec<u8>> {
        adapt(bytes, &read(bytes).unwrap())
    }

    fn said(wat: &str) -> String {
        adapted(&module(wat)).expect_err("must be refused").text().to_string()
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
    fn a_command_that_imports_an_interface_keeps_it_and_its_code() {
        let wat = format!(
            r#"(module (import "acme:vault/store@1.0.0" "get" (func (result i32))) {EXITS}
                (func (export "_start") (call $exit (i32.const 7))))"#
        );
        let component = adapted(&typed(&wat, WIT, "app")).unwrap();
        assert!(String::from_utf8_lossy(&component).contains("exit-with-code"));
        let (imports, exports) = names(&component);
        assert!(imports.contains(&"acme:vault/store@1.0.0".to_string()), "{imports:?}");
        assert_eq!(exports, ["wasi:cli/run@0.2.12"]);
    }

    #[test]
    fn a_reactor_with_component_types_becomes_a_library() {
        let wat = format!(
            r#"(module {EXITS} (func (export "_initialize"))
                (func (export "acme:vault/store@1.0.0#get") (result i32) i32.const 1))"#
        );
        let (imports, exports) = names(&adapted(&typed(&wat, WIT, "vault")).unwrap());
        assert_eq!(exports, ["acme:vault/store@1.0.0"]);
        assert!(imports.contains(&crate::exit::EXIT.to_string()), "{imports:?}");
    }

    #[test]
    fn a_module_with_component_types_alone_needs_no_adapter() {
        let wat = r#"(module (memory (export "memory") 1)
            (func (export "acme:vault/store@1.0.0#get") (result i32) i32.const 1))"#;
        let (imports, exports) = names(&adapted(&typed(wat, WIT, "vault")).unwrap());
        assert_eq!(exports, ["acme:vault/store@1.0.0"]);
        assert!(imports.is_empty(), "{imports:?}");
    }

    #[test]
    fn modules_that_are_no_commands_are_refused_in_words() {
        assert!(said("(module)").contains("neither a _start function nor component types"));
        assert!(said(r#"(module (func (export "_initialize")))"#).contains("reactor"));
        assert!(said(r#"(module (@custom "dylink.0" ""))"#).contains("shared library"));
    }
}
