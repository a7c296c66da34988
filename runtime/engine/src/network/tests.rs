// SPDX-License-Identifier: Apache-2.0
//! The network of a task against servers on the loopback.

use crate::descriptors::{Descriptors, Numbers};
use crate::network::names::Failure;
use crate::network::slot::{SLOTS, Slot, Switchboard};
use crate::network::{Hooks, Network, Texts};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks};

fn slot(id: u32) -> Slot {
    // SAFETY: nobody asks.
    Slot { board: unsafe { Switchboard::new(std::ptr::null_mut()) }, id }
}

fn network(texts: Texts) -> Arc<Network> {
    Arc::new(Network::new(slot(1), texts).unwrap())
}

fn hooks(network: Option<Arc<Network>>) -> Hooks {
    Hooks { network, descriptors: Descriptors::new(16, &Numbers::new()) }
}

async fn get(network: Option<Arc<Network>>, uri: &str) -> Result<Response<Bytes>, Error> {
    let body: WasiBody = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(uri).header("host", "test").body(body).unwrap();
    let unused = Box::new(async { Ok(()) });
    let sent = Box::into_pin(hooks(network).send_request(request, None, unused)).await;
    let (answer, io) = sent?;
    let (head, body) = answer.into_parts();
    let io = tokio::spawn(Box::into_pin(io));
    let body = body.collect().await?.to_bytes();
    io.abort();
    Ok(Response::from_parts(head, body))
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

async fn serve_once(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(ANSWER).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn web() -> SocketAddr {
    web_at("127.0.0.1:0").await
}

async fn web_at(place: &str) -> SocketAddr {
    let listener = TcpListener::bind(place).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_once(stream));
        }
    });
    address
}

/// A name server that knows `pod.test` alone, at 127.0.0.1.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let answer = answer_to(&query[..length]);
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

fn answer_to(query: &[u8]) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
    let is_known = query[12..].to_ascii_lowercase().starts_with(b"\x03pod\x04test\0");
    let is_a = query[end - 3] == 1;
    let found = u8::from(is_known && is_a);
    let code = if is_known { 0x80 } else { 0x83 };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, code, 0, 1, 0, found, 0, 0, 0, 0]);
    answer.extend(&query[12..end]);
    if found == 1 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

/// The same, who says by UDP only that TCP has the answer.
async fn name_server_by_stream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let mut answer = answer_to(&query[..length]);
            let end = 12 + query[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
            answer.truncate(end);
            answer[2] |= 2; // truncated
            answer[7] = 0; // no answers
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut query = vec![0; usize::from(length)];
                    stream.read_exact(&mut query).await.unwrap();
                    let answer = answer_to(&query);
                    stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    address
}

fn resolv_conf(server: SocketAddr) -> String {
    format!("nameserver [{}]:{}\nsearch test\noptions ndots:2\n", server.ip(), server.port())
}

#[tokio::test]
async fn a_request_is_answered() {
    let address = web().await;
    let answer = get(Some(network(Texts::default())), &format!("http://{address}/")).await;
    assert_eq!(answer.unwrap().body(), "hello");
}

#[tokio::test]
async fn without_a_network_a_request_is_denied() {
    let refused = get(None, "http://127.0.0.1:1/").await;
    assert!(matches!(refused, Err(Error::HttpRequestDenied)), "{refused:?}");
}

#[tokio::test]
async fn names_are_resolved_by_the_pod_s_server_and_search_list() {
    let texts = Texts { resolv_conf: resolv_conf(name_server().await), ..Texts::default() };
    let network = network(texts);
    let port = web().await.port();
    let ip: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!(network.find("pod.test").await, Ok(vec![ip]));
    assert_eq!(network.find("pod").await, Ok(vec![ip]));
    assert_eq!(network.find("other.test").await, Err(Failure::Unknown));
    let answer = get(Some(network), &format!("http://pod:{port}/")).await;
    assert_eq!(answer.unwrap().body(), "hello");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_comes_by_tcp() {
    let texts =
        Texts { resolv_conf: resolv_conf(name_server_by_stream().await), ..Texts::default() };
    let ip: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!(network(texts).find("pod.test").await, Ok(vec![ip]));
}

#[tokio::test]
async fn a_request_is_answered_over_ipv6() {
    let address = web_at("[::1]:0").await;
    let hosts = "::1 six".to_string();
    let allow = Some(format!("[::1]:{}", address.port()));
    let network = network(Texts { hosts, allow, ..Texts::default() });
    let answer = get(Some(network.clone()), &format!("http://{address}/")).await;
    assert_eq!(answer.unwrap().body(), "hello");
    let other = get(Some(network), "http://[::2]:80/").await;
    assert!(matches!(other, Err(Error::DestinationIpProhibited)), "{other:?}");
}

#[tokio::test]
async fn a_name_server_s_word_does_not_open_the_loopback() {
    let port = web().await.port();
    let resolv_conf = resolv_conf(name_server().await);
    let allow = Some(format!("pod.test:{port}"));
    let texts = Texts { resolv_conf: resolv_conf.clone(), allow, ..Texts::default() };
    let refused = get(Some(network(texts)), &format!("http://pod.test:{port}/")).await;
    assert!(matches!(refused, Err(Error::DestinationIpProhibited)), "{refused:?}");
    let allow = Some(format!("pod.test:{port}\n127.0.0.1:{port}"));
    let texts = Texts { resolv_conf, allow, ..Texts::default() };
    let named = get(Some(network(texts)), &format!("http://pod.test:{port}/")).await;
    assert_eq!(named.unwrap().body(), "hello");
}

#[tokio::test]
async fn without_a_server_only_hosts_are_known() {
    let texts = Texts { hosts: "192.0.2.9 db".to_string(), ..Texts::default() };
    let network = network(texts);
    assert_eq!(network.find("DB").await, Ok(vec!["192.0.2.9".parse().unwrap()]));
    assert_eq!(network.find("localhost").await.map(|found| found.len()), Ok(2));
    assert_eq!(network.find("example.com").await, Err(Failure::Unknown));
}

#[tokio::test]
async fn an_allow_list_holds_for_names_and_addresses() {
    let address = web().await;
    let port = address.port();
    let allow = Some(format!("localhost:{port}"));
    let network = network(Texts { allow, ..Texts::default() });
    let by_address = get(Some(network.clone()), &format!("http://{address}/")).await;
    assert!(matches!(by_address, Err(Error::DestinationIpProhibited)), "{by_address:?}");
    let other = get(Some(network.clone()), "http://example.com/").await;
    assert!(matches!(other, Err(Error::HttpRequestDenied)), "{other:?}");
    let by_name = get(Some(network), &format!("http://localhost:{port}/")).await;
    assert_eq!(by_name.unwrap().body(), "hello");
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate of `localhost` that is its own authority, and its key, both in PEM.
fn certificate() -> (Vec<u8>, Vec<u8>) {
    let folder = Folder(std::env::temp_dir().join(format!("skep-tls-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let (cert, key) = (folder.0.join("cert"), folder.0.join("key"));
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1".split(' '))
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (std::fs::read(cert).unwrap(), std::fs::read(key).unwrap())
}

#[tokio::test]
async fn tls_believes_the_pod_s_trust_store_alone() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let (cert, key) = certificate();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&cert).unwrap()],
            PrivateKeyDer::from_pem_slice(&key).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve_once(stream).await;
            }
        }
    });
    let believing = network(Texts { trust: cert, ..Texts::default() });
    assert_eq!(get(Some(believing), &uri).await.unwrap().body(), "hello");
    let stranger = get(Some(network(Texts::default())), &uri).await;
    assert!(matches!(stranger, Err(Error::TlsCertificateError)), "{stranger:?}");
}

#[test]
fn a_thread_is_marked_during_a_poll_only() {
    let mut words = vec![0u32; SLOTS];
    // SAFETY: the words outlive what uses them.
    let board = unsafe { Switchboard::new(words.as_mut_ptr()) };
    let at = usize::try_from(unsafe { libc::gettid() }).unwrap();
    let look = move || board.word().unwrap().load(std::sync::atomic::Ordering::SeqCst);
    let inner = Slot { board, id: 8 }.around(async move { look() });
    let outer = Slot { board, id: 7 }.around(async move { (look(), inner.await, look()) });
    assert_eq!(futures::executor::block_on(outer), (7, 8, 7));
    assert_eq!(look(), 0);
    assert_eq!(words[at], 0);
}
