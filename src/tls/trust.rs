//! The certificates that may vouch for a server.

use std::collections::HashSet;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Trust anchors, and the certificates they were made from.
#[derive(Debug)]
pub struct TrustStore {
    pub(super) anchors: RootCertStore,
    /// Kept to recognise a server certificate that is itself trusted.
    certificates: HashSet<Vec<u8>>,
}

impl TrustStore {
    /// Trusts these certificates (DER). One that cannot serve as an anchor is left out, as OpenSSL does.
    pub fn new(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let certificates: HashSet<Vec<u8>> = certificates.into_iter().collect();
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_slice())));
        TrustStore { anchors, certificates }
    }

    /// Whether this very certificate is among the trusted ones.
    pub fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.contains(certificate.as_ref())
    }
}
