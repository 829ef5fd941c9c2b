//! A TCP connection's descriptor, and who waits for what comes in on it.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::runtime::Handle;

use crate::task::is_here;
use crate::watch::{Readiness, Watch};

/// See the module. At first nobody waits: [`Tcp::watch`] or [`Tcp::register`] has to follow.
#[derive(Debug)]
pub struct Tcp {
    // These two come first: they are dropped while the descriptor is open.
    registration: Option<AsyncFd<RawFd>>,
    watched: Option<Watched>,
    stream: TcpStream,
}

/// The reader's thread waits.
#[derive(Debug)]
struct Watched {
    watch: Arc<Watch>,
    readiness: Arc<Readiness>,
    descriptor: RawFd,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.remove(self.descriptor);
    }
}

impl Tcp {
    /// Begins to connect to `address`; [`Tcp::connected`] tells how that goes.
    pub fn dial(address: SocketAddr) -> io::Result<Self> {
        Ok(Tcp {
            registration: None,
            watched: None,
            stream: mio::net::TcpStream::connect(address)?.into(),
        })
    }

    /// What became of [`Tcp::dial`]: `None` if nothing yet.
    pub fn connected(&self) -> Option<io::Result<()>> {
        let Err(error) = self.stream.peer_addr() else {
            return Some(Ok(()));
        };
        match self.stream.take_error() {
            Err(error) | Ok(Some(error)) => Some(Err(error)),
            Ok(None) if error.kind() == io::ErrorKind::NotConnected => None,
            Ok(None) => Some(Err(error)),
        }
    }

    /// Our end, and the peer's.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.stream.local_addr()?, self.stream.peer_addr()?))
    }

    /// Leaves it to `watch` to tell, under the name `id`, of what comes in; the reader keeps account in `readiness`. The runtime
    /// still waits for room to send, once there was none. On failure all is as it was.
    pub fn watch(&mut self, watch: &Arc<Watch>, id: u32, readiness: &Arc<Readiness>) -> io::Result<()> {
        let descriptor = self.stream.as_raw_fd();
        readiness.forget();
        if self.watched.is_some() {
            return watch.connected(descriptor, id);
        }
        watch.add(descriptor, id)?;
        self.registration = None;
        self.watched = Some(Watched {
            watch: watch.clone(),
            readiness: readiness.clone(),
            descriptor,
        });
        Ok(())
    }

    /// Leaves it to `watch` to tell when the connection is up or failed.
    pub fn watch_connecting(&mut self, watch: &Arc<Watch>, id: u32, readiness: &Arc<Readiness>) -> io::Result<()> {
        let descriptor = self.stream.as_raw_fd();
        watch.add_connecting(descriptor, id)?;
        self.watched = Some(Watched {
            watch: watch.clone(),
            readiness: readiness.clone(),
            descriptor,
        });
        Ok(())
    }

    /// Ready when something has changed since it was last asked that might make a difference to [`Tcp::connected`]. The runtime
    /// waits for that.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.register()?;
        ready!(self.registration()?.poll_write_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }

    /// Has the runtime of the caller wait in both directions, if it does not yet.
    pub fn register(&mut self) -> io::Result<()> {
        if self.registration.is_some() && self.watched.is_none() {
            return Ok(());
        }
        self.watched = None;
        // A descriptor can be registered once.
        self.registration = None;
        self.registration = Some(self.registered(Interest::READABLE | Interest::WRITABLE)?);
        Ok(())
    }

    /// Whether a watch tells of what comes in.
    pub fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    /// Whether there may be bytes, or the end.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.watched {
            Some(watched) if watched.readiness.is_readable() => Poll::Ready(Ok(())),
            Some(_) => Poll::Pending,
            None => self.registration()?.poll_read_ready(cx).map_ok(drop),
        }
    }

    /// Receives; 0 is the end. Watched, only the thread that takes from the watch may call it, and `cx` is not woken: the watch
    /// tells.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(Watched { readiness, .. }) = &self.watched else {
            return self.poll_registered(cx, buffer);
        };
        if !readiness.is_readable() {
            return Poll::Pending;
        }
        let received = self.receive_now(buffer);
        match &received {
            Ok(count) if *count == buffer.len() || readiness.may_stop_early() => {}
            // Less than asked for is all there was: asking again to be sure is a system call for each message.
            _ => readiness.use_up(),
        }
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            received => Poll::Ready(received),
        }
    }

    fn poll_registered(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let registration = self.registration()?;
        loop {
            let mut ready = ready!(registration.poll_read_ready(cx))?;
            match ready.try_io(|_| self.receive_now(buffer)) {
                Ok(received) => {
                    if matches!(received, Ok(count) if count > 0 && count < buffer.len()) {
                        ready.clear_ready();
                    }
                    return Poll::Ready(received);
                }
                Err(_would_block) => {}
            }
        }
    }

    /// Receives what there is, whether or not anybody was told of it.
    pub fn receive_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(buffer)
    }

    /// Sends; returns how much was taken.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_room(cx, |mut stream| stream.write(data))
    }

    /// Sends from several buffers.
    pub fn poll_send_vectored(&mut self, cx: &mut Context<'_>, data: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_room(cx, |mut stream| stream.write_vectored(data))
    }

    fn poll_room(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.registration.is_none() {
            match send(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
            if is_here() || Handle::try_current().is_err() {
                // The driver tries the same again on the runtime.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // For good: nothing is told of it while there is room.
            self.registration = Some(self.registered(Interest::WRITABLE)?);
        }
        let registration = self.registration()?;
        loop {
            let mut ready = ready!(registration.poll_write_ready(cx))?;
            match ready.try_io(|_| send(&self.stream)) {
                Ok(sent) => return Poll::Ready(sent),
                Err(_would_block) => {}
            }
        }
    }

    fn registered(&self, interest: Interest) -> io::Result<AsyncFd<RawFd>> {
        // SAFETY: the descriptor is that of `stream`, which no method takes out or puts another in the place of. The result goes
        // nowhere but into `registration`, a field that comes before it and so is dropped while the descriptor is open.
        Ok(unsafe { AsyncFd::register_with_interest(self.stream.as_raw_fd(), interest) }?)
    }

    fn registration(&self) -> io::Result<&AsyncFd<RawFd>> {
        self.registration
            .as_ref()
            .ok_or_else(|| io::Error::other("nobody waits for the descriptor"))
    }

    /// Ends the outgoing direction.
    pub fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

impl AsFd for Tcp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsRawFd for Tcp {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

/// For TLS.
impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = ready!(self.poll_receive(cx, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown())
    }
}
