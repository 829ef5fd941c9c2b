//! Where records wait: received and not yet whole, or encrypted and not yet sent.

use std::cell::RefCell;

/// Room for what is moved at once: four records of 16 KiB with what TLS adds, and of a fifth what came along. A handshake
/// message of the largest size that rustls takes, 64 KiB, fits as well.
const SIZE: usize = 68 * 1024;

/// How many buffers a thread keeps. A connection needs two at most, and most need one only for a moment.
const SPARE: usize = 2;

thread_local! {
    static SPARES: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes in order, taken off at the front and put on at the end. It has memory only while it has bytes, or while somebody
/// is about to put some there.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// The same, to be decrypted where it is.
    pub(super) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.end]
    }

    /// Room at the end; none if [`SIZE`] bytes are waiting already. [`Self::add`] tells how much of it was used.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.memory.is_empty() {
            let spare = SPARES.with_borrow_mut(Vec::pop);
            self.memory = spare.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice());
        } else if self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.memory[self.end..]
    }

    /// [`Self::room`] for `least` bytes, however many are waiting.
    pub(super) fn room_for(&mut self, least: usize) -> &mut [u8] {
        if self.room().len() < least {
            let mut larger = vec![0; self.end + least].into_boxed_slice();
            larger[..self.end].copy_from_slice(self.filled());
            self.memory = larger;
        }
        self.room()
    }

    /// Counts the first `count` bytes of [`Self::room`] in.
    pub(super) fn add(&mut self, count: usize) {
        self.end += count;
        self.give_back_if_empty();
    }

    /// Takes `count` bytes off at the front.
    pub(super) fn discard(&mut self, count: usize) {
        self.start += count;
        self.give_back_if_empty();
    }

    fn give_back_if_empty(&mut self) {
        if self.is_empty() && !self.memory.is_empty() {
            let memory = std::mem::take(self).memory;
            SPARES.with_borrow_mut(|spares| {
                if spares.len() < SPARE && memory.len() == SIZE {
                    spares.push(memory);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_no_memory_is_left() {
        let sent: Vec<u8> = (0..500_000u32).map(|index| (index % 251) as u8).collect();
        let (mut buffer, mut rest, mut received) = (Buffer::default(), &sent[..], Vec::new());
        for step in 1.. {
            let room = buffer.room();
            let count = room.len().min(rest.len()).min(step * 131);
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            buffer.add(count);
            let taken = buffer.filled().len().min(step * 97);
            received.extend_from_slice(&buffer.filled()[..taken]);
            buffer.discard(taken);
            if rest.is_empty() && buffer.is_empty() {
                break;
            }
        }
        assert!(received == sent);
        assert!(buffer.memory.is_empty());
    }

    #[test]
    fn there_is_no_room_in_a_full_one() {
        let mut buffer = Buffer::default();
        let room = buffer.room().len();
        buffer.add(room);
        assert!(buffer.room().is_empty());
        buffer.discard(1);
        assert_eq!(buffer.room().len(), 1);
    }

    #[test]
    fn a_full_one_grows_where_it_has_to() {
        let mut buffer = Buffer::default();
        buffer.room().fill(1);
        buffer.add(SIZE);
        let room = buffer.room_for(10);
        room.fill(2);
        buffer.add(10);
        assert_eq!(buffer.filled()[..SIZE], [1; SIZE]);
        assert_eq!(buffer.filled()[SIZE..], [2; 10]);
        buffer.discard(SIZE + 10);
        assert_eq!(buffer.room().len(), SIZE);
    }

    #[test]
    fn memory_that_was_not_used_is_given_back() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.room().len(), SIZE);
        buffer.add(0);
        assert!(buffer.memory.is_empty());
    }
}
