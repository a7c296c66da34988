// SPDX-License-Identifier: Apache-2.0
//! What bytes are, before anything parses them.
//!
//! Belongs here: magic numbers and versions, and what to say about files that are something else.
//! Does not belong here: any section (survey, core).

use crate::refusal::{Result, refuse};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Component,
    Module,
}

/// Component Model, "Component Definitions" of Binary.md: the version is a preliminary 13,
/// the layer tells components (1) from core modules (0).
const COMPONENT_VERSION: u16 = 13;
const MODULE_VERSION: u16 = 1;

pub fn form(bytes: &[u8]) -> Result<Form> {
    if bytes.is_empty() {
        refuse!("not WebAssembly: the file is empty");
    }
    if !bytes.starts_with(b"\0asm") {
        refuse!("not WebAssembly: {}", other(bytes));
    }
    let Some(&[v0, v1, l0, l1]) = bytes.get(4..8) else {
        refuse!(
            "truncated: a WebAssembly file has a header of 8 bytes, this one ends after {}",
            bytes.len()
        );
    };
    let (version, layer) = (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([l0, l1]));
    match (layer, version) {
        (0, MODULE_VERSION) => Ok(Form::Module),
        (1, COMPONENT_VERSION) => Ok(Form::Component),
        (1, old) if old < COMPONENT_VERSION => refuse!(
            "a component of the draft format {old}, made by an old tool; this host reads format {COMPONENT_VERSION}"
        ),
        (1, new) => refuse!(
            "a component of the format {new}, made by a newer tool; this host reads format {COMPONENT_VERSION}"
        ),
        (0, other) => {
            refuse!("a core module of version {other}; there is only version {MODULE_VERSION}")
        }
        (other, _) => refuse!(
            "WebAssembly of the unknown layer {other}: neither core module (0) nor component (1)"
        ),
    }
}

/// Says what a file is that is not WebAssembly, where its first bytes tell.
fn other(bytes: &[u8]) -> &'static str {
    if b"\0asm".starts_with(bytes) {
        return "the file ends within its first four bytes";
    }
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => {
            "it is a native ELF file (code that was compiled ahead of time is never taken from outside)"
        }
        [0x1f, 0x8b, ..] => "it is compressed with gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed with zstd",
        [b'#', b'!', ..] => "it is a script",
        [b'P', b'K', 3, 4, ..] => "it is a zip archive",
        _ if is_text_format(bytes) => {
            "it is the text format (.wat), which must be translated to the binary format first"
        }
        _ if bytes.get(257..262) == Some(b"ustar") => "it is a tar archive",
        _ => "it does not begin with \\0asm",
    }
}

/// Text format: an opening parenthesis and a keyword, after white space and comments.
fn is_text_format(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let mut rest = head.trim_ascii_start();
    while rest.starts_with(b";;") {
        let line = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        rest = rest[line..].trim_ascii_start();
    }
    let Some(inside) = rest.strip_prefix(b"(") else {
        return false;
    };
    let inside = inside.trim_ascii_start();
    inside.starts_with(b"module") || inside.starts_with(b"component") || inside.starts_with(b";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> String {
        form(bytes).expect_err("must be refused").text().to_string()
    }

    #[test]
    fn modules_and_components_are_told_apart() {
        assert_eq!(form(b"\0asm\x01\0\0\0").unwrap(), Form::Module);
        assert_eq!(form(b"\0asm\x0d\0\x01\0").unwrap(), Form::Component);
    }

    #[test]
    fn what_is_not_webassembly_is_named() {
        assert!(said(b"").contains("empty"));
        assert!(said(b"\0as").contains("first four bytes"));
        assert!(said(b"\0asm\x01\0").contains("truncated"));
        assert!(said(b"\x7fELF\x02\x01").contains("ELF"));
        assert!(said(b"\x1f\x8b\x08").contains("gzip"));
        assert!(said(b"#!/bin/sh\n").contains("script"));
        assert!(said(b"{\"a\":1}").contains("does not begin with \\0asm"));
    }

    #[test]
    fn the_text_format_is_recognised() {
        assert!(said(b"(module)").contains("text format"));
        assert!(said(b";; a note\n ;; more\n  ( component )").contains("text format"));
        assert!(!said(b"(lambda)").contains("text format"));
    }

    #[test]
    fn versions_and_layers_are_named() {
        assert!(said(b"\0asm\x0a\0\x01\0").contains("draft format 10"));
        assert!(said(b"\0asm\x0e\0\x01\0").contains("format 14"));
        assert!(said(b"\0asm\x02\0\0\0").contains("version 2"));
        assert!(said(b"\0asm\x01\0\x07\0").contains("layer 7"));
    }
}
