//! What rustls' two interfaces take for the same bytes, with no network between the two sides. A measurement, run on request:
//! `cargo test --release --no-default-features --features aws-lc --test interfaces -- --ignored --nocapture`

mod common;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::unbuffered::ConnectionState;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use common::certificates::{Authority, NAME};
use common::tls::provider;

/// Moved at a time: four records.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 1024 * 1024 * 1024 / PIECE;
const ROUNDS: usize = 5;

fn configurations() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let root = Authority::root();
    let identity = root.server();
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from(root.certificate())).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let chain = identity.chain.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key));
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    server.send_tls13_tickets = 0;
    (Arc::new(client), Arc::new(server))
}

fn name() -> ServerName<'static> {
    ServerName::try_from(NAME).unwrap()
}

/// What the server has to send.
fn written(server: &mut ServerConnection) -> Vec<u8> {
    let mut wire = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut wire).unwrap();
    }
    wire
}

/// Has the server take what the client sent, and throw away what that said.
fn give(server: &mut ServerConnection, mut wire: &[u8]) {
    let mut plain = [0; 4096];
    while !wire.is_empty() {
        server.read_tls(&mut wire).unwrap();
        server.process_new_packets().unwrap();
        while matches!(server.reader().read(&mut plain), Ok(1..)) {}
    }
}

/// The client's side of one piece each way; what it sends is put at the end of `wire`.
trait Client {
    fn decrypt(&mut self, wire: &[u8], plain: &mut [u8]);
    fn encrypt(&mut self, plain: &[u8], wire: &mut Vec<u8>);
}

impl Client for ClientConnection {
    fn decrypt(&mut self, mut wire: &[u8], plain: &mut [u8]) {
        let mut filled = 0;
        while !wire.is_empty() {
            self.read_tls(&mut wire).unwrap();
            self.process_new_packets().unwrap();
            filled += self.reader().read(&mut plain[filled..]).unwrap_or(0);
        }
        assert_eq!(filled, plain.len());
    }

    fn encrypt(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        self.writer().write_all(plain).unwrap();
        while self.wants_write() {
            self.write_tls(wire).unwrap();
        }
    }
}

struct Unbuffered {
    connection: UnbufferedClientConnection,
    received: Vec<u8>,
}

impl Unbuffered {
    /// Works off `wire`; returns what there is to send.
    fn work_off(&mut self, wire: &[u8], mut take: impl FnMut(&[u8])) -> Vec<u8> {
        self.received.extend_from_slice(wire);
        let (mut used, mut unsent) = (0, Vec::new());
        loop {
            let status = self.connection.process_tls_records(&mut self.received[used..]);
            used += status.discard;
            match status.state.unwrap() {
                ConnectionState::ReadTraffic(mut records) => {
                    while let Some(record) = records.next_record() {
                        take(record.unwrap().payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    let mut room = vec![0; PIECE];
                    let count = data.encode(&mut room).unwrap();
                    unsent.extend_from_slice(&room[..count]);
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => break,
            }
        }
        self.received.drain(..used);
        unsent
    }
}

impl Client for Unbuffered {
    fn decrypt(&mut self, wire: &[u8], plain: &mut [u8]) {
        let mut filled = 0;
        self.work_off(wire, |payload| {
            plain[filled..filled + payload.len()].copy_from_slice(payload);
            filled += payload.len();
        });
        assert_eq!(filled, plain.len());
    }

    fn encrypt(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        wire.resize(PIECE + 1024, 0);
        match self.connection.process_tls_records(&mut []).state.unwrap() {
            ConnectionState::WriteTraffic(mut traffic) => {
                let count = traffic.encrypt(plain, wire).unwrap();
                wire.truncate(count);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn buffered() -> (ClientConnection, ServerConnection) {
    let (client, server) = configurations();
    let mut client = ClientConnection::new(client, name()).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        give(&mut server, &wire);
        let mut wire = &written(&mut server)[..];
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    (client, server)
}

fn unbuffered() -> (Unbuffered, ServerConnection) {
    let (client, server) = configurations();
    let mut client = Unbuffered {
        connection: UnbufferedClientConnection::new(client, name()).unwrap(),
        received: Vec::new(),
    };
    let mut server = ServerConnection::new(server).unwrap();
    let mut wire = Vec::new();
    while server.is_handshaking() {
        let hello = client.work_off(&wire, |_| unreachable!());
        give(&mut server, &hello);
        wire = written(&mut server);
    }
    client.work_off(&wire, |_| unreachable!());
    (client, server)
}

/// The time to decrypt and to encrypt 1 GiB.
fn measure(mut client: impl Client, mut server: ServerConnection) -> (Duration, Duration) {
    let data = vec![7; PIECE];
    let mut plain = vec![0; PIECE];
    let (mut decrypting, mut encrypting) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..PIECES {
        server.writer().write_all(&data).unwrap();
        let wire = written(&mut server);
        let started = Instant::now();
        client.decrypt(&wire, &mut plain);
        decrypting += started.elapsed();

        let mut wire = Vec::with_capacity(PIECE + 1024);
        let started = Instant::now();
        client.encrypt(&data, &mut wire);
        encrypting += started.elapsed();
        give(&mut server, &wire);
    }
    (decrypting, encrypting)
}

#[test]
#[ignore = "a measurement"]
fn buffered_and_unbuffered() {
    for _ in 0..ROUNDS {
        let (client, server) = buffered();
        let (decrypting, encrypting) = measure(client, server);
        println!("buffered: 1 GiB decrypted in {decrypting:.2?}, encrypted in {encrypting:.2?}");
        let (client, server) = unbuffered();
        let (decrypting, encrypting) = measure(client, server);
        println!("unbuffered: 1 GiB decrypted in {decrypting:.2?}, encrypted in {encrypting:.2?}");
    }
}
