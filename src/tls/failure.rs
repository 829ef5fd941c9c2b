//! Why TLS failed, under the names Node uses.

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

use crate::error::Step;

/// A refusal of the server's certificate, under a code that rustls has no word for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Rejection {
    code: &'static str,
    message: String,
}

/// Refuses the server's certificate.
pub(super) fn refusal(code: &'static str, reason: &str) -> CertificateError {
    let message = format!("the server's certificate was refused: {reason}");
    CertificateError::Other(OtherError(Arc::new(Rejection { code, message })))
}

/// Refuses a server that could not sign the handshake with the key of its certificate.
pub(super) fn unproven(reason: &CertificateError) -> CertificateError {
    let message = format!("the server did not prove that it holds the key of its certificate: {reason}");
    let code = "ERR_SOCKET_TLS_PROTOCOL";
    CertificateError::Other(OtherError(Arc::new(Rejection { code, message })))
}

/// A failure of TLS itself: of a certificate, by an alert, or of the protocol.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TlsFailure {
    /// The stable code.
    pub code: &'static str,
    /// What happened, for a person.
    pub message: String,
    /// The step at which it came up.
    pub step: Step,
    /// The number of the alert that the peer sent.
    pub alert: Option<u8>,
}

impl TlsFailure {
    fn new(code: &'static str, message: String) -> Self {
        TlsFailure {
            code,
            message,
            step: Step::Handshake,
            alert: None,
        }
    }

    /// A failure that no peer can cause.
    pub fn internal(message: &str) -> Self {
        TlsFailure::new("ERR_SOCKET_TLS_PROTOCOL", message.to_owned())
    }

    /// Names the cause of a rustls error.
    pub fn from_rustls(error: &Error) -> Self {
        match error {
            Error::AlertReceived(alert) => {
                let mut failure =
                    TlsFailure::new("ERR_SOCKET_TLS_ALERT", format!("the peer sent a TLS alert: {alert:?}"));
                failure.alert = Some(u8::from(*alert));
                failure
            }
            Error::InvalidCertificate(error) => from_certificate(error),
            Error::InconsistentKeys(_) => TlsFailure::new(
                "ERR_INVALID_ARG_VALUE",
                "the private key does not belong to the certificate".into(),
            ),
            other => TlsFailure::new("ERR_SOCKET_TLS_PROTOCOL", format!("TLS failed: {other}")),
        }
    }
}

fn from_certificate(error: &CertificateError) -> TlsFailure {
    if let CertificateError::Other(other) = error
        && let Some(Rejection { code, message }) = other.0.downcast_ref::<Rejection>()
    {
        return TlsFailure::new(code, message.clone());
    }
    let code = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "CERT_HAS_EXPIRED",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "CERT_NOT_YET_VALID",
        CertificateError::Revoked => "CERT_REVOKED",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "ERR_TLS_CERT_ALTNAME_INVALID"
        }
        CertificateError::BadSignature => "CERT_SIGNATURE_FAILURE",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "INVALID_PURPOSE",
        CertificateError::UnhandledCriticalExtension => "UNHANDLED_CRITICAL_EXTENSION",
        _ => "CERT_REJECTED",
    };
    let reason = match error {
        CertificateError::Other(other) => other.0.to_string(),
        CertificateError::BadSignature => "a signature of its chain is wrong".into(),
        CertificateError::InvalidPurpose => "it, or an authority of its chain, is not for servers".into(),
        CertificateError::UnhandledCriticalExtension => {
            "it, or another of its chain, has a critical extension that is not known".into()
        }
        other => other.to_string(),
    };
    TlsFailure::new(code, format!("the server's certificate was refused: {reason}"))
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn an_alert_keeps_its_number() {
        let failure = TlsFailure::from_rustls(&Error::AlertReceived(AlertDescription::HandshakeFailure));
        assert_eq!((failure.code, failure.alert), ("ERR_SOCKET_TLS_ALERT", Some(40)));
    }

    #[test]
    fn a_wrong_name_has_nodes_code() {
        let failure = TlsFailure::from_rustls(&Error::InvalidCertificate(CertificateError::NotValidForName));
        assert_eq!(failure.code, "ERR_TLS_CERT_ALTNAME_INVALID");
    }
}
