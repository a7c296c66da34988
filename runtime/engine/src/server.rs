// SPDX-License-Identifier: Apache-2.0
//! A server: a listening socket, connections, and a soft end.
//!
//! Belongs here: accepting, HTTP/1 connections, draining. Does not belong here: a single
//! request (request.rs).
//!
//! While idle a server is this one future, waiting for its listener.

use crate::admission::Pass;
use crate::complaints::Complaints;
use crate::crew::Crew;
use crate::engine::Level;
use crate::fault::Ending;
use crate::grant::Grant;
use crate::request;
use crate::task::{Stop, Task};
use futures::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long accepting rests when there are no descriptors or no memory for a connection.
const REST: Duration = Duration::from_millis(50);

/// Longer than any process lives.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub struct Server {
    pub task: Arc<Task>,
    pub grant: Arc<Grant>,
    pub crew: Arc<Crew>,
    pub complaints: Complaints,
    closing: watch::Sender<bool>,
}

pub async fn run(task: &Arc<Task>, grant: &Arc<Grant>, listener: std::net::TcpListener) -> Ending {
    let listener =
        match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
            Ok(listener) => listener,
            Err(error) => return Ending::failed(format!("cannot listen: {error}")),
        };
    let server = Arc::new(Server {
        task: task.clone(),
        grant: grant.clone(),
        crew: Arc::default(),
        complaints: Complaints::default(),
        closing: watch::Sender::new(false),
    });
    let stop = match select(pin!(accept(&server, listener)), pin!(task.stopped())).await {
        Either::Left((never, _)) => match never {},
        Either::Right((stop, _)) => stop,
    };
    // The listener is closed: it went with the future that accepted.
    server.finish(stop).await
}

async fn accept(server: &Arc<Server>, listener: TcpListener) -> Infallible {
    loop {
        let Some(pass) = server.task.connections.enter(FOREVER).await else { continue };
        match listener.accept().await {
            Ok((stream, _)) => {
                prepare(&stream, server.task.limits().request_time);
                server.crew.spawn(connection(server.clone(), stream, pass));
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                let text = format!("{}: cannot accept connections: {error}", server.task.name);
                server.task.component.engine.log.line(Level::Warn, &text);
                tokio::time::sleep(REST).await;
            }
        }
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

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn connection(server: Arc<Server>, stream: TcpStream, _pass: Pass) {
    let mut closing = server.closing.subscribe();
    let limits = server.task.limits();
    let serve = {
        let server = server.clone();
        service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(request::answer(&server, request).await) }
        })
    };
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), serve)
    );
    let soft_end = pin!(async { drop(closing.wait_for(|closing| *closing).await) });
    // How a connection broke is the peer's business.
    if let Either::Right(_) = select(connection.as_mut(), soft_end).await {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

impl Server {
    async fn finish(&self, stop: Stop) -> Ending {
        let mut cut = 0;
        let mut last = stop;
        if stop != Stop::Kill {
            self.closing.send_replace(true);
            let gone = pin!(self.crew.gone());
            if let Either::Right((harder, _)) = select(gone, pin!(self.task.cut_off())).await {
                last = harder;
                cut = self.crew.size();
            }
        }
        self.crew.dismiss();
        self.crew.gone().await;
        if last == Stop::Kill || cut == 0 {
            return Task::obeyed(last, String::new());
        }
        Task::obeyed(last, format!("{cut} connections and requests were cut off"))
    }
}
