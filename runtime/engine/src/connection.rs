// SPDX-License-Identifier: Apache-2.0
//! One connection: which HTTP it speaks, and HTTP/1 itself.
//!
//! Belongs here: what holds for each request of a connection. Does not belong here: who is let
//! in (server.rs), HTTP/2's bounds (http2.rs), a single request (request.rs).

use crate::admission::Pass;
use crate::backlog::HeldBack;
use crate::http2::{self, Traffic};
use crate::request;
use crate::server::Server;
use futures::future::{Either, select};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpStream;
use wasmtime_wasi_http::WasiBody;

/// What HTTP/2 begins with; no other method may have this name (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI";

/// Between two looks at a connection that has sent less than that. Rare: it fits into a packet.
const AGAIN: Duration = Duration::from_millis(5);

/// What a peer has sent to a server that closes may still be on its way through the kernel.
const LAST_WORDS: Duration = Duration::from_millis(250);

pub struct Link {
    pub server: Arc<Server>,
    peer: SocketAddr,
    request_max: u64,
    taken: AtomicU64,
    /// Of HTTP/2.
    pub traffic: Option<Arc<Traffic>>,
}

pub async fn serve(server: Arc<Server>, stream: TcpStream, peer: SocketAddr, _pass: Pass) {
    let limits = server.task.limits();
    prepare(&stream, limits.request_time);
    let is_http2 = {
        let known = pin!(tokio::time::timeout(limits.head_time, is_http2(&stream)));
        let known = match select(known, pin!(server.closed())).await {
            Either::Left((known, _)) => known,
            Either::Right((_, known)) => {
                tokio::time::timeout(LAST_WORDS, known).await.unwrap_or_else(Err)
            }
        };
        match known {
            Ok(Ok(is_http2)) => is_http2,
            // It said nothing for too long, is gone, or came too late.
            _ => return,
        }
    };
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let request_max = limits.connection_requests;
    let mut link = Link { server, peer, request_max, taken: AtomicU64::new(0), traffic: None };
    if is_http2 {
        link.traffic = Some(Traffic::new(&limits));
        http2::serve(Arc::new(link), stream).await;
    } else {
        http1(Arc::new(link), stream).await;
    }
}

/// Answers are written whole, so waiting to fill packets only delays them. A peer that takes
/// nothing of its answer for as long as a request may last is gone.
fn prepare(stream: &TcpStream, patience: Duration) {
    let _ = stream.set_nodelay(true);
    let ms = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: an integer on the stack and its size. Without it the connection works as well.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_USER_TIMEOUT,
            (&raw const ms).cast(),
            length,
        );
    }
}

/// What is looked at stays in the socket for whoever reads it.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[..length] != PREFACE[..length] {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn http1(link: Arc<Link>, stream: TcpStream) {
    let server = link.server.clone();
    let limits = server.task.limits();
    let serve = {
        let link = link.clone();
        service_fn(move |request| {
            let link = link.clone();
            async move { Ok::<_, Infallible>(link.answer(request).await) }
        })
    };
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), serve)
    );
    let ended = match select(connection.as_mut(), pin!(server.closed())).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // How a connection broke is the peer's business, but for what the peer was told.
    if let Err(error) = ended
        && error.is_parse()
    {
        link.unread(&error);
    }
}

impl Link {
    pub async fn answer(&self, request: Request<Incoming>) -> Response<WasiBody> {
        let number = self.taken.fetch_add(1, Relaxed) + 1;
        let entry = self.server.access.as_ref().map(|log| log.entry(self.peer, &request));
        let waiting = self.traffic.as_ref().map(|traffic| traffic.waiting(number));
        let mut response = request::answer(&self.server, request).await;
        if let Some(traffic) = &self.traffic {
            let backlog = traffic.backlog.clone();
            response = response.map(|body| HeldBack { body, backlog }.boxed_unsync());
        }
        let is_leaving = self.server.is_leaving();
        match waiting {
            Some(waiting) => waiting.answered(is_leaving),
            None if is_leaving || number >= self.request_max => {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            None => {}
        }
        match entry {
            Some(entry) => entry.follow(response),
            None => response,
        }
    }

    fn unread(&self, error: &hyper::Error) {
        let status = if error.is_parse_too_large() {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        if let Some(log) = &self.server.access {
            log.unread(self.peer, status);
        }
    }
}
