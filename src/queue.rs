//! What is to be sent, in order: bytes, the upgrade to TLS, the end.
//!
//! Positions count the bytes of a connection from its first. A write is *staged* when its bytes are in the queue and
//! *accepted*, when its turn comes, if no more than [`BOUND`] bytes up to its own last are unsent, else once half of that
//! are; that is when its promise settles.
//! Once the peer has ended its side it may be gone altogether, and only the kernel knows: from then on a write is accepted
//! when it is sent.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::block::Block;

/// Unsent bytes up to which a write is accepted at once.
pub const BOUND: u64 = 256 * 1024;

/// Writes smaller than this are merged with their neighbours, so that many small ones cost one packet and one record.
pub const MERGE_BELOW: usize = 16 * 1024;

/// A merged buffer is not grown past this.
const MERGE_UP_TO: usize = 64 * 1024;

/// Buffers handed to one gathering write.
pub const GATHER: usize = 16;

/// What comes next on the wire.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Bytes; copies of the handles of the first buffers were put where the caller asked.
    Bytes,
    /// Everything before the upgrade is sent.
    Upgrade,
    /// Everything is sent, the end is due.
    End,
    /// Nothing for now.
    Nothing,
}

#[derive(Debug)]
enum Item<U> {
    Bytes(Bytes),
    Upgrade(U),
    End,
}

/// The ordered queue of one connection; `U` is what an upgrade needs.
#[derive(Debug)]
pub struct SendQueue<U> {
    items: VecDeque<Item<U>>,
    /// Small writes since the last item, still growing.
    tail: BytesMut,
    staged: u64,
    sent: u64,
    accepted: u64,
    awaited: Option<u64>,
    bound: u64,
    /// Writes that end at or before this position may be accepted: none before the connection is up, only those
    /// before the upgrade while one is under way.
    open_to: Option<u64>,
    /// Where the upgrade stands that is queued.
    upgrade_at: Option<u64>,
    /// Up to here the peer has told by its answer that it has everything.
    confirmed: u64,
}

impl<U> Default for SendQueue<U> {
    fn default() -> Self {
        SendQueue {
            items: VecDeque::new(),
            tail: BytesMut::new(),
            staged: 0,
            sent: 0,
            accepted: 0,
            awaited: None,
            bound: BOUND,
            open_to: None,
            upgrade_at: None,
            confirmed: 0,
        }
    }
}

impl<U> SendQueue<U> {
    /// Copies the bytes of a write; returns the position after its last.
    pub fn stage(&mut self, data: &[u8]) -> u64 {
        self.staged += data.len() as u64;
        if data.len() >= MERGE_BELOW {
            self.seal();
            let mut rest = data;
            while !rest.is_empty() {
                let (block, count) = Block::holding(rest);
                self.items.push_back(Item::Bytes(Bytes::from_owner(block)));
                rest = &rest[count..];
            }
        } else {
            self.tail.extend_from_slice(data);
            if self.tail.len() >= MERGE_UP_TO {
                self.seal();
            }
        }
        self.staged
    }

    /// Whether the connection is up and nothing waits: a write could leave at once.
    pub fn is_idle(&self) -> bool {
        self.open_to == Some(u64::MAX) && self.items.is_empty() && self.tail.is_empty()
    }

    /// Stages a write whose first bytes are sent already, with nothing before them; returns the position after its last.
    pub fn stage_rest(&mut self, data: &[u8], sent: usize) -> u64 {
        self.staged += sent as u64;
        self.sent += sent as u64;
        if sent == data.len() {
            return self.staged;
        }
        self.stage(&data[sent..])
    }

    /// Puts the upgrade behind what is queued; returns the position where it stands.
    pub fn upgrade(&mut self, upgrade: U) -> u64 {
        self.seal();
        self.upgrade_at = Some(self.staged);
        self.open_to = self.open_to.and(self.upgrade_at);
        self.items.push_back(Item::Upgrade(upgrade));
        self.staged
    }

    /// Puts the end behind what is queued.
    pub fn end(&mut self) {
        self.seal();
        self.items.push_back(Item::End);
    }

    /// Opens the queue, up to the upgrade if one is queued: until then no write is accepted, however short.
    pub fn open(&mut self) {
        // What was sent before a handshake has arrived: the peer answered what came after it.
        self.confirmed = self.sent;
        self.open_to = Some(self.upgrade_at.unwrap_or(u64::MAX));
    }

    /// Accepts the write that ends at `position` if few enough bytes wait; else remembers to tell of it. Who asks again
    /// before that is told gets the answer that is waited for.
    pub fn accept(&mut self, position: u64) -> bool {
        let waits = self.awaited.replace(position) == Some(position);
        self.awaited_is_within(if waits { self.bound / 2 } else { self.bound })
    }

    /// True once, when the queue has opened for the write that is waited for.
    pub fn opens_for_awaited(&mut self) -> bool {
        self.awaited_is_within(self.bound)
    }

    /// True once, when so much was sent that the write that is waited for is accepted. Half the bound is left then, for
    /// the writer to have room for several writes and the sender something to send meanwhile: to be told after each
    /// write that was sent would take a hop to the other thread for each.
    pub fn frees_awaited(&mut self) -> bool {
        self.awaited_is_within(self.bound / 2)
    }

    fn awaited_is_within(&mut self, bound: u64) -> bool {
        match self.awaited {
            Some(position)
                if self.open_to.is_some_and(|limit| position <= limit)
                    && position.saturating_sub(self.sent) <= bound =>
            {
                self.awaited = None;
                self.accepted = self.accepted.max(position);
                true
            }
            _ => false,
        }
    }

    /// Drops the bytes of writes that were not accepted, and the end; those of accepted ones stay, and so does all that
    /// stands before an upgrade.
    pub fn discard_unaccepted(&mut self) {
        self.seal();
        let kept = self.accepted.max(self.sent).max(self.upgrade_at.unwrap_or(0));
        if self.awaited.is_some_and(|position| position > kept) {
            self.awaited = None;
        }
        let mut excess = self.staged - kept;
        self.staged -= excess;
        while excess > 0 {
            match self.items.pop_back() {
                Some(Item::Bytes(mut bytes)) => {
                    let cut = excess.min(bytes.len() as u64);
                    bytes.truncate(bytes.len() - cut as usize);
                    excess -= cut;
                    if !bytes.is_empty() {
                        self.items.push_back(Item::Bytes(bytes));
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
    }

    /// Drops everything: it cannot be sent any more.
    pub fn clear(&mut self) {
        self.items.clear();
        self.tail = BytesMut::new();
        self.awaited = None;
        self.staged = self.sent;
    }

    /// From now on a write is accepted only when it is sent.
    pub fn accept_when_sent(&mut self) {
        self.bound = 0;
    }

    /// Whether the write that ends at `position` was accepted, or sent without anybody asking.
    pub fn is_done(&self, position: u64) -> bool {
        position <= self.accepted.max(self.sent)
    }

    /// Whether bytes were accepted of which nobody can say that they arrived.
    pub fn has_unconfirmed(&self) -> bool {
        self.accepted > self.confirmed
    }

    /// Those of them that are not sent.
    pub fn accepted_unsent(&self) -> u64 {
        self.accepted.saturating_sub(self.sent)
    }

    /// Bytes sent since the beginning.
    pub fn sent_in_all(&self) -> u64 {
        self.sent
    }

    /// Bytes staged and not yet sent.
    pub fn unsent(&self) -> u64 {
        self.staged - self.sent
    }

    /// Says what is next; for bytes, puts handles of the first buffers into `buffers`.
    pub fn next(&mut self, buffers: &mut Vec<Bytes>) -> Next {
        if self.items.is_empty() {
            self.seal();
        }
        match self.items.front() {
            None => Next::Nothing,
            Some(Item::Upgrade(_)) => Next::Upgrade,
            Some(Item::End) => Next::End,
            Some(Item::Bytes(_)) => {
                buffers.clear();
                buffers.extend(self.items.iter().take(GATHER).map_while(|item| match item {
                    Item::Bytes(bytes) => Some(bytes.clone()),
                    _ => None,
                }));
                Next::Bytes
            }
        }
    }

    /// Takes `count` bytes off the front: the transport has them.
    pub fn sent(&mut self, count: usize) {
        let mut left = count.min(self.unsent() as usize);
        self.sent += left as u64;
        while left > 0 {
            match self.items.front_mut() {
                Some(Item::Bytes(bytes)) if bytes.len() > left => {
                    bytes.advance(left);
                    left = 0;
                }
                Some(Item::Bytes(bytes)) => {
                    left -= bytes.len();
                    self.items.pop_front();
                }
                _ => break,
            }
        }
    }

    /// Takes the upgrade off the front.
    pub fn take_upgrade(&mut self) -> Option<U> {
        match self.items.pop_front() {
            Some(Item::Upgrade(upgrade)) => {
                self.upgrade_at = None;
                Some(upgrade)
            }
            Some(other) => {
                self.items.push_front(other);
                None
            }
            None => None,
        }
    }

    /// Takes the end off the front.
    pub fn take_end(&mut self) {
        if matches!(self.items.front(), Some(Item::End)) {
            self.items.pop_front();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.items.push_back(Item::Bytes(self.tail.split().freeze()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut SendQueue<()>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut buffers = Vec::new();
        while queue.next(&mut buffers) == Next::Bytes {
            let first = buffers[0].clone();
            out.extend_from_slice(&first);
            queue.sent(first.len());
        }
        out
    }

    #[test]
    fn small_writes_leave_as_one_buffer_and_in_order() {
        let mut queue = SendQueue::<()>::default();
        for byte in 0..100u8 {
            queue.stage(&[byte]);
        }
        let mut buffers = Vec::new();
        assert_eq!(queue.next(&mut buffers), Next::Bytes);
        assert_eq!(buffers.len(), 1);
        assert_eq!(drain(&mut queue), (0..100u8).collect::<Vec<_>>());
    }

    #[test]
    fn large_and_small_writes_keep_their_order() {
        let mut queue = SendQueue::<()>::default();
        queue.stage(&[1; 10]);
        queue.stage(&[2; MERGE_BELOW]);
        queue.stage(&[3; 10]);
        let sent = drain(&mut queue);
        assert_eq!((sent[9], sent[10], sent[sent.len() - 1]), (1, 2, 3));
        assert_eq!(queue.unsent(), 0);
    }

    #[test]
    fn the_upgrade_and_the_end_come_after_the_bytes_before_them() {
        let mut queue = SendQueue::default();
        let mut buffers = Vec::new();
        queue.stage(b"plain");
        queue.upgrade("tls");
        queue.stage(b"secret");
        queue.end();
        assert_eq!(queue.next(&mut buffers), Next::Bytes);
        assert_eq!(buffers, [Bytes::from_static(b"plain")]);
        queue.sent(5);
        assert_eq!(queue.next(&mut buffers), Next::Upgrade);
        assert_eq!(queue.take_upgrade(), Some("tls"));
        assert_eq!(queue.next(&mut buffers), Next::Bytes);
        queue.sent(6);
        assert_eq!(queue.next(&mut buffers), Next::End);
        queue.take_end();
        assert_eq!(queue.next(&mut buffers), Next::Nothing);
    }

    #[test]
    fn a_write_is_accepted_when_few_enough_bytes_wait() {
        let mut queue = SendQueue::<()>::default();
        queue.open();
        let small = queue.stage(&[0; BOUND as usize]);
        assert!(queue.accept(small));
        let large = queue.stage(&[0; 10]);
        assert!(!queue.accept(large));
        queue.sent(BOUND as usize / 2 + 9);
        assert!(!queue.frees_awaited());
        queue.sent(1);
        assert!(queue.frees_awaited());
        assert!(!queue.frees_awaited());
    }

    #[test]
    fn a_write_that_waits_for_the_queue_to_open_needs_no_more_room_than_another() {
        let mut queue = SendQueue::<()>::default();
        let early = queue.stage(&[0; BOUND as usize]);
        assert!(!queue.accept(early));
        queue.open();
        assert!(queue.opens_for_awaited());
    }

    #[test]
    fn towards_a_peer_that_ended_its_side_a_write_is_accepted_when_sent() {
        let mut queue = SendQueue::<()>::default();
        queue.open();
        queue.accept_when_sent();
        let last = queue.stage(b"last");
        assert!(!queue.accept(last));
        queue.sent(4);
        assert!(queue.frees_awaited());
    }

    #[test]
    fn nothing_is_accepted_before_the_queue_opens() {
        let mut queue = SendQueue::<()>::default();
        let early = queue.stage(b"early");
        assert!(!queue.accept(early));
        queue.open();
        assert!(queue.opens_for_awaited());
    }

    #[test]
    fn during_an_upgrade_only_writes_before_it_are_accepted() {
        let mut queue = SendQueue::default();
        queue.open();
        let plain = queue.stage(b"plain");
        queue.upgrade(());
        let secret = queue.stage(b"secret");
        assert!(queue.accept(plain));
        assert!(!queue.accept(secret));
        queue.sent(5);
        queue.take_upgrade();
        assert!(!queue.accept(secret));
        queue.open();
        assert!(queue.opens_for_awaited());
    }

    #[test]
    fn an_upgrade_queued_before_the_connection_is_up_holds_its_writes_back_too() {
        let mut queue = SendQueue::default();
        queue.upgrade(());
        let secret = queue.stage(b"secret");
        queue.open();
        assert!(!queue.accept(secret));
    }

    #[test]
    fn the_plaintext_before_a_handshake_that_succeeded_has_arrived() {
        let mut queue = SendQueue::default();
        queue.open();
        let plain = queue.stage(b"plain");
        queue.accept(plain);
        queue.upgrade(());
        queue.sent(5);
        assert!(queue.has_unconfirmed());
        queue.take_upgrade();
        queue.open();
        assert!(!queue.has_unconfirmed());
        let secret = queue.stage(b"secret");
        queue.accept(secret);
        assert!(queue.has_unconfirmed());
    }

    #[test]
    fn discarding_keeps_what_was_accepted() {
        let mut queue = SendQueue::<()>::default();
        queue.open();
        let kept = queue.stage(b"kept");
        assert!(queue.accept(kept));
        queue.stage(b"gone");
        queue.stage(&[0; MERGE_BELOW]);
        queue.discard_unaccepted();
        assert_eq!(drain(&mut queue), b"kept");
    }

    #[test]
    fn discarding_behind_an_upgrade_leaves_it_and_the_plaintext_before_it() {
        let mut queue = SendQueue::default();
        queue.stage(b"plain");
        queue.upgrade("tls");
        queue.stage(b"secret");
        queue.end();
        queue.discard_unaccepted();
        let mut buffers = Vec::new();
        assert_eq!(queue.next(&mut buffers), Next::Bytes);
        queue.sent(5);
        assert_eq!(queue.take_upgrade(), Some("tls"));
        assert_eq!(queue.next(&mut buffers), Next::Nothing);
    }

    #[test]
    fn discarding_after_a_part_was_sent_keeps_the_count_right() {
        let mut queue = SendQueue::<()>::default();
        queue.stage(&[0; MERGE_BELOW]);
        queue.sent(100);
        queue.discard_unaccepted();
        assert_eq!(queue.unsent(), 0);
        let mut buffers = Vec::new();
        assert_eq!(queue.next(&mut buffers), Next::Nothing);
    }
}
