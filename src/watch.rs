//! Bytes waited for on the thread that reads them.
//!
//! A thread that only hears of bytes, wakes another to read them and sleeps again costs more than all the rest of a round trip.
//! So the descriptors of connections stand in a poll of their environment's, and the poll's own descriptor stands in Node's event
//! loop, which is where the reader is. Not those of connections with TLS to which much comes: decrypting it is work for another
//! thread.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

/// So many descriptors are told of at a time, at most.
const BATCH: usize = 128;

/// What a reader waits for. Urgent data is told apart where that can be.
#[cfg(any(target_os = "linux", target_os = "android"))]
const READING: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READING: Interest = Interest::READABLE;

/// The poll of one environment.
#[derive(Debug)]
pub struct Watch {
    registry: Registry,
    poll: Mutex<(Poll, Events)>,
}

/// What happened to a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// The name under which it was added.
    pub id: u32,
    /// The peer's end, or a failure: nothing more is told of it.
    pub is_last: bool,
    /// The peer has sent urgent data (`MSG_OOB`).
    pub is_urgent: bool,
}

impl Watch {
    /// A poll with nothing in it.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Watch {
            registry: poll.registry().try_clone()?,
            poll: Mutex::new((poll, Events::with_capacity(BATCH))),
        })
    }

    /// Tells of what there is to read now and of all that comes later, once each time.
    pub fn add(&self, descriptor: RawFd, id: u32) -> io::Result<()> {
        let token = Token(id as usize);
        self.registry.register(&mut SourceFd(&descriptor), token, READING)
    }

    /// Tells whether a connection that is being made is up, or failed.
    pub fn add_connecting(&self, descriptor: RawFd, id: u32) -> io::Result<()> {
        let token = Token(id as usize);
        self.registry.register(
            &mut SourceFd(&descriptor),
            token,
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// [`Self::add`] of one that was added while it was being made.
    pub fn connected(&self, descriptor: RawFd, id: u32) -> io::Result<()> {
        let token = Token(id as usize);
        self.registry.reregister(&mut SourceFd(&descriptor), token, READING)
    }

    /// Tells no more of it, but for what [`Self::take`] is at.
    pub fn remove(&self, descriptor: RawFd) {
        // It fails for a descriptor that is not in the poll, which is what is wanted.
        let _ = self.registry.deregister(&mut SourceFd(&descriptor));
    }

    /// Gives what happened to `tell`, without waiting. What is left for the next time keeps the poll's descriptor readable.
    pub fn take(&self, mut tell: impl FnMut(News)) {
        let mut poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        let (poll, events) = &mut *poll;
        // Interrupted by a signal: the descriptor is still readable.
        if poll.poll(events, Some(Duration::ZERO)).is_err() {
            return;
        }
        for event in events.iter() {
            tell(News {
                id: event.token().0 as u32,
                is_last: event.is_read_closed() || event.is_error(),
                is_urgent: event.is_priority(),
            });
        }
    }
}

impl AsRawFd for Watch {
    /// Readable while there is something to take.
    fn as_raw_fd(&self) -> RawFd {
        self.registry.as_raw_fd()
    }
}

/// What was told of one descriptor and is not used up: whether to ask the kernel for bytes. Only the thread that reads tells it and
/// uses it up, so nothing that comes in between can be missed.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

const READABLE: u8 = 1;
const LAST: u8 = 2;
const URGENT: u8 = 4;

impl Readiness {
    /// Takes note of `news`.
    pub fn note(&self, news: News) {
        let last = if news.is_last { LAST } else { 0 };
        let urgent = if news.is_urgent { URGENT } else { 0 };
        self.0.fetch_or(READABLE | last | urgent, Ordering::Relaxed);
    }

    /// Nothing was told. To be called before a descriptor is added, of which all is told anew.
    pub fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether a read may find something.
    pub fn is_readable(&self) -> bool {
        self.0.load(Ordering::Relaxed) & (READABLE | LAST) != 0
    }

    /// Whether a read may get less than there is: it stops where urgent data was.
    pub fn may_stop_early(&self) -> bool {
        self.0.load(Ordering::Relaxed) & URGENT != 0
    }

    /// A read took all there was. After the last news the end or the failure is still there to be read.
    pub fn use_up(&self) {
        self.0.fetch_and(!READABLE, Ordering::Relaxed);
    }
}
