// SPDX-License-Identifier: Apache-2.0
//! Exit codes that survive adaptation.
//!
//! The stock adapter for preview 1 passes on only ok or error, so that exit(7) becomes 1. Here the
//! module's import of `proc_exit` is turned into `exit-with-code` of wasi:cli/exit, which has the
//! same type, before the adapter sees it.
//!
//! Belongs here: that change, and the world that makes wit-component accept it.
//! Does not belong here: adapting the rest (adapt), modules that need no adapter (plain).

use crate::module::{P1, plain_name, takes_a_status};
use crate::refusal::{Refusal, Result, refuse};
use crate::rename::rename_imports;
use wit_component::{StringEncoding, embed_component_metadata};

/// Must be the version that the adapter itself imports, so that both become one import.
pub const EXIT: &str = "wasi:cli/exit@0.2.12";

const WORLD: &str = "
package skep:exit;
world with-code { import wasi:cli/exit@0.2.12; }
package wasi:cli@0.2.12 {
  interface exit {
    exit: func(status: result);
    exit-with-code: func(status-code: u8);
  }
}";

/// The module with its exit codes kept, or None where it never calls `proc_exit`.
pub fn keep_code(module: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut found = false;
    let renamed = rename_imports(module, |import, types| {
        let plain = plain_name(import.name);
        if import.module != P1 || plain != "proc_exit" {
            return Ok(None);
        }
        if !takes_a_status(types, import.ty) {
            refuse!("the module imports {P1}.proc_exit with another type than preview 1 has");
        }
        found = true;
        Ok(Some((EXIT, "exit-with-code")))
    })?;
    let Some(mut module) = renamed.filter(|_| found) else {
        return Ok(None);
    };
    embed_world(&mut module)?;
    Ok(Some(module))
}

/// Says to wit-component what the new import means.
fn embed_world(module: &mut Vec<u8>) -> Result<()> {
    let mut embed = || {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("exit.wit", WORLD)?;
        let world = resolve.select_world(&[package], Some("with-code"))?;
        embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)
    };
    embed().map_err(|error: anyhow::Error| Refusal::new(format_args!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasi_preview1_component_adapter_provider as provider;

    /// If this fails after an upgrade: set EXIT and WORLD to the version of the new adapter.
    #[test]
    fn the_world_has_the_version_and_functions_of_the_adapters_own() {
        for adapter in [
            provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        ] {
            let (_, bindgen) = wit_component::metadata::decode(adapter).unwrap();
            let imports = &bindgen.resolve.worlds[bindgen.world].imports;
            let exit = imports.keys().find(|key| bindgen.resolve.name_world_key(key) == EXIT);
            let Some(wit_parser::WorldKey::Interface(exit)) = exit else {
                panic!("the adapter does not import {EXIT}");
            };
            let functions: Vec<_> = bindgen.resolve.interfaces[*exit].functions.keys().collect();
            assert_eq!(functions, ["exit", "exit-with-code"]);
        }
        assert!(WORLD.contains(EXIT));
        assert!(skep_engine_config::offers::offered(EXIT));
    }

    #[test]
    fn a_module_without_proc_exit_is_left_alone() {
        let module = wat::parse_str(r#"(module (import "env" "proc_exit" (func (param i32))))"#);
        assert!(keep_code(&module.unwrap()).unwrap().is_none());
    }

    #[test]
    fn a_proc_exit_of_another_type_is_refused() {
        let wat = format!(r#"(module (import "{P1}" "proc_exit" (func (param i64))))"#);
        let said = keep_code(&wat::parse_str(wat).unwrap()).unwrap_err();
        assert!(said.text().contains("another type"), "{said}");
    }

    #[test]
    fn only_the_import_section_changes() {
        let wat = format!(
            r#"(module
                (type (func (param i32)))
                (import "{P1}" "proc_exit" (func $exit (type 0)))
                (import "{P1}" "fd_close" (func (param i32) (result i32)))
                (func (export "_start") i32.const 7 call $exit))"#
        );
        let kept = keep_code(&wat::parse_str(wat).unwrap()).unwrap().unwrap();
        let module = crate::module::read(&kept).unwrap();
        let imports: Vec<_> =
            module.imports.iter().map(|(m, n)| (m.as_str(), n.as_str())).collect();
        assert_eq!(imports, [(EXIT, "exit-with-code"), (P1, "fd_close")]);
        assert!(module.start && module.typed);
    }
}
