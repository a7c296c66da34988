// SPDX-License-Identifier: Apache-2.0
//! One HTTP request: admitted, given a fresh instance, answered.
//!
//! Belongs here: the way of a request from the connection to the guest and back, and what
//! the peer is told when it fails. Does not belong here: connections (server.rs), calling
//! the guest (exchange.rs).

use crate::admission::Pass;
use crate::exchange::{self, Start};
use crate::fault::{Ending, How};
use crate::limits::NO_LIMIT;
use crate::reuse::{self, Leave};
use crate::server::Server;
use crate::turn::{Panicked, Turn};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

/// Why the engine and not the guest answers.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    NoHost,
    TooLarge,
    Busy,
    TimedOut,
    Failed,
}

pub type Answer = Result<Response<WasiBody>, Refusal>;

/// Where the answer goes; the first one counts.
#[derive(Clone)]
pub struct Reply(Arc<Mutex<Option<oneshot::Sender<Answer>>>>);

impl Reply {
    pub fn new() -> (Reply, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Reply(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Whether this was the first one.
    pub fn send(&self, answer: Answer) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match sender {
            Some(sender) => {
                // A peer that is gone needs no answer.
                let _ = sender.send(answer);
                true
            }
            None => false,
        }
    }
}

pub async fn answer(server: &Arc<Server>, request: Request<Incoming>) -> Response<WasiBody> {
    let since = Instant::now();
    let _flight = server.task.counters.request(since);
    match try_answer(server, request, since).await {
        Ok(response) => response,
        Err(refusal) => {
            server.task.counters.error();
            refusal.response()
        }
    }
}

async fn try_answer(server: &Arc<Server>, request: Request<Incoming>, since: Instant) -> Answer {
    let limits = server.task.limits();
    if request.uri().authority().is_none() && !request.headers().contains_key(HOST) {
        return Err(Refusal::NoHost);
    }
    if body_length(&request).is_some_and(|length| length > limits.body_bytes) {
        return Err(Refusal::TooLarge);
    }
    let deadline = since + limits.request_time;
    let patience = limits.queue_time.min(limits.request_time);
    let Some(pass) = server.task.requests.enter(patience).await else {
        server.complain("a request was turned away: too many are in flight");
        return Err(Refusal::Busy);
    };
    let (reply, answer) = Reply::new();
    let request = request.map(|body| limited(body, limits.body_bytes, &reply));
    let answer = if let Some(terms) = limits.reuse {
        let host =
            reuse::seat(server, terms, request, reply, Leave { _pass: pass, until: deadline });
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                host.is_late();
                return Err(server.cut_off());
            }
        }
    } else {
        let mut work = Work::new(server, request, reply, deadline, pass);
        // Most are done when they pause for the first time; these need no task, no timer and no
        // other thread. What takes longer goes on by itself and not in the connection's future:
        // what a guest still does after its answer, and after the peer is gone, is its own affair
        // until its time is over.
        if !work.begin().await {
            let is_long = work.turn.is_long();
            server.crew.spawn_guest(work.finish(), is_long);
        }
        answer.await
    };
    let Ok(answer) = answer else {
        // Whoever worked on it is gone. At the server's end the connection goes as well, in whatever
        // order, and a cut request has no answer.
        if server.crew.is_dismissed() {
            return std::future::pending().await;
        }
        return Err(Refusal::Failed);
    };
    answer.and_then(|response| server.settled(response))
}

/// A request in the hands of a guest.
struct Work {
    // Before the pass: what runs is gone before its place is another's.
    turn: Turn<Result<(), Start>>,
    server: Arc<Server>,
    reply: Reply,
    deadline: Instant,
    _pass: Pass,
}

impl Work {
    fn new(
        server: &Arc<Server>,
        request: Request<WasiBody>,
        reply: Reply,
        deadline: Instant,
        pass: Pass,
    ) -> Work {
        let body = exchange::run(server.clone(), request, reply.clone());
        let body = server.grant.slot.around(body);
        let turn = Turn::new(&server.task.lane, server.task.counters.clone(), body);
        Work { turn, server: server.clone(), reply, deadline, _pass: pass }
    }

    /// Runs to the first pause; whether that was the end.
    async fn begin(&mut self) -> bool {
        poll_fn(|cx| {
            let looked = Pin::new(&mut self.turn).poll(cx);
            if let Poll::Ready(done) = looked {
                self.settle(done);
                return Poll::Ready(true);
            }
            Poll::Ready(false)
        })
        .await
    }

    async fn finish(mut self) {
        match tokio::time::timeout_at(self.deadline, &mut self.turn).await {
            Ok(done) => self.settle(done),
            Err(_) => {
                self.reply.send(Err(self.server.cut_off()));
            }
        }
    }

    fn settle(&self, done: Result<Result<(), Start>, Panicked>) {
        match self.server.refusal_after(done) {
            Some(refusal) => {
                self.reply.send(Err(refusal));
            }
            None => {
                if self.reply.send(Err(Refusal::Failed)) {
                    self.server.complain("a request ended without an answer from the component");
                }
            }
        }
    }
}

impl Server {
    pub fn complain(&self, text: &str) {
        self.complaints.say(&self.grant.error, text);
    }

    /// What is told to whom an instance has not answered, and why; nothing of one that ended well.
    pub fn refusal_after(&self, done: Result<Result<(), Start>, Panicked>) -> Option<Refusal> {
        match done {
            Ok(Ok(())) => None,
            Ok(Err(Start::NoRoom(text))) => {
                self.complain(&format!("a request was turned away: {text}"));
                Some(Refusal::Busy)
            }
            Ok(Err(Start::Ended(ending))) => {
                Some(self.ended(&ending.with_ceiling(self.task.limits().handles())))
            }
            Err(Panicked(words)) => Some(self.ended(&self.task.panicked(&words))),
        }
    }

    /// The time of a request is over.
    pub fn cut_off(&self) -> Refusal {
        let time = self.task.limits().request_time;
        self.complain(&format!("a request was cut off after {time:?}"));
        Refusal::TimedOut
    }

    /// An answer whose status is a final one. After 1xx whoever reads it waits for another answer,
    /// or believes that the connection speaks something else from now on.
    fn settled(&self, response: Response<WasiBody>) -> Answer {
        let status = response.status();
        if status.is_informational() {
            self.complain(&format!(
                "a request failed: the component answered with {}, which is no final status",
                status.as_u16()
            ));
            return Err(Refusal::Failed);
        }
        Ok(response)
    }

    /// An error code in place of a response is a component's way of giving up.
    pub fn gave_up(&self, code: &impl std::fmt::Debug) -> Refusal {
        self.complain(&format!("a request failed: the component answered with {code:?}"));
        Refusal::Failed
    }

    /// Counts and logs an instance that did not come back well.
    fn ended(&self, ending: &Ending) -> Refusal {
        let what = match ending.how {
            How::Oom => {
                self.task.counters.oom();
                "ran out of memory"
            }
            How::Exited => "called exit",
            _ => {
                self.task.counters.trap();
                "trapped"
            }
        };
        self.complain(&format!("a request failed: the component {what}: {}", ending.text));
        Refusal::Failed
    }
}

fn body_length(request: &Request<Incoming>) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body without a length is too large when it has become so: that is the answer, unless the
/// guest has given one.
fn limited(body: Incoming, bytes: u64, reply: &Reply) -> WasiBody {
    if bytes == NO_LIMIT {
        return body.map_err(Error::from).boxed_unsync();
    }
    let limit = usize::try_from(bytes).unwrap_or(usize::MAX);
    let reply = reply.clone();
    let error = move |error: Box<dyn std::error::Error + Send + Sync>| {
        if error.is::<LengthLimitError>() {
            reply.send(Err(Refusal::TooLarge));
            return Error::HttpRequestBodySize(Some(bytes));
        }
        match error.downcast::<hyper::Error>() {
            Ok(error) => Error::Hyper(*error),
            Err(error) => Error::InternalError(Some(error.to_string())),
        }
    };
    Limited::new(body, limit).map_err(error).boxed_unsync()
}

impl Refusal {
    fn response(self) -> Response<WasiBody> {
        let (status, words) = match self {
            Refusal::NoHost => (StatusCode::BAD_REQUEST, "a request needs a Host\n"),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"),
            Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy\n"),
            Refusal::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "the component took too long\n"),
            Refusal::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "the component failed\n"),
        };
        let body = Full::new(Bytes::from_static(words.as_bytes()));
        let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        if let Refusal::Busy = self {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
