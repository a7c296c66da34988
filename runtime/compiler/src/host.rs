// SPDX-License-Identifier: Apache-2.0
//! Which interfaces the host offers, and by which rule a version fits.
//!
//! Belongs here: the table, the rule, and words for what does not fit.
//! Does not belong here: what a component imports (survey).
//!
//! The table says what the engine of the same release links. A contract test loads a
//! component for each row into that engine, so that the two cannot drift apart.

use std::fmt::Write;

/// One version line of WASI: a component's version fits if it is on the same line.
struct Line {
    version: &'static str,
    packages: &'static [(&'static str, &'static [&'static str])],
}

/// Rust's wasmtime-wasi and wasmtime-wasi-http 48.0. Interfaces that hold nothing but plain types
/// need no host and are not listed.
const LINES: &[Line] = &[
    Line {
        version: "0.2.12",
        packages: &[
            (
                "cli",
                &[
                    "environment",
                    "exit",
                    "stdin",
                    "stdout",
                    "stderr",
                    "terminal-input",
                    "terminal-output",
                    "terminal-stdin",
                    "terminal-stdout",
                    "terminal-stderr",
                ],
            ),
            ("clocks", &["monotonic-clock", "wall-clock"]),
            ("filesystem", &["preopens", "types"]),
            ("http", &["outgoing-handler", "types"]),
            ("io", &["error", "poll", "streams"]),
            ("random", &["insecure", "insecure-seed", "random"]),
            (
                "sockets",
                &[
                    "instance-network",
                    "ip-name-lookup",
                    "network",
                    "tcp",
                    "tcp-create-socket",
                    "udp",
                    "udp-create-socket",
                ],
            ),
        ],
    },
    Line {
        version: "0.3.0",
        packages: &[
            (
                "cli",
                &[
                    "environment",
                    "exit",
                    "stdin",
                    "stdout",
                    "stderr",
                    "terminal-input",
                    "terminal-output",
                    "terminal-stdin",
                    "terminal-stdout",
                    "terminal-stderr",
                ],
            ),
            ("clocks", &["monotonic-clock", "system-clock"]),
            ("filesystem", &["preopens", "types"]),
            ("http", &["client", "types"]),
            ("random", &["insecure", "insecure-seed", "random"]),
            ("sockets", &["ip-name-lookup", "types"]),
        ],
    },
];

/// What a host runs rather than offers, by version line.
pub const ENTRIES: &[(&str, &str, Entry)] = &[
    ("wasi:http/handler", "0.3.0", Entry::Server),
    ("wasi:http/incoming-handler", "0.2.12", Entry::Server),
    ("wasi:cli/run", "0.3.0", Entry::Command),
    ("wasi:cli/run", "0.2.12", Entry::Command),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Server,
    Command,
}

/// `wasi:cli/exit@0.2.3` as its interface and its version, which is "" when there is none.
pub fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// Every interface that the host offers, with its version.
pub fn offered() -> impl Iterator<Item = String> {
    LINES.iter().flat_map(|line| {
        line.packages.iter().flat_map(move |(package, interfaces)| {
            interfaces
                .iter()
                .map(move |interface| format!("wasi:{package}/{interface}@{}", line.version))
        })
    })
}

/// Is an import of this name bound by the host?
pub fn offers(name: &str) -> bool {
    let (interface, version) = split(name);
    LINES.iter().any(|line| fits(version, line.version) && has(line, interface))
}

fn has(line: &Line, interface: &str) -> bool {
    let Some((package, member)) =
        interface.strip_prefix("wasi:").and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    line.packages.iter().any(|(name, members)| *name == package && members.contains(&member))
}

/// The rule by which Wasmtime's linker matches names (wasmtime-environ, component/names.rs):
/// the same version, or a release on the same line: equal up to the first number that is not 0.
/// A pre-release fits only itself.
pub fn fits(wanted: &str, known: &str) -> bool {
    if wanted == known {
        return true;
    }
    match (line_of(wanted), line_of(known)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The part of a release's version that compatible releases share: (1, 0) of 1.4.2, (0, 2) of 0.2.12.
fn line_of(version: &str) -> Option<(u64, u64)> {
    let release = version.split_once('+').map_or(version, |(release, _)| release);
    let mut numbers = release.split('.').map(number);
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    match (numbers.next(), major, minor, patch) {
        (Some(_), ..) | (None, 0, 0, _) => None,
        (None, 0, minor, _) => Some((0, minor)),
        (None, major, ..) => Some((major, 0)),
    }
}

/// A number of a version as Semantic Versioning 2.0.0 item 2 wants it: digits, no leading zero.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Which versions of an interface the host offers or runs; "" if it knows none.
pub fn known_versions(interface: &str) -> String {
    let offered = LINES.iter().filter(|line| has(line, interface)).map(|line| line.version);
    let run = ENTRIES
        .iter()
        .filter(|(name, ..)| *name == interface)
        .map(|(_, version, _)| *version)
        .rev();
    let mut words = String::new();
    for version in offered.chain(run) {
        let _ = write!(words, "{}{version}", if words.is_empty() { "" } else { " and " });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_on_the_same_line_fit() {
        for (wanted, known) in [
            ("0.2.0", "0.2.12"),
            ("0.2.12", "0.2.12"),
            ("0.2.99", "0.2.12"),
            ("0.2.3+x", "0.2.12"),
            ("1.4.0", "1.0.0"),
            ("0.3.0-rc-2025-09-16", "0.3.0-rc-2025-09-16"),
        ] {
            assert!(fits(wanted, known), "{wanted} {known}");
        }
    }

    #[test]
    fn versions_on_other_lines_and_previews_do_not_fit() {
        for (wanted, known) in [
            ("0.1.0", "0.2.12"),
            ("0.3.0", "0.2.12"),
            ("0.3.0-rc-2025-09-16", "0.3.0"),
            ("0.2.0-rc-2023-11-10", "0.2.12"),
            ("", "0.2.12"),
            ("0.2", "0.2.12"),
            ("0.2.1.4", "0.2.12"),
            ("0.02.1", "0.2.12"),
            ("0.2.x", "0.2.12"),
            ("0.0.1", "0.0.2"),
            ("2.0.0", "1.0.0"),
        ] {
            assert!(!fits(wanted, known), "{wanted} {known}");
        }
    }

    #[test]
    fn interfaces_are_offered_by_name_and_line() {
        assert!(offers("wasi:cli/exit@0.2.0"));
        assert!(offers("wasi:cli/exit@0.3.0"));
        assert!(offers("wasi:sockets/tcp@0.2.6"));
        assert!(!offers("wasi:sockets/tcp@0.3.0"));
        assert!(!offers("wasi:cli/exit"));
        assert!(!offers("wasi:clocks/timezone@0.2.12"));
        assert!(!offers("wasi:keyvalue/store@0.2.0-draft"));
        assert!(!offers("acme:cli/exit@0.2.0"));
        assert!(offered().all(|name| offers(&name)));
    }

    #[test]
    fn known_versions_are_words() {
        assert_eq!(known_versions("wasi:cli/exit"), "0.2.12 and 0.3.0");
        assert_eq!(known_versions("wasi:http/client"), "0.3.0");
        assert_eq!(known_versions("wasi:cli/run"), "0.2.12 and 0.3.0");
        assert_eq!(known_versions("wasi:nn/graph"), "");
    }
}
