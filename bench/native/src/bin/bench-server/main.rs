//! The server of the benchmark, a process of its own: `bench-server CERTIFICATE KEY`, both paths of PEM files.
//!
//! It prints its ports as one line of JSON, `{"plain":1,"tls":2,"starttls":3}`, and runs until its standard input ends,
//! so that it cannot outlive the program that started it.
//!
//! Each core gets a thread with its own runtime and its own listeners on the same ports. A connection stays on the
//! thread that accepted it: no wake-up of a second thread, which would take the core that the client needs.

mod protocol;
mod tls;

use std::error::Error;
use std::future::pending;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

/// As many connections may wait to be accepted as a client opens in one go.
const BACKLOG: u32 = 4096;

/// What is spoken on a port.
#[derive(Clone, Copy)]
enum Service {
    /// Plain bytes.
    Plain,
    /// TLS from the first byte.
    Tls,
    /// TLS after a request in plain bytes.
    StartTls,
}

const SERVICES: [(&str, Service); 3] = [
    ("plain", Service::Plain),
    ("tls", Service::Tls),
    ("starttls", Service::StartTls),
];

fn main() -> Result<(), Box<dyn Error>> {
    let [certificate, key] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "CERTIFICATE KEY")?;
    let config = tls::server_config(&certificate, &key)?;

    let threads = thread::available_parallelism()?.get();
    let ports = start(threads, &config)?;

    let members: Vec<_> = SERVICES
        .iter()
        .zip(ports)
        .map(|((name, _), port)| format!("\"{name}\":{port}"))
        .collect();
    println!("{{{}}}", members.join(","));
    io::stdout().flush()?;

    io::copy(&mut io::stdin().by_ref(), &mut io::sink())?;
    Ok(())
}

/// Starts the threads; the first one chooses the ports. They end with the process.
fn start(threads: usize, config: &Arc<ServerConfig>) -> io::Result<[u16; SERVICES.len()]> {
    let mut ports = [0; SERVICES.len()];
    for _ in 0..threads {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        for (port, (_, service)) in ports.iter_mut().zip(SERVICES) {
            let listener = listen(*port)?;
            *port = listener.local_addr()?.port();
            runtime.spawn(accept(listener, service, TlsAcceptor::from(config.clone())));
        }
        drop(guard);
        thread::spawn(move || runtime.block_on(pending::<()>()));
    }
    Ok(ports)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, service: Service, acceptor: TlsAcceptor) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, service, acceptor.clone()))),
            // Out of descriptors, most likely: the client will fail, and should be told why.
            Err(error) => eprintln!("bench-server: {error}"),
        }
    }
}

/// One connection. A client that leaves in the middle of something is no failure of the server's.
async fn serve(mut stream: TcpStream, service: Service, acceptor: TlsAcceptor) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match service {
        Service::Plain => protocol::serve(stream).await,
        Service::Tls => protocol::serve(acceptor.accept(stream).await?).await,
        Service::StartTls => {
            protocol::agree_to_tls(&mut stream).await?;
            protocol::serve(acceptor.accept(stream).await?).await
        }
    }
}
