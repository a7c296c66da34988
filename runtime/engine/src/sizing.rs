// SPDX-License-Identifier: Apache-2.0
//! How large the pool may be on this machine, and whether its memory can swap.
//!
//! Belongs here: reading what the kernel says of its limits. Does not belong here: the pool.

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

pub struct Size {
    pub instances: u32,
    /// Said where fewer fit than were asked for.
    pub note: Option<String>,
}

pub fn size(wanted: u32) -> Size {
    let wanted = if wanted == 0 { INSTANCES_DEFAULT } else { wanted };
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok())
        .unwrap_or(MAX_MAP_COUNT_DEFAULT);
    fit(wanted, maps)
}

fn fit(wanted: u32, maps: u64) -> Size {
    let by_maps = maps.saturating_sub(MAPS_RESERVED) / MAPS_PER_INSTANCE;
    let by_maps = u32::try_from(by_maps).unwrap_or(u32::MAX).max(1);
    let instances = wanted.min(INSTANCES_MAX).min(by_maps);
    let note = (instances < wanted).then(|| {
        if by_maps < INSTANCES_MAX {
            let needed = MAPS_RESERVED + MAPS_PER_INSTANCE * u64::from(wanted.min(INSTANCES_MAX));
            format!(
                "room for {instances} instances, not {wanted}: vm.max_map_count is {maps}; \
                 set it to at least {needed}"
            )
        } else {
            format!("room for {instances} instances, not {wanted}: that is the most of a process")
        }
    });
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
    use super::fit;

    #[test]
    fn the_map_count_clamps_and_says_what_it_should_be() {
        let size = fit(16_000, 65_530);
        assert_eq!(size.instances, 11_467);
        assert!(size.note.is_some_and(|note| note.contains("88192")));
    }

    #[test]
    fn enough_maps_give_what_was_asked_for() {
        let size = fit(16_000, 262_144);
        assert_eq!(size.instances, 16_000);
        assert!(size.note.is_none());
    }

    #[test]
    fn the_address_space_clamps_too() {
        let size = fit(1_000_000, 10_000_000);
        assert_eq!(size.instances, 20_000);
        assert!(size.note.is_some());
    }
}
