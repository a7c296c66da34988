// SPDX-License-Identifier: Apache-2.0
//! Who this compiler is: equal identities put out interchangeable code.
//!
//! Belongs here: what goes into the identity. It becomes part of every key of the cache.

use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use wasmtime::Engine;

/// Digest of sources, dependencies and rustc (build.rs).
const BUILD_ID: &str = env!("SKEP_COMPILER_ID");

/// Feeds whatever is hashed into SHA-256; `Hash` alone would give 64 bits.
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"))
    }
}

/// 64 hexadecimal digits: the build id, and Wasmtime's compatibility hash, which covers its
/// version, target, the CPU features it found, Cranelift's flags, tunables and proposals.
pub fn identity(engine: &Engine) -> String {
    let mut feed = Feed(Sha256::new());
    feed.0.update(BUILD_ID);
    engine.precompile_compatibility_hash().hash(&mut feed);
    format!("{:x}", feed.0.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut wasmtime::Config)) -> String {
        let mut config = skep_engine_config::code();
        change(&mut config);
        identity(&Engine::new(&config).unwrap())
    }

    #[test]
    fn the_identity_is_stable_and_a_digest() {
        let one = of(|_| {});
        assert_eq!(one, of(|_| {}));
        assert_eq!(one.len(), 64);
        assert!(one.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    }

    #[test]
    fn settings_and_cpu_features_change_the_identity() {
        let one = of(|_| {});
        assert_ne!(
            one,
            of(|config| {
                config.epoch_interruption(false);
            })
        );
        #[cfg(target_arch = "x86_64")]
        {
            let target = |config: &mut wasmtime::Config| {
                config.target("x86_64-unknown-linux-gnu").unwrap();
            };
            let with_avx2 = |config: &mut wasmtime::Config| {
                target(config);
                // SAFETY: the code is never run.
                unsafe { config.cranelift_flag_enable("has_avx2") };
            };
            assert_ne!(of(target), of(with_avx2));
        }
    }
}
