// SPDX-License-Identifier: Apache-2.0
//! server3: an HTTP server for WASI 0.3 (`wasi:http/handler`), whose bodies are native streams.
//!
//! `/` says hello with the environment's `NAME`; `/echo` streams the request's body back;
//! `/big?bytes=` streams so many bytes; `/sleep?ms=` waits without blocking; `/env`; `/trap`;
//! `/trailers` ends its body with the trailer `grpc-status: 0`.

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::{StreamReader, StreamResult};
use wasip3::{clocks::monotonic_clock, spawn_local, wit_future, wit_stream};

const CHUNK: usize = 16 * 1024;

struct Server;
wasip3::http::service::export!(Server);

fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn number(query: &str, name: &str) -> u64 {
    value(query, name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn respond(status: u16, body: StreamReader<u8>) -> Response {
    respond_with(status, body, None)
}

fn respond_with(status: u16, body: StreamReader<u8>, last: Option<Fields>) -> Response {
    let (done, trailers) = wit_future::new(|| Ok(None));
    let fields = Fields::new();
    let _ = fields.append("content-type", b"text/plain");
    let (response, _sent) = Response::new(fields, Some(body), trailers);

    match last {
        Some(last) => spawn_local(async move {
            let _ = done.write(Ok(Some(last))).await;
        }),
        None => drop(done), /* its default stands: no trailers */
    }
    response.set_status_code(status).expect("a status of our own");
    response
}

/// A body made of `total` bytes, which are `pattern` again and again.
fn stream_of(pattern: Vec<u8>, total: usize) -> StreamReader<u8> {
    let (mut sink, body) = wit_stream::new();

    spawn_local(async move {
        let mut left = total;
        while left > 0 {
            let now = left.min(pattern.len());
            if !sink.write_all(pattern[..now].to_vec()).await.is_empty() {
                return;
            }
            left -= now;
        }
    });
    body
}

fn text(status: u16, words: String) -> Response {
    let bytes = words.into_bytes();
    let total = bytes.len();

    respond(status, stream_of(bytes, total))
}

fn echo(request: Request) -> Response {
    let (done, outcome) = wit_future::new(|| Ok(()));
    let (mut from, _trailers) = Request::consume_body(request, outcome);
    let (mut sink, body) = wit_stream::new();

    drop(done);
    spawn_local(async move {
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            let (result, bytes) = from.read(buffer).await;
            if bytes.is_empty() && !matches!(result, StreamResult::Complete(_)) {
                return;
            }
            buffer = sink.write_all(bytes).await;
            if !buffer.is_empty() {
                return;
            }
            buffer.reserve(CHUNK);
        }
    });
    respond(200, body)
}

fn environment() -> String {
    let mut lines: Vec<String> = std::env::vars().map(|(k, v)| format!("{k}={v}\n")).collect();

    lines.sort();
    lines.concat()
}

impl wasip3::exports::http::handler::Guest for Server {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));

        Ok(match path {
            "/" => {
                let name = std::env::var("NAME").unwrap_or_else(|_| "nobody".into());
                text(200, format!("Hello from Rust over 0.3, {name}!\n"))
            }
            "/env" => text(200, environment()),
            "/echo" => echo(request),
            "/big" => respond(200, stream_of(vec![b'x'; CHUNK], number(query, "bytes") as usize)),
            "/sleep" => {
                monotonic_clock::wait_for(number(query, "ms") * 1_000_000).await;
                text(200, "slept\n".into())
            }
            "/trailers" => {
                let last = Fields::new();
                let _ = last.append("grpc-status", b"0");
                respond_with(200, stream_of(b"trailers follow\n".to_vec(), 16), Some(last))
            }
            "/trap" => std::process::abort(),
            _ => text(404, format!("no such path: {path}\n")),
        })
    }
}
