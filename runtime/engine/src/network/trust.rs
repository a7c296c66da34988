// SPDX-License-Identifier: Apache-2.0
//! Whom TLS believes: the certificates of the pod's trust store.
//!
//! Belongs here: reading PEM once, and keeping one copy for all tasks that have the same.
//! Does not belong here: connections (outgoing.rs).

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

pub struct Trust {
    pem: Vec<u8>,
    config: OnceLock<Option<Arc<ClientConfig>>>,
}

/// Stores in use. Few: pods of a node have the bundle of an image or of the host.
static STORES: Mutex<Vec<Weak<Trust>>> = Mutex::new(Vec::new());

impl Trust {
    /// The store of these bytes.
    pub fn shared(pem: Vec<u8>) -> Arc<Trust> {
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|store| store.strong_count() > 0);
        if let Some(known) = stores.iter().filter_map(Weak::upgrade).find(|one| one.pem == pem) {
            return known;
        }
        let trust = Arc::new(Trust { pem, config: OnceLock::new() });
        stores.push(Arc::downgrade(&trust));
        trust
    }

    /// What a connection starts from; `None`: nobody is trusted.
    pub fn config(&self) -> Option<Arc<ClientConfig>> {
        self.config.get_or_init(|| self.read()).clone()
    }

    fn read(&self) -> Option<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&self.pem).flatten());
        if roots.is_empty() {
            return None;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().ok()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Arc::new(config))
    }
}
