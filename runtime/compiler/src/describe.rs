// SPDX-License-Identifier: Apache-2.0
//! The description of a component: what it is, and what it needs.
//!
//! Belongs here: kind, WASI version, imports without a host, and their form in JSON.
//! Does not belong here: how these were found in the binary (survey), who else may implement
//! an import (compositions; the supervisor refuses what stays open).

use crate::host::{self, Entry};
use crate::limits::DESCRIPTION_MAX;
use crate::refusal::{Result, refuse};
use crate::survey::{Export, Import, Survey};
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapted {
    /// The bytes were a component and were compiled as they are.
    None,
    /// A core module for preview 1.
    P1,
    /// A component made from such a module, whose exit codes the stock adapter had lost.
    Readapted,
}

#[derive(Debug)]
pub struct Description {
    kind: &'static str,
    wasi: &'static str,
    survey: Survey,
    adapted: Adapted,
}

/// Decides what a component is; refuses one that wants to be run in a way no host here knows.
pub fn describe(survey: Survey, adapted: Adapted) -> Result<Description> {
    let entry = entry(&survey.exports)?;
    let kind = match entry {
        Some((Entry::Server, _)) => "server",
        Some((Entry::Command, _)) => "command",
        None => "library",
    };
    let wasi = entry.map_or_else(|| library_line(&survey), |(_, line)| line);
    Ok(Description { kind, wasi, survey, adapted })
}

/// The export that makes it a server or a command, and the WASI line of that export.
fn entry(exports: &[Export]) -> Result<Option<(Entry, &'static str)>> {
    for (interface, version, entry) in host::ENTRIES {
        let found = exports.iter().filter(|export| export.instance).any(|export| {
            let (name, wanted) = host::split(&export.name);
            name == *interface && host::fits(wanted, version)
        });
        if found {
            return Ok(Some((*entry, if version.starts_with("0.3.") { "0.3" } else { "0.2" })));
        }
    }
    for export in exports {
        let (interface, _) = host::split(&export.name);
        if host::ENTRIES.iter().any(|(name, ..)| *name == interface) {
            let known = host::known_versions(interface);
            refuse!("the component exports {}; this host runs {interface} of {known}", export.name);
        }
    }
    Ok(None)
}

/// A library belongs to 0.3 as soon as it touches it.
fn library_line(survey: &Survey) -> &'static str {
    let imports = survey.imports.iter().map(|import| &import.name);
    let exports = survey.exports.iter().map(|export| &export.name);
    let new = imports.chain(exports).any(|name| {
        let (interface, version) = host::split(name);
        interface.starts_with("wasi:") && host::fits(version, "0.3.0")
    });
    if new { "0.3" } else { "0.2" }
}

impl Description {
    /// Imports that somebody has to implement and the host does not.
    fn unknown(&self) -> impl Iterator<Item = &Import> {
        self.survey
            .imports
            .iter()
            .filter(|import| import.needs_host && !(import.instance && host::offers(&import.name)))
    }

    /// One sentence for each unknown import of an interface that the host has in other versions.
    fn hints(&self) -> impl Iterator<Item = String> {
        self.unknown().filter(|import| import.instance).filter_map(|import| {
            let (interface, wanted) = host::split(&import.name);
            let known = host::known_versions(interface);
            let version = if wanted.is_empty() { "no version" } else { wanted };
            (!known.is_empty())
                .then(|| format!("{interface} is wanted in {version}; this host has {known}"))
        })
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
        put_list(&mut out, "unknown", self.unknown().map(|import| &import.name));
        put_list(&mut out, "hints", self.hints());
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
        assert!(said.text().contains("this host runs wasi:http/handler of 0.3.0"), "{said}");
        let said = described(&exporting(&["wasi:cli/run@0.1.0"])).unwrap_err();
        assert!(said.text().contains("of 0.2.12 and 0.3.0"), "{said}");
    }

    #[test]
    fn imports_without_a_host_are_listed_with_a_hint_where_only_the_version_is_wrong() {
        let json = described(
            r#"(component
            (import "wasi:cli/exit@0.2.1" (instance (export "exit" (func))))
            (import "wasi:cli/stdin@0.1.0" (instance (export "f" (func))))
            (import "wasi:cli/types@0.3.0" (instance (type $u u32) (export "e" (type (eq $u)))))
            (import "acme:vault/store@1.0.0" (instance (export "get" (func))))
            (import "wasi:io/poll@0.2.0" (func)))"#,
        )
        .unwrap();
        assert_eq!(json["imports"].as_array().unwrap().len(), 5);
        let unknown = ["wasi:cli/stdin@0.1.0", "acme:vault/store@1.0.0", "wasi:io/poll@0.2.0"];
        assert_eq!(json["unknown"], serde_json::json!(unknown));
        let hint = "wasi:cli/stdin is wanted in 0.1.0; this host has 0.2.12 and 0.3.0";
        assert_eq!(json["hints"], serde_json::json!([hint]));
    }

    #[test]
    fn names_are_escaped() {
        let mut out = String::new();
        put_text(&mut out, "a\"b\\c\u{1}");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), "a\"b\\c\u{1}");
    }
}
