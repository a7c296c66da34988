// SPDX-License-Identifier: Apache-2.0
//! The futures that work for one server: its connections and its requests.
//!
//! Belongs here: starting them, ending them all, waiting until they are gone.
//! Does not belong here: what they do.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

#[derive(Default)]
pub struct Crew {
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
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn size(&self) -> usize {
        self.members().handles.len()
    }

    pub fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        // Under the lock, so that a member which ends at once finds itself on the list.
        let mut members = self.members();
        if members.dismissed {
            return;
        }
        let id = members.next;
        members.next += 1;
        let badge = Badge { crew: self.clone(), id };
        let member = Member { work: Box::pin(work), _badge: badge };
        members.handles.insert(id, tokio::spawn(member).abort_handle());
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

struct Member {
    // Before the badge: when a member is off the list, nothing of it is left.
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    _badge: Badge,
}

impl Future for Member {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.work.as_mut().poll(cx)
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
