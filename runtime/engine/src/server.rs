// SPDX-License-Identifier: Apache-2.0
//! A server: a listening socket, and a soft end.
//!
//! Belongs here: accepting, draining. Does not belong here: a connection (connection.rs).
//!
//! While idle a server is this one future, waiting for its listener.

use crate::access::AccessLog;
use crate::admission::Pass;
use crate::complaints::Complaints;
use crate::connection;
use crate::crew::Crew;
use crate::descriptors::ALWAYS;
use crate::engine::Level;
use crate::fault::Ending;
use crate::grant::Grant;
use crate::reuse::Hosts;
use crate::task::{Stop, Task};
use futures::future::{Either, select};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long accepting rests when there are no descriptors or no memory for a connection.
const REST: Duration = Duration::from_millis(50);

/// As many connections as the kernel keeps for a listener; who comes meanwhile is late.
const QUEUED_MAX: usize = 4096;

/// Longer than any process lives.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub struct Server {
    pub task: Arc<Task>,
    pub grant: Arc<Grant>,
    pub crew: Arc<Crew>,
    pub complaints: Complaints,
    pub access: Option<Arc<AccessLog>>,
    /// Instances that take several requests.
    pub hosts: Hosts,
    /// Answers are the last ones of their connections.
    leaving: AtomicBool,
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
        crew: Crew::new(&task.component.engine.paces),
        complaints: Complaints::default(),
        access: grant.access_log.then(|| AccessLog::new(grant.output.clone())),
        hosts: Hosts::new(task.component.engine.threads),
        leaving: AtomicBool::new(false),
        closing: watch::Sender::new(false),
    });
    let mut stop = match select(pin!(accept(&server, &listener)), pin!(task.stopped())).await {
        Either::Left((never, _)) => match never {},
        Either::Right((stop, _)) => stop,
    };
    if stop != Stop::Kill {
        stop = server.be_a_lame_duck(stop, &listener).await;
    }
    if stop != Stop::Kill {
        welcome_the_last(&server, listener).await;
    }
    server.finish(stop).await
}

/// For their clients, connections that nobody has accepted yet stand as any other; the end of the
/// listener would reset them.
async fn welcome_the_last(server: &Arc<Server>, listener: TcpListener) {
    // The event loop may not have heard of them yet; the kernel has.
    let Ok(listener) = listener.into_std() else { return };
    for _ in 0..QUEUED_MAX {
        let Some(pass) = server.task.connections.enter(Duration::ZERO).await else { return };
        match listener.accept().and_then(waiting_for_events) {
            Ok((stream, peer)) => server.serve(stream, peer, pass),
            Err(error) if is_the_peers(&error) => {}
            Err(_) => return,
        }
    }
}

fn waiting_for_events(
    (stream, peer): (std::net::TcpStream, SocketAddr),
) -> io::Result<(TcpStream, SocketAddr)> {
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, peer))
}

async fn accept(server: &Arc<Server>, listener: &TcpListener) -> Infallible {
    let numbers = &server.task.component.engine.numbers;
    loop {
        let Some(pass) = server.task.connections.enter(FOREVER).await else { continue };
        // The rest waits in the kernel's queue until there are descriptors again.
        while server.task.connections.inside() > ALWAYS && numbers.are_few() {
            tokio::time::sleep(REST).await;
        }
        match listener.accept().await {
            Ok((stream, peer)) => server.serve(stream, peer, pass),
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                let text = format!("{}: cannot accept connections: {error}", server.task.name);
                server.task.component.engine.log.line(Level::Warn, &text);
                tokio::time::sleep(REST).await;
            }
        }
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

impl Server {
    /// Completes when nothing new may begin.
    pub async fn closed(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        drop(self.closing.subscribe().wait_for(|closing| *closing).await);
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Who sends requests hears a moment later than we that this server ends, so it stays open
    /// for some time. What it was told last.
    async fn be_a_lame_duck(self: &Arc<Server>, stop: Stop, listener: &TcpListener) -> Stop {
        self.leaving.store(true, Relaxed);
        let cut_off = tokio::time::timeout(self.task.limits().lame_duck, self.task.cut_off());
        match select(pin!(accept(self, listener)), pin!(cut_off)).await {
            Either::Left((never, _)) => match never {},
            Either::Right((harder, _)) => harder.unwrap_or(stop),
        }
    }

    fn serve(self: &Arc<Server>, stream: TcpStream, peer: SocketAddr, pass: Pass) {
        self.crew.spawn(connection::serve(self.clone(), stream, peer, pass));
    }

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
        if let Some(access) = &self.access {
            access.finish();
        }
        if last == Stop::Kill || cut == 0 {
            return Task::obeyed(last, String::new());
        }
        Task::obeyed(last, format!("{cut} connections and requests were cut off"))
    }
}
