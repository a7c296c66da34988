// SPDX-License-Identifier: Apache-2.0
//! Outgoing requests of wasi:http, both versions: resolved, connected, secured, sent.
//!
//! Belongs here: the hook and its bounds. Does not belong here: who may be reached
//! (policy.rs).

use crate::descriptors::{Descriptors, Socket};
use crate::network::Network;
use crate::network::names::Failure;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// From a request's start until there is a connection, unless the guest says less.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// For the first byte of an answer, and between two of its parts, unless the guest says less.
const SILENCE_TIME: Duration = Duration::from_secs(600);

/// Before the next address is tried beside one that is silent (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Bytes and fields of an answer's head.
const HEAD_BYTES: usize = 64 << 10;
const FIELDS_MAX: usize = 256;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Io), Error>;

/// Bytes of a body that a guest hands over in one piece: they are the host's until they are sent.
const BODY_CHUNK: usize = 64 << 10;

/// The host side of wasi:http for one store.
pub struct Hooks {
    pub network: Option<Arc<Network>>,
    pub descriptors: Arc<Descriptors>,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match self.network.clone() {
            Some(network) => {
                let slot = network.slot;
                let descriptors = self.descriptors.clone();
                Box::new(slot.around(send(network, descriptors, request, Times::new(options))))
            }
            None => Box::new(async { Err(Error::HttpRequestDenied) }),
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}

struct Times {
    connect: Duration,
    first: Duration,
    between: Duration,
}

impl Times {
    fn new(options: Option<RequestOptions>) -> Times {
        let given = options.as_ref();
        let least = |time: Option<Duration>, most: Duration| time.map_or(most, |t| t.min(most));
        Times {
            connect: least(given.and_then(|o| o.connect_timeout), CONNECT_TIME),
            first: least(given.and_then(|o| o.first_byte_timeout), SILENCE_TIME),
            between: least(given.and_then(|o| o.between_bytes_timeout), SILENCE_TIME),
        }
    }
}

async fn send(
    network: Arc<Network>,
    descriptors: Arc<Descriptors>,
    mut request: Request<WasiBody>,
    times: Times,
) -> Sent {
    let permit = network.outgoing.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Error::ConnectionLimitReached)?;
    let connected = timeout(times.connect, connect(&network, &descriptors, request.uri())).await;
    let (stream, place) = connected.map_err(|_| Error::ConnectionTimeout)??;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES).max_headers(FIELDS_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let mut connection = Box::pin(connection);
    let answer = pin!(timeout(times.first, sender.send_request(request)));
    let (answer, rest) = match select(answer, &mut connection).await {
        Either::Left((answer, _)) => (answer, true),
        Either::Right((Err(error), _)) => return Err(error.into()),
        Either::Right((Ok(()), answer)) => (answer.await, false),
    };
    let answer = answer.map_err(|_| Error::ConnectionReadTimeout)??;
    let io: Io = Box::new(network.slot.around(async move {
        let _held = (permit, place);
        if rest { connection.await.map_err(Error::from) } else { Ok(()) }
    }));
    Ok((answer.map(|body| Steady::new(body, times.between).boxed_unsync()), io))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Connected<S> = (S, Arc<Socket>);

async fn connect(
    network: &Network,
    descriptors: &Arc<Descriptors>,
    uri: &Uri,
) -> Result<Connected<Box<dyn Stream>>, Error> {
    let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?;
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let found = network.find(host).await.map_err(unresolved)?;
    let addresses: Vec<_> = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    let addresses: Vec<_> =
        addresses.into_iter().filter(|&address| network.policy.permits(address)).collect();
    if addresses.is_empty() {
        return Err(Error::DestinationIpProhibited);
    }
    let (stream, place) = reach(addresses, descriptors).await.map_err(unreached)?;
    let _ = stream.set_nodelay(true);
    if !secure {
        return Ok((Box::new(stream), place));
    }
    let config = network.trust.config().ok_or(Error::TlsCertificateError)?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(insecure)?;
    Ok((Box::new(stream), place))
}

fn unreached(error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::EMFILE) => Error::ConnectionLimitReached,
        _ => Error::Connect(error),
    }
}

fn unresolved(failure: Failure) -> Error {
    match failure {
        Failure::Denied => Error::HttpRequestDenied,
        Failure::Invalid => Error::HttpRequestUriInvalid,
        Failure::Temporary => Error::DnsTimeout,
        Failure::Unknown => {
            Error::DnsError { rcode: Some("NXDOMAIN".to_string()), info_code: None }
        }
    }
}

fn insecure(error: io::Error) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        _ => Error::Tls(error),
    }
}

/// The first connection that stands, the next address tried while one is silent.
async fn reach(
    addresses: Vec<SocketAddr>,
    descriptors: &Arc<Descriptors>,
) -> io::Result<Connected<TcpStream>> {
    let mut left = in_turns(addresses).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match left.next() {
            Some(address) => attempts.push(attempt(address, descriptors)),
            None if attempts.is_empty() => return Err(failed),
            None => {}
        }
        match timeout(STAGGER, attempts.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => failed = error,
            Ok(None) | Err(_) => {}
        }
    }
}

async fn attempt(
    address: SocketAddr,
    descriptors: &Arc<Descriptors>,
) -> io::Result<Connected<TcpStream>> {
    let place = descriptors.socket().ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE))?;
    Ok((TcpStream::connect(address).await?, place))
}

/// Families in turns, the first address's first (RFC 8305, 4).
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (own, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv4() == first);
    let mut turns = Vec::with_capacity(own.len() + other.len());
    let (mut own, mut other) = (own.into_iter(), other.into_iter());
    loop {
        let pair = (own.next(), other.next());
        if let (None, None) = pair {
            return turns;
        }
        turns.extend(pair.0);
        turns.extend(pair.1);
    }
}

/// An answer's body that may not be silent for too long.
struct Steady {
    body: Incoming,
    silence: Pin<Box<Sleep>>,
    most: Duration,
}

impl Steady {
    fn new(body: Incoming, most: Duration) -> Steady {
        Steady { body, silence: Box::pin(sleep(most)), most }
    }
}

impl Body for Steady {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.silence.as_mut().reset(Instant::now() + this.most);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => match this.silence.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
