// SPDX-License-Identifier: Apache-2.0
//! Taking a million of everything, and giving nothing back.
//!
//! Belongs here: what is held in ever larger numbers. Does not belong here: single odd calls
//! (mischief).

use crate::{folder, say};
use std::mem::forget;
use wasip2::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingRequest, OutgoingResponse, Scheme};
use wasip2::io::poll::poll;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

const MILLION: u32 = 1_000_000;

/// Takes until `one` is refused, and says how many there are. Refusals are tried again a few times.
fn take(what: &str, mut one: impl FnMut(u32) -> Result<(), String>) {
    let (mut held, mut refused, mut why) = (0, 0, String::new());
    for i in 0..MILLION {
        match one(i) {
            Ok(()) => held += 1,
            Err(words) => {
                refused += 1;
                why = words;
                if refused == 1000 {
                    break;
                }
            }
        }
    }
    say(&format!("{held} {what}, {refused} refused: {why}"));
}

pub fn pollables() {
    take("pollables", |_| {
        forget(subscribe_duration(1_000_000_000_000));
        Ok(())
    });
}

pub fn fields() {
    take("fields", |_| {
        forget(Fields::new());
        Ok(())
    });
}

pub fn descriptors() {
    let dir = folder();
    take("descriptors", |_| {
        let (path, open, get) = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
        dir.open_at(path, "file", open, get).map(forget).map_err(|why| format!("{why:?}"))
    });
}

/// As many open files as one may have, or as there are; then holds on to them.
pub fn hold_files() {
    let dir = folder();
    let (path, open, get) = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
    let files: Vec<_> = (0..9900).map_while(|_| dir.open_at(path, "file", open, get).ok()).collect();
    say(&format!("{} files", files.len()));
    subscribe_duration(1_000_000_000_000).block();
}

/// A file read and written by streams in both ways, the second one waiting for room.
pub fn copy() {
    let (path, dir) = (PathFlags::empty(), folder());
    let (made, both) = (OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE);
    let from = dir.open_at(path, "large", OpenFlags::empty(), DescriptorFlags::READ).expect("a file");
    let to = dir.open_at(path, "copy", made, both).expect("a copy");
    let (bytes, sink) = (from.read_via_stream(0).expect("bytes"), to.write_via_stream(0).expect("sink"));
    let mut whole = 0;
    while let Ok(part) = bytes.blocking_read(1 << 20) {
        whole += part.len();
        for piece in part.chunks(4096) {
            sink.blocking_write_and_flush(piece).expect("written");
        }
    }
    let tail = to.append_via_stream().expect("tail");
    for line in ["t", "a", "il\n"] {
        while tail.check_write().expect("room") == 0 {
            tail.subscribe().block();
        }
        tail.write(line.as_bytes()).expect("written");
    }
    tail.blocking_flush().expect("flushed");
    let again = from.read_via_stream(0).expect("bytes");
    let mut polled = 0;
    loop {
        match again.read(1 << 20) {
            Ok(part) if part.is_empty() => again.subscribe().block(),
            Ok(part) => polled += part.len(),
            Err(_) => break,
        }
    }
    say(&format!("read {whole} and {polled}"));
}

/// As many sockets as one may have, or as there are; then holds on to them.
pub fn hold_sockets() {
    let sockets: Vec<_> =
        (0..9900).map_while(|_| create_tcp_socket(IpAddressFamily::Ipv4).ok()).collect();
    say(&format!("{} sockets", sockets.len()));
    subscribe_duration(1_000_000_000_000).block();
}

/// Headers as large as they may be, as many as one may have; then holds on to them.
pub fn hold_headers() {
    let value = vec![b'x'; 100_000];
    for held in 0..9900 {
        let fields = Fields::new();
        if fields.append("x", &value).is_err() {
            say(&format!("refused after {held}"));
            break;
        }
        forget(fields);
    }
    say("holds");
    subscribe_duration(1_000_000_000_000).block();
}

/// Opens and closes the same directory, a hundred thousand times.
pub fn open_close() {
    let dir = folder();
    for _ in 0..100_000 {
        let (path, open, get) = (PathFlags::empty(), OpenFlags::DIRECTORY, DescriptorFlags::READ);
        drop(dir.open_at(path, ".", open, get).expect("open"));
    }
}

pub fn streams() {
    let (path, open, get) = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
    let file = folder().open_at(path, "file", open, get).expect("open");
    take("streams", |_| file.read_via_stream(0).map(forget).map_err(|why| format!("{why:?}")));
}

pub fn listings() {
    let dir = folder();
    take("listings", |_| dir.read_directory().map(forget).map_err(|why| format!("{why:?}")));
}

pub fn preopens() {
    take("preopens", |_| {
        forget(wasip2::filesystem::preopens::get_directories());
        Ok(())
    });
}

pub fn requests() {
    take("requests", |_| {
        forget(OutgoingRequest::new(Fields::new()));
        Ok(())
    });
}

pub fn bodies() {
    take("bodies", |_| {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().map_err(|()| "no body".to_string())?;
        forget(body.write());
        forget(body);
        forget(response);
        Ok(())
    });
}

pub fn tcp_sockets() {
    take("sockets", |_| {
        create_tcp_socket(IpAddressFamily::Ipv4).map(forget).map_err(|why| format!("{why:?}"))
    });
}

pub fn udp_sockets() {
    let any = Ipv4SocketAddress { port: 0, address: (0, 0, 0, 0) };
    take("sockets", |_| {
        let socket = create_udp_socket(IpAddressFamily::Ipv4).map_err(|why| format!("{why:?}"))?;
        let bound = socket.start_bind(&instance_network(), IpSocketAddress::Ipv4(any));
        bound.map_err(|why| format!("{why:?}"))?;
        forget(socket);
        Ok(())
    });
}

/// A storm of connections to a port where nobody listens.
pub fn connects() {
    let nobody = Ipv4SocketAddress { port: 9, address: (127, 0, 0, 1) };
    let (mut begun, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let Ok(socket) = create_tcp_socket(IpAddressFamily::Ipv4) else {
            refused += 1;
            continue;
        };
        match socket.start_connect(&instance_network(), IpSocketAddress::Ipv4(nobody)) {
            Ok(()) => begun += 1,
            Err(_) => refused += 1,
        }
        socket.subscribe().block();
        drop(socket.finish_connect());
    }
    say(&format!("{begun} connections begun, {refused} refused"));
}

/// A storm of outgoing requests, none of which is ever looked after.
pub fn outgoing() {
    take("outgoing requests", |_| {
        let request = OutgoingRequest::new(Fields::new());
        let _ = request.set_authority(Some("127.0.0.1:9"));
        let _ = request.set_path_with_query(Some("/"));
        handle(request, None).map(forget).map_err(|why| format!("{why:?}"))
    });
}

/// One outgoing request, to the https URL that is the second argument, looked after to its answer.
pub fn fetch() {
    let words = wasip2::cli::environment::get_arguments();
    let url = words.get(2).map_or("", String::as_str).trim_start_matches("https://");
    let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Https));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some(path));
    let told = handle(request, None).and_then(|answer| {
        answer.subscribe().block();
        answer.get().expect("an answer").expect("taken once").map(|answer| answer.status())
    });
    say(&format!("{told:?}"));
}

pub fn lookups() {
    take("lookups", |i| {
        let name = format!("host-{i}.invalid");
        let stream = resolve_addresses(&instance_network(), &name);
        stream.map(forget).map_err(|why| format!("{why:?}"))
    });
}

/// Timers that all go off at nearly the same moment, again and again.
pub fn timers() {
    for round in 0..500 {
        let timers: Vec<_> = (0..400).map(|i| subscribe_duration(i % 7 * 100_000)).collect();
        let all: Vec<_> = timers.iter().collect();
        let ready = poll(&all).len();
        if round == 499 {
            say(&format!("{ready} ready of {}", timers.len()));
        }
    }
}

/// One list of a hundred thousand, all the same one.
pub fn poll_long() {
    let soon = subscribe_instant(0);
    let list = vec![&soon; 100_000];
    say(&format!("{} ready", poll(&list).len()));
}
