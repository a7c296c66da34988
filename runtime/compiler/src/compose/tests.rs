// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::{compile_composed, engine, recipe};

const ENVIRONMENT: &str = r#"(import "wasi:cli/environment@0.2.0" (instance
    (export "initial-cwd" (func (result (option string))))))"#;

/// Imports a function of the interface `from`, and exports one of its own as `to`.
fn relay(from: &str, to: &str) -> String {
    format!(
        r#"(component
        (import "{from}" (instance $i (export "get" (func (result u32)))))
        {ENVIRONMENT}
        (alias export $i "get" (func $get))
        (component $c (import "get" (func $get (result u32))) (export "get" (func $get)))
        (instance $o (instantiate $c (with "get" (func $get))))
        (export "{to}" (instance $o)))"#
    )
}

/// Exports `to`, whose function gives a number or what `result` says.
fn source(to: &str, result: &str) -> String {
    format!(
        r#"(component
        {ENVIRONMENT}
        (core module $m (func (export "get") (result i32) i32.const 42))
        (core instance $m (instantiate $m))
        (func $get (result {result}) (canon lift (core func $m "get")))
        (component $c (import "get" (func $get (result {result}))) (export "get" (func $get)))
        (instance $o (instantiate $c (with "get" (func $get))))
        (export "{to}" (instance $o)))"#
    )
}

fn recipe_of(parts: &[Vec<u8>], edges: &str) -> Recipe {
    recipe::read(recipe_text(parts, edges).as_bytes()).unwrap()
}

fn recipe_text(parts: &[Vec<u8>], edges: &str) -> String {
    let mut lines = String::from("skep-recipe 1\n");
    for (index, bytes) in parts.iter().enumerate() {
        lines += &format!("part {:x} p{index}\n", Sha256::digest(bytes));
    }
    lines + edges
}

fn binary(wats: &[&str]) -> Vec<Vec<u8>> {
    wats.iter().map(|wat| wat::parse_str(wat).unwrap()).collect()
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

fn composed(wats: &[&str], edges: &str, roots: Roots) -> Result<Composed> {
    let parts = binary(wats);
    compose(&recipe_of(&parts, edges), &slices(&parts), roots)
}

fn said(wats: &[&str], edges: &str) -> String {
    match composed(wats, edges, Roots::Separate) {
        Ok(_) => panic!("must be refused: {edges}"),
        Err(refusal) => refusal.text().to_string(),
    }
}

fn names(composed: &Composed) -> (Vec<&str>, Vec<&str>) {
    let mut imports: Vec<_> = composed.outside.imports.iter().map(|i| i.name.as_str()).collect();
    imports.sort_unstable();
    (imports, composed.outside.exports.iter().map(|e| e.name.as_str()).collect())
}

#[test]
fn a_chain_has_a_root_for_each_part() {
    let (app, middle, last) = (
        relay("a:b/middle@1.0.0", "a:b/app@1.0.0"),
        relay("a:b/last@1.0.0", "a:b/middle@1.0.3"),
        source("a:b/last@1.2.0", "u32"),
    );
    let edges =
        "edge 0 a:b/middle@1.0.0 1 a:b/middle@1.0.3\nedge 1 a:b/last@1.0.0 2 a:b/last@1.2.0\n";
    let linked = composed(&[&app, &middle, &last], edges, Roots::Separate).unwrap();
    let roots = [0, 1, 2].map(|slot| format!("c{slot}-wasi:cli/environment@0.2.0"));
    let roots: Vec<_> = roots.iter().map(String::as_str).collect();
    assert_eq!(names(&linked), (roots, vec!["a:b/app@1.0.0"]));
    let merged = composed(&[&app, &middle, &last], edges, Roots::Merged).unwrap();
    assert_eq!(names(&merged).0, ["wasi:cli/environment@0.2.0"]);
}

#[test]
fn a_diamond_has_one_source() {
    let app = r#"(component
        (import "a:b/left" (instance $l (export "get" (func (result u32)))))
        (import "a:b/right" (instance $r (export "get" (func (result u32)))))
        (alias export $l "get" (func $get)) (export "get" (func $get)))"#;
    let (left, right) = (relay("a:b/last", "a:b/left"), relay("a:b/last", "a:b/right"));
    let last = source("a:b/last", "u32");
    let edges = "edge 0 a:b/left 1 a:b/left\nedge 0 a:b/right 2 a:b/right\n\
                 edge 1 a:b/last 3 a:b/last\nedge 2 a:b/last 3 a:b/last\n";
    let linked = composed(&[app, &left, &right, &last], edges, Roots::Separate).unwrap();
    assert_eq!(names(&linked).0.len(), 3);
    assert_eq!(names(&linked).1, ["get"]);
}

#[test]
fn one_component_twice_has_two_slots() {
    let app = r#"(component
        (import "a:b/left" (instance $l (export "get" (func (result u32)))))
        (import "a:b/right" (instance (export "get" (func (result u32)))))
        (alias export $l "get" (func $get)) (export "get" (func $get)))"#;
    let last = source("a:b/last", "u32");
    let edges = "edge 0 a:b/left 1 a:b/last\nedge 0 a:b/right 2 a:b/last\n";
    let linked = composed(&[app, &last, &last], edges, Roots::Separate).unwrap();
    let roots = ["c1-wasi:cli/environment@0.2.0", "c2-wasi:cli/environment@0.2.0"];
    assert_eq!(names(&linked).0, roots);
}

#[test]
fn resources_cross_and_types_of_handles_stay_shared() {
    let streams = r#"(import "wasi:io/streams@0.2.0" (instance $s (export "input-stream" (type (sub resource)))))
        (alias export $s "input-stream" (type $t))"#;
    let store = format!(
        r#"(component {streams}
        (import "wasi:cli/stdin@0.2.0" (instance $in (alias outer 1 $t (type $t))
            (export "input-stream" (type $i (eq $t))) (export "get-stdin" (func (result (own $i))))))
        (alias export $in "get-stdin" (func $get))
        (component $c
            (import "t" (type $t (sub resource))) (import "get" (func $get (result (own $t))))
            (export $u "input-stream" (type $t))
            (export "get" (func $get) (func (result (own $u)))))
        (instance $o (instantiate $c (with "t" (type $t)) (with "get" (func $get))))
        (export "a:b/store" (instance $o)))"#
    );
    let app = format!(
        r#"(component {streams}
        (import "a:b/store" (instance (alias outer 1 $t (type $t))
            (export "input-stream" (type $i (eq $t))) (export "get" (func (result (own $i)))))))"#
    );
    let linked =
        composed(&[&app, &store], "edge 0 a:b/store 1 a:b/store\n", Roots::Separate).unwrap();
    assert_eq!(names(&linked).0, ["c1-wasi:cli/stdin@0.2.0", "wasi:io/streams@0.2.0"]);
}

#[test]
fn a_root_that_another_part_implements_is_linked() {
    let app = r#"(component
        (import "wasi:random/random@0.2.0" (instance $i (export "get" (func (result u32)))))
        (alias export $i "get" (func $get)) (export "get" (func $get)))"#;
    let last = source("wasi:random/random@0.2.12", "u32");
    let edges = "edge 0 wasi:random/random@0.2.0 1 wasi:random/random@0.2.12\n";
    let linked = composed(&[app, &last], edges, Roots::Separate).unwrap();
    assert_eq!(names(&linked).0, ["c1-wasi:cli/environment@0.2.0"]);
}

#[test]
fn unknown_interfaces_of_wasi_are_the_parts_own() {
    let app =
        r#"(component (import "wasi:keyvalue/store@0.2.0" (instance (export "get" (func)))))"#;
    let parts = binary(&[app]);
    let recipe = recipe_text(&parts, "");
    let output = compile_composed(&engine().unwrap(), recipe.as_bytes(), &slices(&parts)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&output.description).unwrap();
    assert_eq!(json["unknown"], serde_json::json!(["c0-wasi:keyvalue/store@0.2.0"]));
    let hint = json["hints"][0].as_str().unwrap();
    assert!(hint.starts_with("p0 imports wasi:keyvalue/store@0.2.0, "), "{hint}");
    assert_eq!(json["parts"], 1);
    assert!(!output.code.is_empty());
}

#[test]
fn another_type_is_said_with_both_names() {
    let (app, last) = (relay("a:b/last@1.0.0", "a:b/app"), source("a:b/last@1.0.0", "char"));
    let said = said(&[&app, &last], "edge 0 a:b/last@1.0.0 1 a:b/last@1.0.0\n");
    assert!(said.starts_with("p0 imports a:b/last@1.0.0, and what p1 exports"), "{said}");
    assert!(said.contains("another type") && said.contains("u32"), "{said}");
}

#[test]
fn what_stays_open_is_refused() {
    let said = said(&[&relay("a:b/last", "a:b/app")], "");
    assert!(said.contains("nobody of the composition exports a:b/last"), "{said}");
}

#[test]
fn rings_are_refused() {
    let (one, two) = (relay("a:b/two", "a:b/one"), relay("a:b/one", "a:b/two"));
    let said = said(&[&one, &two], "edge 0 a:b/two 1 a:b/two\nedge 1 a:b/one 0 a:b/one\n");
    assert!(said.contains("in a ring, which p"), "{said}");
}

#[test]
fn what_a_part_may_not_be_is_said_with_its_name() {
    let last = source("a:b/last", "u32");
    let tricky = r#"(component (import "c0-wasi:cli/environment@0.2.0" (instance)))"#;
    let said_tricky = said(&[&last, tricky], "");
    assert!(said_tricky.starts_with("p1: the component imports c0-wasi:"), "{said_tricky}");
    let module = said(&[&last, r#"(module (func (export "_start")))"#], "");
    assert!(module.starts_with("p1: a core module of WASI preview 1"), "{module}");
    let absent = said(&[&last, &last], "edge 0 a:b/last 1 a:b/last\n");
    assert!(absent.contains("p0 does not import a:b/last"), "{absent}");
    let absent = said(&[&relay("a:b/x", "a:b/y"), &last], "edge 0 a:b/x 1 a:b/x\n");
    assert!(absent.contains("p1 does not export a:b/x"), "{absent}");
}

#[test]
fn bytes_are_those_of_the_recipe() {
    let parts = binary(&[&source("a:b/last", "u32"), &source("a:b/last", "char")]);
    let recipe = recipe_of(&parts[..1], "");
    let said = compose(&recipe, &slices(&parts[1..]), Roots::Separate).err().unwrap();
    assert_eq!(said.text(), "p0: its bytes are not those that the recipe names");
    let said = compose(&recipe, &slices(&parts), Roots::Separate).err().unwrap();
    assert!(said.text().contains("names 1 components, and 2 came"), "{said}");
}

#[test]
fn sixty_four_parts_are_linked_the_same_way_each_time() {
    let relays: Vec<_> =
        (0..63).map(|n| relay(&format!("a:b/i{}", n + 1), &format!("a:b/i{n}"))).collect();
    let last = source("a:b/i63", "u32");
    let wats: Vec<_> = relays.iter().map(String::as_str).chain([last.as_str()]).collect();
    let edges: String =
        (0..63).map(|n| format!("edge {n} a:b/i{0} {0} a:b/i{0}\n", n + 1)).collect();
    let linked = composed(&wats, &edges, Roots::Separate).unwrap();
    assert_eq!(names(&linked).0.len(), 64);
    assert!(names(&linked).0.contains(&"c63-wasi:cli/environment@0.2.0"));
    assert_eq!(linked.bytes, composed(&wats, &edges, Roots::Separate).unwrap().bytes);
}

/// A component that calls the type of its own import of `own` by the name `stolen`, by which
/// composing would find it.
fn thief(stolen: &str, own: &str) -> String {
    format!(
        r#"(component
        (type $environment (instance
            (export "initial-cwd" (func (result (option string))))))
        (type $holder (instance
            (alias outer 1 $environment (type $inner))
            (export "{stolen}" (instance (type $inner)))))
        (import "t" (type (eq $holder)))
        (import "{own}" (instance (type $environment))))"#
    )
}

#[test]
fn a_part_is_not_given_the_root_of_another_by_a_name_inside_a_type() {
    let app = format!("(component {ENVIRONMENT})");
    let own = "wasi:cli/environment@0.2.0";
    for stolen in ["c0-wasi:cli/environment@0.2.0", "c0-wasi:cli/environment@0.2.9"] {
        assert_eq!(
            said(&[&app, &thief(stolen, own)], ""),
            format!(
                "{own} of p1 is of a type that goes by another name too: it would be {own} of p0"
            )
        );
    }
}

/// Takes a resource of another part, in a function and in an interface.
const TAKER: &str = r#"(component
    (import "a:b/last" (instance $i (export "r" (type (sub resource)))))
    (alias export $i "r" (type $r))
    (core module $m (func (export "f") (param i32)))
    (core instance $n (instantiate $m))
    (func $f (param "x" (own $r)) (canon lift (core func $n "f")))
    (component $c (import "r" (type $r (sub resource)))
        (import "f" (func $f (param "x" (own $r))))
        (export $q "r" (type $r)) (export "f" (func $f) (func (param "x" (own $q)))))
    (instance $o (instantiate $c (with "r" (type $r)) (with "f" (func $f))))
    (export "f" (func $f))
    (export "a:b/app" (instance $o)))"#;

#[test]
fn a_function_that_cannot_be_an_export_is_left_out_of_a_pod() {
    let last = r#"(component
        (component $c (type $t (resource (rep i32))) (export "r" (type $t)))
        (instance $i (instantiate $c)) (export "a:b/last" (instance $i)))"#;
    let edge = "edge 0 a:b/last 1 a:b/last\n";
    let linked = composed(&[TAKER, last], edge, Roots::Separate).unwrap();
    assert_eq!(names(&linked).1, ["a:b/app"]);
    let said = composed(&[TAKER, last], edge, Roots::Merged).err().unwrap();
    assert!(said.text().starts_with("p0 and those it is linked with do not fit"), "{said}");
}

#[test]
fn types_that_cannot_be_linked_are_said_with_the_part() {
    let exact = r#"(component (core type $t (func)) (import "m" (core module
        (alias outer 1 $t (type $u)) (import "" "a" (func (exact (type $u)))))))"#;
    let said = said(&["(component)", exact], "");
    assert!(said.starts_with("p1: it cannot be linked"), "{said}");
}

#[test]
fn more_imports_than_a_component_may_have_are_refused_at_once() {
    let import = |n| format!(r#"(import "wasi:x/y{n}@0.2.0" (instance))"#);
    let many = format!("(component {})", (0..300).map(import).collect::<String>());
    assert_eq!(names(&composed(&[many.as_str(); 3], "", Roots::Separate).unwrap()).0.len(), 900);
    assert_eq!(names(&composed(&[many.as_str(); 64], "", Roots::Merged).unwrap()).0.len(), 300);
    let said = said(&[many.as_str(); 64], "");
    assert!(said.starts_with("p3 is one component too many"), "{said}");
    assert!(said.contains("at most 1000") && said.ends_with("it imports 300 interfaces"), "{said}");
}
