// SPDX-License-Identifier: Apache-2.0
//! raider: a command that means harm. `raider VERB` does one thing that no honest program does,
//! and says on stdout how far it came. What should become of it is with the tests.

mod hoard;
mod mischief;

use wasip2::cli::{environment, stderr, stdout};
use wasip2::filesystem::{preopens, types::Descriptor};

struct Raider;
wasip2::cli::command::export!(Raider);

/// Says a line; whoever does not read it is not waited for.
pub fn say(line: &str) {
    let _ = stdout::get_stdout().blocking_write_and_flush(format!("{line}\n").as_bytes());
}

/// The first folder that was granted.
pub fn folder() -> Descriptor {
    preopens::get_directories().into_iter().next().expect("a folder").0
}

const VERBS: &[(&str, fn())] = &[
    ("stack", mischief::stack),
    ("pollables", hoard::pollables),
    ("fields", hoard::fields),
    ("descriptors", hoard::descriptors),
    ("streams", hoard::streams),
    ("listings", hoard::listings),
    ("preopens", hoard::preopens),
    ("requests", hoard::requests),
    ("bodies", hoard::bodies),
    ("tcp-sockets", hoard::tcp_sockets),
    ("udp-sockets", hoard::udp_sockets),
    ("connects", hoard::connects),
    ("outgoing", hoard::outgoing),
    ("fetch", hoard::fetch),
    ("lookups", hoard::lookups),
    ("timers", hoard::timers),
    ("poll-long", hoard::poll_long),
    ("hold-files", hoard::hold_files),
    ("hold-sockets", hoard::hold_sockets),
    ("copy", hoard::copy),
    ("hold-headers", hoard::hold_headers),
    ("open-close", hoard::open_close),
    ("poll-empty", mischief::poll_empty),
    ("random-max", mischief::random_max),
    ("read-max", mischief::read_max),
    ("file-read-max", mischief::file_read_max),
    ("write-beyond", mischief::write_beyond),
    ("write-huge", mischief::write_huge),
    ("zeroes-max", mischief::zeroes_max),
    ("splice-max", mischief::splice_max),
    ("path-huge", mischief::path_huge),
    ("header-huge", mischief::header_huge),
    ("headers-many", mischief::headers_many),
    ("clock-max", mischief::clock_max),
    ("size-max", mischief::size_max),
    ("used-after-drop", mischief::used_after_drop),
    ("wrong-type", mischief::wrong_type),
    ("double-drop", mischief::double_drop),
    ("parent-first", mischief::parent_first),
    ("guessed-handle", mischief::guessed_handle),
    ("paths", mischief::paths),
    ("links-out", mischief::links_out),
    ("read-only", mischief::read_only),
    ("flood", mischief::flood),
    ("spin-calls", mischief::spin_calls),
];

impl wasip2::exports::cli::run::Guest for Raider {
    fn run() -> Result<(), ()> {
        let words = environment::get_arguments();
        let wanted = words.get(1).map_or("", String::as_str);
        let Some((_, verb)) = VERBS.iter().find(|(name, _)| *name == wanted) else {
            let _ = stderr::get_stderr().blocking_write_and_flush(b"raider: no such verb\n");
            return Err(());
        };
        verb();
        say("came to its end");
        Ok(())
    }
}
