//! The certificates that may vouch for a server.

use std::collections::HashSet;

use rustls::pki_types::{CertificateDer, TrustAnchor};

/// Trust anchors, and the certificates they were made from.
#[derive(Debug)]
pub struct TrustStore {
    /// Names and keys, as chains are built from them.
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// The certificate of each anchor, in the same order: an anchor forgets dates and uses.
    sources: Vec<CertificateDer<'static>>,
    /// Certificates that cannot serve as an anchor. They still stand for themselves.
    others: Vec<CertificateDer<'static>>,
}

impl TrustStore {
    /// Trusts these certificates (DER). One that cannot serve as an anchor vouches for itself alone.
    pub fn new(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut store = TrustStore {
            anchors: Vec::new(),
            sources: Vec::new(),
            others: Vec::new(),
        };
        let mut seen = HashSet::new();
        for certificate in certificates {
            if !seen.insert(certificate.clone()) {
                continue;
            }
            let certificate = CertificateDer::from(certificate);
            // Takes X.509 version 1 too, of which there are old roots.
            match webpki::anchor_from_trusted_cert(&certificate).map(|anchor| anchor.to_owned()) {
                Ok(anchor) => {
                    store.anchors.push(anchor);
                    store.sources.push(certificate);
                }
                Err(_) => store.others.push(certificate),
            }
        }
        store
    }

    /// Whether this very certificate is among the trusted ones.
    pub fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.sources.contains(certificate) || self.others.contains(certificate)
    }

    /// The certificate of one of the anchors.
    pub(super) fn source(&self, anchor: &TrustAnchor<'_>) -> Option<&CertificateDer<'static>> {
        let index = self.anchors.iter().position(|each| std::ptr::eq(each, anchor))?;
        self.sources.get(index)
    }

    /// The certificates whose subject is this name (DER).
    pub(super) fn named(&self, name: &[u8]) -> impl Iterator<Item = &CertificateDer<'static>> {
        let is_named = move |anchor: &TrustAnchor<'_>| content(name).is_some_and(|name| *anchor.subject == *name);
        let pairs = self.anchors.iter().zip(&self.sources);
        pairs
            .filter(move |(anchor, _)| is_named(anchor))
            .map(|(_, source)| source)
    }
}

/// What a DER value holds, without its tag and its length: an anchor keeps no more of its name.
fn content(der: &[u8]) -> Option<&[u8]> {
    match *der.get(1)? {
        length if length < 0x80 => der.get(2..),
        length => der.get(2 + usize::from(length & 0x7f)..),
    }
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn a_value_is_told_from_its_length_in_both_forms() {
        assert_eq!(content(&[0x30, 2, 7, 8]), Some(&[7, 8][..]));
        assert_eq!(content(&[0x30, 0]), Some(&[][..]));
        let long = [&[0x30, 0x82, 1, 0][..], &[7; 256]].concat();
        assert_eq!(content(&long), Some(&[7; 256][..]));
        assert_eq!(content(&[0x30]), None);
    }
}
