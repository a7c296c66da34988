// SPDX-License-Identifier: Apache-2.0
//! Lines of ours on a server's stderr, not more than it can use.
//!
//! Belongs here: the rate. Does not belong here: the words.

use crate::stdio::Output;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines in one period; those beyond are counted, and the count is the next one's first line.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

pub struct Complaints {
    state: Mutex<State>,
}

struct State {
    since: Instant,
    said: u32,
    unsaid: u64,
}

impl Default for Complaints {
    fn default() -> Complaints {
        Complaints { state: Mutex::new(State { since: Instant::now(), said: 0, unsaid: 0 }) }
    }
}

impl Complaints {
    pub fn say(&self, stderr: &Output, text: &str) {
        if let Some(lines) = self.lines(text, Instant::now()) {
            let _ = stderr.offer(&lines);
        }
    }

    fn lines(&self, text: &str, now: Instant) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(state.since) >= PERIOD {
            state.since = now;
            state.said = 0;
        }
        if state.said >= LINES {
            state.unsaid += 1;
            return None;
        }
        state.said += 1;
        let unsaid = std::mem::take(&mut state.unsaid);
        let text = text.replace('\n', " ");
        if unsaid == 0 {
            return Some(format!("skep: {text}\n"));
        }
        Some(format!("skep: {unsaid} more failures were not logged\nskep: {text}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Complaints, LINES, PERIOD};
    use std::time::Instant;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let complaints = Complaints::default();
        let now = Instant::now();
        for _ in 0..LINES {
            assert!(complaints.lines("it trapped", now).is_some());
        }
        assert!(complaints.lines("it trapped", now).is_none());
        assert!(complaints.lines("it trapped", now).is_none());
        let later = complaints.lines("again\nit trapped", now + PERIOD);
        assert_eq!(
            later.as_deref(),
            Some("skep: 2 more failures were not logged\nskep: again it trapped\n")
        );
    }
}
