// SPDX-License-Identifier: Apache-2.0
//! Whole jobs: what is put out, what is refused, and what cannot take the compiler down.

use super::*;

mod bombs;

fn compiled(bytes: &[u8]) -> Result<(Vec<u8>, serde_json::Value)> {
    let output = compile(&engine().unwrap(), bytes)?;
    Ok((output.code, serde_json::from_str(&output.description).unwrap()))
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A command of preview 1 that exits with 7.
fn command() -> Vec<u8> {
    wat(r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 7))))"#)
}

#[test]
fn a_plain_command_is_compiled_as_the_module_that_it_is() {
    let bytes = command();
    let (code, json) = compiled(&bytes).unwrap();
    assert_eq!(Engine::detect_precompiled(&code), Some(wasmtime::Precompiled::Module));
    assert_eq!(json["v"], 1);
    assert_eq!(json["kind"], "command");
    assert_eq!(json["wasi"], "0.1");
    assert_eq!(json["adapted"], "p1");
    assert_eq!(json["imports"], serde_json::json!(["wasi_snapshot_preview1.proc_exit"]));
    assert_eq!(json["exports"], serde_json::json!(["_start"]));
    assert_eq!(json["unknown"], serde_json::json!([]));
    assert_eq!(json["wasm_bytes"], bytes.len());
    assert_eq!(json["code_bytes"], code.len());
}

#[test]
fn a_component_is_compiled_as_it_is() {
    let (code, json) = compiled(&wat("(component)")).unwrap();
    assert_eq!(Engine::detect_precompiled(&code), Some(wasmtime::Precompiled::Component));
    assert_eq!(json["kind"], "library");
    assert_eq!(json["adapted"], "none");
}

#[test]
fn the_same_bytes_give_the_same_code() {
    assert_eq!(compiled(&command()).unwrap().0, compiled(&command()).unwrap().0);
}

/// What is compiled in place of a component, or None where it stays as it is.
fn taken_out(component: &[u8]) -> Option<Vec<u8>> {
    let prepared = prepare(component).unwrap();
    (prepared.form == Form::Module).then(|| prepared.bytes.into_owned())
}

#[test]
fn the_module_in_a_stock_component_is_compiled_in_its_place() {
    let made = adapt::stock(&command()).unwrap();
    assert_eq!(taken_out(&made), Some(command()));
    let (code, json) = compiled(&made).unwrap();
    assert_eq!(json["adapted"], "readapted");
    assert_eq!(json["wasi"], "0.2");
    assert!(code == compiled(&command()).unwrap().0);
}

#[test]
fn imports_that_occur_twice_survive_being_taken_out() {
    let module = wat(r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $again (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 7)) (call $again (i32.const 8))))"#);
    assert_eq!(taken_out(&adapt::stock(&module).unwrap()), Some(module));
}

#[test]
fn a_component_that_is_not_plainly_adapted_stays_as_it_is() {
    let mut nested = wasm_encoder::Component::new();
    let inside = adapt::stock(&command()).unwrap();
    nested.section(&wasm_encoder::RawSection { id: 4, data: &inside });
    assert_eq!(taken_out(&nested.finish()), None);
    assert_eq!(taken_out(&wat("(component)")), None);
}

/// One that virtualises something is named like the stock adapter, but needs less of its host.
#[test]
fn an_adapter_with_other_needs_is_not_replaced() {
    let outside = survey(&adapt::stock(&command()).unwrap()).unwrap();
    let mut fewer = survey(&adapt::stock(&command()).unwrap()).unwrap();
    fewer.imports.retain(|import| !import.name.starts_with("wasi:cli/stderr@"));
    assert!(readapt::readapt(&adapt::stock(&command()).unwrap(), &outside).is_some());
    assert!(readapt::readapt(&adapt::stock(&command()).unwrap(), &fewer).is_none());
}

#[test]
fn an_invalid_function_body_is_refused_as_invalid() {
    let bytes = wat("(component (core module (func (result i32) i64.const 1)))");
    let said = compiled(&bytes).unwrap_err();
    assert!(said.text().starts_with("not valid WebAssembly"), "{said}");
    assert!(said.text().contains("type mismatch"), "{said}");
}

#[test]
fn an_invalid_core_module_is_refused_as_invalid() {
    let bytes = wat(r#"(module (func (export "_start") (result i32) i64.const 1))"#);
    let said = compiled(&bytes).unwrap_err();
    assert!(said.text().starts_with("not valid WebAssembly"), "{said}");
}

#[test]
fn proposals_that_are_off_are_named() {
    let bytes = wat("(component (core module (memory i64 1)))");
    let said = compiled(&bytes).unwrap_err();
    assert!(said.text().contains("memory64"), "{said}");
}
