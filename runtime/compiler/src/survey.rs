// SPDX-License-Identifier: Apache-2.0
//! What a component imports and exports, and that its outside is within bounds.
//!
//! Belongs here: one pass over all sections, which checks types and counts but skips function bodies
//! (those the compiler checks).
//! Does not belong here: what an import means to the host (describe).

use crate::limits::{EXPORTS_MAX, IMPORTS_MAX, NAME_MAX, NESTING_MAX};
use crate::refusal::{Result, refuse};
use std::collections::HashSet;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ResourceId};
use wasmparser::types::Types;
use wasmparser::{ComponentExternName, Parser, Payload, Validator, WasmFeatures};

#[derive(Debug)]
pub struct Survey {
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
}

#[derive(Debug)]
pub struct Import {
    pub name: String,
    /// An instance: what a WASI interface is.
    pub instance: bool,
    /// Holds a function, a resource or a module, so that somebody has to implement it.
    pub needs_host: bool,
}

#[derive(Debug)]
pub struct Export {
    pub name: String,
    pub instance: bool,
}

/// Reads a component's outside, and its inside as far as structure and types go.
pub fn survey(component: &[u8]) -> Result<Survey> {
    // The compiler decides which proposals are on; here all are, so that it gives the reason.
    let features = WasmFeatures::all();
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut survey = Survey { imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0;
    for payload in parser.parse_all(component) {
        let payload = payload?;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                if depth > NESTING_MAX {
                    refuse!("components nest deeper than {NESTING_MAX} levels");
                }
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                survey.add_imports(section.clone())?
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                survey.add_exports(section.clone())?
            }
            _ => {}
        }
        let checked = validator.payload(&payload)?;
        if let wasmparser::ValidPayload::End(types) = checked {
            match depth {
                0 => survey.look_up(&types),
                _ => depth -= 1,
            }
        }
    }
    Ok(survey)
}

impl Survey {
    fn add_imports(&mut self, section: wasmparser::ComponentImportSectionReader<'_>) -> Result<()> {
        for import in section {
            let import = import?;
            let name = plain(&import.name)?;
            let instance = matches!(import.ty, wasmparser::ComponentTypeRef::Instance(_));
            self.imports.push(Import { name, instance, needs_host: true });
            if self.imports.len() > IMPORTS_MAX {
                refuse!("the component has more than {IMPORTS_MAX} imports");
            }
        }
        Ok(())
    }

    fn add_exports(&mut self, section: wasmparser::ComponentExportSectionReader<'_>) -> Result<()> {
        for export in section {
            let export = export?;
            let name = plain(&export.name)?;
            let instance = export.kind == wasmparser::ComponentExternalKind::Instance;
            self.exports.push(Export { name, instance });
            if self.exports.len() > EXPORTS_MAX {
                refuse!("the component has more than {EXPORTS_MAX} exports");
            }
        }
        Ok(())
    }

    /// Types are known at the end: only then can be said what an import holds.
    fn look_up(&mut self, types: &Types) {
        let mut needs = Needs { types, seen: HashSet::new() };
        for import in &mut self.imports {
            if let Some(item) = types.component_item_for_import(&import.name) {
                import.needs_host = needs.host(&item.ty);
            }
        }
    }
}

/// Names with annotations (`implements`, version suffixes) mean other things than their text.
fn plain(name: &ComponentExternName<'_>) -> Result<String> {
    let text = name.name;
    if text.len() > NAME_MAX {
        refuse!("the name of an import or export is longer than {NAME_MAX} bytes");
    }
    if name.implements.is_some() || name.version_suffix.is_some() || name.external_id.is_some() {
        refuse!("the import or export {text} carries annotations, which this host does not read");
    }
    Ok(text.to_string())
}

/// Which imports Wasmtime's linker wants a definition of (component/matching.rs): all but plain
/// types and further names of resources that came before.
struct Needs<'a> {
    types: &'a Types,
    seen: HashSet<ResourceId>,
}

impl Needs<'_> {
    fn host(&mut self, entity: &ComponentEntityType) -> bool {
        match entity {
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. } => {
                self.seen.insert(id.resource())
            }
            ComponentEntityType::Type { .. } => false,
            ComponentEntityType::Instance(id) => {
                let types = self.types;
                // Each is looked at, so that all its resources count as seen.
                let items = types[*id].exports.values().map(|item| self.host(&item.ty));
                items.fold(false, |any, needed| any | needed)
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wat: &str) -> Result<Survey> {
        survey(&wat::parse_str(wat).unwrap())
    }

    #[test]
    fn plain_types_need_no_host_but_functions_and_resources_do() {
        let survey = of(r#"(component
            (import "a:b/types" (instance (type $u u32) (export "e" (type (eq $u)))))
            (import "a:b/funcs" (instance (export "f" (func))))
            (import "a:b/things" (instance $t (export "r" (type (sub resource)))))
            (alias export $t "r" (type $r))
            (import "a:b/again" (instance (export "r" (type (eq $r)))))
            (import "same" (type (eq $r)))
            (import "fresh" (type (sub resource)))
            (import "one" (func)))"#)
        .unwrap();
        let needs: Vec<_> =
            survey.imports.iter().map(|i| (i.name.as_str(), i.needs_host)).collect();
        assert_eq!(
            needs,
            [
                ("a:b/types", false),
                ("a:b/funcs", true),
                ("a:b/things", true),
                ("a:b/again", false),
                ("same", false),
                ("fresh", true),
                ("one", true),
            ]
        );
    }

    #[test]
    fn inner_imports_and_exports_are_not_the_components_own() {
        let survey = of(r#"(component
            (component (import "inner" (func)) (export "out" (func 0)))
            (core module (import "m" "n" (func)))
            (import "outer" (func)))"#)
        .unwrap();
        assert_eq!(survey.imports.len(), 1);
        assert_eq!(survey.imports[0].name, "outer");
        assert!(survey.exports.is_empty());
    }

    #[test]
    fn many_imports_are_refused_by_number() {
        let lines: String =
            (0..=IMPORTS_MAX).map(|i| format!("(import \"f{i}\" (func))")).collect();
        let said = of(&format!("(component {lines})")).unwrap_err();
        assert!(said.text().contains("more than 1000 imports"), "{said}");
    }

    #[test]
    fn long_names_are_refused_by_length() {
        let name = "a".repeat(NAME_MAX + 1);
        let said = of(&format!("(component (import \"{name}\" (func)))")).unwrap_err();
        assert!(said.text().contains("longer than 256 bytes"), "{said}");
    }
}
