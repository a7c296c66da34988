// SPDX-License-Identifier: Apache-2.0
//! Bytes made to hurt: each ends in an answer, quickly, and the process lives on.

use super::*;
use std::fmt::Write;

fn said(bytes: &[u8]) -> String {
    compiled(bytes).expect_err("must be refused").text().to_string()
}

/// Small random numbers, the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn three_hundred_nested_components_are_refused_by_depth() {
    let mut inner = wasm_encoder::Component::new().finish();
    for _ in 0..300 {
        let mut outer = wasm_encoder::Component::new();
        outer.section(&wasm_encoder::RawSection { id: 4, data: &inner });
        inner = outer.finish();
    }
    assert!(said(&inner).contains("nest deeper than 64"), "{}", said(&inner));
}

#[test]
fn types_nested_in_types_are_refused_by_depth() {
    let mut types = String::from("(type $t0 (list u8))");
    for depth in 1..300 {
        let _ = write!(types, "(type $t{depth} (option $t{}))", depth - 1);
    }
    let words = said(&wat(&format!("(component {types})")));
    assert!(words.contains("nesting") || words.contains("depth"), "{words}");
}

/// Each type holds the one before twice: 2^80 leaves if anybody walks them all.
#[test]
fn types_that_double_are_refused_by_size() {
    let mut types = String::from("(type $t0 (tuple u8 u8))");
    for depth in 1..80 {
        let _ = write!(types, "(type $t{depth} (tuple $t{0} $t{0}))", depth - 1);
    }
    let words = said(&wat(&format!("(component {types})")));
    assert!(words.contains("effective type size"), "{words}");
}

#[test]
fn a_hundred_thousand_types_are_taken_in_bounded_time() {
    let mut section = wasm_encoder::ComponentTypeSection::new();
    for _ in 0..100_000 {
        section.defined_type().list(wasm_encoder::PrimitiveValType::U8);
    }
    let mut component = wasm_encoder::Component::new();
    component.section(&section);
    compiled(&component.finish()).unwrap();
}

#[test]
fn a_million_and_one_types_are_refused_by_number() {
    let mut section = wasm_encoder::ComponentTypeSection::new();
    for _ in 0..1_000_001 {
        section.defined_type().list(wasm_encoder::PrimitiveValType::U8);
    }
    let mut component = wasm_encoder::Component::new();
    component.section(&section);
    let words = said(&component.finish());
    assert!(words.contains("types count"), "{words}");
}

fn module_in_component(module: &wasm_encoder::Module) -> Vec<u8> {
    let mut component = wasm_encoder::Component::new();
    component.section(&wasm_encoder::ModuleSection(module));
    component.finish()
}

#[test]
fn thirty_thousand_functions_are_compiled() {
    let mut types = wasm_encoder::TypeSection::new();
    types.ty().function([], []);
    let mut functions = wasm_encoder::FunctionSection::new();
    let mut code = wasm_encoder::CodeSection::new();
    let mut body = wasm_encoder::Function::new([]);
    body.instructions().end();
    for _ in 0..30_000 {
        functions.function(0);
        code.function(&body);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&code);
    compiled(&module_in_component(&module)).unwrap();
}

/// 256 MiB of memory with a byte at either end: no image of it may land in the output.
#[test]
fn sparse_data_over_256_mib_takes_no_256_mib() {
    let bytes = wat(r#"(component (core module
        (memory 4096)
        (data (i32.const 0) "a")
        (data (i32.const 268435455) "b")))"#);
    let (code, _) = compiled(&bytes).unwrap();
    assert!(code.len() < 4 << 20, "{}", code.len());
}

#[test]
fn data_that_claims_256_mib_is_refused_as_truncated() {
    // A data section that says it is 256 MiB long, and ends.
    let module = b"\0asm\x01\0\0\0\x05\x04\x01\x01\x80\x20\x0b\x80\x80\x80\x80\x01\x01";
    let mut component = wasm_encoder::Component::new();
    component.section(&wasm_encoder::RawSection { id: 1, data: module });
    assert!(said(&component.finish()).contains("truncated"));
}

#[test]
fn a_table_of_four_thousand_million_entries_takes_no_room_here() {
    let outcome = compiled(&wat("(component (core module (table 0xffffffff funcref)))"));
    if let Ok((code, _)) = outcome {
        assert!(code.len() < 1 << 20, "{}", code.len());
    }
}

/// Counts that promise more than there is must not reserve memory for the promise.
#[test]
fn counts_without_contents_are_refused_as_truncated() {
    for id in [1_u8, 2, 3, 4, 5, 6, 7, 8, 10, 11] {
        let mut component = wasm_encoder::Component::new();
        component.section(&wasm_encoder::RawSection { id, data: b"\xff\xff\x3f" });
        let words = said(&component.finish());
        assert!(!words.is_empty(), "{id}");
    }
}

fn fixtures() -> Vec<Vec<u8>> {
    vec![command(), adapt::stock(&command()).unwrap(), wat(COMPOSED)]
}

/// A component with every kind of section that one can have.
const COMPOSED: &str = r#"(component
    (import "acme:vault/store@1.0.0" (instance $store (export "get" (func (result u32)))))
    (core module $m (import "" "get" (func (result i32)))
        (memory (export "memory") 1) (table 2 funcref) (global i32 (i32.const 1))
        (elem (i32.const 0) 0) (data (i32.const 0) "data")
        (func (export "run") (result i32) (call 0)))
    (core func $get (canon lower (func $store "get")))
    (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
    (type $t (func (result u32)))
    (func $run (type $t) (canon lift (core func $i "run")))
    (component $inner (import "f" (func $f (result u32))) (export "g" (func $f)))
    (instance $wrapped (instantiate $inner (with "f" (func $run))))
    (export "acme:vault/copy@1.0.0" (instance $wrapped)))"#;

/// Where sections begin and end, at every level.
fn edges(bytes: &[u8]) -> Vec<usize> {
    let mut edges = vec![0, 4, 8];
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        if let Some((_, range)) = payload.unwrap().as_section() {
            edges.extend([range.start as usize, range.end as usize]);
        }
    }
    edges
}

#[test]
fn truncation_at_every_section_is_refused_or_leaves_a_smaller_component() {
    for bytes in fixtures() {
        let edges = edges(&bytes);
        for edge in &edges {
            for cut in edge.saturating_sub(1)..=edge + 1 {
                let outcome = compiled(&bytes[..cut.min(bytes.len())]);
                assert!(outcome.is_err() || edges.contains(&cut) || cut >= bytes.len(), "{cut}");
            }
        }
    }
}

#[test]
fn random_bytes_behind_a_header_are_refused() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..2000_usize {
        let header: &[u8] = if round % 2 == 0 { b"\0asm\x0d\0\x01\0" } else { b"\0asm\x01\0\0\0" };
        let mut bytes = header.to_vec();
        bytes.extend((0..1 + dice.next() % 64).map(|_| dice.next() as u8 & 0x1f));
        if let Ok((code, _)) = compiled(&bytes) {
            assert!(Engine::detect_precompiled(&code).is_some());
        }
    }
}

#[test]
fn flipped_bytes_in_real_components_are_refused_or_compiled() {
    let mut dice = Dice(42);
    for bytes in fixtures() {
        for _ in 0..100 {
            let mut changed = bytes.clone();
            let at = dice.next() as usize % changed.len();
            changed[at] ^= 1 << (dice.next() % 8);
            let outcome = compiled(&changed);
            assert!(outcome.is_ok() || !outcome.unwrap_err().text().is_empty());
        }
    }
}
