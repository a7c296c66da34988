// SPDX-License-Identifier: Apache-2.0
//! A door with a number of places behind it and a line in front.
//!
//! Belongs here: counting in and out, first come first served. Does not belong here: what
//! the places are for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

pub struct Gate {
    state: Mutex<State>,
}

struct State {
    places: usize,
    line_max: usize,
    inside: usize,
    line: VecDeque<oneshot::Sender<()>>,
}

/// One place; given back when dropped.
pub struct Pass {
    gate: Arc<Gate>,
}

/// Someone in line, who may give up at the moment the place is given.
struct Waiter {
    gate: Arc<Gate>,
    call: oneshot::Receiver<()>,
    arrived: bool,
}

impl Gate {
    pub fn new(places: usize, line_max: usize) -> Arc<Gate> {
        let state = State { places, line_max, inside: 0, line: VecDeque::new() };
        Arc::new(Gate { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn resize(&self, places: usize, line_max: usize) {
        let mut state = self.state();
        state.places = places;
        state.line_max = line_max;
        state.call_in();
    }

    /// How many are behind the door.
    pub fn inside(&self) -> usize {
        self.state().inside
    }

    /// A place, or nothing if the line is too long or the wait was.
    pub async fn enter(self: &Arc<Self>, patience: Duration) -> Option<Pass> {
        let mut waiter = {
            let mut state = self.state();
            if state.inside < state.places && state.line.is_empty() {
                state.inside += 1;
                return Some(Pass { gate: self.clone() });
            }
            if state.line.len() >= state.line_max {
                state.line.retain(|waiting| !waiting.is_closed());
            }
            if state.line.len() >= state.line_max {
                return None;
            }
            let (sender, call) = oneshot::channel();
            state.line.push_back(sender);
            Waiter { gate: self.clone(), call, arrived: false }
        };
        match tokio::time::timeout(patience, &mut waiter.call).await {
            Ok(Ok(())) => {
                waiter.arrived = true;
                Some(Pass { gate: self.clone() })
            }
            _ => None,
        }
    }

    fn leave(&self) {
        let mut state = self.state();
        state.inside -= 1;
        state.call_in();
    }
}

impl State {
    fn call_in(&mut self) {
        while self.inside < self.places {
            let Some(next) = self.line.pop_front() else { return };
            if next.send(()).is_ok() {
                self.inside += 1;
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if !self.arrived {
            self.call.close();
            if self.call.try_recv().is_ok() {
                self.gate.leave();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use std::future::Future;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    fn run(test: impl Future<Output = ()>) {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(test),
            Err(error) => panic!("no runtime: {error}"),
        }
    }

    #[test]
    fn whoever_comes_first_goes_in_first() {
        run(async {
            let gate = Gate::new(1, 8);
            let first = gate.enter(LONG).await;
            let second = tokio::spawn({
                let gate = gate.clone();
                async move { gate.enter(LONG).await }
            });
            tokio::task::yield_now().await;
            assert!(!second.is_finished());
            assert!(gate.enter(Duration::ZERO).await.is_none());
            drop(first);
            assert!(second.await.is_ok_and(|pass| pass.is_some()));
        });
    }

    #[test]
    fn a_full_line_turns_away() {
        run(async {
            let gate = Gate::new(1, 0);
            let held = gate.enter(LONG).await;
            assert!(held.is_some());
            assert!(gate.enter(LONG).await.is_none());
        });
    }

    #[test]
    fn giving_up_leaves_the_place_to_others() {
        run(async {
            let gate = Gate::new(1, 8);
            let held = gate.enter(LONG).await;
            assert!(gate.enter(Duration::ZERO).await.is_none());
            drop(held);
            assert!(gate.enter(Duration::ZERO).await.is_some());
        });
    }

    #[test]
    fn more_places_let_the_line_in() {
        run(async {
            let gate = Gate::new(0, 8);
            let waiting = tokio::spawn({
                let gate = gate.clone();
                async move { gate.enter(LONG).await.is_some() }
            });
            tokio::task::yield_now().await;
            gate.resize(1, 8);
            assert!(waiting.await.is_ok_and(|entered| entered));
        });
    }
}
