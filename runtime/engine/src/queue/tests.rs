// SPDX-License-Identifier: Apache-2.0
use super::Queue;
use crate::counters::Counters;
use crate::lane::{Lane, Seat};
use crate::pulse::Ticker;
use futures::task::noop_waker;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const MS: u64 = 1_000_000;

struct House {
    queue: Arc<Queue>,
    _runtime: Runtime,
    _ticker: Ticker,
}

impl House {
    fn new(permits: usize) -> House {
        let runtime = Runtime::new().expect("a runtime");
        let ticker = Ticker::start(|| {}).expect("a thread");
        let queue = Queue::new(permits, ticker.pulse(), runtime.handle().clone());
        House { queue, _runtime: runtime, _ticker: ticker }
    }

    fn lane(&self) -> Arc<Lane> {
        // SAFETY: null is allowed.
        let counters = unsafe { Counters::new(std::ptr::null(), std::ptr::null()) };
        Lane::new(&self.queue, Arc::new(counters))
    }

    fn seat(&self) -> Seat {
        Seat::new(&self.lane())
    }
}

fn waits(seat: &Seat) -> bool {
    !seat.enter(&noop_waker(), false)
}

fn overtakes(seat: &Seat) -> bool {
    seat.enter(&noop_waker(), true)
}

fn goes_on(seat: &Seat, ns: u64) {
    seat.leave(ns, Some(&noop_waker()));
}

#[test]
fn who_has_used_least_is_next() {
    let house = House::new(1);
    let (first, second, third) = (house.seat(), house.seat(), house.seat());
    assert!(!waits(&first));
    assert!(waits(&second) && waits(&third));
    goes_on(&first, 3 * MS);
    assert!(!waits(&second) && waits(&third) && waits(&first));
    goes_on(&second, 2 * MS);
    assert!(!waits(&third));
    goes_on(&third, 4 * MS);
    assert!(!waits(&second) && waits(&first));
    goes_on(&second, 2 * MS);
    assert!(!waits(&first));
}

#[test]
fn time_counts_by_weight() {
    let house = House::new(1);
    let (heavy, light) = (house.lane(), house.lane());
    heavy.limit(300, None);
    let seats = [Seat::new(&heavy), Seat::new(&light)];
    assert!(!waits(&seats[0]) && waits(&seats[1]));
    let (mut at, mut turns) = (0, [0, 0]);
    for _ in 0..400 {
        turns[at] += 1;
        goes_on(&seats[at], MS);
        at = usize::from(waits(&seats[0]));
        assert!(at == 0 || !waits(&seats[1]));
    }
    assert!((299..=301).contains(&turns[0]), "{turns:?}");
}

#[test]
fn a_short_turn_overtakes_within_its_share() {
    let house = House::new(1);
    let (long, light) = (house.seat(), house.seat());
    assert!(!waits(&long));
    goes_on(&long, 100 * MS);
    assert!(!waits(&long));
    // It waits for nobody, again and again, until it is ahead of the others.
    let mut turns = 0;
    while overtakes(&light) {
        light.leave(MS / 2, None);
        turns += 1;
        assert!(turns < 300);
    }
    assert!(turns > 1);
    assert!(waits(&light));
    // It has its turn in line when the others have used as much.
    goes_on(&long, 100 * MS);
    assert!(!waits(&light));
}

#[test]
fn a_lane_that_idles_saves_nothing_up() {
    let house = House::new(1);
    let (long, other, light) = (house.seat(), house.seat(), house.seat());
    let _ = (waits(&long), waits(&other));
    for _ in 0..50 {
        goes_on(&long, 10 * MS);
        assert!(!waits(&other));
        goes_on(&other, 10 * MS);
        assert!(!waits(&long));
    }
    assert!(overtakes(&light));
    // As much as it may be ahead, and not the second that the others have used.
    light.leave(30 * MS, None);
    assert!(!overtakes(&light));
}

#[test]
fn not_everybody_overtakes_at_once() {
    let house = House::new(2);
    let seats: Vec<Seat> = (0..5).map(|_| house.seat()).collect();
    assert!(!waits(&seats[0]) && !waits(&seats[1]));
    assert!(overtakes(&seats[2]) && overtakes(&seats[3]) && !overtakes(&seats[4]));
    // The one who asked in vain is in line, and a pass is of no use to it any more.
    seats[2].leave(MS, None);
    assert!(!overtakes(&seats[4]));
    assert!(overtakes(&seats[2]));
    seats[2].leave(MS, None);
    seats[0].leave(MS, None);
    assert!(!waits(&seats[4]));
}

#[test]
fn who_is_held_back_does_not_overtake() {
    let house = House::new(1);
    let long = house.seat();
    assert!(!waits(&long));
    let paused = house.lane();
    paused.pause(true);
    assert!(!overtakes(&Seat::new(&paused)));
    let limited = house.lane();
    limited.limit(100, Some((Duration::from_millis(1), Duration::from_secs(3600))));
    let first = Seat::new(&limited);
    assert!(overtakes(&first));
    first.leave(2 * MS, None);
    assert!(!overtakes(&first));
}

#[test]
fn places_that_are_given_up_are_given_back() {
    let house = House::new(1);
    let (long, light, next) = (house.seat(), house.seat(), house.seat());
    assert!(!waits(&long));
    assert!(overtakes(&light));
    drop(light);
    assert!(waits(&next));
    drop(long);
    assert!(!waits(&next));
    let light = house.seat();
    assert!(overtakes(&light));
}
