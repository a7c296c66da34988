// SPDX-License-Identifier: Apache-2.0
//! raider-server: an HTTP server whose answers mean harm; the path says how.
//!
//! | path | answer |
//! |---|---|
//! | `/split` | tries headers with line breaks in them; says what was refused |
//! | `/frame` | tries to say how the answer is framed: transfer-encoding, content-length, connection |
//! | `/headers` | 100,000 headers, as far as they are let in |
//! | `/endless` | a body without end |
//! | `/short` | says 100 bytes and sends 10 |
//! | `/long` | says 10 bytes and sends 100 |
//! | `/status` | tries status codes that are none |
//! | `/code/N` | that status, with a body of 10 bytes |
//! | `/twice` | answers, then answers again |
//! | `/none` | never answers, and is gone |
//! | `/hold` | keeps the request's body and never reads it |
//! | `/sockets` | as many TCP sockets as it may have; says how many, and holds them for a while |
//! | `/fields` | headers of 100 KB, as many as it may have, held for a while |

use std::mem::forget;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

struct Server;
wasip2::http::proxy::export!(Server);

fn plain(fields: Fields, out: ResponseOutparam, pieces: impl Iterator<Item = Vec<u8>>) {
    let response = OutgoingResponse::new(fields);
    let body = response.body().expect("the first body");

    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first stream");
    for piece in pieces {
        if stream.blocking_write_and_flush(&piece).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn code(status: u16, out: ResponseOutparam) {
    let response = OutgoingResponse::new(lengthy("10"));
    let _ = response.set_status_code(status);
    let body = response.body().expect("the first body");

    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first stream");
    let _ = stream.blocking_write_and_flush(b"HTTP/1.1 2");
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn say(out: ResponseOutparam, words: String) {
    plain(Fields::new(), out, std::iter::once(words.into_bytes()));
}

fn tried(pairs: &[(&str, &str)]) -> String {
    let fields = Fields::new();
    let tries = pairs.iter().map(|(name, value)| {
        format!("{name:?}: {value:?} {:?}\n", fields.append(name, value.as_bytes()))
    });
    tries.collect()
}

fn lengthy(length: &str) -> Fields {
    let fields = Fields::new();
    let _ = fields.append("content-length", length.as_bytes());
    fields
}

fn statuses() -> String {
    let response = OutgoingResponse::new(Fields::new());
    [0, 99, 100, 101, 600, 999, 1000, u16::MAX]
        .map(|status| format!("{status} {:?}\n", response.set_status_code(status)))
        .concat()
}

fn many(out: ResponseOutparam) {
    let fields = Fields::new();
    let took = (0..100_000).take_while(|i| fields.append(&format!("x-{i}"), b"y").is_ok()).count();
    plain(fields, out, std::iter::once(format!("{took} headers\n").into_bytes()));
}

/// Long enough for others to try the same meanwhile.
fn hold() {
    subscribe_duration(2_000_000_000).block();
}

fn sockets(out: ResponseOutparam) {
    let held: Vec<_> = (0..9000).map_while(|_| create_tcp_socket(IpAddressFamily::Ipv4).ok()).collect();
    say(out, format!("{} sockets\n", held.len()));
    hold();
}

fn fields(out: ResponseOutparam) {
    let value = vec![b'x'; 100_000];
    for _ in 0..200 {
        let fields = Fields::new();
        let _ = fields.append("x", &value);
        forget(fields);
    }
    hold();
    say(out, "20 MB\n".into());
}

impl wasip2::exports::http::incoming_handler::Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match path.as_str() {
            "/split" => say(
                out,
                tried(&[
                    ("x-a", "1\r\nx-b: 2"),
                    ("x-a", "1\n\nbody"),
                    ("x-a\r\nx-b", "1"),
                    ("x-a: 1\r\nx-b", "1"),
                    ("", "1"),
                    ("x a", "1"),
                    ("x-a", "\0"),
                ]),
            ),
            "/frame" => say(
                out,
                tried(&[
                    ("transfer-encoding", "chunked"),
                    ("Transfer-Encoding", "identity"),
                    ("connection", "upgrade"),
                    ("upgrade", "h2c"),
                    ("host", "elsewhere"),
                    ("keep-alive", "1"),
                    ("proxy-connection", "close"),
                ]),
            ),
            "/headers" => many(out),
            "/endless" => plain(Fields::new(), out, std::iter::repeat(vec![b'x'; 4096])),
            "/short" => plain(lengthy("100"), out, std::iter::once(vec![b'x'; 10])),
            "/long" => plain(lengthy("10"), out, std::iter::once(vec![b'x'; 100])),
            "/status" => say(out, statuses()),
            "/twice" => {
                let number = out.take_handle();
                // SAFETY: it is the host's affair that the second is nobody's.
                say(unsafe { ResponseOutparam::from_handle(number) }, "first".into());
                say(unsafe { ResponseOutparam::from_handle(number) }, "second".into());
            }
            "/none" => drop(out),
            "/sockets" => sockets(out),
            "/fields" => fields(out),
            "/hold" => {
                forget(request.consume());
                say(out, "held\n".into());
            }
            _ => match path.strip_prefix("/code/").and_then(|text| text.parse().ok()) {
                Some(status) => code(status, out),
                None => say(out, "a raider\n".into()),
            },
        }
    }
}
