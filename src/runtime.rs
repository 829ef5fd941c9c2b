//! The two threads that serve every connection of the process.
//!
//! One moves bytes, one does TLS handshakes: the asymmetric cryptography and chain building of a handshake, which a
//! hostile chain can stretch to tens of milliseconds, must not stall the connections that are up. Both start with
//! the first connection and live as long as the process, so a task never outlives its reactor.

use std::future::pending;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};

use crate::error::Failure;

/// Where tasks are spawned.
#[derive(Clone, Debug)]
pub struct Threads {
    /// Moves bytes: every driver runs here.
    pub io: Handle,
    /// Does the TLS handshakes.
    pub handshakes: Handle,
}

static IO: Slot = Mutex::new(None);
static HANDSHAKES: Slot = Mutex::new(None);

type Slot = Mutex<Option<Handle>>;

/// The threads of this process, started by the first call.
///
/// A start that failed, for want of threads or descriptors, is tried again by the next call.
pub fn threads() -> Result<Threads, Failure> {
    Ok(Threads {
        io: started(&IO, "winter-io")?,
        handshakes: started(&HANDSHAKES, "winter-tls")?,
    })
}

fn started(slot: &Slot, name: &str) -> Result<Handle, Failure> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    match &*slot {
        Some(handle) => Ok(handle.clone()),
        None => Ok(slot.insert(start(name)?).clone()),
    }
}

fn start(name: &str) -> Result<Handle, Failure> {
    let failed = |error: std::io::Error| Failure::Runtime(error.to_string());
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(failed)?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(name.into())
        .spawn(move || runtime.block_on(pending::<()>()))
        .map_err(failed)?;
    Ok(handle)
}
