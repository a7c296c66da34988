// SPDX-License-Identifier: Apache-2.0
//! Slots: each part of a composition has its roots under names of its own.
//!
//! `wasi:cli/environment@0.2.0` of part 3 becomes `c3-wasi:cli/environment@0.2.0`: a valid name of
//! the same version, which composing cannot merge with that of another part, and which the host
//! binds to that part's grant. No index of the component moves.
//!
//! Belongs here: names of slots, rewriting the import section of a component.
//! Does not belong here: which imports are renamed (roots, compose).

use crate::refusal::{Result, refuse};
use crate::survey::Survey;
use std::ops::Range;
use wasm_encoder::{ComponentSectionId, Encode};
use wasmparser::{ComponentImportSectionReader, Parser, Payload, WasmFeatures};

/// Bytes before a component's first section.
const HEADER: usize = 8;

/// An import or export is called by a name, or by the name of an interface: what follows is its text.
const PLAIN_NAMES: [u8; 2] = [0, 1];

/// The slot and the rest of a name, where its namespace has the form of a slot's: `c<digits>-…`.
pub fn split(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(['c', 'C'])?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (slot, rest) = rest.split_at(digits);
    let rest = rest.strip_prefix('-')?;
    (digits > 0 && rest.contains(':')).then_some((slot, rest))
}

/// The name of a root of one part.
pub fn name(slot: usize, root: &str) -> String {
    format!("c{slot}-{root}")
}

/// Refuses a component from outside that calls something as only the host may.
pub fn check(outside: &Survey) -> Result<()> {
    let imports = outside.imports.iter().map(|import| ("imports", &import.name));
    let exports = outside.exports.iter().map(|export| ("exports", &export.name));
    for (does, name) in imports.chain(exports) {
        // Names that hold others (`locked-dep=<…>`) are looked into.
        if name.split(['<', '=', ',', '/']).any(|word| split(word).is_some()) {
            refuse!("the component {does} {name}: names of the form cN-… are the host's own");
        }
    }
    Ok(())
}

/// The component with other names for the imports that `new` names.
pub fn rename(component: &[u8], new: impl Fn(&str) -> Option<String>) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(component.len() + 4096);
    let mut copied = 0;
    let mut before = HEADER; // end of the section before
    let mut depth = 0;
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    for payload in parser.parse_all(component) {
        let payload = payload?;
        if let (0, Some((_, range))) = (depth, payload.as_section()) {
            let range = within(range);
            if let Payload::ComponentImportSection(section) = &payload {
                out.extend_from_slice(&component[copied..before]);
                let imports = renamed(component, section, &new)?;
                out.push(ComponentSectionId::Import as u8);
                imports.as_slice().encode(&mut out);
                copied = range.end;
            }
            before = range.end;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            _ => {}
        }
    }
    out.extend_from_slice(&component[copied..]);
    Ok(out)
}

fn renamed(
    component: &[u8],
    section: &ComponentImportSectionReader<'_>,
    new: &impl Fn(&str) -> Option<String>,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    section.count().encode(&mut out);
    let end = within(section.range()).end;
    let mut starts = Vec::new();
    for item in section.clone().into_iter_with_offsets() {
        let (at, import) = item?;
        starts.push((usize::try_from(at).expect("within a slice"), import.name.name));
    }
    for (index, (at, name)) in starts.iter().enumerate() {
        let next = starts.get(index + 1).map_or(end, |(next, _)| *next);
        let tag = component[*at];
        if !PLAIN_NAMES.contains(&tag) {
            refuse!(
                "the import {name} has a name of the encoding {tag:#04x}, which is not read here"
            );
        }
        // The name lies in these bytes; what follows it says of which type the import is.
        let after = name.as_ptr() as usize - component.as_ptr() as usize + name.len();
        out.push(tag);
        new(name).as_deref().unwrap_or(name).encode(&mut out);
        out.extend_from_slice(&component[after..next]);
    }
    Ok(out)
}

fn within(range: Range<u64>) -> Range<usize> {
    let at = |offset| usize::try_from(offset).expect("within a slice");
    at(range.start)..at(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::survey;

    fn imports(component: &[u8]) -> Vec<String> {
        let survey = survey(component).unwrap();
        survey.imports.into_iter().map(|import| import.name).collect()
    }

    #[test]
    fn names_of_slots_are_recognised() {
        assert_eq!(split("c0-wasi:cli/exit@0.2.0"), Some(("0", "wasi:cli/exit@0.2.0")));
        assert_eq!(split("c63-a:b/c"), Some(("63", "a:b/c")));
        assert_eq!(split("C12-wasi:cli/exit"), Some(("12", "wasi:cli/exit")));
        for name in ["c-wasi:a/b", "c1wasi:a/b", "c1-run", "cx1-a:b/c", "wasi:cli/exit", "", "c1-"]
        {
            assert_eq!(split(name), None, "{name}");
        }
        assert_eq!(name(3, "wasi:cli/exit@0.2.0"), "c3-wasi:cli/exit@0.2.0");
    }

    #[test]
    fn a_component_may_not_use_them() {
        for wat in [
            r#"(component (import "c1-wasi:cli/environment@0.2.0" (instance)))"#,
            r#"(component (import "c0-acme:vault/store" (instance)))"#,
            r#"(component (component $c) (instance $i (instantiate $c))
                (export "c2-wasi:cli/run@0.2.0" (instance $i)))"#,
        ] {
            let outside = survey(&wat::parse_str(wat).unwrap()).unwrap();
            let said = check(&outside).expect_err(wat);
            assert!(said.text().contains("names of the form cN-"), "{said}");
        }
        let fine = r#"(component (import "c1" (func)) (import "cli:a/b" (instance)))"#;
        check(&survey(&wat::parse_str(fine).unwrap()).unwrap()).unwrap();
    }

    #[test]
    fn imports_get_other_names_and_nothing_else_changes() {
        let wat = |name: &str| {
            format!(
                r#"(component
                (import "first" (func))
                (component $inner (import "wasi:cli/exit@0.2.0" (instance)))
                (core module)
                (import "{name}" (instance (export "exit" (func (param "s" u32)))))
                (type (func))
                (import "third" (type (sub resource)))
                (import "fourth" (func (type 1)))
                (import "fifth" (core module))
                (export "exit" (func 0)))"#
            )
        };
        let before = wat::parse_str(wat("wasi:cli/exit@0.2.0")).unwrap();
        let renamed =
            rename(&before, |import| import.starts_with("wasi:").then(|| name(17, import)))
                .unwrap();
        assert_eq!(renamed, wat::parse_str(wat("c17-wasi:cli/exit@0.2.0")).unwrap());
        assert_eq!(rename(&before, |_| None).unwrap(), before);
    }

    #[test]
    fn other_encodings_of_a_name_are_refused() {
        let mut component = wat::parse_str(r#"(component (import "f" (func)))"#).unwrap();
        let at = component.windows(2).position(|two| two == b"\x01f").unwrap() - 1;
        assert_eq!(component[at], 0);
        component[at] = 1;
        assert_eq!(imports(&rename(&component, |_| None).unwrap()), ["f"]);
        // A name with an empty list of annotations.
        component[at] = 2;
        component.insert(at + 3, 0);
        let section = at - 2; // its size
        component[section] += 1;
        let said = rename(&component, |_| None).unwrap_err();
        assert!(said.text().contains("encoding 0x02"), "{said}");
    }
}
