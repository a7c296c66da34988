// SPDX-License-Identifier: Apache-2.0
//! Sockets that a guest has, counted among the descriptors of its task.
//!
//! Belongs here: a place for each that is made or accepted, for as long as something has it open.
//! Does not belong here: who may be reached (policy.rs), how many there may be (descriptors.rs).
//!
//! A place stays with the handle, by the handle's number. What can outlive the handle has it too:
//! a stream of accepted connections through the question who may come in, the two streams of a
//! connection of WASI 0.3 through the futures that say how they ended.

use crate::descriptors::{Descriptors, Socket};
use crate::grant::Grant;
use crate::guest::Guest;
use std::collections::HashMap;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, FutureConsumer, FutureReader, Linker, LinkerInstance, Resource, ResourceTable,
    ResourceType, Source, StreamReader,
};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode as Code2, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp::{HostTcpSocket as HostTcp2, TcpSocket as Tcp2};
use wasmtime_wasi::p2::bindings::sockets::udp::{HostUdpSocket as HostUdp2, UdpSocket as Udp2};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p3::bindings::sockets::types::{
    ErrorCode as Code3, HostTcpSocket as HostTcp3, HostTcpSocketWithStore,
    HostUdpSocket as HostUdp3, IpAddressFamily as Family3, TcpSocket as Tcp3, UdpSocket as Udp3,
};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSockets, WasiSocketsCtx, WasiSocketsView};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

const CREATE_TCP2: &str = "wasi:sockets/tcp-create-socket@0.2.12";
const CREATE_UDP2: &str = "wasi:sockets/udp-create-socket@0.2.12";
const TCP2: &str = "wasi:sockets/tcp@0.2.12";
const UDP2: &str = "wasi:sockets/udp@0.2.12";
const TYPES3: &str = "wasi:sockets/types@0.3.0";

type Place = Arc<Socket>;
type Store<'a> = StoreContextMut<'a, Guest>;

/// The sockets of one instance.
pub struct Sockets {
    door: Arc<Door>,
    places: HashMap<u32, Place>,
}

/// Who decides on what comes in, and has the rights of the sockets that are made.
pub struct Door {
    descriptors: Arc<Descriptors>,
    grant: Arc<Grant>,
    /// Places of connections that came in and of which nothing was asked yet.
    accepted: Mutex<Vec<Place>>,
    /// Of another part of a composition than its entry: where they are instead.
    entry: Option<Arc<Door>>,
}

impl Door {
    fn new(
        wasi: &mut WasiCtxBuilder,
        descriptors: &Arc<Descriptors>,
        grant: &Arc<Grant>,
        entry: Option<Arc<Door>>,
    ) -> Arc<Door> {
        let door = Arc::new(Door {
            descriptors: descriptors.clone(),
            grant: grant.clone(),
            accepted: Mutex::default(),
            entry,
        });
        door.open(wasi, None);
        door
    }

    /// Opens to a part of a composition what it may use.
    pub fn of_part(
        wasi: &mut WasiCtxBuilder,
        descriptors: &Arc<Descriptors>,
        grant: &Arc<Grant>,
        entry: &Arc<Door>,
    ) -> Arc<Door> {
        Door::new(wasi, descriptors, grant, Some(entry.clone()))
    }

    fn place(&self) -> Option<Place> {
        let place = self.descriptors.socket();
        if place.is_none() {
            self.descriptors.refused(&self.grant.error);
        }
        place
    }

    fn accepted(&self) -> MutexGuard<'_, Vec<Place>> {
        let holder = self.entry.as_deref().unwrap_or(self);
        holder.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permits(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        let Some(network) = &self.grant.network else { return false };
        if let SocketAddrUse::TcpAccept = purpose {
            // A connection for which there is no place is closed at once.
            let Some(place) = self.place() else { return false };
            self.accepted().push(place);
        }
        network.permits(address, purpose)
    }

    /// Opens to a store what its task may use. What asks has `place`.
    fn open(self: &Arc<Door>, wasi: &mut WasiCtxBuilder, place: Option<Place>) {
        let on = self.grant.network.is_some();
        // Names are looked up by our own interfaces; WASI's would ask the node's resolver.
        wasi.allow_tcp(on).allow_udp(on).allow_ip_name_lookup(false);
        if on {
            let door = self.clone();
            wasi.socket_addr_check(move |address, purpose| {
                let _held = &place;
                Box::pin(ready(door.permits(address, purpose)))
            });
        }
    }

    /// These rights, for one socket that has its place wherever it goes.
    fn rights(self: &Arc<Door>, place: Place) -> WasiSocketsCtx {
        let mut wasi = WasiCtx::builder();
        self.open(&mut wasi, Some(place));
        Rights { wasi: wasi.build(), table: ResourceTable::new() }.sockets().ctx.clone()
    }
}

impl Sockets {
    pub fn new(
        wasi: &mut WasiCtxBuilder,
        descriptors: &Arc<Descriptors>,
        grant: &Arc<Grant>,
    ) -> Sockets {
        let door = Door::new(wasi, descriptors, grant, None);
        Sockets { door, places: HashMap::new() }
    }

    pub fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// The place of a handle.
    fn place_of(&mut self, handle: u32) -> Option<Place> {
        if let Some(place) = self.places.get(&handle) {
            return Some(place.clone());
        }
        let place = self.door.accepted().pop()?;
        self.places.insert(handle, place.clone());
        Some(place)
    }

    fn closed(&mut self, handle: u32) {
        drop(self.place_of(handle));
        self.places.remove(&handle);
    }
}

/// Nothing but the way to the part of a context that is about sockets.
struct Rights {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Rights {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The ends of handles, in place of WASI's own.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance(TCP2)?.resource(
        "tcp-socket",
        ResourceType::host::<Tcp2>(),
        |mut store: Store<'_>, handle| {
            let guest = store.data_mut();
            guest.sockets.closed(handle);
            HostTcp2::drop(&mut WasiSocketsView::sockets(guest), Resource::new_own(handle))
        },
    )?;
    linker.instance(UDP2)?.resource(
        "udp-socket",
        ResourceType::host::<Udp2>(),
        |mut store: Store<'_>, handle| {
            let guest = store.data_mut();
            guest.sockets.closed(handle);
            HostUdp2::drop(&mut WasiSocketsView::sockets(guest), Resource::new_own(handle))
        },
    )
}

/// What makes sockets, in place of WASI's own: with the rights of a part and in its namespace.
pub fn bind2(linker: &mut Linker<Guest>, part: usize, start: &str) -> wasmtime::Result<()> {
    linker.instance(&format!("{start}{CREATE_TCP2}"))?.func_wrap(
        "create-tcp-socket",
        move |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            let guest = store.data_mut();
            let Some(place) = guest.door_of(part).place() else {
                return Ok((Err(Code2::NewSocketLimit),));
            };
            let slot = guest.grant.part(part).slot;
            let mut view = guest.sockets_of(part);
            match slot.during(|| tcp_create_socket::Host::create_tcp_socket(&mut view, family)) {
                Ok(socket) => Ok((Ok(guest.made(socket, place)),)),
                Err(error) => Ok((Err(error.downcast()?),)),
            }
        },
    )?;
    linker.instance(&format!("{start}{CREATE_UDP2}"))?.func_wrap_async(
        "create-udp-socket",
        move |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let Some(place) = guest.door_of(part).place() else {
                    return Ok((Err(Code2::NewSocketLimit),));
                };
                let slot = guest.grant.part(part).slot;
                let mut view = guest.sockets_of(part);
                let make = udp_create_socket::Host::create_udp_socket(&mut view, family);
                match slot.around(make).await {
                    Ok(socket) => Ok((Ok(guest.made(socket, place)),)),
                    Err(error) => Ok((Err(error.downcast()?),)),
                }
            })
        },
    )
}

/// The same of WASI 0.3, whose types are not shared: they can make sockets.
pub fn bind3(linker: &mut Linker<Guest>, part: usize, start: &str) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let bound = shadow3(&mut linker.instance(&format!("{start}{TYPES3}"))?, part);
    linker.allow_shadowing(false);
    bound
}

fn shadow3(types: &mut LinkerInstance<'_, Guest>, part: usize) -> wasmtime::Result<()> {
    types.func_wrap(
        "[static]tcp-socket.create",
        move |mut store: Store<'_>, (family,): (Family3,)| {
            let guest = store.data_mut();
            let Some(place) = guest.door_of(part).place() else { return Ok((Err(noplace()),)) };
            let mut rights = guest.door_of(part).rights(place.clone());
            let slot = guest.grant.part(part).slot;
            let mut view = guest.sockets_of(part);
            view.ctx = &mut rights;
            match slot.during(|| HostTcp3::create(&mut view, family)) {
                Ok(socket) => Ok((Ok(guest.made(socket, place)),)),
                Err(error) => Ok((Err(error.downcast()?),)),
            }
        },
    )?;
    types.func_wrap_async(
        "[static]udp-socket.create",
        move |mut store: Store<'_>, (family,): (Family3,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let Some(place) = guest.door_of(part).place() else {
                    return Ok((Err(noplace()),));
                };
                let slot = guest.grant.part(part).slot;
                let mut view = guest.sockets_of(part);
                match slot.around(HostUdp3::create(&mut view, family)).await {
                    Ok(socket) => Ok((Ok(guest.made(socket, place)),)),
                    Err(error) => Ok((Err(error.downcast()?),)),
                }
            })
        },
    )?;
    types.func_wrap(
        "[method]tcp-socket.send",
        |mut store: Store<'_>, (socket, data): (Resource<Tcp3>, StreamReader<u8>)| {
            let place = store.data_mut().sockets.place_of(socket.rep());
            let end = WasiSockets::send(access(&mut store), socket, data)?;
            Ok((held(store, end, place)?,))
        },
    )?;
    types.func_wrap(
        "[method]tcp-socket.receive",
        |mut store: Store<'_>, (socket,): (Resource<Tcp3>,)| {
            let place = store.data_mut().sockets.place_of(socket.rep());
            let (bytes, end) = WasiSockets::receive(access(&mut store), socket)?;
            Ok(((bytes, held(store, end, place)?),))
        },
    )?;
    types.resource(
        "tcp-socket",
        ResourceType::host::<Tcp3>(),
        |mut store: Store<'_>, handle| {
            let guest = store.data_mut();
            guest.sockets.closed(handle);
            HostTcp3::drop(&mut WasiSocketsView::sockets(guest), Resource::new_own(handle))
        },
    )?;
    types.resource("udp-socket", ResourceType::host::<Udp3>(), |mut store: Store<'_>, handle| {
        let guest = store.data_mut();
        guest.sockets.closed(handle);
        HostUdp3::drop(&mut WasiSocketsView::sockets(guest), Resource::new_own(handle))
    })
}

impl Guest {
    fn made<S: 'static>(&mut self, socket: Resource<S>, place: Place) -> Resource<S> {
        self.sockets.places.insert(socket.rep(), place);
        socket
    }
}

/// WASI 0.3 has no code of its own for it.
fn noplace() -> Code3 {
    Code3::Other(Some("new-socket-limit".to_string()))
}

fn access<'a>(store: &'a mut Store<'_>) -> Access<'a, Guest, WasiSockets> {
    Access::new(store.as_context_mut(), |guest| WasiSocketsView::sockets(guest))
}

type End = Result<(), Code3>;

/// The end of a stream, which has the place until then.
fn held(
    mut store: Store<'_>,
    end: FutureReader<End>,
    place: Option<Place>,
) -> wasmtime::Result<FutureReader<End>> {
    let (told, here) = oneshot::channel();
    end.pipe(&mut store, Holder { told: Some(told), place })?;
    FutureReader::new(&mut store, here)
}

struct Holder {
    told: Option<oneshot::Sender<End>>,
    place: Option<Place>,
}

impl FutureConsumer<Guest> for Holder {
    type Item = End;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<Guest>,
        mut from: Source<'_, End>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut end = None;
        from.read(store, &mut end)?;
        if let (Some(told), Some(end)) = (self.told.take(), end) {
            // Nobody has to listen.
            let _ = told.send(end);
        }
        self.place = None;
        Poll::Ready(Ok(()))
    }
}
