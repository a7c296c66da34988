// SPDX-License-Identifier: Apache-2.0
//! What guests may do on the network: what the grant says, in the namespace of their pod.
//!
//! Belongs here: every decision on sockets, names and outgoing requests. A task without a
//! network has no sockets: WASI's own defaults refuse them, guests see errors, not traps.
//! Does not belong here: which namespace that is (the owner of the switchboard knows).
//!
//! Parts: [`slot`] (which task a thread acts for), [`policy`] (who may be reached),
//! [`settings`] (resolv.conf and hosts), [`names`] (looking names up), [`lookup`] (the
//! interfaces for that), [`sockets`] (how many a guest has), [`trust`] (whom TLS believes),
//! [`outgoing`] (wasi:http).

pub mod lookup;
mod names;
mod outgoing;
mod policy;
mod settings;
pub mod slot;
pub mod sockets;
#[cfg(test)]
mod tests;
mod trust;

use names::Names;
pub use outgoing::Hooks;
use policy::Policy;
use settings::{Hosts, Settings};
use slot::Slot;
use std::sync::Arc;
use tokio::sync::Semaphore;
use trust::Trust;
use wasmtime_wasi::sockets::SocketAddrUse;

/// Outgoing requests of one task at once; one more fails with connection-limit-reached.
const OUTGOING_MAX: usize = 256;

/// What a grant says of the network, as it came.
#[derive(Default)]
pub struct Texts {
    /// One rule a line; `None`: everything may be reached.
    pub allow: Option<String>,
    pub resolv_conf: String,
    pub hosts: String,
    pub trust: Vec<u8>,
}

/// The network of one task.
pub struct Network {
    slot: Slot,
    policy: Policy,
    names: Names,
    trust: Arc<Trust>,
    outgoing: Arc<Semaphore>,
}

impl Network {
    pub fn new(slot: Slot, texts: Texts) -> Result<Network, String> {
        let policy = Policy::new(texts.allow.as_deref())?;
        let settings = Settings::parse(&texts.resolv_conf);
        Ok(Network {
            slot,
            policy,
            names: Names::new(slot, settings, Hosts::parse(&texts.hosts)),
            trust: Trust::shared(texts.trust),
            outgoing: Arc::new(Semaphore::new(OUTGOING_MAX)),
        })
    }

    fn permits(&self, address: std::net::SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend => self.policy.permits(address),
            // The policy says who may be reached. Who may come in is the namespace's affair.
            _ => true,
        }
    }
}
