//! What the certificates of a chain are good for, where webpki does not look: it ignores the key usage, and of a trust
//! anchor everything but name and key. OpenSSL, and so Node, holds all of a chain to the same rules.

use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

use super::failure::refusal;

/// The shortest RSA key whose signatures are verified, in bits.
const RSA_MINIMUM: usize = 2048;

/// The certificate of a server, whoever vouches for it: its key must be strong enough, and meant for TLS.
pub(super) fn check_server(certificate: &X509Certificate<'_>) -> Result<(), CertificateError> {
    let allowed = match certificate.key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => {
            usage.value.digital_signature() || usage.value.key_encipherment() || usage.value.key_agreement()
        }
        Err(_) => false,
    };
    if !allowed {
        return Err(refusal("INVALID_PURPOSE", "its key is not meant for TLS"));
    }
    if has_weak_key(certificate) {
        return Err(refusal("EE_KEY_TOO_SMALL", "its RSA key is shorter than 2048 bits"));
    }
    Ok(())
}

/// The certificate of a server that no chain was built for, since it is trusted itself.
pub(super) fn check_trusted_server(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), CertificateError> {
    check_dates(certificate, now)?;
    check_extensions(certificate)?;
    if !serves_servers(certificate) {
        return Err(CertificateError::InvalidPurpose);
    }
    check_server(certificate)
}

/// An intermediate authority of a chain that webpki has built.
pub(super) fn check_intermediate(certificate: &X509Certificate<'_>) -> Result<(), CertificateError> {
    match certificate.key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.key_cert_sign() => Ok(()),
        _ => Err(no_authority()),
    }
}

/// The trusted authority at the top of a chain with so many intermediates that others have issued.
pub(super) fn check_anchor(
    certificate: &X509Certificate<'_>,
    intermediates: usize,
    now: UnixTime,
) -> Result<(), CertificateError> {
    check_dates(certificate, now)?;
    check_extensions(certificate)?;
    check_intermediate(certificate)?;
    let Ok(constraints) = certificate.basic_constraints() else {
        return Err(no_authority());
    };
    let is_authority = match &constraints {
        Some(constraints) => constraints.value.ca,
        // From before there were such marks, or with another mark: the key is for signing certificates.
        None => certificate.version() == X509Version::V1 || matches!(certificate.key_usage(), Ok(Some(_))),
    };
    if !is_authority {
        return Err(no_authority());
    }
    let allowed = constraints.and_then(|constraints| constraints.value.path_len_constraint);
    if allowed.is_some_and(|allowed| intermediates > allowed as usize) {
        return Err(refusal(
            "PATH_LENGTH_EXCEEDED",
            "an authority allows fewer of them below it",
        ));
    }
    if !serves_servers(certificate) {
        return Err(CertificateError::InvalidPurpose);
    }
    Ok(())
}

/// Whether its key is an RSA key that is too short to be believed.
pub(super) fn has_weak_key(certificate: &X509Certificate<'_>) -> bool {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => {
            let significant = key.modulus.iter().skip_while(|byte| **byte == 0).count();
            significant * 8 < RSA_MINIMUM
        }
        _ => false,
    }
}

fn no_authority() -> CertificateError {
    refusal("INVALID_CA", "an issuer of its chain may not issue certificates")
}

fn check_dates(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let validity = certificate.validity();
    let [not_before, not_after] = [validity.not_before, validity.not_after].map(|time| unix(time.timestamp()));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before });
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after });
    }
    Ok(())
}

/// A time before 1970 is as long ago as 1970 for every purpose here.
fn unix(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// What is marked as critical must be understood.
fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), CertificateError> {
    let understood = |extension: &ParsedExtension<'_>| {
        !matches!(
            extension,
            ParsedExtension::UnsupportedExtension { .. }
                | ParsedExtension::ParseError { .. }
                | ParsedExtension::Unparsed
        )
    };
    let mut critical = certificate.extensions().iter().filter(|extension| extension.critical);
    match critical.all(|extension| understood(extension.parsed_extension())) {
        true => Ok(()),
        false => Err(CertificateError::UnhandledCriticalExtension),
    }
}

fn serves_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.server_auth,
        Err(_) => false,
    }
}
