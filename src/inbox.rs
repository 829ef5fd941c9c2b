//! Bytes received and not yet read.

use std::collections::VecDeque;

use crate::block::Block;

/// The driver stops reading ahead when so many bytes are waiting, and goes on when half of them are: to be woken for each
/// chunk that was read would take a hop to the other thread for each.
pub const CAPACITY: usize = 512 * 1024;

/// Received bytes in order. Memory is taken while bytes are waiting and given back when they are read.
#[derive(Debug, Default)]
pub struct Inbox {
    blocks: VecDeque<Block>,
    /// Bytes of the first block that are read already.
    consumed: usize,
    len: usize,
}

impl Inbox {
    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the driver should pause.
    pub fn is_full(&self) -> bool {
        self.len >= CAPACITY
    }

    /// Whether a driver that paused should go on.
    pub fn is_low(&self) -> bool {
        self.len <= CAPACITY / 2
    }

    /// Puts bytes at the end. Small pieces are put together, so that many of them cost one allocation.
    pub fn push(&mut self, mut data: &[u8]) {
        self.len += data.len();
        if self.blocks.back_mut().is_some_and(|last| last.extend(data)) {
            return;
        }
        while !data.is_empty() {
            let (block, count) = Block::holding(data);
            self.blocks.push_back(block);
            data = &data[count..];
        }
    }

    /// Moves bytes from the front into `target`, as many as fit or are there.
    pub fn read(&mut self, target: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < target.len() {
            let Some(block) = self.blocks.front() else { break };
            let unread = &block.as_ref()[self.consumed..];
            let count = unread.len().min(target.len() - filled);
            target[filled..filled + count].copy_from_slice(&unread[..count]);
            filled += count;
            if count == unread.len() {
                self.blocks.pop_front();
                self.consumed = 0;
            } else {
                self.consumed += count;
            }
        }
        self.len -= filled;
        filled
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Inbox::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_whatever_the_pieces() {
        let data: Vec<u8> = (0..100_000u32).map(|i| (i * 31 % 251) as u8).collect();
        let mut inbox = Inbox::default();
        for (i, piece) in data.chunks(777).enumerate() {
            inbox.push(piece);
            if i % 7 == 0 {
                inbox.push(&[]);
            }
        }
        let mut out = Vec::new();
        let mut target = [0; 1009];
        loop {
            let count = inbox.read(&mut target);
            if count == 0 {
                break;
            }
            out.extend_from_slice(&target[..count]);
        }
        assert_eq!(out, data);
        assert!(inbox.is_empty());
    }

    #[test]
    fn it_is_full_at_its_capacity_and_low_at_half_of_it() {
        let mut inbox = Inbox::default();
        inbox.push(&vec![0; CAPACITY - 1]);
        assert!(!inbox.is_full());
        inbox.push(&[0]);
        assert!(inbox.is_full() && !inbox.is_low());
        inbox.read(&mut [0; CAPACITY / 2 - 1]);
        assert!(!inbox.is_low());
        inbox.read(&mut [0]);
        assert!(inbox.is_low());
        inbox.clear();
        assert_eq!(inbox.len(), 0);
    }
}
