// SPDX-License-Identifier: Apache-2.0
//! How large the pool may be on this machine, and whether its memory can swap.
//!
//! Belongs here: reading what the kernel says of its limits. Does not belong here: the pool.

use skep_engine_config::{MEMORY_GUARD, MEMORY_RESERVATION};
use std::fs;
use std::path::Path;

const INSTANCES_DEFAULT: u32 = 16_000;

/// Each slot reserves 4 GiB of a 47-bit address space: more do not fit beside the rest.
const INSTANCES_MAX: u32 = 20_000;

/// Mappings for everything but instances: code, libraries, threads, loaded components.
const MAPS_RESERVED: u64 = 8_192;

/// Two of a fiber stack (the stack and its guard, whether used or not), three of a live
/// memory (image, zeroed rest, unmapped rest).
const MAPS_PER_INSTANCE: u64 = 5;

/// The kernel's default, for where /proc/sys is not to be seen.
const MAX_MAP_COUNT_DEFAULT: u64 = 65_530;

/// Descriptors of a worker without tasks.
const FILES_RESERVED: u64 = 256;

/// The least that one needs: a listener, a connection or a stream.
const FILES_PER_INSTANCE: u64 = 1;

/// Address space for everything but instances.
const SPACE_RESERVED: u64 = 1 << 30;

/// A memory with its guard, a stack with its own.
const SPACE_PER_INSTANCE: u64 = MEMORY_RESERVATION + MEMORY_GUARD + (4 << 20);

pub struct Size {
    pub instances: u32,
    /// Said where fewer fit than were asked for.
    pub note: Option<String>,
}

/// Something that every instance takes a part of.
struct Supply {
    what: &'static str,
    is: u64,
    reserved: u64,
    each: u64,
}

impl Supply {
    fn fits(&self) -> u32 {
        let fits = self.is.saturating_sub(self.reserved) / self.each;
        u32::try_from(fits).unwrap_or(u32::MAX).max(1)
    }

    /// What to do about it, if it is too little for so many.
    fn advice(&self, wanted: u32) -> Option<String> {
        let Supply { what, is, reserved, each } = self;
        let needed = reserved + each * u64::from(wanted);
        (self.fits() < wanted).then(|| format!("{what} is {is}; set it to at least {needed}"))
    }
}

pub fn size(wanted: u32) -> Size {
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok())
        .unwrap_or(MAX_MAP_COUNT_DEFAULT);
    let files = limit(libc::RLIMIT_NOFILE);
    let space = limit(libc::RLIMIT_AS);
    fit(wanted, &supplies(maps, files, space))
}

/// A limit of this process, in the kernel's unit.
fn limit(which: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills in what is ours.
    if unsafe { libc::getrlimit(which, &mut limit) } == 0 { limit.rlim_cur } else { u64::MAX }
}

fn supplies(maps: u64, files: u64, space: u64) -> [Supply; 3] {
    let supply = |what, is, reserved, each| Supply { what, is, reserved, each };
    [
        supply("vm.max_map_count", maps, MAPS_RESERVED, MAPS_PER_INSTANCE),
        supply("the limit of open files (LimitNOFILE)", files, FILES_RESERVED, FILES_PER_INSTANCE),
        supply("the limit of address space (LimitAS)", space, SPACE_RESERVED, SPACE_PER_INSTANCE),
    ]
}

fn fit(wanted: u32, supplies: &[Supply]) -> Size {
    let wanted = if wanted == 0 { INSTANCES_DEFAULT } else { wanted };
    let most = wanted.min(INSTANCES_MAX);
    let instances = supplies.iter().map(Supply::fits).fold(most, u32::min);
    let mut reasons: Vec<_> = supplies.iter().filter_map(|one| one.advice(most)).collect();
    if most < wanted {
        reasons.push(format!("more than {INSTANCES_MAX} do not fit into a process"));
    }
    let note = (!reasons.is_empty())
        .then(|| format!("room for {instances} instances, not {wanted}: {}", reasons.join("; ")));
    Size { instances, note }
}

/// Whether memory of this process may be swapped out now: some swap space is on, and no
/// cgroup above us forbids its use.
pub fn may_swap() -> bool {
    let Ok(swaps) = fs::read_to_string("/proc/swaps") else { return true };
    if swaps.lines().count() <= 1 {
        return false;
    }
    !swap_is_forbidden()
}

fn swap_is_forbidden() -> bool {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return false;
    };
    let root = Path::new("/sys/fs/cgroup");
    root.join(path).ancestors().take_while(|folder| *folder != root).any(|folder| {
        fs::read_to_string(folder.join("memory.swap.max")).is_ok_and(|max| max.trim() == "0")
    })
}

#[cfg(test)]
mod tests {
    use super::{Size, fit, supplies};

    const ENOUGH: u64 = u64::MAX;

    fn note(size: &Size) -> &str {
        size.note.as_deref().unwrap_or_default()
    }

    #[test]
    fn the_map_count_clamps_and_says_what_it_should_be() {
        let size = fit(16_000, &supplies(65_530, ENOUGH, ENOUGH));
        assert_eq!(size.instances, 11_467);
        assert_eq!(
            note(&size),
            "room for 11467 instances, not 16000: vm.max_map_count is 65530; \
             set it to at least 88192"
        );
    }

    #[test]
    fn open_files_clamp_and_say_what_they_should_be() {
        let size = fit(0, &supplies(262_144, 1_024, ENOUGH));
        assert_eq!(size.instances, 768);
        assert!(note(&size).ends_with("(LimitNOFILE) is 1024; set it to at least 16256"));
    }

    #[test]
    fn a_limit_of_address_space_clamps_and_says_what_it_should_be() {
        let size = fit(1_000, &supplies(262_144, ENOUGH, 41 << 30));
        assert_eq!(size.instances, 9);
        assert!(note(&size).contains("(LimitAS) is 44023414784; set it to at least 43"));
    }

    #[test]
    fn all_that_is_too_little_is_in_one_line() {
        let size = fit(16_000, &supplies(65_530, 1_024, ENOUGH));
        assert_eq!(size.instances, 768);
        assert!(note(&size).contains("max_map_count") && note(&size).contains("LimitNOFILE"));
    }

    #[test]
    fn enough_of_everything_gives_what_was_asked_for() {
        let size = fit(16_000, &supplies(262_144, 20_000, ENOUGH));
        assert_eq!(size.instances, 16_000);
        assert!(size.note.is_none());
    }

    #[test]
    fn a_process_has_an_end() {
        let size = fit(1_000_000, &supplies(10_000_000, ENOUGH, ENOUGH));
        assert_eq!(size.instances, 20_000);
        assert!(note(&size).ends_with("more than 20000 do not fit into a process"));
    }
}
