// SPDX-License-Identifier: Apache-2.0
//! command3: a command for WASI 0.3 (`wasi:cli/run@0.3`): prints its arguments, then `exit N` ends
//! with that code, `fail` returns an error, `sleep MS` waits, `echo` copies stdin to stdout.

use wasip3::cli::{environment, exit, stdin, stdout};
use wasip3::{clocks::monotonic_clock, wit_stream};

struct Command;
wasip3::cli::command::export!(Command);

async fn print(words: String) {
    let (mut sink, body) = wit_stream::new();
    let written = stdout::write_via_stream(body);

    let _ = sink.write_all(words.into_bytes()).await;
    drop(sink);
    let _ = written.await;
}

async fn echo() {
    let (from, ended) = stdin::read_via_stream();

    let _ = stdout::write_via_stream(from).await;
    let _ = ended.await;
}

impl wasip3::exports::cli::run::Guest for Command {
    async fn run() -> Result<(), ()> {
        let words = environment::get_arguments();
        let verb = words.get(1).map_or("", String::as_str);
        let number = words.get(2).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);

        match verb {
            "exit" => exit::exit_with_code(number as u8),
            "fail" => return Err(()),
            "sleep" => monotonic_clock::wait_for(number * 1_000_000).await,
            "echo" => echo().await,
            _ => {
                print("Hello from Rust over 0.3\n".into()).await;
                for (at, word) in words.iter().enumerate() {
                    print(format!("arg {at}: {word}\n")).await;
                }
            }
        }
        Ok(())
    }
}
