// SPDX-License-Identifier: Apache-2.0
//! A request through a fresh instance, in either version of wasi:http.
//!
//! Belongs here: making the instance, calling its handler, passing the answer on as soon
//! as it has a head. Does not belong here: admission, time limits, failures (request.rs).
//!
//! wasmtime-wasi-http has a ready-made handler which does this in tasks of its own; those
//! could not be metered, queued, or ended one by one, and what a guest does wrong after
//! its answer's head would be lost.

use crate::carried::Carried;
use crate::component::Program;
use crate::fault::Ending;
use crate::guest::{self, Guest};
use crate::request::Reply;
use crate::reuse::{Host, Job};
use crate::server::Server;
use futures::stream::{FuturesUnordered, StreamExt};
use http::{Request, Response};
use http_body_util::BodyExt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::{Accessor, Instance, InstancePre};
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::p2::bindings as http2;
use wasmtime_wasi_http::p3::Request as Request3;
use wasmtime_wasi_http::p3::bindings::{self as http3, Service};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

/// How a request came to nothing.
pub enum Start {
    /// No instance could be made now.
    NoRoom(String),
    Ended(Ending),
}

/// The longest nap while waiting for room: memory can come free between the attempt and
/// the wait, and nobody tells us.
const NAP: Duration = Duration::from_millis(20);

pub async fn run(
    server: Arc<Server>,
    request: Request<WasiBody>,
    reply: Reply,
) -> Result<(), Start> {
    let program = &server.task.component.program;
    let (Program::Server2(pre, _) | Program::Server3(pre, _)) = program else {
        return Err(Start::Ended(Ending::failed("it is not a server")));
    };
    let (mut store, instance) = instantiate(&server, pre).await?;
    let called = match program {
        Program::Server2(_, at) => {
            let given_up = server.clone();
            let answer = move |answer: Result<_, _>| {
                reply.send(answer.map_err(|code| given_up.gave_up(&code)));
            };
            handle2(at, &mut store, &instance, request, answer).await
        }
        Program::Server3(_, at) => {
            let answer = |answer: Result<_, _>| {
                reply.send(answer.map_err(|code| server.gave_up(&code)));
            };
            handle3(at, &mut store, &instance, request, answer).await
        }
        _ => Err(wasmtime::format_err!("it is not a server")),
    };
    let refusal = store.data().meter.refusal();
    called.map_err(|error| Start::Ended(Ending::of_call(&error).or_oom(refusal)))
}

/// An instance, if need be after others of the same task have given their memory back.
async fn instantiate(
    server: &Server,
    pre: &InstancePre<Guest>,
) -> Result<(Store<Guest>, Instance), Start> {
    let task = &server.task;
    let until = Instant::now() + task.limits().queue_time;
    loop {
        let alone = task.budget.held() == 0;
        let refused = match attempt(server, pre).await {
            Ok(made) => return Ok(made),
            Err(Start::NoRoom(text)) => text,
            Err(ended) => return Err(ended),
        };
        let freed = pin!(task.budget.freed());
        // Only who is refused with nobody beside it, before and after, has no room at all.
        if (alone && task.budget.held() == 0) || Instant::now() >= until {
            return Err(Start::NoRoom(refused));
        }
        // Time or memory: whichever it was that passed, the next attempt tells.
        let _ = tokio::time::timeout(NAP, freed).await;
    }
}

async fn attempt(
    server: &Server,
    pre: &InstancePre<Guest>,
) -> Result<(Store<Guest>, Instance), Start> {
    let mut store =
        guest::store(&server.task, &server.grant).map_err(|ending| Start::NoRoom(ending.text))?;
    match pre.instantiate_async(&mut store).await {
        Ok(instance) => Ok((store, instance)),
        Err(error) if error.is::<PoolConcurrencyLimitError>() => {
            Err(Start::NoRoom("all instances of the engine are in use".to_string()))
        }
        Err(error) => match store.data().meter.refusal() {
            Some(refusal) => Err(Start::NoRoom(refusal)),
            None => Err(Start::Ended(Ending::of_start(&error))),
        },
    }
}

async fn handle2(
    at: &http2::ProxyIndices,
    store: &mut Store<Guest>,
    instance: &Instance,
    request: Request<WasiBody>,
    answer: impl FnOnce(Result<Response<WasiBody>, http2::http::types::ErrorCode>)
    + Send
    + Sync
    + 'static,
) -> wasmtime::Result<()> {
    let proxy = at.load(&mut *store, instance)?;
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(http2::http::types::Scheme::Http, request)?;
    let out = http.new_response_outparam_from_callback(answer)?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
}

type Sent = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
type Code3 = http3::http::types::ErrorCode;

async fn handle3(
    at: &http3::ServiceIndices,
    store: &mut Store<Guest>,
    instance: &Instance,
    request: Request<WasiBody>,
    answer: impl FnOnce(Result<Response<WasiBody>, Code3>),
) -> wasmtime::Result<()> {
    let service = at.load(&mut *store, instance)?;
    let handle = async |store: &Accessor<Guest>| {
        call3(&service, store, request, answer).await?;
        // The body is written by what the guest left running.
        poll_fn(|cx| store.poll_no_interesting_tasks(cx)).await;
        wasmtime::error::Ok(())
    };
    store.run_concurrent(handle).await?
}

/// One call, until the answer has its head.
async fn call3(
    service: &Service,
    store: &Accessor<Guest>,
    request: Request<WasiBody>,
    answer: impl FnOnce(Result<Response<WasiBody>, Code3>),
) -> wasmtime::Result<()> {
    let (request, sent) = store.with(|mut store| {
        let (request, sent) = Request3::from_http(store.data_mut().http().hooks, request);
        (request, Box::pin(sent) as Sent)
    });
    match service.handle(store, request).await? {
        Ok(response) => answer(Ok(store.with(|store| response.into_http(store, sent))?)),
        Err(code) => answer(Err(code)),
    }
    Ok(())
}

/// An instance that takes requests until its host is closed and all are answered.
pub async fn run_many(server: Arc<Server>, host: Arc<Host>) -> Result<(), Start> {
    let Program::Server3(pre, at) = &server.task.component.program else {
        return Err(Start::Ended(Ending::failed("its instances cannot be used again")));
    };
    let (mut store, instance) = instantiate(&server, pre).await?;
    let called = match at.load(&mut store, &instance) {
        Ok(service) => {
            let work =
                async |store: &Accessor<Guest>| take_turns(&server, &host, &service, store).await;
            store.run_concurrent(work).await.and_then(|result| result)
        }
        Err(error) => Err(error),
    };
    let refusal = store.data().meter.refusal();
    called.map_err(|error| Start::Ended(Ending::of_call(&error).or_oom(refusal)))
}

async fn take_turns(
    server: &Arc<Server>,
    host: &Arc<Host>,
    service: &Service,
    store: &Accessor<Guest>,
) -> wasmtime::Result<()> {
    let handle = *service.wasi_http_handler().func_handle().func();
    let mut at_work = FuturesUnordered::new();
    poll_fn(|cx| {
        loop {
            match at_work.poll_next_unpin(cx) {
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok(()))) => continue,
                Poll::Ready(None) | Poll::Pending => {}
            }
            if store.poll_ready_for_concurrent_call(handle, cx).is_ready()
                && let Some(Job { request, reply, place }) = host.next()
            {
                at_work.push(call3(service, store, request, move |answer| {
                    let carried = |body| Carried { body, place, late: None }.boxed_unsync();
                    let answer = answer.map(|response| response.map(carried));
                    reply.send(answer.map_err(|code| server.gave_up(&code)));
                }));
                continue;
            }
            if at_work.is_empty() && host.is_closed() {
                return store.poll_no_interesting_tasks(cx).map(Ok);
            }
            return Poll::Pending;
        }
    })
    .await
}
