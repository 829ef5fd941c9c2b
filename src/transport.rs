//! Plain or TLS bytes behind one type: what the driver moves them through.

use std::io::{self, IoSlice, Read};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::prefetch::Prefetch;

/// The open stream of a connection.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<Prefetch>>),
}

impl Transport {
    /// Whether bytes leave and come as they are.
    pub fn is_plain(&self) -> bool {
        matches!(self, Transport::Plain(_))
    }

    /// Receives into `buffer`; 0 is the end of the stream (for TLS: the peer's close_notify).
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(match self {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        })?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Receives what there is although the runtime may not have heard of it; for the last reads of a connection.
    pub fn poll_read_now(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => match (&*SockRef::from(&*stream)).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result),
            },
            Transport::Tls(stream) => {
                stream.get_mut().0.insist();
                self.poll_read(cx, buffer)
            }
        }
    }

    /// Takes what was decrypted already, without receiving more. A failure can come in one batch with bytes before it.
    pub fn take_decrypted(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Transport::Plain(_) => 0,
            Transport::Tls(stream) => stream.get_mut().1.reader().read(buffer).unwrap_or(0),
        }
    }

    /// Sends from the buffers; returns how many bytes were taken.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buffers: &[Bytes]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => match buffers {
                [only] => Pin::new(stream).poll_write(cx, only),
                _ => {
                    let mut slices = [IoSlice::new(&[]); crate::queue::GATHER];
                    for (slice, buffer) in slices.iter_mut().zip(buffers) {
                        *slice = IoSlice::new(buffer);
                    }
                    Pin::new(stream).poll_write_vectored(cx, &slices[..buffers.len()])
                }
            },
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, &buffers[0]),
        }
    }

    /// Sends from a buffer that is nobody's own, over TCP as it is.
    pub fn poll_write_slice(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, data),
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
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// The TCP stream below.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_ref().0.stream(),
        }
    }

    /// Takes the TCP stream out, with no more TLS on it.
    pub fn into_tcp(self) -> TcpStream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.into_inner().0.into_stream(),
        }
    }
}
