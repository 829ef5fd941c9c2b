//! Memory for bytes on their way from one thread to the other.
//!
//! What one thread allocates and another frees goes back to the system again and again: each 64 KiB cost 16 page faults on
//! the JavaScript thread. Large blocks are lent from a stock instead, which all connections of the process share.

use std::sync::{Mutex, PoisonError};

/// The size of a block of the stock.
pub const SIZE: usize = 64 * 1024;

/// From so many bytes on a block of the stock is used: fewer would waste too much of it.
const LARGE: usize = 16 * 1024 - 512;

/// A block that is not of the stock is not enlarged past this; what memory it has then is filled.
const SMALL_UP_TO: usize = 16 * 1024;

/// How many blocks are kept for the next who needs one: what a few connections have under way at a time.
const KEPT: usize = 16;

static STOCK: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes in memory of their own, or of the stock.
#[derive(Debug)]
pub struct Block(Vec<u8>);

impl Block {
    /// Copies the beginning of `data`, as much as a block holds; returns how much that was.
    pub fn holding(data: &[u8]) -> (Self, usize) {
        let data = &data[..data.len().min(SIZE)];
        if data.len() < LARGE {
            return (Block(data.to_vec()), data.len());
        }
        let kept = STOCK.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = kept.unwrap_or_else(|| Vec::with_capacity(SIZE));
        memory.extend_from_slice(data);
        (Block(memory), data.len())
    }

    /// Copies `data` behind what is there, if there is room for all of it.
    pub fn extend(&mut self, data: &[u8]) -> bool {
        let fits = self.0.len() + data.len() <= self.0.capacity().max(SMALL_UP_TO);
        if fits {
            self.0.extend_from_slice(data);
        }
        fits
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.0.capacity() != SIZE {
            return;
        }
        let mut memory = std::mem::take(&mut self.0);
        memory.clear();
        let mut stock = STOCK.lock().unwrap_or_else(PoisonError::into_inner);
        if stock.len() < KEPT {
            stock.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_fits_and_grows_as_far_as_its_memory_goes() {
        let data = vec![7; SIZE + 1];
        assert_eq!(Block::holding(&data).1, SIZE);
        let (mut large, count) = Block::holding(&data[..LARGE]);
        assert_eq!(count, LARGE);
        assert!(large.extend(&data[..SIZE - LARGE]));
        assert!(!large.extend(&[1]));
        assert_eq!(large.as_ref(), &data[..SIZE]);
        let (mut small, _) = Block::holding(&[1]);
        assert!(small.extend(&data[..SMALL_UP_TO - 1]));
        assert!(!small.extend(&[1]));
    }

    #[test]
    fn memory_of_the_stock_comes_back_empty() {
        drop(Block::holding(&[1; SIZE]));
        assert_eq!(Block::holding(&[2; LARGE]).0.as_ref(), [2; LARGE]);
        let many: Vec<_> = (0..3 * KEPT).map(|_| Block::holding(&[0; SIZE])).collect();
        drop(many);
        assert!(STOCK.lock().unwrap().len() <= KEPT);
    }
}
