// SPDX-License-Identifier: Apache-2.0
//! Calls that no honest program makes.
//!
//! Belongs here: arguments out of all bounds, handles that are not one's own, paths that lead
//! elsewhere. Does not belong here: great numbers of things (hoard).

use crate::{folder, say};
use std::hint::black_box;
use wasip2::cli::{stdin, stdout};
use wasip2::clocks::monotonic_clock::{now, subscribe_duration, subscribe_instant};
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::types::Fields;
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::InputStream;
use wasip2::random::random::get_random_bytes;

const NONE: PathFlags = PathFlags::empty();
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

fn open(
    dir: &Descriptor,
    path: &str,
    flags: OpenFlags,
    how: DescriptorFlags,
) -> Result<Descriptor, String> {
    dir.open_at(FOLLOW, path, flags, how).map_err(|why| format!("{why:?}"))
}

fn writable(dir: &Descriptor, name: &str) -> Descriptor {
    let how = DescriptorFlags::READ | DescriptorFlags::WRITE;
    open(dir, name, OpenFlags::CREATE, how).expect("a file to write")
}

fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    let here = black_box(depth);
    deeper(black_box(depth + 1)) + here
}

pub fn stack() {
    say(&deeper(0).to_string());
}

pub fn poll_empty() {
    say(&format!("{} ready", poll(&[]).len()));
}

pub fn random_max() {
    say(&format!("{} bytes", get_random_bytes(u64::MAX).len()));
}

pub fn read_max() {
    let got = stdin::get_stdin().blocking_read(u64::MAX);
    say(&format!("{:?} bytes", got.map(|bytes| bytes.len())));
}

pub fn file_read_max() {
    let file = open(&folder(), "large", OpenFlags::empty(), DescriptorFlags::READ).expect("open");
    let got = file.read(u64::MAX, 0).map(|(bytes, _)| bytes.len());
    say(&format!("read {got:?}"));
    let got = file.read_via_stream(0).expect("stream").blocking_read(u64::MAX);
    say(&format!("stream {:?}", got.map(|bytes| bytes.len())));
}

/// More than there is room for, without asking first.
pub fn write_beyond() {
    let got = stdout::get_stdout().write(&vec![b'x'; 4 << 20]);
    say(&format!("{got:?}"));
}

pub fn write_huge() {
    let file = writable(&folder(), "huge");
    say(&format!("{:?}", file.write(&vec![1; 64 << 20], 0)));
}

pub fn zeroes_max() {
    let stream = writable(&folder(), "zeroes").write_via_stream(0).expect("stream");
    say(&format!("{:?}", stream.write_zeroes(u64::MAX)));
}

pub fn splice_max() {
    let dir = folder();
    let from = open(&dir, "large", OpenFlags::empty(), DescriptorFlags::READ).expect("open");
    let from = from.read_via_stream(0).expect("stream");
    let to = writable(&dir, "spliced").write_via_stream(0).expect("stream");
    say(&format!("{:?}", to.blocking_splice(&from, u64::MAX)));
}

pub fn path_huge() {
    let path = "a/".repeat(512 << 10);
    say(&format!("{:?}", open(&folder(), &path, OpenFlags::empty(), DescriptorFlags::READ).err()));
}

pub fn header_huge() {
    let fields = Fields::new();
    let got = fields.append("x-large", &vec![b'x'; 64 << 10]);
    let again = fields.append("x-larger", &vec![b'x'; 4 << 20]);
    say(&format!("{got:?}, {again:?}"));
}

/// Until there is no more room for them.
pub fn headers_many() {
    let fields = Fields::new();
    for i in 0..1_000_000 {
        if let Err(why) = fields.append(&format!("x-{i}"), b"y") {
            say(&format!("refused after {i}: {why:?}"));
            return;
        }
    }
}

pub fn clock_max() {
    let never = [
        subscribe_duration(u64::MAX),
        subscribe_instant(u64::MAX),
        subscribe_duration(u64::MAX - now()),
        subscribe_instant(1 << 63),
    ];
    let soon = subscribe_duration(1_000_000);
    let list: Vec<_> = never.iter().chain([&soon]).collect();
    say(&format!("ready {:?}", poll(&list)));
    say(&format!("early {}", never.iter().any(Pollable::ready)));
}

pub fn size_max() {
    let file = writable(&folder(), "sized");
    say(&format!("size {:?}", file.set_size(u64::MAX)));
    say(&format!("write {:?}", file.write(b"x", u64::MAX)));
    say(&format!(
        "stream {:?}",
        file.write_via_stream(u64::MAX).map(|s| s.blocking_write_and_flush(b"x"))
    ));
}

pub fn used_after_drop() {
    let pollable = subscribe_duration(1);
    let number = pollable.handle();
    drop(pollable);
    // SAFETY: it is the host's affair that this is nobody's.
    say(&format!("{}", unsafe { Pollable::from_handle(number) }.ready()));
}

pub fn wrong_type() {
    let pollable = subscribe_duration(1);
    // SAFETY: as above.
    let stream = unsafe { InputStream::from_handle(pollable.handle()) };
    say(&format!("{:?}", stream.read(1)));
}

pub fn double_drop() {
    let pollable = subscribe_duration(1);
    let number = pollable.handle();
    drop(pollable);
    // SAFETY: as above.
    drop(unsafe { Pollable::from_handle(number) });
}

pub fn parent_first() {
    let stream = stdin::get_stdin();
    let child = stream.subscribe();
    drop(stream);
    say(&format!("{}", child.ready()));
}

/// Numbers that may be somebody else's.
pub fn guessed_handle() {
    for number in [0, 1 << 28, u32::MAX, 77_777] {
        // SAFETY: as above.
        let fields = unsafe { Fields::from_handle(number) };
        say(&format!("{} entries", fields.entries().len()));
    }
}

/// Names that would lead out of the folder, or are none.
pub fn paths() {
    let dir = folder();
    let names = [
        "..",
        "../secret",
        "/etc/passwd",
        "sub/../../secret",
        "file\0x",
        "\0",
        "",
        "out",
        "out-absolute",
        "sub/../out/secret",
        "//secret",
        "./.././secret",
        "proc",
        "\u{202e}",
    ];
    for name in names {
        let got = open(&dir, name, OpenFlags::empty(), DescriptorFlags::READ);
        say(&format!("{name:?} {}", got.map_or_else(|why| why, |_| "OPENED".into())));
        let got =
            dir.stat_at(FOLLOW, name).map_or_else(|why| format!("{why:?}"), |_| "SEEN".into());
        say(&format!("{name:?} {got}"));
    }
}

/// Makes links that lead out, and follows them; moves and links things out.
pub fn links_out() {
    let dir = folder();
    say(&format!("absolute {:?}", dir.symlink_at("/etc/passwd", "made-absolute")));
    say(&format!("relative {:?}", dir.symlink_at("../secret", "made-relative")));
    for name in ["made-absolute", "made-relative"] {
        let got = open(&dir, name, OpenFlags::empty(), DescriptorFlags::READ);
        say(&format!("{name} {}", got.map_or_else(|why| why, |_| "OPENED".into())));
        say(&format!(
            "created {:?}",
            open(&dir, name, OpenFlags::CREATE, DescriptorFlags::WRITE).err()
        ));
    }
    say(&format!("rename {:?}", dir.rename_at("file", &dir, "../moved")));
    say(&format!("link {:?}", dir.link_at(NONE, "../secret", &dir, "linked")));
    say(&format!("unlink {:?}", dir.unlink_file_at("../secret")));
    say(&format!("mkdir {:?}", dir.create_directory_at("../made")));
}

pub fn read_only() {
    let dir = folder();
    let create = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    say(&format!("create {:?}", open(&dir, "new", create, DescriptorFlags::WRITE).err()));
    say(&format!(
        "write {:?}",
        open(&dir, "file", OpenFlags::empty(), DescriptorFlags::WRITE).err()
    ));
    let sub = open(&dir, "sub", OpenFlags::DIRECTORY, DescriptorFlags::MUTATE_DIRECTORY);
    let made =
        sub.and_then(|sub| sub.create_directory_at("made").map_err(|why| format!("{why:?}")));
    say(&format!("mutate {:?}", made.err()));
    say(&format!("unlink {:?}", dir.unlink_file_at("file")));
    say(&format!("mkdir {:?}", dir.create_directory_at("made")));
    say(&format!("rename {:?}", dir.rename_at("file", &dir, "moved")));
    say(&format!("symlink {:?}", dir.symlink_at("file", "linked")));
}

/// Writes to stdout without end.
pub fn flood() {
    let line = [b'x'; 4096];
    let out = stdout::get_stdout();
    while out.blocking_write_and_flush(&line).is_ok() {}
}

/// Never computes, only calls: cheap ones, without end.
pub fn spin_calls() {
    loop {
        black_box(now());
    }
}
