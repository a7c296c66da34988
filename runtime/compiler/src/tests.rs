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
fn a_core_command_is_adapted_and_compiled() {
    let bytes = command();
    let (code, json) = compiled(&bytes).unwrap();
    assert_eq!(Engine::detect_precompiled(&code), Some(wasmtime::Precompiled::Component));
    assert_eq!(json["v"], 1);
    assert_eq!(json["kind"], "command");
    assert_eq!(json["wasi"], "0.2");
    assert_eq!(json["adapted"], "p1");
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

/// What the stock tools make of a command: its exit code is lost.
fn stock(module: &[u8]) -> Vec<u8> {
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.module(module).unwrap();
    let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;
    encoder.adapter(module::P1, adapter).unwrap();
    encoder.encode().unwrap()
}

#[test]
fn a_stock_component_is_adapted_again_to_the_same_bytes_as_its_module() {
    let (again, _, adapted) =
        component(&stock(&command())).map(|(c, s, a)| (c.into_owned(), s, a)).unwrap();
    assert_eq!(adapted, Adapted::Readapted);
    assert!(again == adapt::adapt(&command()).unwrap());
}

#[test]
fn imports_that_occur_twice_survive_being_adapted_again() {
    let module = wat(r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $again (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 7)) (call $again (i32.const 8))))"#);
    let made = stock(&module);
    let (again, _, adapted) = component(&made).unwrap();
    assert_eq!(adapted, Adapted::Readapted);
    assert!(*again == adapt::adapt(&module).unwrap());
}

#[test]
fn a_component_that_is_not_plainly_adapted_stays_as_it_is() {
    let silent = stock(&wat(r#"(module (memory (export "memory") 1) (func (export "_start")))"#));
    assert_eq!(component(&silent).unwrap().2, Adapted::None);
    let kept = adapt::adapt(&command()).unwrap();
    assert_eq!(component(&kept).unwrap().2, Adapted::None);
    let mut nested = wasm_encoder::Component::new();
    nested.section(&wasm_encoder::RawSection { id: 4, data: &stock(&command()) });
    assert_eq!(component(&nested.finish()).unwrap().2, Adapted::None);
}

/// One that virtualises something is named like the stock adapter, but needs less of its host.
#[test]
fn an_adapter_with_other_needs_is_not_replaced() {
    let outside = survey(&stock(&command())).unwrap();
    let mut fewer = survey(&stock(&command())).unwrap();
    fewer.imports.retain(|import| !import.name.starts_with("wasi:cli/stderr@"));
    assert!(readapt::readapt(&stock(&command()), &outside).is_some());
    assert!(readapt::readapt(&stock(&command()), &fewer).is_none());
}

#[test]
fn an_invalid_function_body_is_refused_as_invalid() {
    let bytes = wat("(component (core module (func (result i32) i64.const 1)))");
    let said = compiled(&bytes).unwrap_err();
    assert!(said.text().starts_with("not valid WebAssembly"), "{said}");
    assert!(said.text().contains("type mismatch"), "{said}");
}

#[test]
fn proposals_that_are_off_are_named() {
    let bytes = wat("(component (core module (memory i64 1)))");
    let said = compiled(&bytes).unwrap_err();
    assert!(said.text().contains("memory64"), "{said}");
}
