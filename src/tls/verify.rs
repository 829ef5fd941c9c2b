//! The check of a server's certificate.
//!
//! webpki builds and checks the chain. On top of it: a certificate that is itself trusted passes even where it is
//! marked as an authority (`openssl req -x509` marks it so, Node accepts it, webpki alone does not); what webpki leaves
//! unchecked is checked (`purpose`); and a refusal is told as finely as Node tells it (`explain`).

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, VerifiedPath};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::explain::explain;
use super::failure::{refusal, unproven};
use super::purpose::{check_anchor, check_intermediate, check_server, check_trusted_server};
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
        let name = match self.scope {
            Scope::Nothing => return Ok(ServerCertVerified::assertion()),
            Scope::ChainOnly => None,
            Scope::Full => Some(name),
        };
        let verdict = match self.trust.contains(leaf) {
            true => verify_trusted_leaf(leaf, name, now),
            false => self.verify_chain(leaf, intermediates, name, now),
        };
        verdict?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match EndEntityCert::try_from(certificate) {
            Ok(_) => verify_tls12_signature(message, certificate, signature, algorithms),
            Err(_) => verify_tls12_signature_with_key_alone(message, &key_of(certificate)?, signature, algorithms),
        }
        .map_err(not_proven)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match EndEntityCert::try_from(certificate) {
            Ok(_) => verify_tls13_signature(message, certificate, signature, algorithms),
            Err(_) => verify_tls13_signature_with_raw_key(message, &key_of(certificate)?, signature, algorithms),
        }
        .map_err(not_proven)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let explained = |error| explain(error, leaf, intermediates, &self.trust, name.is_some());
        let parsed = EndEntityCert::try_from(leaf).map_err(explained)?;
        // The first chain whose signatures hold and which something else speaks against: more to the point than that no
        // other chain was found.
        let objection = RefCell::new(None);
        let check_path = |path: &VerifiedPath<'_>| {
            self.check_path(path, now).map_err(|reason| {
                objection.borrow_mut().get_or_insert(reason);
                webpki::Error::UnknownIssuer
            })
        };
        let outcome = parsed.verify_for_usage(
            self.provider.signature_verification_algorithms.all,
            &self.trust.anchors,
            intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            Some(&check_path),
        );
        if let Err(error) = outcome {
            return Err(objection.take().unwrap_or_else(|| explained(error)));
        }
        match name {
            Some(name) => verify_name(&parsed, name),
            None => Ok(()),
        }
    }

    /// What webpki leaves unchecked of a chain that it has built.
    fn check_path(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<(), CertificateError> {
        check_server(&read(&path.end_entity().der())?)?;
        let mut issued_by_others = 0;
        for intermediate in path.intermediate_certificates() {
            check_intermediate(&read(&intermediate.der())?)?;
            issued_by_others += usize::from(intermediate.issuer() != intermediate.subject());
        }
        match self.trust.source(path.anchor()) {
            Some(source) => check_anchor(&read(source)?, issued_by_others, now),
            None => Err(refusal("CERT_REJECTED", "its authority is not among the trusted ones")),
        }
    }
}

/// How many names of a certificate are told when none is right.
const NAMES_TOLD: usize = 5;

fn verify_name(parsed: &EndEntityCert<'_>, name: &ServerName<'_>) -> Result<(), CertificateError> {
    parsed
        .verify_is_valid_for_subject_name(name)
        .map_err(|_| wrong_name(name, parsed.valid_dns_names()))
}

fn wrong_name<'a>(expected: &ServerName<'_>, presented: impl Iterator<Item = &'a str>) -> CertificateError {
    CertificateError::NotValidForNameContext {
        expected: expected.to_owned(),
        presented: presented.take(NAMES_TOLD).map(str::to_owned).collect(),
    }
}

/// A certificate that needs no issuer, since it is trusted itself.
fn verify_trusted_leaf(
    leaf: &CertificateDer<'_>,
    name: Option<&ServerName<'_>>,
    now: UnixTime,
) -> Result<(), CertificateError> {
    let certificate = read(leaf)?;
    check_trusted_server(&certificate, now)?;
    match name {
        // Like Node: a certificate without alternative names, as `openssl req -x509 -subj /CN=host` makes it, stands for
        // its common name. Only for one that was trusted by hand; authorities must issue alternative names.
        Some(name @ ServerName::DnsName(host)) if matches!(certificate.subject_alternative_name(), Ok(None)) => {
            let names: Vec<_> = certificate
                .subject()
                .iter_common_name()
                .filter_map(|name| name.as_str().ok())
                .collect();
            match names.iter().any(|common| stands_for(common, host.as_ref())) {
                true => Ok(()),
                false => Err(wrong_name(name, names.iter().copied())),
            }
        }
        Some(name) => match EndEntityCert::try_from(leaf) {
            Ok(parsed) => verify_name(&parsed, name),
            // Of X.509 version 1: without alternative names, it is for no address.
            Err(_) => Err(wrong_name(name, [].into_iter())),
        },
        None => Ok(()),
    }
}

/// Whether a common name is the host's, or that of its domain with a star for the first label.
fn stands_for(common: &str, host: &str) -> bool {
    let rest = |name: &str| name.split_once('.').map(|(_, rest)| rest.to_ascii_lowercase());
    common.eq_ignore_ascii_case(host) || (common.starts_with("*.") && rest(common) == rest(host))
}

/// The key of a certificate that webpki does not parse, such as one of X.509 version 1, and that was accepted all the
/// same: it is trusted itself, or verification is off. The server has to prove that it holds it, like any other.
fn key_of(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    Ok(SubjectPublicKeyInfoDer::from(
        read(certificate)?.public_key().raw.to_vec(),
    ))
}

/// What rustls has for TLS 1.3 alone.
fn verify_tls12_signature_with_key_alone(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let of_scheme = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signature.scheme);
    let (_, candidates) = of_scheme.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
    // A scheme of TLS 1.2 leaves the curve open, so that there may be several algorithms to it.
    let proves = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        key.verify_signature(*algorithm, message, signature.signature()).is_ok()
    };
    match candidates.iter().any(proves) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// The server could not sign the handshake with the key of its certificate, which is no fault of the certificate.
fn not_proven(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(reason) => unproven(&reason).into(),
        other => other,
    }
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    match X509Certificate::from_der(der.as_ref()) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(CertificateError::BadEncoding),
    }
}
