//! Why a chain was refused, under the code Node has for it. A refusal stands; here it is only named.
//!
//! webpki tells the most specific fault of all the chains it tried. OpenSSL, and so Node, builds one chain by the names
//! and key identifiers of the issuers, and tells where that chain ends. Both are needed for Node's codes.

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use webpki::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, GeneralSubtree, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::failure::refusal;
use super::purpose::has_weak_key;
use super::trust::TrustStore;

/// OpenSSL's limit; who sends more is told that the chain is too long.
const LONGEST: usize = 100;

/// So many names are held against so many constraints, at most: a server may have sent thousands of both.
const COMPARED: usize = 200;

/// The object identifiers of signatures with MD2, MD4, MD5 and SHA-1, DER.
const WEAK_SIGNATURES: [&[u8]; 5] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x02],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x03],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],
];

/// Names the refusal of this chain.
pub(super) fn explain(
    error: Error,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    trust: &TrustStore,
    is_name_checked: bool,
) -> CertificateError {
    let Some(chain) = Chain::build(leaf, intermediates, trust) else {
        return CertificateError::BadEncoding;
    };
    match error {
        Error::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        Error::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        Error::InvalidCertValidity => CertificateError::Expired,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => CertificateError::InvalidPurpose,
        Error::EndEntityUsedAsCa => refusal("INVALID_CA", "an issuer of its chain is no authority"),
        Error::PathLenConstraintViolated => refusal(
            "PATH_LENGTH_EXCEEDED",
            "an authority of its chain allows fewer of them below it",
        ),
        Error::NameConstraintViolation => chain.constraint_violated(),
        Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            refusal("CERT_CHAIN_TOO_LONG", &format!("its chain is too long ({error})"))
        }
        // What is left may be said of a chain that would not be trusted anyhow, which then is the first thing to know.
        other => chain
            .end_reached()
            .unwrap_or_else(|| chain.fault(&other, is_name_checked)),
    }
}

/// Where a chain ends that follows names and key identifiers upwards.
enum End {
    /// At a trusted certificate.
    Trusted,
    /// At a certificate that vouches for itself.
    SelfSigned,
    /// At one whose issuer is not known.
    Missing,
}

/// A chain as OpenSSL builds it, the leaf first and the trusted certificate, if there is one, last.
struct Chain<'a> {
    certificates: Vec<X509Certificate<'a>>,
    end: End,
}

impl<'a> Chain<'a> {
    /// None if the leaf cannot be parsed.
    fn build(
        leaf: &'a CertificateDer<'_>,
        intermediates: &'a [CertificateDer<'_>],
        trust: &'a TrustStore,
    ) -> Option<Self> {
        let mut unused: Vec<_> = intermediates.iter().filter_map(parse).collect();
        let mut certificates = vec![parse(leaf)?];
        let end = loop {
            let top = certificates.last()?;
            if issues(top, top) {
                break End::SelfSigned;
            }
            let is_issuer = |candidate: &X509Certificate<'_>| issues(candidate, top);
            let root = trust.named(top.issuer().as_raw()).filter_map(parse).find(is_issuer);
            let next = unused.iter().position(is_issuer);
            if let Some(root) = root {
                certificates.push(root);
                break End::Trusted;
            }
            match next {
                Some(index) if certificates.len() < LONGEST => certificates.push(unused.swap_remove(index)),
                _ => break End::Missing,
            }
        };
        Some(Chain { certificates, end })
    }

    /// That the chain does not lead to anybody trusted, if so.
    fn end_reached(&self) -> Option<CertificateError> {
        match (&self.end, self.certificates.len()) {
            (End::Trusted, _) => None,
            (End::SelfSigned, 1) => Some(refusal(
                "DEPTH_ZERO_SELF_SIGNED_CERT",
                "it is self-signed and not trusted",
            )),
            (End::SelfSigned, _) => Some(refusal(
                "SELF_SIGNED_CERT_IN_CHAIN",
                "its chain ends in a self-signed certificate that is not trusted",
            )),
            (End::Missing, 1) => Some(refusal(
                "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
                "no trusted issuer of it is known",
            )),
            (End::Missing, _) => Some(refusal(
                "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
                "its chain does not lead to a trusted issuer",
            )),
        }
    }

    /// What is wrong with a chain that does lead to somebody trusted.
    fn fault(&self, error: &Error, is_name_checked: bool) -> CertificateError {
        match error {
            Error::InvalidSignatureForPublicKey if self.certificates.iter().skip(1).any(has_weak_key) => refusal(
                "CA_KEY_TOO_SMALL",
                "an authority of its chain has an RSA key shorter than 2048 bits",
            ),
            Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => CertificateError::BadSignature,
            Error::UnsupportedSignatureAlgorithmContext(context)
                if WEAK_SIGNATURES
                    .iter()
                    .any(|oid| contains(&context.signature_algorithm_id, oid)) =>
            {
                refusal(
                    "CA_MD_TOO_WEAK",
                    "a certificate of its chain is signed with SHA-1 or older",
                )
            }
            Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => refusal(
                "UNSUPPORTED_SIGNATURE_ALGORITHM",
                "a certificate of its chain is signed in an unknown way",
            ),
            Error::UnsupportedCriticalExtension => CertificateError::UnhandledCriticalExtension,
            Error::CaUsedAsEndEntity => refusal(
                "INVALID_PURPOSE",
                "it is the certificate of an authority, not of a server",
            ),
            Error::UnsupportedCertVersion if self.certificates[0].version() != X509Version::V1 => refusal(
                "INVALID_CA",
                "an issuer of its chain is of X.509 version 1, which marks no authority",
            ),
            // Without alternative names it is for no name at all.
            Error::UnsupportedCertVersion if is_name_checked => CertificateError::NotValidForName,
            other => refusal("CERT_REJECTED", &other.to_string()),
        }
    }

    /// Which kind of name constraint the leaf breaks: a name that is excluded, or else one that is not permitted.
    fn constraint_violated(&self) -> CertificateError {
        let names = match self.certificates[0].subject_alternative_name() {
            Ok(Some(names)) => &names.value.general_names[..],
            _ => &[],
        };
        let excluded = self
            .certificates
            .iter()
            .skip(1)
            .any(|issuer| match issuer.name_constraints() {
                Ok(Some(constraints)) => constraints
                    .value
                    .excluded_subtrees
                    .iter()
                    .flatten()
                    .take(COMPARED)
                    .any(|subtree| names.iter().take(COMPARED).any(|name| is_within(name, subtree))),
                _ => false,
            });
        match excluded {
            true => refusal(
                "EXCLUDED_VIOLATION",
                "an authority of its chain is excluded from one of its names",
            ),
            false => refusal(
                "PERMITTED_VIOLATION",
                "an authority of its chain is not permitted one of its names",
            ),
        }
    }
}

/// Whether one certificate seems to be issued by another: by the names, and the identifiers of the keys if both have one.
fn issues(issuer: &X509Certificate<'_>, issued: &X509Certificate<'_>) -> bool {
    if issuer.subject().as_raw() != issued.issuer().as_raw() {
        return false;
    }
    let own = issuer
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0),
            _ => None,
        });
    let wanted = issued
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.as_ref().map(|key| key.0),
            _ => None,
        });
    match (own, wanted) {
        (Some(own), Some(wanted)) => own == wanted,
        _ => true,
    }
}

fn is_within(name: &GeneralName<'_>, subtree: &GeneralSubtree<'_>) -> bool {
    match (name, &subtree.base) {
        (GeneralName::DNSName(name), GeneralName::DNSName(base)) => {
            let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
            let rest = name.strip_suffix(base.trim_start_matches('.'));
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        (GeneralName::IPAddress(address), GeneralName::IPAddress(base)) if base.len() == 2 * address.len() => {
            let (base, mask) = base.split_at(address.len());
            address
                .iter()
                .zip(base)
                .zip(mask)
                .all(|((byte, base), mask)| byte & mask == base & mask)
        }
        _ => false,
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der.as_ref())
        .ok()
        .map(|(_, certificate)| certificate)
}
