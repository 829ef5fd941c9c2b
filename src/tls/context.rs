//! Client configurations.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};

use super::failure::TlsFailure;
use super::key_log::KeyLogFile;
use super::trust::TrustStore;
use super::verify::{Scope, Verifier};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

/// What distinguishes one client configuration from another. All of it was checked before.
#[derive(Debug)]
pub struct Settings {
    /// Who may vouch for the server.
    pub trust: Arc<TrustStore>,
    /// The client's certificate chain, leaf first, DER, and its private key, PKCS#8 DER.
    pub credentials: Option<(Vec<Vec<u8>>, Vec<u8>)>,
    /// The protocols to offer, the preferred one first; none offers no ALPN.
    pub alpn: Vec<Vec<u8>>,
    /// False accepts any certificate.
    pub reject_unauthorized: bool,
    /// False leaves the check of the name to whoever asked for the connection.
    pub check_name: bool,
    /// Whether the server is told the name it is asked for.
    pub sni: bool,
    /// The oldest version accepted.
    pub min_version: Version,
    /// The newest version offered.
    pub max_version: Version,
    /// The file to append the secrets of each session to. Whoever reads it can decrypt what is recorded. No handshake waits
    /// for it.
    pub key_log: Option<PathBuf>,
}

/// A client configuration with its session tickets.
#[derive(Debug)]
pub struct Context(Arc<ClientConfig>);

impl Context {
    /// Builds the configuration; about a millisecond for a full set of trust anchors, so keep the result.
    pub fn new(settings: Settings) -> Result<Self, TlsFailure> {
        let provider = provider();
        let scope = match (settings.reject_unauthorized, settings.check_name) {
            (false, _) => Scope::Nothing,
            (true, true) => Scope::Full,
            (true, false) => Scope::ChainOnly,
        };
        let verifier = Verifier {
            trust: settings.trust,
            provider: provider.clone(),
            scope,
        };
        let versions: Vec<_> = [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)]
            .into_iter()
            .filter(|(version, _)| (settings.min_version..=settings.max_version).contains(version))
            .map(|(_, version)| version)
            .collect();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| TlsFailure::from_rustls(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match settings.credentials {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = chain.into_iter().map(CertificateDer::from).collect();
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| TlsFailure::from_rustls(&error))?
            }
        };
        config.alpn_protocols = settings.alpn;
        config.enable_sni = settings.sni;
        if let Some(path) = settings.key_log {
            config.key_log = Arc::new(KeyLogFile::open(&path)?);
        }
        Ok(Context(Arc::new(config)))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        self.0.clone()
    }
}

fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc")))]
    return Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "aws-lc", feature = "ring")))]
    compile_error!("a crypto provider is needed: enable the feature `aws-lc` or `ring`");
}
