// SPDX-License-Identifier: Apache-2.0
//! Whether every part of a composition is given what it asks for by name.
//!
//! Composing goes by the names of types, and a component may give a type of its own the name of
//! somebody else's root: it would then be handed that root in place of its own. So the result is
//! read again: what comes from outside reaches a part only under the name that it has outside.
//!
//! Belongs here: following imports of the result to the parts. Does not belong here: which imports
//! the result may have (compose).

use crate::entry::split;
use crate::refusal::{Result, refuse};
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentInstantiationArg, Parser,
    Payload, WasmFeatures,
};

struct Wiring<'a> {
    /// By their index; those that come from outside with their names.
    instances: Vec<Option<&'a str>>,
    words: &'a dyn Fn(&str) -> String,
}

/// Refuses a composition in which an import is somebody else's; `words` says a name to a person.
pub fn check(composed: &[u8], words: &dyn Fn(&str) -> String) -> Result<()> {
    let mut wiring = Wiring { instances: Vec::new(), words };
    let mut parser = Parser::new(0);
    let mut depth = 0;
    parser.set_features(WasmFeatures::all());
    for payload in parser.parse_all(composed) {
        let payload = payload?;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            _ if depth == 0 => wiring.follow(payload)?,
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Wiring<'a> {
    fn follow(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    if matches!(import.ty, wasmparser::ComponentTypeRef::Instance(_)) {
                        self.instances.push(Some(import.name.name));
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    self.add_instance(&instance?)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.add_alias(&alias?)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.instances.push(self.outside(export.index));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn outside(&self, index: u32) -> Option<&'a str> {
        self.instances.get(index as usize).copied().flatten()
    }

    fn add_instance(&mut self, instance: &ComponentInstance<'a>) -> Result<()> {
        if let ComponentInstance::Instantiate { args, .. } = instance {
            for arg in args.iter().filter(|arg| arg.kind == ComponentExternalKind::Instance) {
                self.check_argument(arg)?;
            }
        }
        self.instances.push(None);
        Ok(())
    }

    /// Versions may differ: imports of one line are merged to the newest.
    fn check_argument(&self, arg: &ComponentInstantiationArg<'a>) -> Result<()> {
        match self.outside(arg.index) {
            Some(outside) if split(outside).0 != split(arg.name).0 => refuse!(
                "{} is of a type that goes by another name too: it would be {}",
                (self.words)(arg.name),
                (self.words)(outside)
            ),
            _ => Ok(()),
        }
    }

    /// Types may be taken out of what comes from outside; what they are the types of may not.
    fn add_alias(&mut self, alias: &ComponentAlias<'a>) -> Result<()> {
        let ComponentAlias::InstanceExport { kind, instance_index, name } = alias else {
            return Ok(());
        };
        if *kind == ComponentExternalKind::Instance {
            self.instances.push(None);
        }
        match self.outside(*instance_index) {
            Some(outside) if *kind != ComponentExternalKind::Type => {
                refuse!("{name} would be taken out of {}", (self.words)(outside))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: &str = r#"(component $part (import "c1-a:b/c@0.2.1" (instance)))
        (import "c1-a:b/c@0.2.3" (instance $one)) (import "c0-a:b/c@0.2.1" (instance $other))"#;

    fn checked(wat: &str) -> Result<()> {
        let composed = wat::parse_str(format!("(component {PART} {wat})")).unwrap();
        check(&composed, &|name| name.to_uppercase())
    }

    #[test]
    fn what_has_its_own_name_is_handed_on() {
        checked(r#"(instance (instantiate $part (with "c1-a:b/c@0.2.1" (instance $one))))"#)
            .unwrap();
        checked(
            r#"(component $c) (instance $i (instantiate $c))
            (instance (instantiate $part (with "c1-a:b/c@0.2.1" (instance $i))))"#,
        )
        .unwrap();
    }

    #[test]
    fn what_has_the_name_of_another_is_not() {
        let said =
            checked(r#"(instance (instantiate $part (with "c1-a:b/c@0.2.1" (instance $other))))"#);
        let said = said.unwrap_err();
        assert!(said.text().starts_with("C1-A:B/C@0.2.1 is of a type"), "{said}");
        assert!(said.text().ends_with("would be C0-A:B/C@0.2.1"), "{said}");
        checked(
            r#"(export $e "a:b/d" (instance $other))
            (instance (instantiate $part (with "c1-a:b/c@0.2.1" (instance $e))))"#,
        )
        .unwrap_err();
    }

    #[test]
    fn functions_are_not_taken_out_of_what_comes_from_outside() {
        let said = checked(
            r#"(import "c0-a:b/d" (instance $i (export "get" (func))))
            (alias export $i "get" (func))"#,
        );
        assert_eq!(said.unwrap_err().text(), "get would be taken out of C0-A:B/D");
        checked(
            r#"(import "c0-a:b/d" (instance $i (export "t" (type (sub resource)))))
            (alias export $i "t" (type))"#,
        )
        .unwrap();
    }
}
