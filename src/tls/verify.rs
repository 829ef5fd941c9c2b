//! The check of a server's certificate.
//!
//! rustls builds and checks the chain. On top of it: a certificate that is itself trusted passes even where it is
//! marked as an authority (`openssl req -x509` marks it so, Node accepts it, rustls alone does not), and the cause of
//! an unknown issuer is told as finely as Node tells it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::trust::TrustStore;

/// How far the certificate of the server is checked. Signatures of the handshake are checked in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Chain, dates and name.
    Full,
    /// Chain and dates: the name is checked by a function of the application's, before a byte of it is sent.
    ChainOnly,
    /// Nothing: `rejectUnauthorized: false`.
    Nothing,
}

/// A refusal under the code Node has for it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Rejection {
    pub(super) code: &'static str,
    pub(super) message: String,
}

#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trust: Arc<TrustStore>,
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) scope: Scope,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.scope == Scope::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let name = (self.scope == Scope::Full).then_some(name);
        let parsed = ParsedCertificate::try_from(leaf)?;
        if self.trust.contains(leaf) {
            verify_trusted_leaf(leaf, &parsed, name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &self.trust.anchors, intermediates, now, algorithms) {
            Ok(()) => name.map_or(Ok(()), |name| verify_server_name(&parsed, name))?,
            Err(error) => return Err(explain(error, leaf, intermediates)),
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Dates and name of a certificate that needs no issuer, since it is trusted itself.
fn verify_trusted_leaf(
    leaf: &CertificateDer<'_>,
    parsed: &ParsedCertificate<'_>,
    name: Option<&ServerName<'_>>,
    now: UnixTime,
) -> Result<(), Error> {
    let certificate = read(leaf)?;
    let now = now.as_secs() as i64;
    if now < certificate.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > certificate.validity().not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    match name {
        // Like Node: a certificate without alternative names, as `openssl req -x509 -subj /CN=host` makes it, stands for
        // its common name. Only for one that was trusted by hand; authorities must issue alternative names.
        Some(ServerName::DnsName(host)) if matches!(certificate.subject_alternative_name(), Ok(None)) => {
            let mut names = certificate
                .subject()
                .iter_common_name()
                .filter_map(|name| name.as_str().ok());
            match names.any(|common| stands_for(common, host.as_ref())) {
                true => Ok(()),
                false => Err(CertificateError::NotValidForName.into()),
            }
        }
        Some(name) => verify_server_name(parsed, name),
        None => Ok(()),
    }
}

/// Whether a common name is the host's, or that of its domain with a star for the first label.
fn stands_for(common: &str, host: &str) -> bool {
    let rest = |name: &str| name.split_once('.').map(|(_, rest)| rest.to_ascii_lowercase());
    common.eq_ignore_ascii_case(host) || (common.starts_with("*.") && rest(common) == rest(host))
}

/// Tells an unknown issuer as Node does: which link of the chain is missing, or whether the top vouches for itself.
fn explain(error: Error, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Error {
    let is_ca_as_leaf = matches!(&error, Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
        if inner.to_string().contains("CaUsedAsEndEntity"));
    if !is_ca_as_leaf && error != Error::InvalidCertificate(CertificateError::UnknownIssuer) {
        return error;
    }
    let Ok(leaf) = read(leaf) else { return error };
    let issuers: Vec<_> = intermediates.iter().filter_map(|der| read(der).ok()).collect();
    let mut top = &leaf;
    let mut depth = 0;
    while top.issuer() != top.subject() && depth <= issuers.len() {
        let Some(next) = issuers.iter().find(|candidate| candidate.subject() == top.issuer()) else {
            break;
        };
        top = next;
        depth += 1;
    }
    let self_signed = top.issuer() == top.subject();
    let (code, message) = match (self_signed, depth) {
        (true, 0) => (
            "DEPTH_ZERO_SELF_SIGNED_CERT",
            "the server's certificate is self-signed and not trusted",
        ),
        (true, _) => (
            "SELF_SIGNED_CERT_IN_CHAIN",
            "the chain ends in a self-signed certificate that is not trusted",
        ),
        (false, _) if is_ca_as_leaf => return error,
        (false, 0) => (
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "no trusted issuer of the server's certificate is known",
        ),
        (false, _) => (
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            "the chain of the server's certificate is not trusted",
        ),
    };
    let rejection = Rejection {
        code,
        message: message.to_owned(),
    };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(rejection))))
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(der.as_ref()) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(CertificateError::BadEncoding.into()),
    }
}
