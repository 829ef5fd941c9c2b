//! The side of the handle: every call changes the state in one short step, and wakes the driver where it has to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

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
                resets: false,
                tuning: None,
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

    /// Takes what the connection has to tell: a set of [`flag`]s.
    pub fn take_events(&self) -> u32 {
        let mut state = self.lock();
        state.in_event_queue = false;
        std::mem::take(&mut state.events)
    }
}
