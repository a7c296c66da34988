// SPDX-License-Identifier: Apache-2.0
//! The description of a component: what it is, and what it needs.
//!
//! Belongs here: kind, WASI version, imports without a host, and their form in JSON.
//! Does not belong here: how these were found in the binary (survey), who else may implement
//! an import (compositions; the supervisor refuses what stays open).

use crate::entry::{Entry, Line, entry, split};
use crate::limits::DESCRIPTION_MAX;
use crate::module::Module;
use crate::refusal::{Result, refuse};
use crate::slots;
use crate::survey::{Export, Import, Survey};
use skep_engine_config::offers;
use std::collections::BTreeSet;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapted {
    /// The bytes were a component and were compiled as they are.
    None,
    /// A core module for preview 1: compiled as it is if it is plain, else made a component.
    P1,
    /// A component made from such a module by the stock adapter: the module was compiled.
    Readapted,
}

#[derive(Debug)]
pub struct Description {
    kind: &'static str,
    wasi: &'static str,
    survey: Survey,
    adapted: Adapted,
    /// Names of the parts, where it is a composition with slots.
    parts: Vec<String>,
}

/// Decides what a component is; refuses one that wants to be run in a way no host here knows.
pub fn describe(survey: Survey, adapted: Adapted) -> Result<Description> {
    let entry = entry(&survey.exports)?;
    let kind = match entry {
        Some((Entry::Server, _)) => "server",
        Some((Entry::Command, _)) => "command",
        None => "library",
    };
    let line = entry.map_or_else(|| library_line(&survey), |(_, line)| line);
    Ok(Description { kind, wasi: line.text(), survey, adapted, parts: Vec::new() })
}

/// The same of a composition: what its slots import is said of the parts.
pub fn describe_composed(survey: Survey, parts: Vec<String>) -> Result<Description> {
    Ok(Description { parts, ..describe(survey, Adapted::None)? })
}

/// What a plain command of preview 1 is. Its imports were checked, so none is unknown.
pub fn describe_plain(module: &Module) -> Description {
    let names: BTreeSet<_> =
        module.imports.iter().map(|(from, of)| format!("{from}.{of}")).collect();
    let import = |name| Import { name, instance: false, needs_host: false };
    let imports = names.into_iter().map(import).collect();
    let exports = vec![Export { name: "_start".to_string(), instance: false }];
    let survey = Survey { imports, exports };
    Description { kind: "command", wasi: "0.1", survey, adapted: Adapted::P1, parts: Vec::new() }
}

/// A library belongs to 0.3 as soon as it touches it.
fn library_line(survey: &Survey) -> Line {
    let imports = survey.imports.iter().map(|import| &import.name);
    let exports = survey.exports.iter().map(|export| &export.name);
    let new = imports.chain(exports).any(|name| {
        let (interface, version) = split(name);
        interface.starts_with("wasi:") && Line::of(version) == Some(Line::Three)
    });
    if new { Line::Three } else { Line::Two }
}

impl Description {
    /// Imports that somebody has to implement and the host does not.
    fn unknown(&self) -> impl Iterator<Item = &str> {
        let open = self.survey.imports.iter().filter(|import| {
            import.needs_host && !(import.instance && offers::linked(self.of_slot(&import.name).1))
        });
        open.map(|import| import.name.as_str())
    }

    /// The part that has an import in its slot, and the import's own name.
    fn of_slot<'a>(&'a self, import: &'a str) -> (Option<&'a str>, &'a str) {
        let found = slots::split(import).and_then(|(slot, name)| {
            let part = self.parts.get(slot.parse::<usize>().ok()?)?;
            Some((Some(part.as_str()), name))
        });
        found.unwrap_or((None, import))
    }

    /// One sentence on an import that is unknown.
    fn hint(&self, import: &str) -> String {
        let (part, name) = self.of_slot(import);
        let words = offers::explain(name);
        match (part, words.strip_prefix("it imports ")) {
            (Some(part), Some(rest)) => format!("{part} imports {rest}"),
            _ => words,
        }
    }

    /// The document on descriptor 5; the shape is documented in compiler.h.
    pub fn json(&self, wasm_bytes: usize, code_bytes: usize) -> Result<String> {
        let adapted = match self.adapted {
            Adapted::None => "none",
            Adapted::P1 => "p1",
            Adapted::Readapted => "readapted",
        };
        let mut out = format!("{{\"v\":1,\"kind\":\"{}\",\"wasi\":\"{}\"", self.kind, self.wasi);
        put_list(&mut out, "imports", self.survey.imports.iter().map(|import| &import.name));
        put_list(&mut out, "exports", self.survey.exports.iter().map(|export| &export.name));
        put_list(&mut out, "unknown", self.unknown());
        put_list(&mut out, "hints", self.unknown().map(|import| self.hint(import)));
        if !self.parts.is_empty() {
            let _ = write!(out, ",\"parts\":{}", self.parts.len());
        }
        let _ = write!(
            out,
            ",\"adapted\":\"{adapted}\",\"wasm_bytes\":{wasm_bytes},\"code_bytes\":{code_bytes}}}"
        );
        if out.len() > DESCRIPTION_MAX {
            refuse!("the names of imports and exports take more than {DESCRIPTION_MAX} bytes");
        }
        Ok(out)
    }
}

fn put_list(out: &mut String, key: &str, items: impl Iterator<Item = impl AsRef<str>>) {
    let _ = write!(out, ",\"{key}\":[");
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        put_text(out, item.as_ref());
    }
    out.push(']');
}

/// A JSON string: RFC 8259 section 7.
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::survey;

    fn described(wat: &str) -> Result<serde_json::Value> {
        let description = describe(survey(&wat::parse_str(wat).unwrap())?, Adapted::None)?;
        Ok(serde_json::from_str(&description.json(1, 2)?).unwrap())
    }

    /// A component that exports empty instances under these names.
    fn exporting(names: &[&str]) -> String {
        let lines: String =
            names.iter().map(|name| format!("(export \"{name}\" (instance $i))")).collect();
        format!("(component (component $c) (instance $i (instantiate $c)) {lines})")
    }

    fn kind(names: &[&str]) -> (String, String) {
        let json = described(&exporting(names)).unwrap();
        (json["kind"].as_str().unwrap().into(), json["wasi"].as_str().unwrap().into())
    }

    #[test]
    fn what_is_exported_decides_what_it_is() {
        let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
        assert_eq!(kind(&["wasi:cli/run@0.2.3"]), pair("command", "0.2"));
        assert_eq!(kind(&["wasi:cli/run@0.3.0"]), pair("command", "0.3"));
        assert_eq!(kind(&["wasi:http/incoming-handler@0.2.0"]), pair("server", "0.2"));
        assert_eq!(kind(&["wasi:http/handler@0.3.0"]), pair("server", "0.3"));
        assert_eq!(kind(&["acme:vault/store@1.0.0"]), pair("library", "0.2"));
        assert_eq!(kind(&["wasi:clocks/system-clock@0.3.0"]), pair("library", "0.3"));
        assert_eq!(kind(&[]), pair("library", "0.2"));
        let both = ["wasi:cli/run@0.2.0", "wasi:http/incoming-handler@0.2.0"];
        assert_eq!(kind(&both), pair("server", "0.2"));
    }

    #[test]
    fn entries_of_other_versions_are_refused_with_both_versions() {
        let said = described(&exporting(&["wasi:http/handler@0.3.0-rc-2026-01-06"])).unwrap_err();
        assert!(said.text().contains("wasi:http/handler@0.3.0-rc-2026-01-06"), "{said}");
        assert!(said.text().contains("this host runs wasi:http/handler@0.3.x"), "{said}");
        let said = described(&exporting(&["wasi:cli/run@0.1.0"])).unwrap_err();
        assert!(said.text().contains("wasi:cli/run@0.3.x and 0.2.x"), "{said}");
    }

    #[test]
    fn imports_without_a_host_are_listed_and_explained() {
        let json = described(
            r#"(component
            (import "wasi:cli/exit@0.2.1" (instance (export "exit" (func))))
            (import "wasi:cli/stdin@0.1.0" (instance (export "f" (func))))
            (import "wasi:cli/stdout@0.2.99" (instance (export "f" (func))))
            (import "wasi:cli/never@0.3.0" (instance (type $u u32) (export "e" (type (eq $u)))))
            (import "acme:vault/store@1.0.0" (instance (export "get" (func))))
            (import "wasi:io/poll@0.2.0" (func)))"#,
        )
        .unwrap();
        assert_eq!(json["imports"].as_array().unwrap().len(), 6);
        let unknown = ["wasi:cli/stdin@0.1.0", "acme:vault/store@1.0.0", "wasi:io/poll@0.2.0"];
        assert_eq!(json["unknown"], serde_json::json!(unknown));
        let hints: Vec<_> =
            json["hints"].as_array().unwrap().iter().map(|hint| hint.as_str().unwrap()).collect();
        assert_eq!(hints.len(), 3);
        for words in ["wasi:cli/stdin@0.1.0", "0.2.12", "0.3.0"] {
            assert!(hints[0].contains(words), "{}", hints[0]);
        }
        assert!(hints[1].contains("acme:vault/store@1.0.0"), "{}", hints[1]);
    }

    #[test]
    fn names_are_escaped() {
        let mut out = String::new();
        put_text(&mut out, "a\"b\\c\u{1}");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), "a\"b\\c\u{1}");
    }
}
