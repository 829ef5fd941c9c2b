//! A TCP stream that receives much at a time where there is much.
//!
//! rustls asks for 4 KiB and a little more each time: five system calls for a record of 16 KiB. Between it and the kernel
//! this keeps up to 64 KiB, for as long as they come that fast; an idle connection holds no buffer.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tcp::Tcp;

const MOST: usize = 64 * 1024;

thread_local! {
    /// The buffer that was given back last: most connections need one only for a moment.
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// See the module.
#[derive(Debug)]
pub struct Prefetch {
    stream: Tcp,
    ahead: Option<Ahead>,
    /// Nothing is received ahead before the handshake is done.
    eager: bool,
    /// The last receive filled what it was given: there is more.
    more: bool,
    /// Ask the kernel itself each time.
    insists: bool,
}

#[derive(Debug)]
struct Ahead {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Prefetch {
    /// Nothing is received before it is asked for.
    pub fn new(stream: Tcp) -> Self {
        Prefetch {
            stream,
            ahead: None,
            eager: false,
            more: false,
            insists: false,
        }
    }

    /// From now on much is received at a time.
    pub fn begin(&mut self) {
        self.eager = true;
    }

    /// From now on the kernel itself is asked for bytes: the runtime's own report of readiness may lag behind. For the
    /// last reads of a connection, since nobody is woken for what comes later.
    pub fn insist(&mut self) {
        self.insists = true;
    }

    /// The stream below.
    pub fn stream(&self) -> &Tcp {
        &self.stream
    }

    /// The stream below, to change who waits for it.
    pub fn stream_mut(&mut self) -> &mut Tcp {
        &mut self.stream
    }

    /// Whether more has come than what was taken from here.
    pub fn is_behind(&self) -> bool {
        self.more || self.ahead.is_some()
    }

    /// Takes the stream out, without what was received ahead.
    pub fn into_stream(self) -> Tcp {
        self.stream
    }

    /// Receives into `buffer` as it is.
    fn poll_directly(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        let before = buffer.filled().len();
        if self.insists {
            match self.stream.receive_now(buffer.initialize_unfilled()) {
                Ok(count) => buffer.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        }
        self.more = self.eager && buffer.filled().len() - before == room;
        Poll::Ready(Ok(()))
    }
}

impl Ahead {
    fn new() -> Self {
        let spare = SPARE.take();
        Ahead {
            buffer: spare.unwrap_or_else(|| vec![0; MOST].into_boxed_slice()),
            start: 0,
            end: 0,
        }
    }

    fn give_back(self) {
        SPARE.set(Some(self.buffer));
    }
}

impl AsyncRead for Prefetch {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut ahead = match this.ahead.take() {
            Some(ahead) => ahead,
            None if !this.more || buffer.remaining() >= MOST => return this.poll_directly(cx, buffer),
            None => {
                let mut ahead = Ahead::new();
                let mut received = ReadBuf::new(&mut ahead.buffer);
                let outcome = this.poll_directly(cx, &mut received);
                ahead.end = received.filled().len();
                if !matches!(outcome, Poll::Ready(Ok(()))) {
                    ahead.give_back();
                    return outcome;
                }
                ahead
            }
        };
        let count = buffer.remaining().min(ahead.end - ahead.start);
        buffer.put_slice(&ahead.buffer[ahead.start..ahead.start + count]);
        ahead.start += count;
        if ahead.start < ahead.end {
            this.ahead = Some(ahead);
        } else {
            ahead.give_back();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefetch {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (Prefetch, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = Tcp::dial(listener.local_addr().unwrap()).unwrap();
        stream.register().unwrap();
        let mut stream = Prefetch::new(stream);
        stream.begin();
        (stream, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn the_kernel_is_asked_whatever_the_runtime_knows() {
        let (mut reader, peer) = pair().await;
        let mut piece = [0; 16];
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(
            Pin::new(&mut reader)
                .poll_read(&mut cx, &mut ReadBuf::new(&mut piece))
                .is_pending()
        );
        // With the runtime standing still.
        assert_eq!(peer.try_write(b"unheard of").unwrap(), 10);
        reader.insist();
        let mut buffer = ReadBuf::new(&mut piece);
        assert!(Pin::new(&mut reader).poll_read(&mut cx, &mut buffer).is_ready());
        assert_eq!(buffer.filled(), b"unheard of");
    }

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in_and_no_buffer_is_left() {
        let (mut reader, mut peer) = pair().await;
        let sent: Vec<u8> = (0..1_000_000u32).map(|index| (index % 251) as u8).collect();
        let expected = sent.clone();
        let sending = tokio::spawn(async move { peer.write_all(&sent).await.map(|()| peer) });
        let mut received = Vec::new();
        let mut piece = [0; 4096];
        let mut ahead = false;
        while received.len() < expected.len() {
            let count = reader.read(&mut piece).await.unwrap();
            received.extend_from_slice(&piece[..count]);
            ahead |= reader.ahead.is_some();
        }
        assert!(received == expected);
        assert!(ahead && reader.ahead.is_none());
        drop(sending.await);
        assert_eq!(reader.read(&mut piece).await.unwrap(), 0);
    }
}
