//! TLS on top of a TCP stream, through rustls.
//!
//! - [`TrustStore`]: the certificates that may vouch for a server, parsed once.
//! - [`Context`]: everything a handshake needs but the server's name; built once per distinct settings, so that the
//!   cost of a client configuration is not paid per connection. Session tickets live inside one context, never across.
//! - [`Handshake`]: turns a TCP stream into a [`TlsStream`].
//!
//! The provider is always passed explicitly: what another addon or crate installs process-wide has no effect here.

mod context;
mod explain;
mod failure;
mod key_log;
mod purpose;
mod trust;
mod verify;

pub use context::{Context, Settings, Version};
pub use failure::TlsFailure;
pub use trust::TrustStore;

use std::io;

use rustls::pki_types::ServerName;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Failure, Step};
use crate::prefetch::Prefetch;
use crate::tcp::Tcp;

/// What was agreed on in a handshake.
#[derive(Clone, Debug)]
pub struct Session {
    /// `TLSv1.2` or `TLSv1.3`, as Node writes it.
    pub version: &'static str,
    /// The cipher suite by its IANA name.
    pub cipher: String,
    /// The protocol agreed on through ALPN.
    pub alpn: Option<Vec<u8>>,
    /// The certificate of the server, DER.
    pub peer_certificate: Vec<u8>,
}

impl Session {
    /// Reads the outcome of a finished handshake.
    pub fn of(stream: &TlsStream<Prefetch>) -> Self {
        let (_, connection) = stream.get_ref();
        let cipher = connection.negotiated_cipher_suite().map(|suite| suite.suite());
        Session {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher: iana_name(cipher.and_then(|suite| suite.as_str()).unwrap_or_default()),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificate: connection
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map_or_else(Vec::new, |certificate| certificate.to_vec()),
        }
    }
}

/// rustls writes the suites of TLS 1.3 with a prefix of its own: `TLS13_AES_128_GCM_SHA256`.
fn iana_name(rustls_name: &str) -> String {
    rustls_name.replacen("TLS13_", "TLS_", 1)
}

/// The client side of a handshake, on a thread apart from the one that moves bytes.
#[derive(Debug)]
pub struct Handshake(JoinSet<io::Result<TlsStream<Prefetch>>>);

impl Handshake {
    /// Begins a handshake on `stream`, for which a runtime waits.
    pub fn start(thread: &Handle, context: &Context, name: ServerName<'static>, stream: Tcp) -> Self {
        let mut task = JoinSet::new();
        task.spawn_on(
            TlsConnector::from(context.config()).connect(name, Prefetch::new(stream)),
            thread,
        );
        Handshake(task)
    }

    /// Waits for its outcome.
    pub async fn finish(&mut self) -> Result<TlsStream<Prefetch>, Failure> {
        match self.0.join_next().await {
            Some(Ok(Ok(stream))) => Ok(stream),
            Some(Ok(Err(error))) => Err(Failure::from_io(Step::Handshake, &error).at(Step::Handshake)),
            Some(Err(_)) | None => Err(TlsFailure::internal("the TLS handshake task ended unexpectedly").into()),
        }
    }

    /// Gives it up; its descriptor is released when this returns.
    pub async fn abandon(mut self) {
        self.0.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::iana_name;

    #[test]
    fn cipher_names_are_ianas() {
        assert_eq!(iana_name("TLS13_AES_256_GCM_SHA384"), "TLS_AES_256_GCM_SHA384");
        assert_eq!(
            iana_name("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        );
    }
}
