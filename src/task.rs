//! A driver on the reader's thread.
//!
//! To open and to end a plain connection takes a few system calls, and waiting in between. On a thread of the runtime each of
//! those waits is a hop there and one back. So where a watch tells the reader's thread what is waited for, the driver is polled
//! there first. It goes over to the runtime, for good, as soon as its waker is used: by a timer, by a send that has to wait, by an
//! upgrade, or by a reader's thread that has too many of them to poll.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

/// See the module.
pub struct Task {
    place: Mutex<Place>,
    runtime: Handle,
}

enum Place {
    /// Until the next call of [`Task::poll_here`].
    Resting(Driver),
    /// In a call of [`Task::poll_here`].
    Polled {
        /// It goes over when it has been polled.
        woken: bool,
    },
    /// At its end, or on the runtime.
    Gone,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the caller is a driver that is polled on the reader's thread.
pub fn is_here() -> bool {
    HERE.get()
}

/// Has the driver that calls it go over to the runtime, if it is not there.
pub async fn go_over() {
    poll_fn(|cx| {
        if !is_here() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Task {
    /// A driver that was never polled, and `runtime` to go over to.
    pub fn new(driver: impl Future<Output = ()> + Send + 'static, runtime: Handle) -> Arc<Self> {
        Arc::new(Task {
            place: Mutex::new(Place::Resting(Box::pin(driver))),
            runtime,
        })
    }

    /// Whether the driver has gone over, or ended.
    pub fn has_gone(&self) -> bool {
        matches!(*self.lock(), Place::Gone)
    }

    /// Polls the driver on this thread, which has to be the reader's. False if it has gone over, or has ended.
    pub fn poll_here(self: &Arc<Self>) -> bool {
        let mut driver = {
            let mut place = self.lock();
            match std::mem::replace(&mut *place, Place::Polled { woken: false }) {
                Place::Resting(driver) => driver,
                other => {
                    *place = other;
                    return false;
                }
            }
        };
        let waker = Waker::from(self.clone());
        let polled = {
            // For its timers.
            let _runtime = self.runtime.enter();
            HERE.set(true);
            // As for a task of the runtime: the driver itself tells of a panic when it is dropped by it.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                driver.as_mut().poll(&mut Context::from_waker(&waker))
            }));
            HERE.set(false);
            polled.unwrap_or(Poll::Ready(()))
        };
        let mut place = self.lock();
        let woken = matches!(*place, Place::Polled { woken: true });
        if polled.is_pending() && !woken {
            *place = Place::Resting(driver);
            return true;
        }
        *place = Place::Gone;
        drop(place);
        if polled.is_pending() {
            drop(self.runtime.spawn(driver));
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A driver that has gone over has other wakers.
impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut place = self.lock();
        match std::mem::replace(&mut *place, Place::Gone) {
            Place::Resting(driver) => {
                drop(place);
                drop(self.runtime.spawn(driver));
            }
            Place::Polled { .. } => *place = Place::Polled { woken: true },
            Place::Gone => {}
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn tasks() -> usize {
        Handle::current().metrics().num_alive_tasks()
    }

    /// A task that waits for its signal and then tells whether it is still on the reader's thread.
    fn waiting() -> (Arc<Task>, oneshot::Sender<()>, oneshot::Receiver<bool>) {
        let (signal, signalled) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let driver = async move {
            let _ = signalled.await;
            let _ = tell.send(is_here());
        };
        (Task::new(driver, Handle::current()), signal, told)
    }

    #[tokio::test]
    async fn a_driver_that_is_polled_before_anything_wakes_it_stays_here_to_its_end() {
        let mut polls = 0;
        let driver = poll_fn(move |_| {
            polls += 1;
            assert!(is_here());
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        let task = Task::new(driver, Handle::current());
        for _ in 0..3 {
            assert!(!task.has_gone() && task.poll_here());
        }
        assert!(task.has_gone() && !task.poll_here() && !is_here());
        assert_eq!(tasks(), 0);
    }

    #[tokio::test]
    async fn a_driver_that_is_woken_goes_over_to_the_runtime() {
        let (task, signal, told) = waiting();
        assert!(task.poll_here());
        assert_eq!(tasks(), 0);
        signal.send(()).unwrap();
        assert!(!task.poll_here());
        assert!(!told.await.unwrap());
    }

    #[tokio::test]
    async fn a_driver_that_wakes_itself_goes_over_once_it_has_been_polled() {
        let (tell, told) = oneshot::channel();
        let driver = async move {
            go_over().await;
            // It is there already.
            go_over().await;
            let _ = tell.send(is_here());
        };
        let task = Task::new(driver, Handle::current());
        assert!(task.poll_here());
        assert!(task.has_gone());
        assert!(!told.await.unwrap());
    }

    #[tokio::test]
    async fn a_waker_of_before_means_nothing_once_the_driver_has_gone_over_or_ended() {
        let (task, signal, told) = waiting();
        let early = Waker::from(task.clone());
        assert!(task.poll_here());
        early.wake_by_ref();
        yield_now().await;
        early.wake_by_ref();
        signal.send(()).unwrap();
        assert!(!told.await.unwrap());
        early.wake();
        yield_now().await;
        assert_eq!(tasks(), 0);
    }

    #[tokio::test]
    async fn a_driver_that_panics_is_at_its_end() {
        let task = Task::new(async { panic!("an accident") }, Handle::current());
        assert!(task.poll_here());
        assert!(task.has_gone() && !is_here());
    }
}
