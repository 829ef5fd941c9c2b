//! Connections as a program would open them with tokio and tokio-rustls, and what they can ask the server for
//! (bench-server/protocol.rs has the answers).

use std::env;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::job::{Job, SecureTransport};

/// Plain or TLS, which the scenarios do not care about.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

pub type Connection = Box<dyn Stream>;

/// The eight plain bytes that ask for TLS on the "starttls" port; the server agrees with one.
const TLS_REQUEST: &[u8] = b"tttttttt";

/// Opens connections to one port of the server.
#[derive(Clone)]
pub struct Client {
    address: (IpAddr, u16),
    secure_transport: SecureTransport,
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Client {
    pub fn new(job: &Job) -> Result<Self, Box<dyn Error>> {
        let host: IpAddr = job.host.parse()?;
        let mut roots = RootCertStore::empty();
        // Where the other clients find the authority as well.
        for certificate in CertificateDer::pem_file_iter(env::var("NODE_EXTRA_CA_CERTS")?)? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            address: (host, job.port),
            secure_transport: job.secure_transport,
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::IpAddress(host.into()),
        })
    }

    /// Ready to send: after the handshake, and with "starttls" after the upgrade.
    pub async fn connect(&self) -> io::Result<Connection> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        match self.secure_transport {
            SecureTransport::Off => return Ok(Box::new(stream)),
            SecureTransport::On => {}
            SecureTransport::StartTls => {
                stream.write_all(TLS_REQUEST).await?;
                stream.read_u8().await?;
            }
        }
        Ok(Box::new(self.connector.connect(self.name.clone(), stream).await?))
    }

    /// A connection that sends messages of this size back, after a first round trip.
    pub async fn open_echo(&self, message: &[u8]) -> io::Result<Connection> {
        let mut connection = self.connect().await?;
        let request = [&echo(message.len())[..], message].concat();
        connection.write_all(&request).await?;
        connection.flush().await?;
        connection.read_exact(&mut vec![0; message.len()]).await?;
        Ok(connection)
    }
}

/// So many bytes are sent.
pub fn download(bytes: usize) -> [u8; 17] {
    request(b'D', bytes, 0)
}

/// So many bytes are read, and answered with one.
pub fn upload(bytes: usize) -> [u8; 17] {
    request(b'U', bytes, 0)
}

/// At most `bytes` are read every `milliseconds`, until the client ends.
pub fn read_slowly(bytes: usize, milliseconds: u64) -> [u8; 17] {
    request(b'S', bytes, milliseconds * 1000)
}

fn echo(length: usize) -> [u8; 17] {
    request(b'E', length, 0)
}

fn request(letter: u8, a: usize, b: u64) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[0] = letter;
    bytes[1..9].copy_from_slice(&(a as u64).to_be_bytes());
    bytes[9..].copy_from_slice(&b.to_be_bytes());
    bytes
}
