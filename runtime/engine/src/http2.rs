// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 without TLS, by prior knowledge, and what bounds a connection of it.
//!
//! Belongs here: streams, windows, and when a connection has to go. Does not belong here: a
//! single request, which is the same as in HTTP/1 (request.rs).
//!
//! A peer holds little per stream, so that many streams of many peers stay within what a
//! worker has. Frames that cost us more than the peer (resets in a row, headers without end)
//! are bounded by the h2 crate where it sees them, and here by counting requests that were
//! given up before they had an answer: a connection with too many of those is cut.

use crate::backlog::{Backlog, Outlet};
use crate::connection::Link;
use crate::crew::Crew;
use crate::limits::Limits;
use futures::future::{Either, select};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Bytes of a request's body that a peer may send before the guest reads, and of all requests
/// of a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// Bytes of an answer's body that wait for the peer.
const SEND_BYTES: usize = 64 << 10;

/// Streams that the peer may reset before we have seen them, and that we may have to reset for
/// what the peer did wrong, before the connection is ended.
const UNSEEN_RESETS_MAX: usize = 20;
const FAULTS_MAX: usize = 128;

/// How long a peer has to take leave, once there is nothing left to wait for.
const LINGER: Duration = Duration::from_secs(1);

pub async fn serve(link: Arc<Link>, stream: TcpStream) {
    let Some(traffic) = link.traffic.clone() else { return };
    let server = link.server.clone();
    let limits = server.task.limits();
    let streams = Streams {
        crew: server.crew.clone(),
        traffic: traffic.clone(),
        // Once for the request, once for the peer to take what is left of the answer.
        patience: limits.request_time.saturating_mul(2),
    };
    let outlet = Outlet { stream, backlog: traffic.backlog.clone() };
    let serve = service_fn(move |request| {
        let link = link.clone();
        async move { Ok::<_, Infallible>(link.answer(request).await) }
    });
    let mut connection = pin!(
        http2::Builder::new(streams)
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.stream_max)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BYTES)
            .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
            .max_local_error_reset_streams(FAULTS_MAX)
            .serve_connection(TokioIo::new(outlet), serve)
    );
    let over = async {
        match select(pin!(traffic.over()), pin!(server.closed())).await {
            Either::Left((end, _)) => end,
            Either::Right(_) => End::Soft,
        }
    };
    match select(connection.as_mut(), pin!(over)).await {
        Either::Left(_) | Either::Right((End::Cut, _)) => return,
        Either::Right((End::Soft, _)) => connection.as_mut().graceful_shutdown(),
    }
    // A peer that never confirms would keep it open otherwise.
    let _ = select(connection, pin!(traffic.gone())).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Finish what began, take no more.
    Soft,
    Cut,
}

/// The requests of one connection, all told.
pub struct Traffic {
    pub backlog: Arc<Backlog>,
    idle: Duration,
    request_max: u64,
    stream_max: u64,
    state: Mutex<State>,
    told: Notify,
}

struct State {
    open: usize,
    /// When the last one ended.
    since: Instant,
    given_up: u64,
    end: Option<End>,
}

impl Traffic {
    pub fn new(limits: &Limits) -> Arc<Traffic> {
        let state = State { open: 0, since: Instant::now(), given_up: 0, end: None };
        Arc::new(Traffic {
            backlog: Arc::default(),
            idle: limits.head_time,
            request_max: limits.connection_requests,
            stream_max: u64::from(limits.stream_max),
            state: Mutex::new(state),
            told: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, end: End) {
        let mut state = self.state();
        if state.end != Some(End::Cut) {
            state.end = Some(end);
        }
        drop(state);
        self.told.notify_waiters();
    }

    /// Completes when the connection has to go: it was silent for too long, or has had all the
    /// requests that it may have, or more than it may have.
    async fn over(&self) -> End {
        loop {
            let mut told = pin!(self.told.notified());
            told.as_mut().enable();
            let until = {
                let state = self.state();
                if let Some(end) = state.end {
                    return end;
                }
                let since = if state.open == 0 { state.since } else { Instant::now() };
                since + self.idle
            };
            if Instant::now() >= until {
                return End::Soft;
            }
            let _ = tokio::time::timeout_at(until, told).await;
        }
    }

    /// Completes when there has been nothing to finish for a while, or when it is to be cut.
    async fn gone(&self) {
        loop {
            let mut told = pin!(self.told.notified());
            told.as_mut().enable();
            {
                let state = self.state();
                let silent = state.open == 0 && state.since.elapsed() >= LINGER;
                if silent || state.end == Some(End::Cut) {
                    return;
                }
            }
            let _ = tokio::time::timeout(LINGER, told).await;
        }
    }

    /// The request of that number has come and has no answer yet.
    pub fn waiting(self: &Arc<Self>, number: u64) -> Waiting {
        // After the last one come only those that were under way when the peer heard of it.
        if number > self.request_max.saturating_add(self.stream_max) {
            self.tell(End::Cut);
        } else if number == self.request_max {
            self.tell(End::Soft);
        }
        Waiting { traffic: self.clone(), answered: false }
    }
}

pub struct Waiting {
    traffic: Arc<Traffic>,
    answered: bool,
}

impl Waiting {
    /// Of a server that is leaving, the peer is told to open another connection for what it wants next.
    pub fn answered(mut self, is_leaving: bool) {
        self.answered = true;
        if is_leaving {
            self.traffic.tell(End::Soft);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let too_many = {
            let mut state = self.traffic.state();
            state.given_up =
                if self.answered { state.given_up.saturating_sub(1) } else { state.given_up + 1 };
            state.given_up > self.traffic.stream_max
        };
        if too_many {
            self.traffic.tell(End::Cut);
        }
    }
}

/// Runs what belongs to a stream, for as long as it may last.
#[derive(Clone)]
struct Streams {
    crew: Arc<Crew>,
    traffic: Arc<Traffic>,
    patience: Duration,
}

struct Stay(Arc<Traffic>);

impl Drop for Stay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        state.since = Instant::now();
    }
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        self.traffic.state().open += 1;
        let stay = Stay(self.traffic.clone());
        let patience = self.patience;
        self.crew.spawn(async move {
            let _ = tokio::time::timeout(patience, stream).await;
            drop(stay);
        });
    }
}
