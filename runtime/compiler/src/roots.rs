// SPDX-License-Identifier: Apache-2.0
//! Which imports give access by being imported, and which are only types of handles.
//!
//! Belongs here: reading the table that C reads too. Does not belong here: what renaming does with
//! it (slots).

use crate::entry::{Line, split};

const TABLE: &str = include_str!("../../compose/interfaces.def");

/// Names and version lines of what all parts of a composition share.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| {
        let mut words = line.strip_prefix("SHARED(\"")?.split('"');
        Some((words.next()?, words.nth(1)?))
    })
}

/// Handle types, in a release that the host has.
pub fn is_shared(import: &str) -> bool {
    let (interface, version) = split(import);
    let Some(line) = Line::of(version) else {
        return false;
    };
    rows().any(|(name, of)| name == interface && of == line.text())
}

/// All of `wasi:` that is not known to be harmless, unknown names included.
pub fn is_root(import: &str) -> bool {
    import.starts_with("wasi:") && !is_shared(import)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_engine_config::offers;

    #[test]
    fn every_row_of_the_table_is_read_and_offered() {
        let lines = TABLE.lines().filter(|line| line.starts_with("SHARED(")).count();
        assert_eq!(rows().count(), lines);
        assert!(lines > 15);
        for (name, line) in rows() {
            assert!(offers::linked(&format!("{name}@{line}.0")), "{name} {line}");
        }
    }

    #[test]
    fn what_gives_access_is_a_root() {
        for name in [
            "cli/environment@0.2.0",
            "cli/exit@0.2.12",
            "cli/stdin@0.3.0",
            "filesystem/preopens@0.2.3",
            "sockets/tcp-create-socket@0.2.0",
            "sockets/types@0.3.0",
            "http/outgoing-handler@0.2.0",
            "http/client@0.3.0",
            "random/insecure-seed@0.2.0",
        ] {
            assert!(is_root(&format!("wasi:{name}")), "{name}");
        }
    }

    #[test]
    fn types_of_handles_are_none() {
        for name in ["io/streams@0.2.9", "filesystem/types@0.2.0", "http/types@0.3.0"] {
            assert!(!is_root(&format!("wasi:{name}")), "{name}");
            assert!(is_shared(&format!("wasi:{name}")), "{name}");
        }
        assert!(!is_root("acme:vault/store@1.0.0"));
    }

    #[test]
    fn unknown_names_and_versions_of_wasi_count_as_roots() {
        for name in [
            "wasi:keyvalue/store@0.2.0",
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            "wasi:io/streams@0.4.0",
            "wasi:io/streams",
            "wasi:io/streams2@0.2.0",
            "wasi:",
        ] {
            assert!(is_root(name), "{name}");
        }
    }
}
