// SPDX-License-Identifier: Apache-2.0
//! The build id: everything that can change what the compiler puts out, as one digest.
//!
//! Wasmtime's own compatibility hash does not see our adaptation of core modules, patched
//! dependencies, or settings that change code without changing whether it loads.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Relative to this crate. A folder stands for the `.rs` files in it.
const INPUTS: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "src",
    "../engine/config/Cargo.toml",
    "../engine/config/src",
    "../compose/interfaces.def",
];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut digest = Sha256::new();
    for input in INPUTS {
        println!("cargo:rerun-if-changed={input}");
        for file in files(&here.join(input)) {
            let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(&bytes);
        }
    }
    digest.update(rustc_version());
    println!("cargo:rustc-env=SKEP_COMPILER_ID={:x}", digest.finalize());
}

fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_path_buf()];
    }
    let entries = std::fs::read_dir(path).expect("a folder of sources");
    let mut found: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|file| file.extension().is_some_and(|ext| ext == "rs"));
    found.sort();
    found
}

fn rustc_version() -> Vec<u8> {
    let rustc = std::env::var_os("RUSTC").expect("cargo sets it");
    Command::new(rustc).arg("-vV").output().expect("rustc -vV").stdout
}
