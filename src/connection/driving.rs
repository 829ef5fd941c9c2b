//! The side of the driver: what it has to do, and what it has to tell.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use super::*;
use crate::pump::Turn;
use crate::tcp::Tcp;
use crate::transport::Transport;

impl Connection {
    /// From now on bytes move through `transport`. They are waited for by the environment's watch, or where it has none, or one
    /// that takes no more, by the runtime. Fails with `step` if that takes no more either.
    pub fn begin(&self, mut transport: Transport, step: Step) -> Result<(), Failure> {
        let plain = transport.is_plain();
        let mut pump = self.lock_pump();
        if !self.watch(&mut transport) {
            let registered = transport.tcp_mut().register();
            registered.map_err(|error| Failure::from_io(step, &error))?;
        }
        let mut state = self.lock();
        state.plain = plain;
        state.direct |= plain;
        *pump = Some(Pump::new(transport));
        Ok(())
    }

    /// Has the environment's watch tell of what comes in over `transport`, and the reader take it from there. False if there
    /// is none, or it takes no more. To be called with the pump at hand.
    pub fn watch(&self, transport: &mut Transport) -> bool {
        let Some(watch) = self.events.watch() else { return false };
        let watched = transport.tcp_mut().watch(watch, self.id, &self.readiness).is_ok();
        self.lock().direct |= watched;
        watched
    }

    /// Has the environment's watch tell when `stream` is up or failed, for a driver on the reader's thread. False if it takes no
    /// more.
    pub fn watch_connecting(&self, stream: &mut Tcp) -> bool {
        let Some(watch) = self.events.watch() else { return false };
        stream.watch_connecting(watch, self.id, &self.readiness).is_ok()
    }

    /// The driver decrypts ahead of the reader.
    pub fn driver_reads(&self) {
        let mut state = self.lock();
        state.direct = state.plain;
        state.takes_over = false;
    }

    /// Wakes the driver from any thread. One on the reader's thread is polled there, where [`Task`]'s own waker would take it to the
    /// runtime.
    fn call_driver(self: &Arc<Self>) {
        // One that goes over in the meantime is woken by whoever takes the event.
        let is_here = self.task.get().is_some_and(|task| !task.has_gone());
        let mut state = self.lock();
        if is_here {
            return self.raise(state, flag::DRIVER);
        }
        let woken = std::mem::replace(&mut state.driver_woken, true);
        let driver = state.driver.clone().filter(|_| !woken);
        drop(state);
        driver.into_iter().for_each(runtime::wake);
    }

    /// A turn of the pump, which is there between [`Self::begin`] and [`Self::cease`].
    pub fn poll_turn(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        let (turn, news) = match &mut *self.lock_pump() {
            Some(pump) => (pump.poll(self, cx), pump.take_news()),
            None => return Poll::Ready(Turn::Dropped),
        };
        // Not before the lock is released: a reader that is awake at once would only run into it.
        if news {
            self.tell_reader();
        }
        turn
    }

    /// Takes the transport back: nobody else moves bytes any more.
    pub fn cease(&self) -> Option<Transport> {
        let pump = self.lock_pump().take();
        let mut state = self.lock();
        state.direct = false;
        state.plain = false;
        state.takes_over = false;
        drop(state);
        pump.map(Pump::into_transport)
    }

    fn lock_pump(&self) -> MutexGuard<'_, Option<Pump>> {
        // The handle holds it for a system call at most.
        self.pump.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do next. Registers the driver to be woken when that changes.
    pub fn work(&self, cx: &mut Context<'_>, buffers: &mut Vec<Bytes>) -> Work {
        let mut state = self.lock();
        state.register(cx);
        state.paused = state.inbox.is_full();
        Work {
            next: state.queue.next(buffers),
            read: match state.reading {
                // What comes before the handshake is not for the reads of the TLS side.
                _ if state.upgrading => false,
                Reading::Asked if state.direct => state.read_waits,
                Reading::Asked => !state.paused,
                _ => false,
            },
            input: match state.reading {
                Reading::Stopped => Input::Stopped,
                Reading::Ended => Input::Ended,
                _ => Input::Open,
            },
            closing: state.closing,
            takes_over: state.takes_over,
            dropped: state.dropped,
            tuning: state.tuning.take(),
        }
    }

    /// What comes next on the wire.
    pub fn next(&self, buffers: &mut Vec<Bytes>) -> Next {
        self.lock().queue.next(buffers)
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

    /// Whether the connection is to be reset when it is dropped.
    pub fn resets(&self) -> bool {
        self.lock().resets
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
        let writable = if state.queue.opens_for_awaited() {
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
        if state.queue.frees_awaited() {
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

    /// Whether an upgrade was asked for that has not begun.
    pub fn is_upgrading(&self) -> bool {
        self.lock().upgrading
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
        let sending = matches!(
            failure,
            Failure::Io {
                step: Step::Write | Step::Shutdown,
                ..
            }
        ) && state.queue.has_unconfirmed();
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
        let mut state = self.lock();
        // The waker holds the memory of the task, and the handle may live long.
        state.driver = None;
        self.raise(state, flag::RELEASED);
    }

    /// Whether there is room for bytes that a reader may still ask for.
    pub fn takes_more(&self) -> bool {
        let state = self.lock();
        !state.inbox.is_full() && !matches!(state.reading, Reading::Stopped | Reading::Ended)
    }
}

/// For work of the driver's that other threads do: a driver on the reader's thread stays there.
impl Wake for Connection {
    fn wake(self: Arc<Self>) {
        self.call_driver();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call_driver();
    }
}
