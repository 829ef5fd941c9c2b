//! The two sides of a handshake: servers, and what a client asks for.

use std::io::{self, Write};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use winter_sockets::connection::TlsRequest;
use winter_sockets::events::flag;
use winter_sockets::tls::{Context, Settings, TrustStore, Version};

use super::certificates::{Authority, Identity, NAME};
use super::{Client, Host, Peer, within};

/// The side of the server.
pub struct Server {
    pub identity: Identity,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub alpn: Vec<Vec<u8>>,
    /// Clients must show a certificate of this authority, DER.
    pub clients: Option<Vec<u8>>,
    /// Sent along with the server's last message of the handshake, which in TLS 1.3 comes before the client's.
    pub early: Vec<u8>,
}

impl Server {
    pub fn new(identity: Identity) -> Self {
        Server {
            identity,
            versions: vec![&TLS12, &TLS13],
            alpn: Vec::new(),
            clients: None,
            early: Vec::new(),
        }
    }

    /// Answers the handshake of the client that `peer` is connected to.
    pub async fn secure(&self, peer: Peer) -> io::Result<Peer<TlsStream<TcpStream>>> {
        let acceptor = TlsAcceptor::from(Arc::new(self.config()));
        let accepted = acceptor.accept_with(peer.0, |connection| {
            connection.writer().write_all(&self.early).unwrap();
        });
        within("the server's handshake", accepted).await.map(Peer)
    }

    fn config(&self) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&self.versions)
            .unwrap();
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from(authority.clone())).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let Identity { chain, key } = self.identity.clone();
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
        let key = provider().key_provider.load_private_key(key).unwrap();
        // Not `with_single_cert`, which refuses a key that belongs to another certificate.
        let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = self.alpn.clone();
        config.send_half_rtt_data = !self.early.is_empty();
        config
    }
}

/// Where both providers are built in, the server takes the one that the client does not: the three builds that can be
/// made test each provider with itself, and the two with each other.
pub fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "ring")]
    return Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(feature = "ring"))]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
}

/// The settings of a client that trusts these certificates (DER), and insists on everything.
pub fn trusting(certificates: impl IntoIterator<Item = Vec<u8>>) -> Settings {
    Settings {
        trust: Arc::new(TrustStore::new(certificates)),
        credentials: None,
        alpn: Vec::new(),
        reject_unauthorized: true,
        check_name: true,
        sni: true,
        min_version: Version::Tls12,
        max_version: Version::Tls13,
        key_log: None,
    }
}

/// Asks for a server of this name.
pub fn request(settings: Settings, name: &str) -> TlsRequest {
    TlsRequest {
        context: Arc::new(Context::new(settings).unwrap()),
        name: ServerName::try_from(name.to_owned()).unwrap(),
        ask_identity: false,
    }
}

/// Asks for [`NAME`].
pub fn request_of(settings: Settings) -> TlsRequest {
    request(settings, NAME)
}

/// A server and what a client needs to reach it; tests change what they are about.
pub fn server_and_settings() -> (Server, Settings) {
    let root = Authority::root();
    (Server::new(root.server()), trusting([root.certificate()]))
}

impl Peer<TlsStream<TcpStream>> {
    /// Resets the connection.
    pub fn reset(self) {
        Peer(self.0.into_inner().0).reset();
    }
}

/// A connection that is up over TLS.
pub async fn opened(server: &Server, request: TlsRequest) -> (Client, Peer<TlsStream<TcpStream>>) {
    let host = Host::new().await;
    let mut client = Client::secure(&host, request);
    let peer = server.secure(host.accept().await).await.unwrap();
    client.told(flag::OPENED).await;
    (client, peer)
}

/// A connection that is up over TLS, with nothing special about it.
pub async fn opened_plainly() -> (Client, Peer<TlsStream<TcpStream>>) {
    let (server, settings) = server_and_settings();
    opened(&server, request_of(settings)).await
}
