//! The state that a connection's two sides share: the handle that JavaScript holds and the driver task that moves bytes.
//!
//! Every section under the lock is short and does no I/O. The handle changes the state and wakes the driver; the driver
//! changes the state and raises events. Neither waits for the other.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;

use crate::error::{Failure, Step};
use crate::events::{EventQueue, flag};
use crate::inbox::Inbox;
use crate::queue::{Next, SendQueue};
use crate::tls;

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
    pub session: Option<tls::Session>,
}

/// What a read would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes are there to be taken.
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

/// Whether the driver may take bytes from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nobody has asked for bytes: the peer's end or reset goes unnoticed.
    NotAsked,
    /// A read waits, and nothing is taken beyond what it asks for (before `startTls()`).
    Exactly,
    /// From the first read on, ahead of the reader up to the bound of the inbox.
    Ahead,
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
    read_ahead: bool,
    read_waits: bool,
    /// An upgrade is queued and has not begun.
    upgrading: bool,
    /// Plaintext came in that nobody had read when the upgrade was asked for. No read ever gets to see it.
    injected: bool,
    closing: Option<Closing>,
    dropped: bool,
    identity_accepted: bool,
    addresses: Option<Vec<SocketAddr>>,
    failure: Option<Failure>,
    lost: bool,
    info: Option<Info>,
    driver: Option<Waker>,
    events: u32,
    in_event_queue: bool,
}

/// One connection, from `connect()` to the release of its descriptor.
#[derive(Debug)]
pub struct Connection {
    id: u32,
    state: Mutex<State>,
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
    /// The connection is to be dropped, whatever it was doing.
    pub dropped: bool,
}

/// The side of the handle.
impl Connection {
    /// A connection that is not up yet. `read_ahead` is false for one that may be upgraded to TLS.
    pub fn new(id: u32, events: Arc<EventQueue<Connection>>, read_ahead: bool) -> Arc<Self> {
        Arc::new(Connection {
            id,
            events,
            state: Mutex::new(State {
                queue: SendQueue::default(),
                inbox: Inbox::default(),
                reading: Reading::NotAsked,
                read_ahead,
                read_waits: false,
                upgrading: false,
                injected: false,
                closing: None,
                dropped: false,
                identity_accepted: false,
                addresses: None,
                failure: None,
                lost: false,
                info: None,
                driver: None,
                events: 0,
                in_event_queue: false,
            }),
        })
    }

    /// The name of this connection in its environment.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Copies the bytes of a write; returns the position after its last, to be given to [`Self::accept`].
    pub fn stage(&self, data: &[u8]) -> u64 {
        let mut state = self.change();
        let position = state.queue.stage(data);
        state.wake_driver();
        position
    }

    /// Whether the write that ends at `position` is done as far as its writer is concerned.
    pub fn accept(&self, position: u64) -> Accept {
        self.lock().accept(position)
    }

    /// [`Self::stage`] and [`Self::accept`] in one step. The answer does not depend on how fast the driver is: a failure
    /// that this very write brings to light is told to the next one.
    pub fn write(&self, data: &[u8]) -> (u64, Accept) {
        let mut state = self.change();
        let position = state.queue.stage(data);
        let accept = state.accept(position);
        state.wake_driver();
        (position, accept)
    }

    /// Bytes staged and not yet sent.
    pub fn unsent(&self) -> u64 {
        self.lock().queue.unsent()
    }

    /// Bytes sent since the beginning.
    pub fn sent_in_all(&self) -> u64 {
        self.lock().queue.sent_in_all()
    }

    /// Drops the bytes of writes that were not accepted yet: their writer gave them up.
    pub fn discard_unaccepted(&self) {
        self.lock().queue.discard_unaccepted();
    }

    /// Ends the outgoing direction once everything staged is sent; [`flag::FINISHED`] tells when that is.
    ///
    /// False if the connection has failed while nobody used it: nothing follows then.
    pub fn end(&self) -> bool {
        let mut state = self.change();
        state.queue.end();
        state.wake_unless_failed()
    }

    /// Upgrades to TLS once everything staged is sent. What is staged later goes through TLS.
    ///
    /// A read that waits is disarmed without taking a byte. Returns the position where the plaintext ends.
    pub fn upgrade(&self, request: TlsRequest) -> u64 {
        let mut state = self.change();
        let position = state.queue.upgrade(request);
        state.upgrading = true;
        state.injected = !state.inbox.is_empty();
        state.inbox.clear();
        state.read_waits = false;
        // From here on reads are those of the TLS side, where nothing is left to inject into.
        state.read_ahead = true;
        if state.reading != Reading::Ended {
            state.reading = Reading::NotAsked;
        }
        state.wake_driver();
        position
    }

    /// What a read would find now. If nothing, it is remembered that a read waits, in the same step: what comes a moment
    /// later is told by [`flag::READABLE`].
    pub fn poll_read(&self) -> Read {
        let mut state = self.change();
        if !state.inbox.is_empty() {
            return Read::Bytes(state.inbox.len());
        }
        if state.failure.is_some() {
            return Read::Failed;
        }
        match state.reading {
            Reading::Ended => return Read::End,
            Reading::NotAsked => {
                state.reading = if state.read_ahead {
                    Reading::Ahead
                } else {
                    Reading::Exactly
                };
                state.read_waits = true;
                state.wake_driver();
            }
            Reading::Exactly if !state.read_waits => {
                state.read_waits = true;
                state.wake_driver();
            }
            Reading::Exactly | Reading::Ahead => state.read_waits = true,
            Reading::Stopped => {}
        }
        Read::Pending
    }

    /// Moves received bytes into `target`, as many as fit or are there.
    pub fn take(&self, target: &mut [u8]) -> usize {
        let mut state = self.change();
        let was_full = state.inbox.is_full();
        let count = state.inbox.read(target);
        if was_full && !state.inbox.is_full() {
            state.wake_driver();
        }
        count
    }

    /// The reader wants no more; what the peer sends is left where it is.
    pub fn stop_reading(&self) {
        let mut state = self.change();
        state.inbox.clear();
        if state.reading != Reading::Ended {
            state.reading = Reading::Stopped;
        }
        state.wake_driver();
    }

    /// Sends what is staged, ends the stream, drains the peer's side and releases the descriptor. Gives up after
    /// `timeout` without progress, or at once if the connection is not up and there is nothing to send.
    ///
    /// False if the connection has failed while nobody used it: nothing follows then.
    pub fn close(&self, timeout: Duration) -> bool {
        let mut state = self.change();
        state.closing = Some(Closing { timeout });
        state.queue.end();
        state.inbox.clear();
        if state.reading != Reading::Ended {
            state.reading = Reading::Stopped;
        }
        state.wake_unless_failed()
    }

    /// Releases the descriptor at once.
    pub fn drop_now(&self) {
        let mut state = self.change();
        state.dropped = true;
        state.wake_driver();
    }

    /// Answers [`Target::Given`](crate::connect::Target::Given): the addresses to try.
    pub fn resolved(&self, addresses: Vec<SocketAddr>) {
        let mut state = self.change();
        state.addresses = Some(addresses);
        state.wake_driver();
    }

    /// Answers [`flag::IDENTITY`]: the server is the right one. (The other answer is [`Self::drop_now`].)
    pub fn accept_identity(&self) {
        let mut state = self.change();
        state.identity_accepted = true;
        state.wake_driver();
    }

    /// Why the connection failed, and whether bytes of accepted writes may not have arrived.
    pub fn failure(&self) -> Option<(Failure, bool)> {
        let state = self.lock();
        state.failure.clone().map(|failure| (failure, state.lost))
    }

    /// Where the connection leads, once it is up.
    pub fn info(&self) -> Option<Info> {
        self.lock().info.clone()
    }

    /// Takes what the connection has to tell: a set of [`flag`]s.
    pub fn take_events(&self) -> u32 {
        let mut state = self.lock();
        state.in_event_queue = false;
        std::mem::take(&mut state.events)
    }

    fn change(&self) -> Change<'_> {
        Change {
            state: self.lock(),
            driver: WakeOnDrop(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves plain data behind, at worst of one connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of the driver.
impl Connection {
    /// What to do next. Registers the driver to be woken when that changes.
    pub fn work(&self, cx: &mut Context<'_>, buffers: &mut Vec<Bytes>) -> Work {
        let mut state = self.lock();
        state.register(cx);
        Work {
            next: state.queue.next(buffers),
            read: match state.reading {
                // What comes before the handshake is not for the reads of the TLS side.
                _ if state.upgrading => false,
                Reading::Ahead => !state.inbox.is_full(),
                Reading::Exactly => state.read_waits,
                _ => false,
            },
            input: match state.reading {
                Reading::Stopped => Input::Stopped,
                Reading::Ended => Input::Ended,
                _ => Input::Open,
            },
            closing: state.closing,
            dropped: state.dropped,
        }
    }

    /// Ready when the connection must be given up before it is up: an order to drop it, or a close with nothing to send.
    /// `Ok` is a close that still has bytes to send, and how long it may wait.
    pub fn poll_given_up(&self, cx: &mut Context<'_>) -> Poll<Result<Closing, Option<Failure>>> {
        let mut state = self.lock();
        state.register(cx);
        match state.closing {
            _ if state.dropped => Poll::Ready(Err(None)),
            Some(_) if state.queue.unsent() == 0 => Poll::Ready(Err(Some(Failure::ClosedBeforeOpen))),
            Some(closing) => Poll::Ready(Ok(closing)),
            None => Poll::Pending,
        }
    }

    /// Ready when the descriptor is to be released at once.
    pub fn poll_dropped(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.register(cx);
        if state.dropped { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready when the addresses to try were given.
    pub fn poll_addresses(&self, cx: &mut Context<'_>) -> Poll<Vec<SocketAddr>> {
        let mut state = self.lock();
        state.register(cx);
        state.addresses.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Ready when the application has accepted the server's identity.
    pub fn poll_identity(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.register(cx);
        if state.identity_accepted {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The handshake is done; the application is asked about the server's identity.
    pub fn ask_identity(self: &Arc<Self>, info: Info) {
        let mut state = self.lock();
        state.info = Some(info);
        self.raise(state, flag::IDENTITY);
    }

    /// TCP is up: failures from here on name the address that was reached.
    pub fn connected(&self, info: Info) {
        self.lock().info = Some(info);
    }

    /// The connection is up.
    pub fn opened(self: &Arc<Self>, info: Info) {
        self.up(info, flag::OPENED);
    }

    /// The upgrade to TLS is done.
    pub fn secured(self: &Arc<Self>, info: Info) {
        self.up(info, flag::SECURED);
    }

    fn up(self: &Arc<Self>, info: Info, event: u32) {
        let mut state = self.lock();
        state.info = Some(info);
        state.queue.open();
        let writable = if state.queue.awaited_is_accepted() {
            flag::WRITABLE
        } else {
            0
        };
        self.raise(state, event | writable);
    }

    /// The transport took `count` bytes.
    pub fn sent(self: &Arc<Self>, count: usize) {
        let mut state = self.lock();
        state.queue.sent(count);
        if state.queue.awaited_is_accepted() {
            self.raise(state, flag::WRITABLE);
        }
    }

    /// Bytes came in.
    pub fn received(&self, data: &[u8]) {
        let mut state = self.lock();
        match state.reading {
            // A turn of the driver that began before the upgrade was asked for.
            _ if state.upgrading => state.injected = true,
            // After a cancel nobody will read them.
            Reading::Stopped => {}
            _ => state.inbox.push(data),
        }
    }

    /// Tells a waiting read that bytes came in; called once for all that one turn brought.
    pub fn tell_reader(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.read_waits {
            state.read_waits = false;
            self.raise(state, flag::READABLE);
        }
    }

    /// The peer's end of the stream came. It is told when a read asks.
    pub fn input_ended(self: &Arc<Self>) {
        let mut state = self.lock();
        state.reading = Reading::Ended;
        state.queue.accept_when_sent();
        drop(state);
        self.tell_reader();
    }

    /// Everything before the upgrade is sent. `Err` if bytes are waiting that nobody has read: they are plaintext.
    pub fn begin_upgrade(self: &Arc<Self>) -> Result<TlsRequest, Failure> {
        let mut state = self.lock();
        let request = state.queue.take_upgrade();
        let injected = state.injected;
        let ended = state.reading == Reading::Ended;
        state.upgrading = false;
        self.raise(state, flag::UPGRADING);
        match request {
            Some(_) if injected => Err(Failure::StartTlsInjection),
            Some(_) if ended => Err(Failure::ClosedInHandshake),
            Some(request) => Ok(request),
            None => Err(tls::TlsFailure::internal("an upgrade was announced and is not there").into()),
        }
    }

    /// The end of the outgoing direction is sent.
    pub fn finished(self: &Arc<Self>) {
        let mut state = self.lock();
        state.queue.take_end();
        self.raise(state, flag::FINISHED);
    }

    /// The connection failed and everybody concerned is told.
    pub fn failed(self: &Arc<Self>, failure: Failure) {
        let mut state = self.lock();
        state.read_waits = false;
        // What the kernel took before it reported the failure of a send may be lost as well.
        let sending = matches!(failure, Failure::Io { step: Step::Write, .. }) && state.queue.accepted() > 0;
        state.lost = sending || state.queue.accepted_unsent() > 0;
        state.failure.get_or_insert(failure);
        state.queue.clear();
        self.raise(state, flag::FAILED | flag::READABLE);
    }

    /// The connection failed while nobody used it: the next read or write is told.
    pub fn failed_quietly(self: &Arc<Self>, failure: Failure) {
        let mut state = self.lock();
        let told = state.read_waits || state.queue.unsent() > 0 || state.closing.is_some();
        if told {
            drop(state);
            return self.failed(failure);
        }
        state.failure.get_or_insert(failure);
    }

    /// The descriptor is released.
    pub fn released(self: &Arc<Self>) {
        let state = self.lock();
        self.raise(state, flag::RELEASED);
    }

    /// Whether there is room for bytes that a reader may still ask for.
    pub fn takes_more(&self) -> bool {
        let state = self.lock();
        !state.inbox.is_full() && !matches!(state.reading, Reading::Stopped | Reading::Ended)
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

    fn register(&mut self, cx: &Context<'_>) {
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
    driver: WakeOnDrop,
}

impl Change<'_> {
    fn wake_driver(&mut self) {
        // The driver registers anew each time it looks: taking the waker makes further calls free until then.
        if let Some(waker) = self.state.driver.take() {
            self.driver.0 = Some(waker);
        }
    }

    /// Wakes the driver, if it has not gone home after a failure that was met quietly. Then bytes that had left may not
    /// have arrived.
    fn wake_unless_failed(&mut self) -> bool {
        if self.state.failure.is_none() {
            self.wake_driver();
            return true;
        }
        self.state.lost |= self.state.queue.accepted() > 0;
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

struct WakeOnDrop(Option<Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}
