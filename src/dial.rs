//! The attempts to connect that run side by side, and who waits for them.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use crate::connection::Connection;
use crate::race::AttemptId;
use crate::task::is_here;
use crate::tcp::Tcp;

/// Attempts by their names. Not tasks of their own: dropping one closes its descriptor there and then.
#[derive(Debug, Default)]
pub struct Attempts(Vec<(AttemptId, Dial)>);

impl Attempts {
    /// Begins one more.
    pub fn start(&mut self, id: AttemptId, address: SocketAddr) {
        self.0.push((id, Dial::to(address)));
    }

    /// Gives one up.
    pub fn cancel(&mut self, id: AttemptId) {
        self.0.retain(|(other, _)| *other != id);
    }

    /// The next one that is over, and how it ended. For ever pending if none runs.
    pub async fn next(&mut self, connection: &Connection) -> (AttemptId, io::Result<Tcp>) {
        poll_fn(|cx| {
            let over = |(_, dial): &mut (_, Dial)| dial.poll_over(connection, cx).is_ready();
            match self.0.iter_mut().position(over) {
                Some(index) => {
                    let (id, dial) = self.0.swap_remove(index);
                    Poll::Ready((id, dial.0))
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// One attempt: a stream that is not up yet, or why it will not be.
#[derive(Debug)]
struct Dial(io::Result<Tcp>);

impl Dial {
    fn to(address: SocketAddr) -> Self {
        Dial(Tcp::dial(address))
    }

    fn poll_over(&mut self, connection: &Connection, cx: &mut Context<'_>) -> Poll<()> {
        if let Ok(stream) = &mut self.0
            && let Err(error) = ready!(poll_up(stream, connection, cx))
        {
            self.0 = Err(error);
        }
        Poll::Ready(())
    }
}

/// On the reader's thread its watch tells, and elsewhere the runtime.
fn poll_up(stream: &mut Tcp, connection: &Connection, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        if let Some(outcome) = stream.connected() {
            return Poll::Ready(outcome);
        }
        if !is_here() {
            ready!(stream.poll_changed(cx))?;
            continue;
        }
        if !stream.is_watched() && !connection.watch_connecting(stream) {
            // The driver goes over to the runtime by this, and asks there.
            cx.waker().wake_by_ref();
        }
        return Poll::Pending;
    }
}
