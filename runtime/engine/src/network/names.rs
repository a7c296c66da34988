// SPDX-License-Identifier: Apache-2.0
//! Looking names up as the pod would: its hosts, then its name servers.
//!
//! Belongs here: hickory with sockets that are made for the task, and its bounds.
//! Does not belong here: whether a name may be asked for (policy.rs).

use crate::network::settings::{Hosts, Settings};
use crate::network::slot::Slot;
use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::{RuntimeProvider, Spawn, TokioRuntimeProvider};
use hickory_resolver::proto::rr::Name;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Names of one task looked up at once; one more waits.
const LOOKUPS_MAX: usize = 32;

/// From asking for a name to an answer, whatever resolv.conf says.
const LOOKUP_TIME: Duration = Duration::from_secs(30);

/// Answers kept for one task.
const CACHE_MAX: u64 = 128;

/// Addresses taken of one answer.
pub const ADDRESSES_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is no name.
    Invalid,
    /// There is no such name, or nobody to ask.
    Unknown,
    /// Nobody answered.
    Temporary,
    Denied,
}

/// The address whose text this is, in brackets or not.
pub fn literal(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(name).parse().ok()
}

pub struct Names {
    slot: Slot,
    settings: Settings,
    hosts: Hosts,
    resolver: OnceLock<Option<Resolver<Provider>>>,
    lookups: Semaphore,
}

impl Names {
    pub fn new(slot: Slot, settings: Settings, hosts: Hosts) -> Names {
        let lookups = Semaphore::new(LOOKUPS_MAX);
        Names { slot, settings, hosts, resolver: OnceLock::new(), lookups }
    }

    /// Whether the pod's hosts answer for a name, and no server.
    pub fn is_own(&self, name: &str) -> bool {
        Name::from_utf8(name)
            .is_ok_and(|name| !self.hosts.find(&name.to_ascii().to_ascii_lowercase()).is_empty())
    }

    /// Addresses of a name that is not the text of one.
    pub async fn find(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        let parsed = Name::from_utf8(name).map_err(|_| Failure::Invalid)?;
        let name = parsed.to_ascii().to_ascii_lowercase();
        if name.is_empty() || name == "." {
            return Err(Failure::Invalid);
        }
        let known = self.hosts.find(&name);
        if !known.is_empty() {
            return Ok(known);
        }
        let work = self.slot.around(self.ask(name));
        tokio::time::timeout(LOOKUP_TIME, work).await.unwrap_or(Err(Failure::Temporary))
    }

    async fn ask(&self, name: String) -> Result<Vec<IpAddr>, Failure> {
        let _permit = self.lookups.acquire().await.map_err(|_| Failure::Temporary)?;
        let resolver = self.resolver.get_or_init(|| self.start());
        let Some(resolver) = resolver else { return Err(Failure::Unknown) };
        let found = resolver.lookup_ip(name).await.map_err(|error| failure(&error))?;
        let found: Vec<IpAddr> = found.iter().take(ADDRESSES_MAX).collect();
        if found.is_empty() { Err(Failure::Unknown) } else { Ok(found) }
    }

    fn start(&self) -> Option<Resolver<Provider>> {
        if self.settings.servers.is_empty() {
            return None;
        }
        let search = self.settings.search.iter().filter_map(|name| Name::from_utf8(name).ok());
        let servers = self.settings.servers.iter().map(|&(ip, port)| {
            let mut ways = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            ways.iter_mut().for_each(|way| way.port = port);
            NameServerConfig::new(ip, true, ways)
        });
        let config = ResolverConfig::from_parts(None, search.collect(), servers.collect());
        let provider = Provider { slot: self.slot, crew: Arc::default() };
        Resolver::builder_with_config(config, provider).with_options(self.options()).build().ok()
    }

    fn options(&self) -> ResolverOpts {
        let mut options = ResolverOpts::default();
        options.ndots = self.settings.ndots;
        options.timeout = self.settings.timeout;
        options.attempts = self.settings.attempts;
        options.cache_size = CACHE_MAX;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // Otherwise the node's own file is read.
        options.use_hosts_file = ResolveHosts::Never;
        options
    }
}

fn failure(error: &NetError) -> Failure {
    if error.is_no_records_found() { Failure::Unknown } else { Failure::Temporary }
}

/// Tokio's sockets and tasks, with the task's mark wherever one is made.
#[derive(Clone)]
struct Provider {
    slot: Slot,
    crew: Arc<Mutex<JoinSet<()>>>,
}

impl Spawn for Provider {
    fn spawn_bg(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        let mut crew = self.crew.lock().unwrap_or_else(PoisonError::into_inner);
        while crew.try_join_next().is_some() {}
        crew.spawn(self.slot.around(future));
    }
}

type Made<T> = Pin<Box<dyn Send + Future<Output = Result<T, io::Error>>>>;

impl RuntimeProvider for Provider {
    type Handle = Provider;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Provider {
        self.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        own: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Made<Self::Tcp> {
        Box::pin(self.slot.around(TokioRuntimeProvider::new().connect_tcp(server, own, timeout)))
    }

    fn bind_udp(&self, own: SocketAddr, server: SocketAddr) -> Made<Self::Udp> {
        Box::pin(self.slot.around(TokioRuntimeProvider::new().bind_udp(own, server)))
    }
}
