//! What a connection's two sides share: the handle that JavaScript holds and the driver task.
//!
//! Two locks. Every section under that of the `State` is short and does no I/O. The handle changes the state and wakes
//! the driver; the driver changes the state and raises events. Neither waits for the other.
//!
//! Where there is a [`Watch`](crate::watch::Watch), the handle's thread hears from it of what comes in while the connection is up, and
//! the driver of none of it, but for TLS of which there is much.
//!
//! The lock of the [`Pump`] is held while bytes move. The driver takes it for a turn; the handle only tries it, and does
//! there a part of the driver's work for it, with the driver's waker: whoever is free moves the bytes. Where both locks
//! are needed, the pump's comes first. Neither is held by a call of the handle's that wakes the driver, since that may poll it
//! there and then: see [`Task`].

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;

use crate::error::{Failure, Step};
use crate::events::{EventQueue, flag};
use crate::inbox::Inbox;
use crate::pump::Pump;
use crate::queue::{Next, SendQueue};
use crate::runtime;
use crate::task::Task;
use crate::tls;
use crate::tuning::Tuning;
use crate::watch::{News, Readiness};

mod driving;
mod handle;

/// What a TLS handshake needs.
#[derive(Clone, Debug)]
pub struct TlsRequest {
    /// The client configuration.
    pub context: Arc<tls::Context>,
    /// The name the server is asked for and checked against.
    pub name: ServerName<'static>,
    /// Whether the handshake waits for [`Connection::accept_identity`] before the connection counts as up.
    pub ask_identity: bool,
}

/// Where a connection that is up leads.
#[derive(Clone, Debug)]
pub struct Info {
    /// Our end.
    pub local: SocketAddr,
    /// The address that was reached.
    pub peer: SocketAddr,
    /// What TLS agreed on, if it is in use.
    pub session: Option<Arc<tls::Session>>,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes, of which there may be more.
    Bytes(usize),
    /// Nothing yet; [`flag::READABLE`] tells when to try again.
    Pending,
    /// The peer's end of the stream.
    End,
    /// The connection failed, and all that came before is read.
    Failed,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Its bytes are on their way.
    Yes,
    /// Too much is waiting before it; [`flag::WRITABLE`] tells when to ask again.
    NotYet,
    /// The connection failed.
    Failed,
}

/// A write that was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The position after its last byte, to be given to [`Connection::accept`].
    pub position: u64,
    /// What became of it.
    pub accept: Accept,
    /// [`Connection::flush`] is to be called, once the caller has written all that it has to write for now.
    pub flush: bool,
}

/// Whether the driver may take bytes from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nobody has asked for bytes: the peer's end or reset goes unnoticed.
    NotAsked,
    /// From the first read on. Plain bytes stay in the kernel until a read takes them from there, and so does what comes over TLS
    /// as long as that is little. Where it is much, it is taken ahead of the reader, up to the bound of the inbox: decrypting is
    /// no work of the reader's thread then.
    Asked,
    /// The reader cancelled: what comes is left where it is.
    Stopped,
    /// The peer's end was seen.
    Ended,
}

/// A graceful close and how long it may go without progress.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// The longest time without progress.
    pub timeout: Duration,
}

#[derive(Debug)]
struct State {
    queue: SendQueue<TlsRequest>,
    inbox: Inbox,
    reading: Reading,
    read_waits: bool,
    /// The driver left bytes to the network because the inbox was full.
    paused: bool,
    /// What comes in is taken from the transport by whoever reads. It changes with the pump at hand.
    direct: bool,
    /// There is a transport, and no TLS on it.
    plain: bool,
    /// The driver is to decrypt what the reader did so far.
    takes_over: bool,
    /// Bytes were staged and are to be sent when the handle has its [`Connection::flush`] called.
    unflushed: bool,
    /// An upgrade is queued and has not begun.
    upgrading: bool,
    /// Plaintext came in that nobody had read when the upgrade was asked for. No read ever gets to see it.
    injected: bool,
    closing: Option<Closing>,
    dropped: bool,
    /// Being dropped means a reset.
    resets: bool,
    /// Settings that the driver has not made yet.
    tuning: Option<Tuning>,
    identity_accepted: bool,
    addresses: Option<Vec<SocketAddr>>,
    failure: Option<Failure>,
    lost: bool,
    info: Option<Info>,
    driver: Option<Waker>,
    /// The driver was woken and has not looked since: waking it again is needless.
    driver_woken: bool,
    events: u32,
    in_event_queue: bool,
}

/// One connection, from `connect()` to the release of its descriptor.
#[derive(Debug)]
pub struct Connection {
    id: u32,
    state: Mutex<State>,
    /// There while the connection is up, but for the time of an upgrade.
    pump: Mutex<Option<Pump>>,
    /// What the watch has told of it.
    readiness: Arc<Readiness>,
    /// The driver, if it began on the reader's thread.
    task: OnceLock<Arc<Task>>,
    /// See [`EventQueue::has_time`].
    polled: AtomicU32,
    events: Arc<EventQueue<Connection>>,
}

/// How the incoming direction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// More may come.
    Open,
    /// More may come, and nobody wants it.
    Stopped,
    /// The peer's end was seen.
    Ended,
}

/// What the driver is to do next.
#[derive(Debug)]
pub struct Work {
    /// What comes next on the wire.
    pub next: Next,
    /// Whether to take bytes from the network.
    pub read: bool,
    /// How the incoming direction stands.
    pub input: Input,
    /// The graceful close that is under way.
    pub closing: Option<Closing>,
    /// Whether the driver is to decrypt what the reader did so far.
    pub takes_over: bool,
    /// The connection is to be dropped, whatever it was doing.
    pub dropped: bool,
    /// Settings of the descriptor to be made.
    pub tuning: Option<Tuning>,
}

/// What both sides use.
impl Connection {
    fn change(&self) -> Change<'_> {
        Change {
            state: self.lock(),
            driver: WakeOnDrop {
                connection: self,
                waker: None,
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves plain data behind, at worst of one connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pump, if the connection is up and the driver is not at it.
    fn try_pump(&self) -> Option<MutexGuard<'_, Option<Pump>>> {
        match self.pump.try_lock() {
            Ok(pump) => Some(pump),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Polls the driver, if it is still on the reader's thread, which is this one. False if it is not.
    fn poll_here(&self) -> bool {
        self.task.get().is_some_and(Task::poll_here)
    }

    /// The same, unless that thread has enough to do.
    fn poll_here_if_time(&self) -> bool {
        let task = self.task.get().filter(|task| !task.has_gone());
        task.is_some_and(|task| self.events.has_time(&self.polled) && task.poll_here())
    }

    fn raise(self: &Arc<Self>, mut state: MutexGuard<'_, State>, events: u32) {
        state.events |= events;
        let enter = !state.in_event_queue;
        state.in_event_queue = true;
        drop(state);
        if enter {
            self.events.push(self.clone());
        }
    }
}

impl State {
    fn accept(&mut self, position: u64) -> Accept {
        match self.failure {
            // Told even after a failure: those bytes had left.
            Some(_) if self.queue.is_done(position) => Accept::Yes,
            Some(_) => Accept::Failed,
            None if self.queue.accept(position) => Accept::Yes,
            None => Accept::NotYet,
        }
    }

    fn stop_reading(&mut self) {
        self.inbox.clear();
        self.read_waits = false;
        if self.reading != Reading::Ended {
            self.reading = Reading::Stopped;
        }
    }

    fn register(&mut self, cx: &Context<'_>) {
        self.driver_woken = false;
        match &self.driver {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.driver = Some(cx.waker().clone()),
        }
    }
}

/// A change of the handle's. The driver is woken when the lock is released and no sooner: awake on another core at once, it
/// would only run into the lock.
struct Change<'a> {
    // In this order: fields are dropped from the first to the last.
    state: MutexGuard<'a, State>,
    driver: WakeOnDrop<'a>,
}

impl Change<'_> {
    fn wake_driver(&mut self) {
        // The driver registers anew each time it looks.
        if !std::mem::replace(&mut self.state.driver_woken, true) {
            self.driver.waker = self.state.driver.clone();
        }
    }

    /// What a read finds that asks nobody else: what was received ahead, or that nothing follows.
    fn read(&mut self, target: &mut [u8]) -> Option<Read> {
        if !self.inbox.is_empty() {
            let count = self.inbox.read(target);
            if self.paused && self.inbox.is_low() {
                self.paused = false;
                self.wake_driver();
            }
            return Some(Read::Bytes(count));
        }
        match self.reading {
            _ if self.failure.is_some() => Some(Read::Failed),
            Reading::Ended => Some(Read::End),
            Reading::Stopped => Some(Read::Pending),
            Reading::NotAsked | Reading::Asked => None,
        }
    }

    /// Wakes the driver, if it has not gone home after a failure that was met quietly. Then bytes that had left may not
    /// have arrived.
    fn wake_unless_failed(&mut self) -> bool {
        if self.state.failure.is_none() {
            self.wake_driver();
            return true;
        }
        self.state.lost |= self.state.queue.has_unconfirmed();
        false
    }
}

impl Deref for Change<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

struct WakeOnDrop<'a> {
    connection: &'a Connection,
    waker: Option<Waker>,
}

impl Drop for WakeOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(waker) = self.waker.take()
            && !self.connection.poll_here_if_time()
        {
            runtime::wake(waker);
        }
    }
}
