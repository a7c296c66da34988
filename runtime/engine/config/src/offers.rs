// SPDX-License-Identifier: Apache-2.0
//! What the host offers to components and core modules, by name.
//!
//! Belongs here: interface names and versions, the functions of preview 1, and what to say
//! of an import that is not among them.
//! Does not belong here: the functions behind the names (the engine), and what
//! other components offer.

/// A package of interfaces which the host implements.
struct Package {
    name: &'static str,
    /// The newest version served; older ones of the same line are served by it.
    version: (u64, u64, u64),
    interfaces: &'static [&'static str],
}

const TERMINALS: [&str; 5] =
    ["terminal-input", "terminal-output", "terminal-stdin", "terminal-stdout", "terminal-stderr"];

/// WASI 0.2.12 and 0.3.0, without what is still unstable in them.
const PACKAGES: &[Package] = &[
    package("wasi:cli", (0, 2, 12), &["environment", "exit", "stdin", "stdout", "stderr"]),
    package("wasi:cli", (0, 2, 12), &TERMINALS),
    package("wasi:clocks", (0, 2, 12), &["monotonic-clock", "wall-clock"]),
    package("wasi:filesystem", (0, 2, 12), &["types", "preopens"]),
    package("wasi:io", (0, 2, 12), &["error", "poll", "streams"]),
    package("wasi:random", (0, 2, 12), &["insecure-seed", "insecure", "random"]),
    package(
        "wasi:sockets",
        (0, 2, 12),
        &[
            "network",
            "instance-network",
            "ip-name-lookup",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    ),
    package("wasi:http", (0, 2, 12), &["types", "outgoing-handler"]),
    package("wasi:cli", (0, 3, 0), &["environment", "exit", "types", "stdin", "stdout", "stderr"]),
    package("wasi:cli", (0, 3, 0), &TERMINALS),
    package("wasi:clocks", (0, 3, 0), &["types", "monotonic-clock", "system-clock"]),
    package("wasi:filesystem", (0, 3, 0), &["types", "preopens"]),
    package("wasi:random", (0, 3, 0), &["insecure-seed", "insecure", "random"]),
    package("wasi:sockets", (0, 3, 0), &["types", "ip-name-lookup"]),
    package("wasi:http", (0, 3, 0), &["types", "client"]),
];

const fn package(
    name: &'static str,
    version: (u64, u64, u64),
    interfaces: &'static [&'static str],
) -> Package {
    Package { name, version, interfaces }
}

/// What core modules import from, and the version of WASI that it is called.
pub const P1: &str = "wasi_snapshot_preview1";

/// The functions of preview 1; a test of the engine holds them against its linker.
#[rustfmt::skip]
pub const P1_FUNCTIONS: &[&str] = &[
    "args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get",
    "environ_sizes_get", "fd_advise", "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_get",
    "fd_fdstat_set_flags", "fd_fdstat_set_rights", "fd_filestat_get", "fd_filestat_set_size",
    "fd_filestat_set_times", "fd_pread", "fd_prestat_dir_name", "fd_prestat_get", "fd_pwrite",
    "fd_read", "fd_readdir", "fd_renumber", "fd_seek", "fd_sync", "fd_tell", "fd_write",
    "path_create_directory", "path_filestat_get", "path_filestat_set_times", "path_link",
    "path_open", "path_readlink", "path_remove_directory", "path_rename", "path_symlink",
    "path_unlink_file", "poll_oneoff", "proc_exit", "proc_raise", "random_get", "sched_yield",
    "sock_accept", "sock_recv", "sock_send", "sock_shutdown",
];

/// Whether the host has an implementation for an import such as
/// `wasi:cli/stdout@0.2.3`: the same interface, of the same line, not older than asked.
pub fn offered(import: &str) -> bool {
    let Some((package, interface, version)) = split(import) else {
        return false;
    };
    let Some(wanted) = version.and_then(numbers) else {
        return false;
    };
    served(package, interface).any(|has| same_line(has, wanted) && has >= wanted)
}

/// Whether Wasmtime's linker would bind an import: any release of the same line, also a newer
/// one. If that newer one is used for what is new in it, loading names the function.
pub fn linked(import: &str) -> bool {
    let Some((package, interface, Some(version))) = split(import) else {
        return false;
    };
    numbers(version)
        .is_some_and(|wanted| served(package, interface).any(|has| same_line(has, wanted)))
}

/// One sentence on an import which the host does not offer: its name, the version
/// wanted, and what there is instead. No full stop at the end.
pub fn explain(import: &str) -> String {
    let Some((package, interface, _)) = split(import) else {
        return format!("it imports `{import}`, and nothing of that name is offered");
    };
    let versions = list(served(package, interface));
    if !versions.is_empty() {
        return format!(
            "it imports {import}, and the host offers {package}/{interface}@{versions}"
        );
    }
    let others = list(PACKAGES.iter().filter(|p| p.name == package).map(|p| p.version));
    if !others.is_empty() {
        return format!(
            "it imports {import}, and {package} has no stable interface of that name in {others}"
        );
    }
    format!("it imports {import}, which neither the host nor a linked component offers")
}

fn served<'a>(package: &'a str, interface: &'a str) -> impl Iterator<Item = (u64, u64, u64)> + 'a {
    PACKAGES
        .iter()
        .filter(move |p| p.name == package && p.interfaces.contains(&interface))
        .map(|p| p.version)
}

fn list(versions: impl Iterator<Item = (u64, u64, u64)>) -> String {
    let mut texts: Vec<String> = versions.map(|(a, b, c)| format!("{a}.{b}.{c}")).collect();
    texts.dedup();
    texts.join(" and ")
}

/// `ns:package/interface@version` into its three parts.
fn split(import: &str) -> Option<(&str, &str, Option<&str>)> {
    let (path, version) = match import.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (import, None),
    };
    let (package, interface) = path.split_once('/')?;
    Some((package, interface, version))
}

/// Only releases: a pre-release matches nothing but itself, and the host has none.
fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let mut parts = version.splitn(3, '.').map(|part| part.parse::<u64>());
    let mut next = || parts.next()?.ok();
    Some((next()?, next()?, next()?))
}

/// Semantic versioning: below 1.0.0 the second number makes the line.
fn same_line(a: (u64, u64, u64), b: (u64, u64, u64)) -> bool {
    a.0 == b.0 && (a.0 != 0 || a.1 == b.1)
}

#[cfg(test)]
mod tests {
    use super::{explain, linked, offered};

    #[test]
    fn older_patches_of_a_line_are_served() {
        assert!(offered("wasi:cli/stdout@0.2.0"));
        assert!(offered("wasi:cli/stdout@0.2.12"));
        assert!(offered("wasi:http/types@0.3.0"));
    }

    #[test]
    fn newer_patches_other_lines_and_unstable_interfaces_are_not() {
        assert!(!offered("wasi:cli/stdout@0.2.13"));
        assert!(!offered("wasi:cli/stdout@0.4.0"));
        assert!(!offered("wasi:cli/stdout@0.3.0-rc.1"));
        assert!(!offered("wasi:clocks/timezone@0.2.12"));
        assert!(!offered("acme:vault/store@1.0.0"));
        assert!(!offered("stdout"));
    }

    #[test]
    fn every_release_of_a_line_is_linked() {
        assert!(linked("wasi:cli/stdout@0.2.0"));
        assert!(linked("wasi:cli/stdout@0.2.13"));
        assert!(!linked("wasi:cli/stdout@0.4.0"));
        assert!(!linked("wasi:cli/stdout@0.3.0-rc.1"));
        assert!(!linked("wasi:cli/stdout"));
        assert!(!linked("wasi:clocks/timezone@0.2.12"));
    }

    #[test]
    fn a_refusal_names_the_import_and_what_there_is() {
        assert_eq!(
            explain("wasi:cli/stdout@0.2.99"),
            "it imports wasi:cli/stdout@0.2.99, and the host offers wasi:cli/stdout@0.2.12 and 0.3.0"
        );
        assert!(explain("acme:vault/store@1.0.0").contains("acme:vault/store@1.0.0"));
        assert!(explain("wasi:http/wild@0.2.0").contains("0.2.12 and 0.3.0"));
    }
}
