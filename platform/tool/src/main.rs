// SPDX-License-Identifier: Apache-2.0
//! The two steps around clang that make a component of C.
//!
//! Belongs here: calling the generator of bindings and the encoder. Does not belong here: what the
//! product does with components that others made (runtime/compiler).

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use wasi_preview1_component_adapter_provider as adapter;
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

const USE: &str = "usage: platform-tool bind OUT_FOLDER WORLD WIT_FOLDER…   (the world's is the last one)
       platform-tool component CORE.wasm OUT.wasm   (a library of WASI preview 1, by its stock adapter)";

fn bind(out: &str, world: &str, folders: &[&str]) -> Result<()> {
    let mut resolve = Resolve::default();
    let mut packages = Vec::new();
    for folder in folders {
        packages.push(resolve.push_path(folder)?.0);
    }
    let last = &packages[packages.len() - 1..];
    let world = resolve.select_world(last, Some(world))?;
    let mut files = Files::default();

    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(out)?;
    for (name, bytes) in files.iter() {
        fs::write(Path::new(out).join(name), bytes).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

fn component(from: &str, to: &str) -> Result<()> {
    let core = fs::read(from).with_context(|| format!("read {from}"))?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .context("take in the core module")?
        .adapter(
            adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        )?
        .encode()
        .context("make a component of it")?;

    fs::write(to, bytes).with_context(|| format!("write {to}"))
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();

    match words[..] {
        ["bind", out, world, ref folders @ ..] if !folders.is_empty() => bind(out, world, folders),
        ["component", from, to] => component(from, to),
        _ => bail!(USE),
    }
}
