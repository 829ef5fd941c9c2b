//! One event queue and one doorbell per JavaScript environment.
//!
//! Events are levels, not messages: a connection has a set of flags, and stands in the queue while any is set. The
//! doorbell is rung only when the queue goes from empty to non-empty; one visit of JavaScript drains it.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::watch::Watch;

/// What a connection has to tell.
pub mod flag {
    /// The connection is up: TCP, and TLS where asked for.
    pub const OPENED: u32 = 1;
    /// The connection failed; [`Connection::failure`](crate::connection::Connection::failure) says why.
    pub const FAILED: u32 = 1 << 1;
    /// The write that was waited for is accepted.
    pub const WRITABLE: u32 = 1 << 2;
    /// A read that found nothing may be tried again.
    pub const READABLE: u32 = 1 << 3;
    /// Everything and the end of the stream are sent.
    pub const FINISHED: u32 = 1 << 4;
    /// Everything before the upgrade is sent, the handshake begins.
    pub const UPGRADING: u32 = 1 << 5;
    /// The descriptor is released; nothing follows.
    pub const RELEASED: u32 = 1 << 6;
    /// The handshake is done and waits for the application's word on the server's identity.
    pub const IDENTITY: u32 = 1 << 7;
    /// The upgrade to TLS is done.
    pub const SECURED: u32 = 1 << 8;
    /// The driver is on the reader's thread and wants to be polled: see [`Connection::take_events`](crate::connection::Connection::take_events).
    pub const DRIVER: u32 = 1 << 9;
}

/// So many drivers are polled on the reader's thread at a time. If more have something to do, it is the busy one.
const POLLED_HERE: usize = 2;

/// The queue of one environment; `C` is a connection.
pub struct EventQueue<C> {
    /// `None` once the environment is gone.
    waiting: Mutex<Option<Vec<Arc<C>>>>,
    /// Counts how often the reader took from it, from 1.
    visit: AtomicU32,
    /// Connections whose drivers were polled on the reader's thread since it last took from it.
    polled: AtomicUsize,
    doorbell: Box<dyn Fn() + Send + Sync>,
    watch: Option<Arc<Watch>>,
}

impl<C> EventQueue<C> {
    /// A queue whose `doorbell` is rung when it stops being empty.
    pub fn new(doorbell: impl Fn() + Send + Sync + 'static) -> Self {
        EventQueue {
            waiting: Mutex::new(Some(Vec::new())),
            visit: AtomicU32::new(1),
            polled: AtomicUsize::new(0),
            doorbell: Box::new(doorbell),
            watch: None,
        }
    }

    /// The same, with a watch: whoever drains the queue takes from that too.
    pub fn with_watch(self, watch: Option<Arc<Watch>>) -> Self {
        EventQueue { watch, ..self }
    }

    /// What tells of the bytes that come in, in the place of the runtime.
    pub fn watch(&self) -> Option<&Arc<Watch>> {
        self.watch.as_ref()
    }

    /// Adds a connection that has something to tell; it must not be in the queue already.
    pub fn push(&self, connection: Arc<C>) {
        let mut waiting = self.lock();
        let Some(list) = &mut *waiting else { return };
        list.push(connection);
        let was_empty = list.len() == 1;
        drop(waiting);
        if was_empty {
            (self.doorbell)();
        }
    }

    /// Whether the reader's thread, which is the caller, has the time to poll a driver. Anew each time it takes from the queue; in
    /// between a connection counts once, of which `last` keeps account. It begins with 0.
    pub fn has_time(&self, last: &AtomicU32) -> bool {
        let visit = self.visit.load(Ordering::Relaxed);
        last.swap(visit, Ordering::Relaxed) == visit || self.polled.fetch_add(1, Ordering::Relaxed) < POLLED_HERE
    }

    /// Takes the connections that have something to tell, `limit` at most, in the order in which they came. Who leaves some comes
    /// again by itself: the doorbell rings neither for them nor for those that join them.
    pub fn take(&self, limit: usize) -> Vec<Arc<C>> {
        self.visit.fetch_add(1, Ordering::Relaxed);
        self.polled.store(0, Ordering::Relaxed);
        match &mut *self.lock() {
            None => Vec::new(),
            Some(list) if list.len() <= limit => std::mem::take(list),
            Some(list) => list.drain(..limit).collect(),
        }
    }

    /// Nobody listens any more. Connections and queue point at each other until then.
    pub fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Arc<C>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> std::fmt::Debug for EventQueue<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventQueue")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A queue of numbers, and how often its doorbell rang.
    fn counting() -> (EventQueue<u32>, Arc<AtomicU32>) {
        let rings = Arc::new(AtomicU32::new(0));
        let bell = rings.clone();
        let queue = EventQueue::new(move || {
            bell.fetch_add(1, Ordering::Relaxed);
        });
        (queue, rings)
    }

    #[test]
    fn the_doorbell_rings_once_until_the_queue_is_drained() {
        let (queue, rings) = counting();
        queue.push(Arc::new(1));
        queue.push(Arc::new(2));
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        assert_eq!(queue.take(10).len(), 2);
        queue.push(Arc::new(3));
        assert_eq!(rings.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_closed_queue_keeps_nothing() {
        let queue = EventQueue::new(|| {});
        let connection = Arc::new(());
        queue.push(connection.clone());
        queue.close();
        queue.push(connection.clone());
        assert_eq!(Arc::strong_count(&connection), 1);
        assert!(queue.take(1).is_empty());
    }

    #[test]
    fn a_limited_take_leaves_the_rest_in_order_and_no_bell_rings_for_it() {
        let (queue, rings) = counting();
        for n in 0..5 {
            queue.push(Arc::new(n));
        }
        assert_eq!(queue.take(3).iter().map(|n| **n).collect::<Vec<_>>(), [0, 1, 2]);
        queue.push(Arc::new(5));
        assert_eq!(rings.load(Ordering::Relaxed), 1);
        assert_eq!(queue.take(3).iter().map(|n| **n).collect::<Vec<_>>(), [3, 4, 5]);
    }
}
