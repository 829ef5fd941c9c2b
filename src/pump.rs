//! What a connection that is up does: send what is queued, receive what is wanted, until something else is due.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::time::{Instant, Sleep, sleep};

use crate::connection::{Closing, Connection, Input};
use crate::error::{Failure, Step};
use crate::inbox::CAPACITY;
use crate::queue::Next;
use crate::task::is_here;
use crate::transport::Transport;

/// A reader is told when so many bytes are there or no more are waiting. Each time takes a hop to the JavaScript thread,
/// which on a machine with few cores takes the place of one that has work: for each 64 KiB, bulk data was half as fast.
const TELL: usize = CAPACITY / 2;

/// Less than this in one turn is little: it can as well be decrypted by the reader.
const LITTLE: usize = 4 * 1024;

/// After so many turns that brought little, one after the other, the driver leaves decrypting to the reader. Many, since to
/// change takes four system calls, and what is decrypted by the driver because much is going on elsewhere is little, too.
const CALM: u8 = 64;

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

/// An error met outside the driver's turns.
#[derive(Debug)]
enum Met {
    Sending(io::Error),
    Receiving(io::Error),
}

/// Moves the bytes of one connection: all of them in the turns of the driver, some of them in the calls of the handle. The
/// `cx` of every method is the driver's, whoever calls: it is the driver that goes on when there is something to go on
/// with.
#[derive(Debug)]
pub struct Pump {
    transport: Transport,
    /// What a call of the handle's came upon, for the driver to act on.
    met: Option<Met>,
    buffers: Vec<Bytes>,
    /// Everything the transport took is with the operating system.
    flushed: bool,
    /// Everything but our end of the stream is with the operating system, and arrived for all we know.
    ending: bool,
    /// Our end of the stream is sent.
    output_ended: bool,
    /// Bytes received of which no reader was told.
    untold: usize,
    /// Plain bytes wait in the kernel of which no reader was told.
    readable: bool,
    /// So many turns in a row brought little.
    calm: u8,
    /// Nothing more can come that would have to be thrown away.
    discarding_over: bool,
    /// Runs out when a graceful close makes no progress.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Pump {
    /// A pump for a connection that just came up, or was just upgraded.
    pub fn new(transport: Transport) -> Self {
        Pump {
            transport,
            met: None,
            buffers: Vec::new(),
            flushed: true,
            ending: false,
            output_ended: false,
            untold: 0,
            readable: false,
            calm: 0,
            discarding_over: false,
            patience: None,
        }
    }

    /// Gives the stream back.
    pub fn into_transport(self) -> Transport {
        self.transport
    }

    /// Sends what is queued, as far as it goes without waiting. False if there is something that the driver has to do.
    pub fn send(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>) -> bool {
        while self.met.is_none() {
            match connection.next(&mut self.buffers) {
                Next::Upgrade | Next::End => return false,
                Next::Nothing if self.flushed => return true,
                next => match self.poll_send(connection, cx, &next) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.met = Some(Met::Sending(error));
                    }
                    Poll::Pending => return true,
                },
            }
        }
        false
    }

    /// Sends bytes that are in no queue, over a plain transport; returns how many left.
    pub fn send_uncopied(&mut self, cx: &mut Context<'_>, data: &[u8]) -> usize {
        if self.met.is_some() {
            return 0;
        }
        match self.transport.poll_write_slice(cx, data) {
            Poll::Ready(Ok(count)) => count,
            Poll::Pending => 0,
            Poll::Ready(Err(error)) => {
                self.met = Some(Met::Sending(error));
                0
            }
        }
    }

    /// Receives into `target`; `Some(0)` is the peer's end, `None` a failure, which the driver tells. What came before it is in
    /// the connection's inbox.
    pub fn receive(&mut self, connection: &Connection, cx: &mut Context<'_>, target: &mut [u8]) -> Poll<Option<usize>> {
        if self.met.is_some() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.transport.poll_read(cx, target)) {
            Ok(count) => Some(count),
            Err(error) => {
                self.transport.take_rest(&mut |data| connection.received(data));
                self.met = Some(Met::Receiving(error));
                None
            }
        })
    }

    /// Whether more has come than one receive takes.
    pub fn is_behind(&self) -> bool {
        self.transport.is_behind()
    }

    /// How many bytes wait in the kernel.
    pub fn receivable(&self) -> usize {
        self.transport.receivable()
    }

    /// Sends and receives all that can be done without waiting. Afterwards the reader is to be told where
    /// [`Self::take_news`] says so.
    pub fn poll(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            let work = connection.work(cx, &mut self.buffers);
            if let Some(tuning) = work.tuning {
                // A connection that was reset refuses; sending and receiving will tell of that.
                let _ = tuning.apply(self.transport.tcp());
            }
            if work.dropped {
                return Poll::Ready(Turn::Dropped);
            }
            // What comes after a close is thrown away, which is no reader's work. Before anything is sent, since what the
            // runtime was to wake for is forgotten.
            if (work.closing.is_some() && !is_here() || work.takes_over)
                && let Err(error) = self.transport.tcp_mut().register()
            {
                return Poll::Ready(Turn::Failed(Failure::from_io(Step::Read, &error)));
            }
            if work.takes_over {
                connection.driver_reads();
                self.calm = 0;
                // It has more to do than it was told.
                continue;
            }
            match self.met.take() {
                Some(Met::Sending(error)) => {
                    return Poll::Ready(Turn::Failed(self.why_sending_failed(
                        connection,
                        cx,
                        &error,
                        Step::Write,
                    )));
                }
                Some(Met::Receiving(error)) => {
                    if let Err(failure) = self.receiving_failed(connection, &error) {
                        return Poll::Ready(Turn::FailedQuietly(failure));
                    }
                    continue;
                }
                None => {}
            }
            if work.next == Next::Upgrade && self.flushed {
                return Poll::Ready(Turn::Upgrade);
            }
            if self.output_ended && work.input != Input::Open {
                return Poll::Ready(Turn::Finished {
                    input_ended: work.input == Input::Ended,
                });
            }
            let sent = match self.poll_send(connection, cx, &work.next) {
                Poll::Ready(Err(error)) => {
                    // Told apart, for whoever only wants to know whether everything before the end was sent.
                    let ending = work.next == Next::End && self.flushed;
                    let step = if ending { Step::Shutdown } else { Step::Write };
                    return Poll::Ready(Turn::Failed(self.why_sending_failed(connection, cx, &error, step)));
                }
                sent => sent.is_ready(),
            };
            let received = work.read
                && match self.poll_receive(connection, cx) {
                    Poll::Ready(Err(failure)) => return Poll::Ready(Turn::FailedQuietly(failure)),
                    received => received.is_ready(),
                };
            // On the reader's thread there is nothing to wait for in which to do it: what cannot be sent at once goes over.
            let discards = work.closing.is_some() && work.input == Input::Stopped && !is_here();
            let discarded = discards && self.poll_discard(connection, cx).is_ready();
            if let Some(closing) = work.closing
                && self.poll_patience(cx, closing, sent).is_ready()
            {
                return Poll::Ready(Turn::Failed(Failure::CloseTimeout));
            }
            if !sent && !received && !discarded {
                if work.read {
                    self.leave_to_reader(connection);
                }
                return Poll::Pending;
            }
        }
    }

    /// Ready when something was sent, pending when there is nothing to send or no room for it.
    fn poll_send(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>, next: &Next) -> Poll<io::Result<()>> {
        match next {
            Next::Bytes => {
                let count = ready!(self.transport.poll_write(cx, &self.buffers))?;
                self.flushed = false;
                self.buffers.clear();
                connection.sent(count);
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
                connection.finished();
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

    /// Ready when something was received or the peer's end was seen. Plain bytes, and all of a watched transport, are left to
    /// the reader.
    fn poll_receive(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.transport.is_plain() || self.transport.tcp().is_watched() {
            ready!(self.transport.poll_readable(cx)).map_err(|error| Failure::from_io(Step::Read, &error))?;
            self.readable = true;
            return Poll::Pending;
        }
        match ready!(self.poll_take(connection, cx)) {
            Ok(0) => connection.input_ended(),
            Ok(_) if self.untold >= TELL => self.tell_reader(connection),
            Ok(_) => {}
            Err(error) => return Poll::Ready(self.receiving_failed(connection, &error)),
        }
        Poll::Ready(Ok(()))
    }

    /// Once we have said goodbye ourselves, a peer that just hangs up cuts nothing short: that is the end.
    fn receiving_failed(&self, connection: &Arc<Connection>, error: &io::Error) -> Result<(), Failure> {
        if error.kind() == io::ErrorKind::UnexpectedEof && self.output_ended {
            connection.input_ended();
            return Ok(());
        }
        Err(Failure::from_io(Step::Read, error).at(Step::Read))
    }

    /// At the end of a turn of the driver's that took all there was: the reader decrypts by itself from now on, if little came
    /// for long enough.
    fn leave_to_reader(&mut self, connection: &Connection) {
        if self.transport.tcp().is_watched() || self.untold == 0 {
            return;
        }
        self.calm = if self.untold < LITTLE { self.calm + 1 } else { 0 };
        if self.calm >= CALM && self.flushed {
            self.calm = 0;
            // Where it takes no more, everything is as it was.
            connection.watch(&mut self.transport);
        }
    }

    /// Moves what comes in to the connection; 0 is the end.
    fn poll_take(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let untold = &mut self.untold;
        self.transport.poll_take(cx, &mut |data| {
            connection.received(data);
            *untold += data.len();
        })
    }

    /// The same, also of what the runtime has not heard of yet.
    fn poll_take_now(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let untold = &mut self.untold;
        self.transport.poll_take_now(cx, &mut |data| {
            connection.received(data);
            *untold += data.len();
        })
    }

    /// Ready when bytes came in that nobody wants. Not to take them while a graceful close sends would stop a peer that
    /// answers as it reads, and with it ourselves.
    fn poll_discard(&mut self, connection: &Arc<Connection>, cx: &mut Context<'_>) -> Poll<()> {
        if self.discarding_over {
            return Poll::Pending;
        }
        match ready!(self.transport.poll_take(cx, &mut |_| {})) {
            Ok(1..) => {}
            Ok(0) => {
                self.discarding_over = true;
                connection.input_ended();
            }
            // Sending will meet it as well.
            Err(_) => self.discarding_over = true,
        }
        Poll::Ready(())
    }

    fn tell_reader(&mut self, connection: &Arc<Connection>) {
        if self.take_news() {
            connection.tell_reader();
        }
    }

    /// Whether there is something for a reader of which it was not told.
    pub fn take_news(&mut self) -> bool {
        let received = std::mem::take(&mut self.untold) > 0;
        std::mem::take(&mut self.readable) || received
    }

    /// What came in before the failure is kept for the reader, and may hold the reason: a peer that refuses us over TLS
    /// says so in an alert, closes, and our next write meets a closed connection.
    fn why_sending_failed(
        &mut self,
        connection: &Arc<Connection>,
        cx: &mut Context<'_>,
        error: &io::Error,
        step: Step,
    ) -> Failure {
        while connection.takes_more() {
            match self.poll_take_now(connection, cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Err(error)) => match Failure::from_io(Step::Read, &error).at(Step::Read) {
                    failure @ Failure::Tls(_) => return failure,
                    _ => break,
                },
                // The kernel tells of a reset once, and it told our write: what it calls an end now is none.
                Poll::Ready(Ok(0)) | Poll::Pending => break,
            }
        }
        Failure::from_io(step, error).at(step)
    }

    /// Ready when a graceful close has gone without progress for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>, closing: Closing, progress: bool) -> Poll<()> {
        if progress {
            // Most get by without ever having to wait.
            if let Some(patience) = &mut self.patience {
                patience.as_mut().reset(Instant::now() + closing.timeout);
            }
            return Poll::Pending;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(closing.timeout)));
        patience.as_mut().poll(cx)
    }
}

/// Whether nobody is there any more to send to.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}
