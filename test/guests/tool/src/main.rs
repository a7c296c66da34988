// SPDX-License-Identifier: Apache-2.0
//! The few steps that stand between a compiler's output and a component, for the tests' guests.
//!
//! Belongs here: text to binary, core module to component with the stock WASI p1 adapter, and a
//! listing of imports and exports. Does not belong here: anything the product itself does (its own
//! adapter, which keeps exit codes, lies in the compiler).

use anyhow::{Context, Result, bail};
use std::fs;
use wasi_preview1_component_adapter_provider as adapter;
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

const USE: &str = "usage: guest-tool wat IN.wat OUT.wasm
       guest-tool command|reactor|proxy CORE.wasm OUT.wasm   (adapts WASI p1 where it is used)
       guest-tool show FILE.wasm                             (kind, imports, exports)";

fn component(core: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default().validate(true);

    encoder = encoder.module(core).context("take in the core module")?;
    encoder = encoder.adapter(adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?;
    encoder.encode().context("make a component of it")
}

fn show(bytes: &[u8]) -> Result<()> {
    let mut depth = 0usize;

    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                if depth == 0 {
                    let component = encoding == Encoding::Component;
                    println!("kind {}", if component { "component" } else { "module" });
                }
                depth += 1;
            }
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    println!("import {}", import?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export?;
                    let kind = match export.kind {
                        ComponentExternalKind::Instance => "instance",
                        ComponentExternalKind::Func => "function",
                        _ => "other",
                    };
                    println!("export {} ({kind})", export.name.name);
                }
            }
            Payload::ImportSection(section) if depth == 1 => {
                for import in section.into_imports() {
                    let import = import?;
                    println!("import {} {}", import.module, import.name);
                }
            }
            Payload::ExportSection(section) if depth == 1 => {
                for export in section {
                    println!("export {}", export?.name);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let read = |path: &str| fs::read(path).with_context(|| format!("read {path}"));

    match words[..] {
        ["wat", from, to] => fs::write(to, wat::parse_file(from)?)?,
        ["command", from, to] => {
            let stock = adapter::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;
            fs::write(to, component(&read(from)?, stock)?)?;
        }
        ["reactor", from, to] => {
            let stock = adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
            fs::write(to, component(&read(from)?, stock)?)?;
        }
        ["proxy", from, to] => {
            let stock = adapter::WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER;
            fs::write(to, component(&read(from)?, stock)?)?;
        }
        ["show", from] => show(&read(from)?)?,
        _ => bail!(USE),
    }
    Ok(())
}
