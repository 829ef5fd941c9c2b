//! What the key exchange that withstands a quantum computer costs. A measurement, run on request:
//! `cargo test --release --no-default-features --features aws-lc --test cost -- --ignored --nocapture`

#![cfg(feature = "aws-lc")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use common::certificates::{Authority, NAME};

const HANDSHAKES: u32 = 500;

/// What one handshake takes of a client and of a server: time, and the size of the first message.
struct Cost {
    client: Duration,
    server: Duration,
    hello: usize,
}

fn measure(provider: &Arc<CryptoProvider>) -> Cost {
    let root = Authority::root();
    let identity = root.server();
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from(root.certificate())).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    client.resumption = rustls::client::Resumption::disabled();
    let chain = identity.chain.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key));
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (client, server) = (Arc::new(client), Arc::new(server));

    let mut cost = Cost {
        client: Duration::ZERO,
        server: Duration::ZERO,
        hello: 0,
    };
    for _ in 0..HANDSHAKES {
        let mut wire = Vec::new();
        let started = Instant::now();
        let mut client = ClientConnection::new(client.clone(), ServerName::try_from(NAME).unwrap()).unwrap();
        client.write_tls(&mut wire).unwrap();
        cost.client += started.elapsed();
        cost.hello = wire.len();

        let mut server = ServerConnection::new(server.clone()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let started = Instant::now();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            cost.server += started.elapsed();

            let started = Instant::now();
            let mut arrived = wire.as_slice();
            while !arrived.is_empty() {
                client.read_tls(&mut arrived).unwrap();
                client.process_new_packets().unwrap();
            }
            wire.clear();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            cost.client += started.elapsed();
        }
    }
    cost.client /= HANDSHAKES;
    cost.server /= HANDSHAKES;
    cost
}

#[test]
#[ignore = "a measurement"]
fn of_the_hybrid_key_exchange() {
    let classical = CryptoProvider {
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        ..default_provider()
    };
    for (name, provider) in [("X25519", classical), ("X25519MLKEM768", default_provider())] {
        let Cost { client, server, hello } = measure(&Arc::new(provider));
        println!("{name}: client {client:.1?}, server {server:.1?}, ClientHello {hello} bytes");
    }
}
