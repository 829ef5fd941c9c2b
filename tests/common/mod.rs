//! What the tests of connections share: the handle's side as a [`Client`], the other end as a [`Peer`] of a [`Host`].
//!
//! Everything runs on the thread of the test, so the driver moves only while the test waits. What a test does between
//! two waits, the driver sees at once.
//!
//! With `WATCH=1` in the environment a watch tells of what comes in, as it does in Node, and else the runtime. What is
//! tested holds either way.

#![allow(
    dead_code,
    reason = "each file of tests is a crate of its own and uses a part of this"
)]

pub mod certificates;
pub mod tls;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use winter_sockets::connect::{Target, Terms};
use winter_sockets::connection::{Accept, Connection, Read, TlsRequest};
use winter_sockets::driver::{self, Plan};
use winter_sockets::error::Failure;
use winter_sockets::events::{EventQueue, flag};
use winter_sockets::runtime::Threads;
use winter_sockets::watch::Watch;

/// Long enough for the slowest machine: running out of it means failure.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for what must happen.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A connection as its handle sees it.
pub struct Client {
    connection: Arc<Connection>,
    events: Arc<EventQueue<Connection>>,
    doorbell: Arc<Doorbell>,
    /// Told and not yet asked for by the test.
    pending: u32,
    /// Read to see whether there was something.
    seen: RefCell<VecDeque<u8>>,
}

#[derive(Default)]
struct Doorbell {
    rung: Notify,
    rings: AtomicU32,
}

impl Client {
    /// Plain, from its first byte to its last.
    pub fn to(host: &Host) -> Self {
        Client::start(host.plan())
    }

    /// TLS from its first byte.
    pub fn secure(host: &Host, request: TlsRequest) -> Self {
        let tls = Some(request);
        Client::start(Plan { tls, ..host.plan() })
    }

    /// Waits for its addresses.
    pub fn given() -> Self {
        Client::given_under(Terms::default())
    }

    /// Under terms of the host's.
    pub fn under(terms: Terms, host: &Host) -> Self {
        let terms = Arc::new(terms);
        Client::start(Plan { terms, ..host.plan() })
    }

    /// The same, waiting for its addresses.
    pub fn given_under(terms: Terms) -> Self {
        let host = "given.test".to_owned();
        Client::start(Plan {
            target: Target::Given {
                host,
                port: 0,
                vouched: true,
            },
            tls: None,
            terms: Arc::new(terms),
        })
    }

    /// One that is up, and the peer that it reached.
    pub async fn opened() -> (Self, Peer) {
        let host = Host::new().await;
        Client::to(&host).open(&host).await
    }

    /// The same, with a watch that tells of what comes in.
    pub async fn watched() -> (Self, Peer) {
        let host = Host::new().await;
        Client::watched_with(host.plan()).open(&host).await
    }

    /// One that is not up yet, with a watch.
    pub fn watched_with(plan: Plan) -> Self {
        Client::start_with(plan, Some(Watch::new().unwrap()))
    }

    async fn open(mut self, host: &Host) -> (Self, Peer) {
        let peer = host.accept().await;
        self.told(flag::OPENED).await;
        (self, peer)
    }

    fn start(plan: Plan) -> Self {
        Client::start_with(plan, usual_watch())
    }

    fn start_with(plan: Plan, watch: Option<Watch>) -> Self {
        Client::driven(watch, |connection| driver::start(this_thread(), connection, plan))
    }

    /// One whose driver can be aborted.
    pub async fn abortable() -> (Self, Peer, JoinHandle<()>) {
        let host = Host::new().await;
        let mut task = None;
        let client = Client::driven(usual_watch(), |connection| {
            task = Some(tokio::spawn(driver::run(this_thread(), connection, host.plan())));
        });
        let (client, peer) = client.open(&host).await;
        (client, peer, task.expect("it was just started"))
    }

    fn driven(watch: Option<Watch>, drive: impl FnOnce(Arc<Connection>)) -> Self {
        let doorbell = Arc::new(Doorbell::default());
        let bell = doorbell.clone();
        let ring = move || {
            bell.rings.fetch_add(1, Ordering::Relaxed);
            bell.rung.notify_one();
        };
        let events = Arc::new(EventQueue::new(ring).with_watch(watch.map(Arc::new)));
        let client = Client {
            connection: Connection::new(1, events.clone()),
            events,
            doorbell,
            pending: 0,
            seen: RefCell::default(),
        };
        drive(client.connection.clone());
        client
    }

    /// Waits until all of `flags` are told.
    pub async fn told(&mut self, flags: u32) {
        let what = format!("events {flags:#b}");
        within(&what, async {
            while self.collect() & flags != flags {
                match self.events.watch() {
                    None => self.doorbell.rung.notified().await,
                    Some(_) => yield_now().await,
                }
            }
        })
        .await;
        self.pending &= !flags;
    }

    /// What was told so far and not asked for by [`Self::told`].
    pub fn events(&mut self) -> u32 {
        self.collect();
        std::mem::take(&mut self.pending)
    }

    /// What tells of what comes in.
    pub fn watch(&self) -> &Watch {
        self.events.watch().expect("the connection is a watched one")
    }

    /// How often the doorbell was rung.
    pub fn rings(&self) -> u32 {
        self.doorbell.rings.load(Ordering::Relaxed)
    }

    /// Waits for something to be told, without asking what.
    pub async fn rung(&self) {
        self.doorbell.rung.notified().await;
    }

    /// Waits for the connection to fail.
    pub async fn failed(&mut self) -> Failure {
        self.told(flag::FAILED).await;
        self.why()
    }

    /// The failure that is there.
    pub fn why(&self) -> Failure {
        self.failure().expect("the connection has failed").0
    }

    /// Waits for `count` bytes.
    pub async fn receive(&mut self, count: usize) -> Vec<u8> {
        let (data, _) = self.read(count).await;
        assert_eq!(data.len(), count, "the stream ended early");
        data
    }

    /// Reads to the end, or to the failure.
    pub async fn receive_all(&mut self) -> (Vec<u8>, Read) {
        self.read(usize::MAX).await
    }

    async fn read(&mut self, limit: usize) -> (Vec<u8>, Read) {
        let mut data = Vec::new();
        loop {
            let mut target = vec![0; (64 * 1024).min(limit - data.len())];
            match self.read_some(&mut target) {
                Read::Bytes(count) => {
                    data.extend_from_slice(&target[..count]);
                    if data.len() == limit {
                        return (data, Read::Pending);
                    }
                }
                Read::Pending => self.told(flag::READABLE).await,
                last @ (Read::End | Read::Failed) => return (data, last),
            }
        }
    }

    fn read_some(&self, target: &mut [u8]) -> Read {
        let mut seen = self.seen.borrow_mut();
        if seen.is_empty() {
            return self.connection.read(target);
        }
        let count = seen.len().min(target.len());
        for (byte, seen) in target.iter_mut().zip(seen.drain(..count)) {
            *byte = seen;
        }
        Read::Bytes(count)
    }

    /// What a read finds: a number of bytes that are there to be received.
    pub fn poll_read(&self) -> Read {
        let mut seen = self.seen.borrow_mut();
        if seen.is_empty() {
            let mut target = [0; 1024];
            match self.connection.read(&mut target) {
                Read::Bytes(count) => seen.extend(&target[..count]),
                other => return other,
            }
        }
        Read::Bytes(seen.len())
    }

    /// A write that the driver sends.
    pub fn write(&self, data: &[u8]) -> (u64, Accept) {
        let written = self.connection.write(data);
        if written.flush
            && let Some(driver) = self.connection.hand_over()
        {
            driver.wake();
        }
        (written.position, written.accept)
    }

    /// The connection itself.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// A write that leaves on the thread of the caller.
    pub fn write_and_flush(&self, data: &[u8]) -> Accept {
        let written = self.connection.write(data);
        if written.flush {
            self.connection.flush();
        }
        written.accept
    }

    /// Has the driver decrypt ahead, as it does by itself where no watch tells the reader.
    pub fn decrypt_ahead(&self) {
        if let Some(driver) = self.hand_over_reading() {
            driver.wake();
        }
    }

    /// Waits for `count` bytes without asking for them.
    pub async fn take_ahead(&mut self, count: usize) -> Vec<u8> {
        within("bytes that nobody asked for", async {
            while self.readable() < count {
                yield_now().await;
            }
        })
        .await;
        self.receive(count).await
    }

    /// Lets the driver act on what has arrived for it: with the first byte to the peer the runtime learns of it, by the
    /// second the driver has seen it.
    pub async fn turn<S: AsyncRead + AsyncWrite + Unpin>(&mut self, peer: &mut Peer<S>) {
        for _ in 0..2 {
            self.stage(b".");
            assert_eq!(peer.receive(1).await, b".");
        }
    }

    fn collect(&mut self) -> u32 {
        let waiting = self.events.take(usize::MAX);
        assert!(waiting.len() <= 1, "a connection stands in the queue once");
        for connection in waiting {
            self.pending |= connection.take_events();
        }
        if let Some(watch) = self.events.watch() {
            watch.take(|news| {
                self.connection.note(news);
                if self.connection.take_waiting_read() {
                    self.pending |= flag::READABLE;
                }
            });
        }
        self.pending
    }
}

impl Deref for Client {
    type Target = Arc<Connection>;

    fn deref(&self) -> &Arc<Connection> {
        &self.connection
    }
}

fn usual_watch() -> Option<Watch> {
    std::env::var_os("WATCH").map(|_| Watch::new().unwrap())
}

/// Drivers and handshakes on the thread of the test.
pub fn this_thread() -> Threads {
    Threads {
        io: Handle::current(),
        handshakes: Handle::current(),
    }
}

/// More than the kernel takes from us for a peer that does not read.
pub const TOO_MUCH: usize = 16 * 1024 * 1024;

/// Listens on loopback.
pub struct Host(pub TcpListener);

impl Host {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Inherited by what is accepted, and then not grown by the kernel: a peer that does not read is soon felt, whatever
        // the machine's settings, and many tests at once do not use up the kernel's memory for TCP.
        SockRef::from(&listener).set_recv_buffer_size(256 * 1024).unwrap();
        Host(listener)
    }

    /// One that lets further handshakes wait until somebody accepts what is there already, which is the other end of the stream.
    pub async fn with_a_full_queue() -> (Self, TcpStream) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let host = Host(socket.listen(0).unwrap());
        let first = TcpStream::connect(host.address()).await.unwrap();
        (host, first)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// To connect to it, in plaintext.
    pub fn plan(&self) -> Plan {
        Plan {
            target: Target::Host {
                host: self.address().ip().to_string(),
                port: self.address().port(),
            },
            tls: None,
            terms: Arc::default(),
        }
    }

    pub async fn accept(&self) -> Peer {
        let (stream, _) = within("a connection", self.0.accept()).await.unwrap();
        Peer(stream)
    }
}

/// The other end of a connection, over TCP or TLS.
pub struct Peer<S = TcpStream>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub async fn send(&mut self, data: &[u8]) {
        within("the peer's write", self.0.write_all(data)).await.unwrap();
        within("the peer's flush", self.0.flush()).await.unwrap();
    }

    pub async fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut data = vec![0; count];
        within("bytes at the peer", self.0.read_exact(&mut data)).await.unwrap();
        data
    }

    /// Reads to the end.
    pub async fn receive_all(&mut self) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        within("the end at the peer", self.0.read_to_end(&mut data)).await?;
        Ok(data)
    }

    /// Ends the peer's side of the stream: close_notify if it is TLS, and FIN.
    pub async fn end(&mut self) {
        within("the peer's end", self.0.shutdown()).await.unwrap();
    }
}

impl Peer {
    /// Resets the connection.
    pub fn reset(self) {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Ends both sides and waits, with the whole thread, until all it sent has reached the kernel of the other end.
    pub fn leave(self) {
        SockRef::from(&self.0).set_linger(Some(PATIENCE)).unwrap();
    }
}
