//! The side of the handle: every call changes the state in one short step, and wakes the driver where it has to.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;

use super::*;
use crate::queue::MERGE_BELOW;

/// Bytes staged and not sent from which the driver is woken at once: to wait for more would only keep it idle.
const HAND_OVER: u64 = 32 * 1024;

impl Connection {
    /// A connection that is not up yet.
    pub fn new(id: u32, events: Arc<EventQueue<Connection>>) -> Arc<Self> {
        Arc::new(Connection {
            id,
            events,
            state: Mutex::new(State {
                queue: SendQueue::default(),
                inbox: Inbox::default(),
                reading: Reading::NotAsked,
                read_waits: false,
                paused: false,
                direct: false,
                plain: false,
                takes_over: false,
                unflushed: false,
                upgrading: false,
                injected: false,
                closing: None,
                dropped: false,
                resets: false,
                tuning: None,
                identity_accepted: false,
                addresses: None,
                failure: None,
                lost: false,
                info: None,
                driver: None,
                driver_woken: false,
                events: 0,
                in_event_queue: false,
            }),
            pump: Mutex::new(None),
            readiness: Arc::default(),
            task: OnceLock::new(),
            polled: AtomicU32::new(0),
        })
    }

    /// The name of this connection in its environment.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Has `driver` drive it: on this thread, where a watch has to tell of what is waited for, until something else is; see [`Task`].
    pub fn drive(&self, driver: impl Future<Output = ()> + Send + 'static, runtime: &Handle) {
        if !self.events.has_time(&self.polled) {
            drop(runtime.spawn(driver));
        } else if self.task.set(Task::new(driver, runtime.clone())).is_ok() {
            self.poll_here();
        }
    }

    /// Whether a watch tells of what comes in.
    pub fn has_watch(&self) -> bool {
        self.events.watch().is_some()
    }

    /// Copies the bytes of a write; returns the position after its last, to be given to [`Self::accept`].
    pub fn stage(&self, data: &[u8]) -> u64 {
        let mut state = self.change();
        let position = state.queue.stage(data);
        // Before that, the driver has no use for it.
        if state.info.is_some() {
            state.wake_driver();
        }
        position
    }

    /// Whether the write that ends at `position` is done as far as its writer is concerned.
    pub fn accept(&self, position: u64) -> Accept {
        self.lock().accept(position)
    }

    /// [`Self::stage`] and [`Self::accept`] in one step, and the sending left to [`Self::flush`] if it is little. The
    /// answer does not depend on how fast the bytes leave: a failure that this very write brings to light is told to the
    /// next one.
    pub fn write(self: &Arc<Self>, data: &[u8]) -> Write {
        if data.len() >= MERGE_BELOW
            && let Some(written) = self.write_here(data)
        {
            return written;
        }
        let mut state = self.change();
        let position = state.queue.stage(data);
        let accept = state.accept(position);
        let few = state.queue.unsent() < HAND_OVER;
        if !few {
            state.wake_driver();
        }
        Write {
            position,
            accept,
            flush: few && !std::mem::replace(&mut state.unflushed, true),
        }
    }

    /// Has the kernel take the bytes of a large write there and then, without a copy, where nothing waits before them.
    fn write_here(self: &Arc<Self>, data: &[u8]) -> Option<Write> {
        let mut guard = self.try_pump()?;
        let pump = guard.as_mut()?;
        let waker = {
            let state = self.lock();
            if !state.plain || state.failure.is_some() || !state.queue.is_idle() {
                return None;
            }
            state.driver.clone()?
        };
        let mut cx = Context::from_waker(&waker);
        let count = pump.send_uncopied(&mut cx, data);
        let mut state = self.lock();
        let position = state.queue.stage_rest(data, count);
        let accept = state.accept(position);
        drop(state);
        if count < data.len() && !pump.send(self, &mut cx) {
            drop(guard);
            self.change().wake_driver();
        }
        Some(Write {
            position,
            accept,
            flush: false,
        })
    }

    /// Sends what is staged, on the thread of the caller as far as it goes without waiting.
    pub fn flush(self: &Arc<Self>) {
        if !self.flush_here() {
            let mut state = self.change();
            state.unflushed = false;
            state.wake_driver();
        }
    }

    /// Leaves to the driver what is staged; it has to be woken, if it is not awake.
    pub fn hand_over(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.unflushed = false;
        let woken = std::mem::replace(&mut state.driver_woken, true);
        if woken { None } else { state.driver.clone() }
    }

    /// False leaves it to the driver.
    fn flush_here(self: &Arc<Self>) -> bool {
        let Some(mut pump) = self.try_pump() else { return false };
        let Some(pump) = pump.as_mut() else { return false };
        let waker = {
            let mut state = self.lock();
            state.unflushed = false;
            state.driver.clone()
        };
        waker.is_some_and(|waker| pump.send(self, &mut Context::from_waker(&waker)))
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
        if state.reading != Reading::Ended {
            state.reading = Reading::NotAsked;
        }
        state.wake_driver();
        position
    }

    /// Moves received bytes into `target`, as many as fit or are there. If there are none, it is remembered that a read
    /// waits, in the same step: what comes a moment later is told by [`flag::READABLE`].
    pub fn read(self: &Arc<Self>, target: &mut [u8]) -> Read {
        let mut state = self.change();
        if let Some(read) = state.read(target) {
            return read;
        }
        let first = std::mem::replace(&mut state.reading, Reading::Asked) == Reading::NotAsked;
        let direct = state.direct && !state.upgrading;
        if direct {
            drop(state);
            if let Some(read) = self.read_here(target) {
                return read;
            }
            state = self.change();
            // What the driver did in the meantime, and what came before a failure.
            if let Some(read) = state.read(target) {
                return read;
            }
        }
        state.read_waits = true;
        // Once asked, a driver that decrypts ahead goes on by itself.
        if first || direct {
            state.wake_driver();
        }
        Read::Pending
    }

    /// Takes bytes from the transport. None leaves it to the driver to tell when there are some.
    fn read_here(self: &Arc<Self>, target: &mut [u8]) -> Option<Read> {
        let mut guard = self.try_pump()?;
        let pump = guard.as_mut()?;
        let waker = {
            let state = self.lock();
            // What the driver has decrypted by now comes first.
            if !state.direct || !state.inbox.is_empty() {
                return None;
            }
            state.driver.clone()?
        };
        let received = pump.receive(self, &mut Context::from_waker(&waker), target);
        let driver = if pump.is_behind() {
            self.hand_over_reading()
        } else {
            None
        };
        let read = self.came_to(received);
        drop(guard);
        if read == Some(Read::End) {
            // With our own end sent, the connection is over.
            self.change().wake_driver();
        }
        // Not before the pump is released: awake at once, it would only run into it.
        if let Some(driver) = driver {
            runtime::wake(driver);
        }
        read
    }

    /// To be called with the pump at hand: what comes a moment later is told.
    fn came_to(self: &Arc<Self>, received: Poll<Option<usize>>) -> Option<Read> {
        match received {
            Poll::Ready(Some(0)) => {
                self.input_ended();
                Some(Read::End)
            }
            Poll::Ready(Some(count)) => Some(Read::Bytes(count)),
            Poll::Ready(None) => None,
            Poll::Pending => {
                self.lock().read_waits = true;
                Some(Read::Pending)
            }
        }
    }

    /// How many bytes a read would find, as far as that is known. What the kernel has counts only while a read may take it.
    pub fn readable(&self) -> usize {
        let state = self.lock();
        let over = state.dropped || state.failure.is_some();
        let wanted = matches!(state.reading, Reading::NotAsked | Reading::Asked) && !state.upgrading;
        if !state.plain || !state.inbox.is_empty() || over || !wanted {
            return state.inbox.len();
        }
        drop(state);
        match self.try_pump().as_deref() {
            Some(Some(pump)) => pump.receivable(),
            _ => 0,
        }
    }

    /// The reader wants no more; what the peer sends is left where it is.
    pub fn stop_reading(&self) {
        let mut state = self.change();
        state.stop_reading();
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
        state.stop_reading();
        state.wake_unless_failed()
    }

    /// Releases the descriptor at once.
    pub fn drop_now(&self) {
        let mut state = self.change();
        state.dropped = true;
        state.wake_driver();
    }

    /// Releases the descriptor at once; where the connection is up, the peer is told by a reset.
    pub fn reset(&self) {
        let mut state = self.change();
        state.resets = true;
        state.dropped = true;
        state.wake_driver();
    }

    /// Changes settings of the descriptor: now, or when the connection is up.
    pub fn tune(&self, tuning: Tuning) {
        let mut state = self.change();
        state.tuning.get_or_insert_default().merge(tuning);
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

    /// Takes note of what the environment's watch has told.
    pub fn note(&self, news: News) {
        self.readiness.note(news);
        // A connection that is up has nothing to do for its driver then.
        if !self.lock().direct {
            self.poll_here();
        }
    }

    /// [`Self::tell_reader`] for whoever takes the events at this moment: true if a read is to be told [`flag::READABLE`] here
    /// and now. Where the connection has something else to tell, that is added to it.
    pub fn take_waiting_read(&self) -> bool {
        let mut state = self.lock();
        if !std::mem::take(&mut state.read_waits) {
            return false;
        }
        if state.in_event_queue {
            state.events |= flag::READABLE;
        }
        !state.in_event_queue
    }

    /// Whether a waiting read that is told would decrypt what it finds.
    pub fn reader_decrypts(&self) -> bool {
        let state = self.lock();
        state.read_waits && state.direct && !state.plain
    }

    /// Has the driver decrypt, from now on until little comes for a while; it has to be woken, if it is not awake.
    pub fn hand_over_reading(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.takes_over = true;
        let woken = std::mem::replace(&mut state.driver_woken, true);
        if woken { None } else { state.driver.clone() }
    }

    /// Takes what the connection has to tell: a set of [`flag`]s, which is empty where it only had a driver to be polled.
    pub fn take_events(&self) -> u32 {
        let mut state = self.change();
        state.in_event_queue = false;
        let events = std::mem::take(&mut state.events);
        if events & flag::DRIVER != 0 {
            state.wake_driver();
        }
        events & !flag::DRIVER
    }
}
