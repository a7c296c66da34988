// SPDX-License-Identifier: Apache-2.0
//! raider3: a command for WASI 0.3 that means harm. `raider3 VERB` does one thing that no honest
//! program does: a million streams, futures or calls that wait, and what such calls are given.

use std::mem::forget;
use std::net::SocketAddr;
use wasip3::cli::{environment, stdin, stdout};
use wasip3::clocks::monotonic_clock;
use wasip3::filesystem::preopens;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip3::http::types::{Fields, Request};
use wasip3::sockets::types::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket,
    UdpSocket,
};
use wasip3::{http::client, random::random, spawn_local, wit_future, wit_stream};

const MILLION: u32 = 1_000_000;

struct Raider;
wasip3::cli::command::export!(Raider);

async fn say(line: &str) {
    let (mut sink, body) = wit_stream::new();
    let written = stdout::write_via_stream(body);
    let _ = sink.write_all(format!("{line}\n").into_bytes()).await;
    drop(sink);
    let _ = written.await;
}

fn streams() {
    for _ in 0..MILLION {
        forget(wit_stream::new::<u8>());
    }
}

fn futures() {
    for _ in 0..MILLION {
        let (sink, future) = wit_future::new::<Result<(), wasip3::cli::types::ErrorCode>>(|| Ok(()));
        forget((sink, future));
    }
}

/// Calls that are begun and never waited for.
fn sleeps() {
    for _ in 0..MILLION {
        spawn_local(monotonic_clock::wait_for(u64::MAX / 2));
    }
}

fn inputs() {
    for _ in 0..MILLION {
        forget(stdin::read_via_stream());
    }
}

fn outputs() {
    for _ in 0..MILLION {
        let (sink, body) = wit_stream::new();
        forget(stdout::write_via_stream(body));
        forget(sink);
    }
}

/// The end of one that nobody will ever read is written to, without end.
async fn pour() {
    let (mut sink, body) = wit_stream::new::<u8>();
    forget(body);
    let _ = sink.write_all(vec![1; 16 << 20]).await;
}

async fn flood() {
    let (mut sink, body) = wit_stream::new();
    forget(stdout::write_via_stream(body));
    loop {
        if !sink.write_all(vec![b'x'; 1 << 20]).await.is_empty() {
            return;
        }
    }
}

fn fields() {
    for _ in 0..MILLION {
        forget(Fields::new());
    }
}

fn requests() {
    for _ in 0..MILLION {
        let (done, trailers) = wit_future::new(|| Ok(None));
        let (request, _sent) = Request::new(Fields::new(), None, trailers, None);
        drop(done);
        let _ = request.set_authority(Some("127.0.0.1:9"));
        spawn_local(async move {
            forget(client::send(request).await);
        });
    }
}

/// The first folder that was granted.
fn folder() -> Descriptor {
    preopens::get_directories().into_iter().next().expect("a folder").0
}

/// As many open files as one may have.
async fn files() {
    let dir = folder();
    let mut held = 0;
    let (path, open, get) = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
    let why = loop {
        match dir.open_at(path, "file".to_string(), open, get).await {
            Ok(file) => forget(file),
            Err(why) => break why,
        }
        held += 1;
    };
    say(&format!("{held} files: {why:?}")).await;
}

/// Calls on a file that does not answer: a pipe that nobody writes to is opened a hundred times.
async fn hang() {
    for _ in 0..100 {
        spawn_local(async {
            let (path, open, get) = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
            forget(folder().open_at(path, "pipe".to_string(), open, get).await);
        });
    }
    // They begin when this one waits.
    monotonic_clock::wait_for(1_000_000).await;
    say("hangs").await;
    monotonic_clock::wait_until(u64::MAX).await;
}

/// Connections of which nothing is kept but the stream of what comes in.
async fn connections(to: Option<&String>) {
    let (family, address) = socket_address(address_of(to));
    let mut held = Vec::new();
    let why = loop {
        let socket = match TcpSocket::create(family) {
            Ok(socket) => socket,
            Err(why) => break why,
        };
        if let Err(why) = socket.connect(address).await {
            break why;
        }
        held.push(socket.receive());
    };
    say(&format!("{} connections: {why:?}", held.len())).await;
    drop(held);
    // Their ends are seen to while this one waits.
    monotonic_clock::wait_for(100_000_000).await;
    say(&format!("then {:?}", TcpSocket::create(family).map(drop))).await;
}

/// A file read and written by streams, and a tail added to the copy.
async fn copy() {
    let (path, dir) = (PathFlags::empty(), folder());
    let (made, both) = (OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE);
    let from = dir.open_at(path, "large".into(), OpenFlags::empty(), DescriptorFlags::READ).await;
    let to = dir.open_at(path, "copy".into(), made, both).await.expect("a copy");
    let (bytes, read) = from.expect("a file").read_via_stream(0);
    let written = to.write_via_stream(bytes, 0).await;
    let (mut sink, tail) = wit_stream::new();
    let added = to.append_via_stream(tail);
    let _ = sink.write_all(b"tail\n".to_vec()).await;
    drop(sink);
    say(&format!("read {:?}, written {written:?}, added {:?}", read.await, added.await)).await;
    let (none, end) = dir.read_via_stream(0);
    say(&format!("folder {} {:?}", none.collect().await.len(), end.await)).await;
}

/// A folder's names asked for many times, and never read; then holds on to that.
async fn listings() {
    let dir = folder();
    for _ in 0..200 {
        forget(dir.read_directory());
    }
    say("holds").await;
    monotonic_clock::wait_until(u64::MAX).await;
}

/// A folder's names, one a line.
async fn names() {
    let (mut names, end) = folder().read_directory();
    while let Some(entry) = names.next().await {
        say(&format!("{:?} {}", entry.type_, entry.name)).await;
    }
    say(&format!("{:?}", end.await)).await;
}

fn socket_address(to: SocketAddr) -> (IpAddressFamily, IpSocketAddress) {
    match to {
        SocketAddr::V4(to) => {
            let address = to.ip().octets().into();
            let address = Ipv4SocketAddress { port: to.port(), address };
            (IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(address))
        }
        SocketAddr::V6(to) => {
            let address = to.ip().segments().into();
            let (flow_info, scope_id) = (to.flowinfo(), to.scope_id());
            let address = Ipv6SocketAddress { port: to.port(), flow_info, address, scope_id };
            (IpAddressFamily::Ipv6, IpSocketAddress::Ipv6(address))
        }
    }
}

async fn by_tcp(to: SocketAddr) -> Result<String, ErrorCode> {
    let (family, address) = socket_address(to);
    let socket = TcpSocket::create(family)?;
    socket.connect(address).await?;
    let (mut sink, body) = wit_stream::new();
    let sent = socket.send(body);
    let (answer, _end) = socket.receive();
    let _ = sink.write_all(b"ping\n".to_vec()).await;
    drop(sink);
    sent.await?;
    Ok(String::from_utf8_lossy(&answer.collect().await).trim().to_string())
}

async fn by_udp(to: SocketAddr) -> Result<String, ErrorCode> {
    let (family, address) = socket_address(to);
    let socket = UdpSocket::create(family)?;
    socket.send(b"ping".to_vec(), Some(address)).await?;
    let (answer, _from) = socket.receive().await?;
    Ok(String::from_utf8_lossy(&answer).trim().to_string())
}

fn address_of(word: Option<&String>) -> SocketAddr {
    word.and_then(|word| word.parse().ok()).expect("ADDRESS:PORT")
}

/// Who answers at an address: by TCP, and by UDP.
async fn who(to: Option<&String>) {
    let to = address_of(to);
    say(&format!("tcp {:?}", by_tcp(to).await)).await;
    say(&format!("udp {:?}", by_udp(to).await)).await;
}

impl wasip3::exports::cli::run::Guest for Raider {
    async fn run() -> Result<(), ()> {
        let words = environment::get_arguments();
        match words.get(1).map_or("", String::as_str) {
            "streams" => streams(),
            "futures" => futures(),
            "sleeps" => sleeps(),
            "inputs" => inputs(),
            "outputs" => outputs(),
            "pour" => pour().await,
            "flood" => flood().await,
            "fields" => fields(),
            "requests" => requests(),
            "files" => files().await,
            "listings" => listings().await,
            "names" => names().await,
            "hang" => hang().await,
            "copy" => copy().await,
            "connections" => connections(words.get(2)).await,
            "who" => who(words.get(2)).await,
            "random" => say(&random::get_random_bytes(u64::MAX).len().to_string()).await,
            "clock" => monotonic_clock::wait_until(u64::MAX).await,
            _ => return Err(()),
        }
        // What was begun begins to run only now.
        monotonic_clock::wait_for(1_000_000).await;
        say("came to its end").await;
        Ok(())
    }
}
