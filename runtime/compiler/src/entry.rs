// SPDX-License-Identifier: Apache-2.0
//! Which exports make a component a server or a command, and by which rule a version fits.
//!
//! Belongs here: what the host runs. Does not belong here: what it offers (the engine's table,
//! skep-engine-config), what a component exports (survey).

use crate::refusal::{Result, refuse};
use crate::survey::Export;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Server,
    Command,
}

/// The version lines of WASI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Two,
    Three,
}

struct Known {
    interface: &'static str,
    line: Line,
    entry: Entry,
}

/// In this order: the engine looks for them in the same one.
const ENTRIES: &[Known] = &[
    Known { interface: "wasi:http/handler", line: Line::Three, entry: Entry::Server },
    Known { interface: "wasi:http/incoming-handler", line: Line::Two, entry: Entry::Server },
    Known { interface: "wasi:cli/run", line: Line::Three, entry: Entry::Command },
    Known { interface: "wasi:cli/run", line: Line::Two, entry: Entry::Command },
];

impl Line {
    /// The version line of a release, by the rule by which Wasmtime matches names
    /// (wasmtime-environ, component/names.rs): below 1.0.0 any last number will do, and a pre-release
    /// fits only itself.
    pub fn of(version: &str) -> Option<Line> {
        let release = version.split_once('+').map_or(version, |(release, _)| release);
        let (line, patch) = release.rsplit_once('.')?;
        let plain = !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = patch.len() > 1 && patch.starts_with('0');
        match line {
            "0.2" if plain && !leading_zero => Some(Line::Two),
            "0.3" if plain && !leading_zero => Some(Line::Three),
            _ => None,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Line::Two => "0.2",
            Line::Three => "0.3",
        }
    }
}

/// `wasi:cli/exit@0.2.3` as its interface and its version, which is "" when there is none.
pub fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// The export that makes it a server or a command, or None for a library. Refuses one that wants
/// to be run in a way that this host does not know.
pub fn entry(exports: &[Export]) -> Result<Option<(Entry, Line)>> {
    for known in ENTRIES {
        let found = exports.iter().filter(|export| export.instance).any(|export| {
            let (interface, version) = split(&export.name);
            interface == known.interface && Line::of(version) == Some(known.line)
        });
        if found {
            return Ok(Some((known.entry, known.line)));
        }
    }
    for export in exports {
        let (interface, _) = split(&export.name);
        let known = ENTRIES.iter().filter(|known| known.interface == interface);
        let lines: Vec<_> = known.map(|known| format!("{}.x", known.line.text())).collect();
        if !lines.is_empty() {
            let lines = lines.join(" and ");
            refuse!("the component exports {}; this host runs {interface}@{lines}", export.name);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_a_line_fit() {
        for version in ["0.2.0", "0.2.12", "0.2.99", "0.2.3+x"] {
            assert_eq!(Line::of(version), Some(Line::Two), "{version}");
        }
        assert_eq!(Line::of("0.3.0"), Some(Line::Three));
    }

    #[test]
    fn other_lines_previews_and_what_is_no_version_do_not_fit() {
        for version in [
            "0.1.0",
            "1.0.0",
            "0.3.0-rc-2025-09-16",
            "0.2.0-rc-2023-11-10",
            "",
            "0.2",
            "0.2.1.4",
            "0.2.01",
            "0.2.x",
        ] {
            assert_eq!(Line::of(version), None, "{version}");
        }
    }
}
