// SPDX-License-Identifier: Apache-2.0
//! plain: a command in ordinary Rust with nothing but the standard library. `exit N` ends with that
//! code, `panic` panics, `cat FILE` prints a file; anything else is greeted.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();

    match words[..] {
        ["exit", code] => std::process::exit(code.parse().unwrap_or(2)),
        ["panic"] => panic!("as asked"),
        ["cat", path] => std::io::stdout().write_all(&std::fs::read(path)?)?,
        _ => println!("Hello from Rust: {}", words.join(" ")),
    }
    Ok(())
}
