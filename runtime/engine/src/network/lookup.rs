// SPDX-License-Identifier: Apache-2.0
//! `ip-name-lookup` of WASI 0.2 and 0.3, answered by the pod's resolver.
//!
//! Belongs here: the two interfaces. Does not belong here: resolving (names.rs).

use crate::network::Network;
use crate::network::names::{Failure, literal};
use futures::FutureExt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::vec::IntoIter;
use wasmtime::component::{Accessor, HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup as v2;
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode as Code2, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketError, subscribe};
use wasmtime_wasi::p3::bindings::sockets::ip_name_lookup as v3;
use wasmtime_wasi::p3::bindings::sockets::types::IpAddress as IpAddress3;

impl Network {
    /// Addresses of a name that may be asked for; they may be reached from now on.
    pub async fn find(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        if let Some(ip) = literal(name) {
            return Ok(vec![ip]);
        }
        if !self.policy.permits_name(name) {
            return Err(Failure::Denied);
        }
        let found = self.names.find(name).await?;
        self.policy.learn(name, &found, self.names.is_own(name));
        Ok(found)
    }
}

/// In place of WASI's own, which would ask the node's resolver.
pub struct Lookup;

impl HasData for Lookup {
    type Data<'a> = LookupView<'a>;
}

pub struct LookupView<'a> {
    pub network: Option<&'a Arc<Network>>,
    pub table: &'a mut ResourceTable,
}

type Found = Result<Vec<IpAddr>, Failure>;

async fn find(network: Option<Arc<Network>>, name: String) -> Found {
    match network {
        Some(network) => network.find(&name).await,
        None => Err(Failure::Denied),
    }
}

/// A `resolve-address-stream`: being found, or found.
enum Answers {
    Waiting(Pin<Box<dyn Future<Output = Found> + Send>>),
    Here(Result<IntoIter<IpAddr>, Failure>),
}

impl Answers {
    fn take(&mut self, found: Found) {
        *self = Answers::Here(found.map(Vec::into_iter));
    }
}

#[async_trait::async_trait]
impl Pollable for Answers {
    async fn ready(&mut self) {
        if let Answers::Waiting(work) = self {
            let found = work.await;
            self.take(found);
        }
    }
}

/// The table's entry behind the handle that the bindings know by their own name.
fn own(stream: &Resource<v2::ResolveAddressStream>) -> Resource<Answers> {
    Resource::new_own(stream.rep())
}

impl v2::Host for LookupView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<v2::Network>,
        name: String,
    ) -> Result<Resource<v2::ResolveAddressStream>, SocketError> {
        self.table.get(&network)?;
        let mut answers = Answers::Waiting(Box::pin(find(self.network.cloned(), name)));
        answers.look();
        if let Answers::Here(Err(failure)) = &answers {
            return Err(code2(*failure).into());
        }
        let entry = self.table.push(answers)?;
        Ok(Resource::new_own(entry.rep()))
    }
}

impl Answers {
    /// Goes as far as it goes without waiting.
    fn look(&mut self) {
        let found = match self {
            Answers::Waiting(work) => work.now_or_never(),
            Answers::Here(_) => None,
        };
        if let Some(found) = found {
            self.take(found);
        }
    }
}

impl v2::HostResolveAddressStream for LookupView<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<v2::ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        let answers = self.table.get_mut(&own(&stream))?;
        answers.look();
        match answers {
            Answers::Waiting(_) => Err(Code2::WouldBlock.into()),
            Answers::Here(Ok(rest)) => Ok(rest.next().map(IpAddress::from)),
            Answers::Here(Err(failure)) => Err(code2(*failure).into()),
        }
    }

    fn subscribe(
        &mut self,
        stream: Resource<v2::ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, own(&stream))
    }

    fn drop(&mut self, stream: Resource<v2::ResolveAddressStream>) -> wasmtime::Result<()> {
        self.table.delete(own(&stream))?;
        Ok(())
    }
}

fn code2(failure: Failure) -> Code2 {
    match failure {
        Failure::Invalid => Code2::InvalidArgument,
        Failure::Unknown => Code2::NameUnresolvable,
        Failure::Temporary => Code2::TemporaryResolverFailure,
        Failure::Denied => Code2::AccessDenied,
    }
}

impl<U> v3::HostWithStore<U> for Lookup {
    async fn resolve_addresses(
        store: &Accessor<U, Self>,
        name: String,
    ) -> wasmtime::Result<Result<Vec<IpAddress3>, v3::ErrorCode>> {
        let network = store.with(|mut view| view.get().network.cloned());
        Ok(match find(network, name).await {
            Ok(found) => Ok(found.into_iter().map(IpAddress3::from).collect()),
            Err(Failure::Invalid) => Err(v3::ErrorCode::InvalidArgument),
            Err(Failure::Unknown) => Err(v3::ErrorCode::NameUnresolvable),
            Err(Failure::Temporary) => Err(v3::ErrorCode::TemporaryResolverFailure),
            Err(Failure::Denied) => Err(v3::ErrorCode::AccessDenied),
        })
    }
}

impl v3::Host for LookupView<'_> {}

/// Errors become codes as WASI's own interfaces have them.
impl network::Host for LookupView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<Code2> {
        error.downcast()
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<Code2>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(Code2::from))
    }
}

impl network::HostNetwork for LookupView<'_> {
    fn drop(&mut self, network: Resource<network::Network>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}
