//! Plain or TLS bytes behind one type: what the driver moves them through.

use std::cell::RefCell;
use std::io::{self, BufRead, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::prefetch::Prefetch;
use crate::tcp::Tcp;

/// Plain bytes that the driver receives in one call.
const RECEIVE: usize = 64 * 1024;

thread_local! {
    /// Shared by every connection of the thread, so that an idle one holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; RECEIVE].into_boxed_slice());
}

/// Calls `use_it` with memory of the thread's, for what is received and thrown away or copied at once.
pub fn with_scratch<T>(use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| use_it(scratch))
}

/// Who gets what came in, piece by piece.
pub type Take<'a> = dyn FnMut(&[u8]) + 'a;

/// The open stream of a connection.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(Tcp),
    /// TLS over TCP.
    Tls(Box<TlsStream<Prefetch>>),
}

impl Transport {
    /// Whether bytes leave and come as they are.
    pub fn is_plain(&self) -> bool {
        matches!(self, Transport::Plain(_))
    }

    /// Receives into `buffer`; 0 is the end of the stream (for TLS: the peer's close_notify). Over TLS a failure may leave
    /// something for [`Self::take_rest`].
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => stream.poll_receive(cx, buffer),
            Transport::Tls(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Gives to `take` what was decrypted before a failure.
    pub fn take_rest(&mut self, take: &mut Take<'_>) {
        if let Transport::Tls(stream) = self {
            take_decrypted(stream, take);
        }
    }

    /// Whether a read would find something, as far as that is known without reading.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Transport::Tls(stream) = self {
            let (below, session) = stream.get_mut();
            let is_dry = matches!(session.reader().fill_buf(), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            if !is_dry || below.is_behind() {
                return Poll::Ready(Ok(()));
            }
        }
        self.tcp().poll_readable(cx)
    }

    /// Whether more has come than one receive takes, so that reading it is work.
    pub fn is_behind(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            Transport::Tls(stream) => stream.get_ref().0.is_behind(),
        }
    }

    /// Receives, and gives what came to `take`, piece by piece; returns how much that was. 0 is the end of the stream (for
    /// TLS: the peer's close_notify). What came before a failure is given before it is told.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, take: &mut Take<'_>) -> Poll<io::Result<usize>> {
        if let Transport::Tls(stream) = self {
            return poll_decrypted(stream, cx, take);
        }
        with_scratch(|scratch| {
            let count = ready!(self.poll_read(cx, scratch))?;
            take(&scratch[..count]);
            Poll::Ready(Ok(count))
        })
    }

    /// The same of what there is although the runtime may not have heard of it; for the last reads of a connection.
    pub fn poll_take_now(&mut self, cx: &mut Context<'_>, take: &mut Take<'_>) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => with_scratch(|scratch| match stream.receive_now(scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result.inspect(|&count| take(&scratch[..count]))),
            }),
            Transport::Tls(stream) => {
                stream.get_mut().0.insist();
                poll_decrypted(stream, cx, take)
            }
        }
    }

    /// Sends from the buffers; returns how many bytes were taken.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buffers: &[Bytes]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => match buffers {
                [only] => stream.poll_send(cx, only),
                _ => {
                    let mut slices = [IoSlice::new(&[]); crate::queue::GATHER];
                    for (slice, buffer) in slices.iter_mut().zip(buffers) {
                        *slice = IoSlice::new(buffer);
                    }
                    stream.poll_send_vectored(cx, &slices[..buffers.len()])
                }
            },
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, &buffers[0]),
        }
    }

    /// Sends from a buffer that is nobody's own, over TCP as it is.
    pub fn poll_write_slice(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => stream.poll_send(cx, data),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    /// How many bytes of TCP wait in the kernel.
    pub fn receivable(&self) -> usize {
        let mut count: libc::c_int = 0;
        // SAFETY: the descriptor is open as long as the stream is, and FIONREAD writes one int to the place given, which
        // outlives the call.
        let result = unsafe { libc::ioctl(self.tcp().as_raw_fd(), libc::FIONREAD, &raw mut count) };
        if result == 0 {
            usize::try_from(count).unwrap_or(0)
        } else {
            0
        }
    }

    /// Hands everything taken to the operating system.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(_) => Poll::Ready(Ok(())),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Ends the outgoing direction: for TLS a close_notify first, then FIN.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => Poll::Ready(stream.shutdown()),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// The TCP stream below.
    pub fn tcp(&self) -> &Tcp {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_ref().0.stream(),
        }
    }

    /// The same, to change who waits for it.
    pub fn tcp_mut(&mut self) -> &mut Tcp {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_mut().0.stream_mut(),
        }
    }

    /// Takes the TCP stream out, with no more TLS on it.
    pub fn into_tcp(self) -> Tcp {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.into_inner().0.into_stream(),
        }
    }
}

/// Gives a record, or what is left of one, to `take` from where rustls has it.
fn poll_decrypted(
    stream: &mut TlsStream<Prefetch>,
    cx: &mut Context<'_>,
    take: &mut Take<'_>,
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(&mut *stream).poll_fill_buf(cx)) {
        Ok(data) => {
            let count = data.len();
            take(data);
            Pin::new(stream).consume(count);
            Poll::Ready(Ok(count))
        }
        Err(error) => {
            take_decrypted(stream, take);
            Poll::Ready(Err(error))
        }
    }
}

/// A failure can come in one batch with records before it.
fn take_decrypted(stream: &mut TlsStream<Prefetch>, take: &mut Take<'_>) {
    let mut decrypted = stream.get_mut().1.reader();
    while let Ok(data) = decrypted.fill_buf()
        && !data.is_empty()
    {
        let count = data.len();
        take(data);
        decrypted.consume(count);
    }
}
