//! The two threads that serve every connection of the process.
//!
//! One moves bytes, one does TLS handshakes: the asymmetric cryptography and chain building of a handshake, which a
//! hostile chain can stretch to tens of milliseconds, must not stall the connections that are up. Both start with
//! the first connection and live as long as the process, so a task never outlives its reactor.

use std::future::{pending, poll_fn};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use tokio::runtime::{Builder, Handle};

use crate::error::Failure;

/// Where tasks are spawned.
#[derive(Clone, Debug)]
pub struct Threads {
    /// Moves bytes: here run all drivers but those that the reader's thread polls.
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
        io: started(&IO, "winter-io", wake_waiting)?,
        handshakes: started(&HANDSHAKES, "winter-tls", pending)?,
    })
}

/// Wakes a task of the thread that moves bytes. From another thread each would cost a system call, so one task there wakes
/// all that came since it last looked.
pub fn wake(waker: Waker) {
    leave([waker]);
}

/// [`wake`], of many.
pub fn wake_all(wakers: Vec<Waker>) {
    leave(wakers);
}

/// What the iterator does is done under the lock: it must be nothing.
fn leave(wakers: impl IntoIterator<Item = Waker>) {
    let mut waking = lock(&WAKING);
    if !waking.begun {
        // The tasks are those of a runtime that somebody else made.
        drop(waking);
        return wakers.into_iter().for_each(Waker::wake);
    }
    waking.waiting.extend(wakers);
    let task = match waking.waiting.is_empty() {
        true => None,
        false => waking.task.take(),
    };
    drop(waking);
    if let Some(task) = task {
        task.wake();
    }
}

static WAKING: Mutex<Waking> = Mutex::new(Waking {
    waiting: Vec::new(),
    begun: false,
    task: None,
});

struct Waking {
    waiting: Vec<Waker>,
    /// There is a task that wakes.
    begun: bool,
    /// The task that wakes; `None` while it is awake itself.
    task: Option<Waker>,
}

async fn wake_waiting() {
    poll_fn(|cx: &mut Context<'_>| {
        let mut waking = lock(&WAKING);
        waking.begun = true;
        waking.task = Some(cx.waker().clone());
        let waiting = std::mem::take(&mut waking.waiting);
        drop(waking);
        waiting.into_iter().for_each(Waker::wake);
        Poll::Pending
    })
    .await
}

fn started<F: Future<Output = ()> + 'static>(slot: &Slot, name: &str, main: fn() -> F) -> Result<Handle, Failure> {
    let mut slot = lock(slot);
    match &*slot {
        Some(handle) => Ok(handle.clone()),
        None => Ok(slot.insert(start(name, main)?).clone()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start<F: Future<Output = ()> + 'static>(name: &str, main: fn() -> F) -> Result<Handle, Failure> {
    let failed = |error: std::io::Error| Failure::Runtime(error.to_string());
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(failed)?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(name.into())
        .spawn(move || runtime.block_on(main()))
        .map_err(failed)?;
    Ok(handle)
}
