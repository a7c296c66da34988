// SPDX-License-Identifier: Apache-2.0
//! The futures that work for one task: a command, or the connections and requests of a server.
//!
//! Belongs here: starting them, which threads poll them, ending them all, waiting until they are
//! gone. Does not belong here: what they do.

use crate::pace::{Paces, is_patient};
use crate::turn::{self, Last};
use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub struct Crew {
    paces: Paces,
    members: Mutex<Members>,
    none_left: Notify,
}

#[derive(Default)]
struct Members {
    handles: HashMap<u64, AbortHandle>,
    next: u64,
    dismissed: bool,
}

impl Crew {
    pub fn new(paces: &Paces) -> Arc<Crew> {
        let paces = paces.clone();
        Arc::new(Crew { paces, members: Mutex::default(), none_left: Notify::new() })
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn size(&self) -> usize {
        self.members().handles.len()
    }

    /// Work that is no guest's, but may begin a guest's turn.
    pub fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.take_on(Box::pin(work), false, false);
    }

    /// Work that consists of a guest's turns. It goes to the threads that suit it, time and again;
    /// `is_long` if its first turn has been interrupted.
    pub fn spawn_guest(
        self: &Arc<Self>,
        work: impl Future<Output = ()> + Send + 'static,
        is_long: bool,
    ) {
        self.take_on(Box::pin(work), true, is_long);
    }

    fn take_on(self: &Arc<Self>, work: Work, is_guest: bool, is_long: bool) {
        // Under the lock, so that a member which ends at once finds itself on the list.
        let mut members = self.members();
        if members.dismissed {
            return;
        }
        let id = members.next;
        members.next += 1;
        let badge = Badge { crew: self.clone(), id };
        let member = Member { work: Some(work), badge: Some(badge), is_guest };
        members.handles.insert(id, self.start(member, is_long));
    }

    fn start(&self, member: Member, is_long: bool) -> AbortHandle {
        let threads = if is_long { &self.paces.patient } else { &self.paces.prompt };
        threads.spawn(member).abort_handle()
    }

    /// A member goes on as another of the executor's tasks.
    fn transfer(&self, id: u64, member: Member, is_long: bool) {
        let mut members = self.members();
        if members.dismissed {
            drop(members);
            drop(member);
            return;
        }
        members.handles.insert(id, self.start(member, is_long));
    }

    /// Ends all members wherever they are, and lets no new ones in.
    pub fn dismiss(&self) {
        let mut members = self.members();
        members.dismissed = true;
        for handle in members.handles.values() {
            handle.abort();
        }
    }

    pub fn is_dismissed(&self) -> bool {
        self.members().dismissed
    }

    /// Completes when there are no members.
    pub async fn gone(&self) {
        loop {
            let mut gone = pin!(self.none_left.notified());
            gone.as_mut().enable();
            if self.size() == 0 {
                return;
            }
            gone.await;
        }
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Member {
    // Before the badge: when a member is off the list, nothing of it is left.
    work: Option<Work>,
    badge: Option<Badge>,
    is_guest: bool,
}

impl Member {
    /// To the patient threads when it computes for longer than a slice, and back when it waits.
    fn move_on(&mut self, last: Last) {
        let is_long = last == Last::Interrupted;
        if is_long == is_patient() {
            return;
        }
        let Some(badge) = self.badge.take() else { return };
        let (crew, id) = (badge.crew.clone(), badge.id);
        let work = self.work.take();
        crew.transfer(id, Member { work, badge: Some(badge), is_guest: true }, is_long);
    }
}

impl Future for Member {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (Some(work), Some(badge)) = (&mut this.work, &this.badge) else {
            return Poll::Ready(());
        };
        turn::last();
        let polled = {
            let _home = badge.crew.paces.at_home();
            work.as_mut().poll(cx)
        };
        if this.is_guest
            && polled.is_pending()
            && let Some(last) = turn::last()
        {
            this.move_on(last);
            if this.work.is_none() {
                return Poll::Ready(());
            }
        }
        polled
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(badge) = &self.badge {
            let _home = badge.crew.paces.at_home();
            self.work = None;
        }
    }
}

struct Badge {
    crew: Arc<Crew>,
    id: u64,
}

impl Drop for Badge {
    fn drop(&mut self) {
        let handle = {
            let mut members = self.crew.members();
            let handle = members.handles.remove(&self.id);
            if members.handles.is_empty() {
                self.crew.none_left.notify_waiters();
            }
            handle
        };
        drop(handle);
    }
}
