//! The last reads of a connection: what the peer still sends after our end of the stream goes into the void.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::{Failure, Step};
use crate::task::{go_over, is_here};
use crate::tcp::Tcp;
use crate::transport::with_scratch;

/// After our end of the stream the peer's bytes are read into the void, for so long at most ...
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// ... and so many at most: closing a descriptor with unread bytes resets the connection, which can destroy what was sent
/// just before. The session tickets of TLS 1.3 are such bytes.
const DRAIN_BYTES: u64 = 1024 * 1024;

/// Before that counts, a peer that is still answering may take its time, as long as it answers no more than we sent and
/// never pauses for longer than [`DRAIN_TIME`].
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// After so long on the reader's thread ...
const HERE_TIME: Duration = Duration::from_millis(50);

/// ... or so many bytes the runtime goes on.
const HERE_BYTES: u64 = 64 * 1024;

/// Reads what the peer still sends, until it ends its side, or the connection is dropped.
pub async fn drain(connection: &Connection, mut stream: Tcp) -> Result<(), Failure> {
    tokio::select! {
        outcome = until_end(&mut stream, connection.sent_in_all()) => outcome,
        () = poll_fn(|cx| connection.poll_dropped(cx)) => Ok(()),
    }
}

async fn until_end(stream: &mut Tcp, sent: u64) -> Result<(), Failure> {
    if is_here() && stream.is_watched() {
        if timeout(HERE_TIME, into_the_void_here(stream)).await == Ok(End::Peer) {
            return Ok(());
        }
        go_over().await;
    }
    // What was not told by the watch is told anew.
    stream
        .register()
        .map_err(|error| Failure::from_io(Step::Shutdown, &error))?;
    if timeout(ANSWER_TIME, into_the_void(stream, sent, DRAIN_TIME)).await == Ok(End::Limit) {
        let _ = timeout(DRAIN_TIME, into_the_void(stream, DRAIN_BYTES, DRAIN_TIME)).await;
    }
    Ok(())
}

/// Why reading into the void came to its end.
#[derive(PartialEq, Eq)]
enum End {
    /// So many bytes were read.
    Limit,
    /// The peer ended its side, or failed.
    Peer,
    /// Nothing came for too long.
    Pause,
}

/// Reads for as long as the driver is on the reader's thread: only there the watch may be read from.
async fn into_the_void_here(stream: &mut Tcp) -> End {
    let mut left = HERE_BYTES;
    while left > 0 {
        let received = poll_fn(|cx| match is_here() {
            true => with_scratch(|scratch| stream.poll_receive(cx, scratch)).map(Some),
            false => Poll::Ready(None),
        });
        match received.await {
            Some(Ok(count @ 1..)) => left = left.saturating_sub(count as u64),
            Some(Ok(0) | Err(_)) => return End::Peer,
            None => return End::Limit,
        }
    }
    End::Limit
}

/// Reads `limit` bytes at most; a pause is the end, too.
async fn into_the_void(stream: &mut Tcp, limit: u64, pause: Duration) -> End {
    let mut left = limit;
    while left > 0 {
        let received = poll_fn(|cx| with_scratch(|scratch| stream.poll_receive(cx, scratch)));
        match timeout(pause, received).await {
            Ok(Ok(count @ 1..)) => left = left.saturating_sub(count as u64),
            Ok(Ok(0) | Err(_)) => return End::Peer,
            Err(_) => return End::Pause,
        }
    }
    End::Limit
}
