// SPDX-License-Identifier: Apache-2.0
//! A core module with other names for its imports, and nothing else changed.
//!
//! Belongs here: rewriting the import section; no index moves.
//! Does not belong here: which name becomes which (exit, plain).

use crate::refusal::{Refusal, Result};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Encode, ImportSection, SectionId};
use wasmparser::{Import, ImportSectionReader, Parser, Payload, SubType};

/// Module and name that an import gets, or None where it keeps its own.
type Renamed<'a> = Option<(&'a str, &'a str)>;

/// The module renamed, or None where all imports keep their names.
pub fn rename_imports<'a>(
    module: &'a [u8],
    mut new: impl FnMut(&Import<'a>, &[SubType]) -> Result<Renamed<'a>>,
) -> Result<Option<Vec<u8>>> {
    let mut types: Vec<SubType> = Vec::new();
    let mut before = 8; // end of the section before; the header's to begin with
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(section) => {
                let Some(imports) = renamed(section, |import| new(import, &types))? else {
                    return Ok(None);
                };
                let after = usize::try_from(section.range().end).expect("within a slice");
                let mut out = Vec::with_capacity(module.len() + 512);
                out.extend_from_slice(&module[..before]);
                out.push(SectionId::Import as u8);
                imports.encode(&mut out);
                out.extend_from_slice(&module[after..]);
                return Ok(Some(out));
            }
            _ => {}
        }
        if let Some((_, range)) = payload.as_section() {
            before = usize::try_from(range.end).expect("within a slice");
        }
    }
    Ok(None)
}

fn renamed<'a>(
    section: &ImportSectionReader<'a>,
    mut new: impl FnMut(&Import<'a>) -> Result<Renamed<'a>>,
) -> Result<Option<ImportSection>> {
    let mut out = ImportSection::new();
    let mut changed = false;
    for import in section.clone().into_imports() {
        let import = import?;
        let Import { module, name, ty } = import;
        let entity = RoundtripReencoder
            .entity_type(ty)
            .map_err(|error| Refusal::new(format_args!("the import {module}.{name}: {error}")))?;
        let to = new(&import)?;
        changed |= to.is_some();
        let (module, name) = to.unwrap_or((module, name));
        out.import(module, name, entity);
    }
    Ok(changed.then_some(out))
}
