//! What a connection that is up does: send what is queued, receive what is wanted, until something else is due.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::time::{Instant, Sleep, sleep};

use crate::connection::{Closing, Connection, Input};
use crate::error::{Failure, Step};
use crate::queue::Next;
use crate::transport::Transport;

/// Bytes received in one call. A reader is told when so many are there or no more are waiting: a hop to the JavaScript
/// thread per TLS record would cost four times as many hops.
const RECEIVE: usize = 64 * 1024;

thread_local! {
    /// Shared by every connection of the thread, so that an idle one holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; RECEIVE].into_boxed_slice());
}

/// Why the pump stopped.
#[derive(Debug)]
pub enum Turn {
    /// Everything before an upgrade is sent.
    Upgrade,
    /// Both directions are over.
    Finished {
        /// Whether the peer's end was seen. If not, it may still be sending.
        input_ended: bool,
    },
    /// The handle wants the descriptor released at once.
    Dropped,
    /// Sending failed.
    Failed(Failure),
    /// Receiving failed, perhaps ahead of any reader.
    FailedQuietly(Failure),
}

/// Moves the bytes of one connection.
#[derive(Debug)]
pub struct Pump<'a> {
    connection: &'a Arc<Connection>,
    transport: Transport,
    buffers: Vec<Bytes>,
    /// Everything the transport took is with the operating system.
    flushed: bool,
    /// Everything but our end of the stream is with the operating system, and arrived for all we know.
    ending: bool,
    /// Our end of the stream is sent.
    output_ended: bool,
    /// Bytes received of which no reader was told.
    untold: usize,
    /// Nothing more can come that would have to be thrown away.
    discarding_over: bool,
    /// Runs out when a graceful close makes no progress.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<'a> Pump<'a> {
    /// A pump for a connection that just came up, or was just upgraded.
    pub fn new(connection: &'a Arc<Connection>, transport: Transport) -> Self {
        Pump {
            connection,
            transport,
            buffers: Vec::new(),
            flushed: true,
            ending: false,
            output_ended: false,
            untold: 0,
            discarding_over: false,
            patience: None,
        }
    }

    /// Gives the stream back.
    pub fn into_transport(self) -> Transport {
        self.transport
    }

    /// Sends and receives all that can be done without waiting.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        let turn = self.poll_turn(cx);
        self.tell_reader();
        turn
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            let work = self.connection.work(cx, &mut self.buffers);
            if let Some(tuning) = work.tuning {
                // A connection that was reset refuses; sending and receiving will tell of that.
                let _ = tuning.apply(self.transport.tcp());
            }
            if work.dropped {
                return Poll::Ready(Turn::Dropped);
            }
            if work.next == Next::Upgrade && self.flushed {
                return Poll::Ready(Turn::Upgrade);
            }
            if self.output_ended && work.input != Input::Open {
                return Poll::Ready(Turn::Finished {
                    input_ended: work.input == Input::Ended,
                });
            }
            let sent = match self.poll_send(cx, &work.next) {
                Poll::Ready(Err(error)) => {
                    // Told apart, for whoever only wants to know whether everything before the end was sent.
                    let ending = work.next == Next::End && self.flushed;
                    let step = if ending { Step::Shutdown } else { Step::Write };
                    return Poll::Ready(Turn::Failed(self.why_sending_failed(cx, &error, step)));
                }
                sent => sent.is_ready(),
            };
            let received = work.read
                && match self.poll_receive(cx) {
                    Poll::Ready(Err(failure)) => return Poll::Ready(Turn::FailedQuietly(failure)),
                    received => received.is_ready(),
                };
            let discarded = work.closing.is_some() && work.input == Input::Stopped && self.poll_discard(cx).is_ready();
            if let Some(closing) = work.closing
                && self.poll_patience(cx, closing, sent).is_ready()
            {
                return Poll::Ready(Turn::Failed(Failure::CloseTimeout));
            }
            if !sent && !received && !discarded {
                return Poll::Pending;
            }
        }
    }

    /// Ready when something was sent, pending when there is nothing to send or no room for it.
    fn poll_send(&mut self, cx: &mut Context<'_>, next: &Next) -> Poll<io::Result<()>> {
        match next {
            Next::Bytes => {
                let count = ready!(self.transport.poll_write(cx, &self.buffers))?;
                self.flushed = false;
                self.buffers.clear();
                self.connection.sent(count);
                Poll::Ready(Ok(()))
            }
            Next::End => {
                ready!(self.transport.poll_flush(cx))?;
                self.flushed = true;
                // A reset that came before the end could be sent: what was sent before it may be lost.
                if !self.ending
                    && let Some(error) = SockRef::from(self.transport.tcp()).take_error()?
                {
                    return Poll::Ready(Err(error));
                }
                self.ending = true;
                match ready!(self.transport.poll_shutdown(cx)) {
                    // The peer ended its side, closed, and answered our goodbye with a reset: that cuts nothing short.
                    Err(error) if is_gone(&error) => {}
                    ended => ended?,
                }
                self.output_ended = true;
                self.connection.finished();
                Poll::Ready(Ok(()))
            }
            Next::Upgrade | Next::Nothing if self.flushed => Poll::Pending,
            Next::Upgrade | Next::Nothing => {
                ready!(self.transport.poll_flush(cx))?;
                self.flushed = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Ready when something was received or the peer's end was seen.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match ready!(self.poll_take(cx)) {
            Ok(0) => self.connection.input_ended(),
            Ok(_) if self.untold >= RECEIVE => self.tell_reader(),
            Ok(_) => {}
            // Once we have said goodbye ourselves, a peer that just hangs up cuts nothing short.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.output_ended => {
                self.connection.input_ended();
            }
            Err(error) => {
                self.receive_decrypted();
                return Poll::Ready(Err(Failure::from_io(Step::Read, &error).at(Step::Read)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what comes in to the connection; 0 is the end.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let count = ready!(self.transport.poll_read(cx, scratch))?;
            self.connection.received(&scratch[..count]);
            self.untold += count;
            Poll::Ready(Ok(count))
        })
    }

    /// Ready when bytes came in that nobody wants. Not to take them while a graceful close sends would stop a peer that
    /// answers as it reads, and with it ourselves.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.discarding_over {
            return Poll::Pending;
        }
        match ready!(SCRATCH.with_borrow_mut(|scratch| self.transport.poll_read(cx, scratch))) {
            Ok(1..) => {}
            Ok(0) => {
                self.discarding_over = true;
                self.connection.input_ended();
            }
            // Sending will meet it as well.
            Err(_) => self.discarding_over = true,
        }
        Poll::Ready(())
    }

    /// What came before a failure is delivered before it.
    fn receive_decrypted(&mut self) {
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                let count = self.transport.take_decrypted(scratch);
                if count == 0 {
                    break;
                }
                self.connection.received(&scratch[..count]);
                self.untold += count;
            }
        });
    }

    fn tell_reader(&mut self) {
        if std::mem::take(&mut self.untold) > 0 {
            self.connection.tell_reader();
        }
    }

    /// What came in before the failure is kept for the reader, and may hold the reason: a peer that refuses us over TLS
    /// says so in an alert, closes, and our next write meets a closed connection.
    fn why_sending_failed(&mut self, cx: &mut Context<'_>, error: &io::Error, step: Step) -> Failure {
        while self.connection.takes_more() {
            match self.poll_take(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Err(error)) => {
                    self.receive_decrypted();
                    match Failure::from_io(Step::Read, &error).at(Step::Read) {
                        failure @ Failure::Tls(_) => return failure,
                        _ => break,
                    }
                }
                // The kernel tells of a reset once, and it told our write: what it calls an end now is none.
                Poll::Ready(Ok(0)) | Poll::Pending => break,
            }
        }
        Failure::from_io(step, error).at(step)
    }

    /// Ready when a graceful close has gone without progress for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>, closing: Closing, progress: bool) -> Poll<()> {
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(closing.timeout)));
        if progress {
            patience.as_mut().reset(Instant::now() + closing.timeout);
        }
        patience.as_mut().poll(cx)
    }
}

/// Whether nobody is there any more to send to.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}
