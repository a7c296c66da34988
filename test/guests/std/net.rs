// SPDX-License-Identifier: Apache-2.0
//! The network as std sees it: `net tcp|udp|lookup|listen ADDRESS`. An error is on stderr.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let done = match args.get(1).map(String::as_str) {
        Some("tcp") => tcp(&args[2]),
        Some("udp") => udp(&args[2]),
        Some("lookup") => lookup(&args[2]),
        Some("listen") => listen(&args[2]),
        Some("sockets") => sockets(&args[2]),
        _ => Err(std::io::Error::other("usage: net tcp|udp|lookup|listen ADDRESS, net sockets COUNT")),
    };
    if let Err(error) = done {
        eprintln!("net: {:?}: {error}", error.kind());
        std::process::exit(1);
    }
}

fn tcp(address: &str) -> std::io::Result<()> {
    let mut peer = TcpStream::connect(address)?;
    peer.write_all(b"ping\n")?;
    let mut answer = [0; 64];
    let length = peer.read(&mut answer)?;
    print!("{}", String::from_utf8_lossy(&answer[..length]));
    Ok(())
}

fn udp(address: &str) -> std::io::Result<()> {
    let socket = UdpSocket::bind(if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" })?;
    socket.send_to(b"ping\n", address)?;
    let mut answer = [0; 64];
    let (length, from) = socket.recv_from(&mut answer)?;
    print!("{from} {}", String::from_utf8_lossy(&answer[..length]));
    Ok(())
}

fn lookup(name: &str) -> std::io::Result<()> {
    for address in (name, 0).to_socket_addrs()? {
        println!("{}", address.ip());
    }
    Ok(())
}

fn listen(address: &str) -> std::io::Result<()> {
    let socket = TcpListener::bind(address)?;
    println!("listening");
    let (mut peer, from) = socket.accept()?;
    peer.write_all(b"hello\n")?;
    println!("{from}");
    Ok(())
}

/// Makes so many sockets, one after the other; says how many nanoseconds each took.
fn sockets(count: &str) -> std::io::Result<()> {
    let count: usize = count.parse().map_err(std::io::Error::other)?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = std::time::Instant::now();
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        times.push(began.elapsed().as_nanos().to_string());
        drop(socket);
    }
    println!("{}", times.join(" "));
    Ok(())
}
