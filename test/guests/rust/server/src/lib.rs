// SPDX-License-Identifier: Apache-2.0
//! server: an HTTP server for WASI 0.2 (`wasi:http/incoming-handler`).
//!
//! | path | answer |
//! |---|---|
//! | `/` | one line with the name from the environment's `NAME` |
//! | `/env` | the environment, a line each, sorted |
//! | `/headers` | the request's headers, a line each |
//! | `/echo` | the request's body |
//! | `/log?text=` | writes the text to stdout and to stderr |
//! | `/file?path=` | that file; 404 with the reason where it cannot be read |
//! | `/big?bytes=` | so many bytes |
//! | `/sleep?ms=` | answers after that time |
//! | `/count` | how many requests this instance has answered: 1 where each has its own |
//! | `/eat?mib=` | takes so much memory; 507 where it is refused |
//! | `/trailers` | a body, then the trailer `grpc-status: 0` |
//! | `/grpc.health.v1.Health/Check` | that it serves, as gRPC |
//! | `/trap`, `/spin` | never answers |

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU32, Ordering};
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

const CHUNK: usize = 16 * 1024;
static ANSWERED: AtomicU32 = AtomicU32::new(0);

struct Server;
wasip2::http::proxy::export!(Server);

/// The message HealthCheckResponse with status SERVING, behind its frame's head.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];
const HEALTH: &str = "/grpc.health.v1.Health/Check";

struct Answer {
    status: u16,
    body: Vec<u8>,
}

fn ok(body: impl Into<Vec<u8>>) -> Answer {
    Answer { status: 200, body: body.into() }
}

fn refuse(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, body: body.into() }
}

/// The value of one `name=value` in a query, as it stands (tests use no escapes).
fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn number(query: &str, name: &str) -> u64 {
    value(query, name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn environment() -> Answer {
    let mut lines: Vec<String> = std::env::vars().map(|(k, v)| format!("{k}={v}\n")).collect();

    lines.sort();
    ok(lines.concat())
}

fn headers(request: &IncomingRequest) -> Answer {
    let mut text = String::new();

    for (name, value) in request.headers().entries() {
        let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(&value));
    }
    ok(text)
}

fn body_of(request: &IncomingRequest) -> Vec<u8> {
    let mut bytes = Vec::new();

    if let Ok(body) = request.consume() {
        if let Ok(mut stream) = body.stream() {
            let _ = stream.read_to_end(&mut bytes);
        }
        drop(IncomingBody::finish(body));
    }
    bytes
}

fn file(path: &str) -> Answer {
    match std::fs::read(path) {
        Ok(bytes) => ok(bytes),
        Err(why) => refuse(404, format!("{path}: {why}\n")),
    }
}

fn log(text: &str) -> Answer {
    println!("out {text}");
    eprintln!("err {text}");
    ok("logged\n")
}

fn eat(mib: u64) -> Answer {
    let mut held: Vec<Vec<u8>> = Vec::new();

    for eaten in 0..mib {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() {
            return refuse(507, format!("refused after {eaten} MiB\n"));
        }
        piece.resize(1 << 20, 1u8);
        held.push(piece);
    }
    ok(format!("ate {} MiB\n", held.len()))
}

fn spin() -> ! {
    loop {
        ANSWERED.fetch_add(0, Ordering::SeqCst);
    }
}

fn trailers(request: &IncomingRequest) -> Option<Fields> {
    let is_wanted = request.path_with_query().is_some_and(|path| path == "/trailers" || path == HEALTH);

    is_wanted.then(|| {
        let fields = Fields::new();
        let _ = fields.append("grpc-status", b"0");
        fields
    })
}

fn answer(request: &IncomingRequest) -> Answer {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let count = ANSWERED.fetch_add(1, Ordering::SeqCst) + 1;

    match path {
        "/" => {
            let name = std::env::var("NAME").unwrap_or_else(|_| "nobody".into());
            ok(format!("Hello from Rust, {name}!\n"))
        }
        "/env" => environment(),
        "/headers" => headers(request),
        "/echo" => ok(body_of(request)),
        "/log" => log(value(query, "text").unwrap_or("")),
        "/file" => file(value(query, "path").unwrap_or("")),
        "/big" => ok(vec![b'x'; number(query, "bytes") as usize]),
        "/sleep" => {
            std::thread::sleep(std::time::Duration::from_millis(number(query, "ms")));
            ok("slept\n")
        }
        "/count" => ok(format!("{count}\n")),
        "/eat" => eat(number(query, "mib")),
        "/trailers" => ok("trailers follow\n"),
        HEALTH => ok(SERVING),
        "/trap" => std::process::abort(),
        "/spin" => spin(),
        _ => refuse(404, format!("no such path: {path}\n")),
    }
}

impl wasip2::exports::http::incoming_handler::Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let answer = answer(&request);
        let fields = Fields::new();
        let is_grpc = request.path_with_query().is_some_and(|path| path == HEALTH);
        let kind: &[u8] = if is_grpc { b"application/grpc" } else { b"text/plain" };
        let _ = fields.append("content-type", kind);
        let response = OutgoingResponse::new(fields);

        response.set_status_code(answer.status).expect("a status of our own");
        let body = response.body().expect("the first body");
        ResponseOutparam::set(out, Ok(response));
        let mut stream = body.write().expect("the first stream");
        let sent = answer.body.chunks(CHUNK).try_for_each(|chunk| stream.write_all(chunk));
        let _ = stream.flush();
        drop(stream);
        if sent.is_ok() {
            let _ = OutgoingBody::finish(body, trailers(&request));
        }
    }
}
