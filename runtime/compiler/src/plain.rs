// SPDX-License-Identifier: Apache-2.0
//! Plain commands: core modules of preview 1 that are run as they are.
//!
//! An adapter needs memory of its own, which it takes from the module's: it asks `cabi_realloc`,
//! or else grows the memory. Allocators that believe all pages above their own to be theirs
//! (Go's, older wasi-libc's) then hand out the adapter's state. The engine's own preview 1
//! needs no memory in the guest, so whatever can do without an adapter does.
//!
//! Belongs here: which modules can be run so. Does not belong here: running them (the engine).

use crate::limits::IMPORTS_MAX;
use crate::module::{Module, P1, plain_name};
use crate::refusal::{Result, refuse};
use crate::rename::rename_imports;
use skep_engine_config::offers::P1_FUNCTIONS;
use std::borrow::Cow;

/// A command whose imports have no meaning but preview 1's: nothing in it speaks of components.
pub fn is_plain(module: &Module) -> bool {
    module.start && !module.typed && !module.shared_library
}

/// Refuses a plain command that needs what preview 1 does not have.
pub fn check(module: &Module) -> Result<()> {
    if module.imports.len() > IMPORTS_MAX {
        refuse!("the core module has more than {IMPORTS_MAX} imports");
    }
    if module.imports.iter().any(|(from, _)| from == "wasi_unstable") {
        refuse!(
            "the core module was built for wasi_unstable, which came before WASI preview 1; build it with a newer toolchain"
        );
    }
    let foreign = module.foreign();
    if !foreign.is_empty() {
        refuse!(
            "the core module imports {}, which WASI preview 1 does not have",
            foreign.join(", ")
        );
    }
    for (_, name) in &module.imports {
        if !P1_FUNCTIONS.contains(&name.as_str()) {
            refuse!("the core module imports {P1}.{name}, which WASI preview 1 does not have");
        }
        if name != "proc_exit" && !module.memory {
            refuse!("the core module imports {P1}.{name}, but exports no memory for it to work on");
        }
    }
    Ok(())
}

/// The module before wit-component gave names of their own to imports that occur twice.
pub fn unnumbered(module: &[u8]) -> Result<Cow<'_, [u8]>> {
    let renamed = rename_imports(module, |import, _| {
        let plain = plain_name(import.name);
        Ok((import.module == P1 && plain != import.name).then_some((P1, plain)))
    })?;
    Ok(renamed.map_or(Cow::Borrowed(module), Cow::Owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module;

    const START: &str = r#"(func (export "_start"))"#;

    fn said(wat: &str) -> String {
        let module = module::read(&wat::parse_str(wat).unwrap()).unwrap();
        assert!(is_plain(&module));
        check(&module).expect_err("must be refused").text().to_string()
    }

    #[test]
    fn imports_beyond_preview_1_are_named() {
        let foreign = said(&format!(r#"(module (import "env" "abort" (func)) {START})"#));
        assert!(foreign.contains("env.abort"), "{foreign}");
        let memory = said(&format!(r#"(module (import "env" "memory" (memory 1)) {START})"#));
        assert!(memory.contains("env.memory"), "{memory}");
        let old = said(&format!(r#"(module (import "wasi_unstable" "proc_exit" (func)) {START})"#));
        assert!(old.contains("wasi_unstable"), "{old}");
        let more = said(&format!(r#"(module (import "{P1}" "sock_open" (func)) {START})"#));
        assert!(more.contains("sock_open"), "{more}");
        // What adapters have among themselves is not offered.
        let inner =
            said(&format!(r#"(module (import "{P1}" "adapter_open_badfd" (func)) {START})"#));
        assert!(inner.contains("adapter_open_badfd"), "{inner}");
    }

    #[test]
    fn a_module_without_memory_can_only_exit() {
        let write = format!(r#"(module (import "{P1}" "fd_write" (func)) {START})"#);
        assert!(said(&write).contains("exports no memory"));
        let exit = format!(r#"(module (import "{P1}" "proc_exit" (func (param i32))) {START})"#);
        check(&module::read(&wat::parse_str(exit).unwrap()).unwrap()).unwrap();
    }

    #[test]
    fn numbers_of_imports_that_occur_twice_are_taken_back() {
        let import = |name: &str| format!(r#"(import "{P1}" "{name}" (func (param i32)))"#);
        let twice = |second: &str| {
            let text = format!("(module {}{}{START})", import("proc_exit"), import(second));
            wat::parse_str(text).unwrap()
        };
        assert!(*unnumbered(&twice("proc_exit [v2]")).unwrap() == twice("proc_exit"));
        assert!(matches!(unnumbered(&twice("proc_exit")).unwrap(), Cow::Borrowed(_)));
    }
}
