//! TLS over a TCP stream, by rustls' unbuffered interface: records are decrypted where they were received and encrypted to
//! where they are sent from. Through its buffered one each byte is moved three times more, 4 KiB at a time.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError};
use rustls::{ClientConfig, CommonState, Error, InvalidMessage};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::buffer::Buffer;

/// Plaintext encrypted at once: four records of the largest size.
const ENCRYPTED_AT_ONCE: usize = 64 * 1024;

/// Who gets what was decrypted, piece by piece.
pub type Take<'a> = dyn FnMut(&[u8]) + 'a;

/// A TCP stream with TLS on it.
pub struct TlsStream {
    stream: TcpStream,
    connection: UnbufferedClientConnection,
    /// Received; between two calls at most a part of a record, or of a handshake message.
    received: Buffer,
    /// Encrypted, and not yet taken by the kernel.
    unsent: Buffer,
    /// Decrypted before anybody could take it: what a server sends along with its last message of the handshake.
    early: Vec<u8>,
    /// Why the connection is over.
    failure: Option<Error>,
    /// The handshake is done.
    established: bool,
    /// The peer's close_notify came: all it had to send was received.
    ended: bool,
    /// Ours is sent, or on its way.
    said_goodbye: bool,
    /// Ask the kernel itself each time.
    insists: bool,
}

/// What is to be encrypted once all that was received is worked off.
enum Outgoing<'a> {
    Nothing,
    Data(&'a [u8]),
    CloseNotify,
}

enum Step {
    More,
    Done,
}

impl TlsStream {
    /// Does the handshake.
    pub(super) async fn connect(
        stream: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let mut stream = TlsStream {
            stream,
            connection: UnbufferedClientConnection::new(config, name).map_err(to_io)?,
            received: Buffer::default(),
            unsent: Buffer::default(),
            early: Vec::new(),
            failure: None,
            established: false,
            ended: false,
            said_goodbye: false,
            insists: false,
        };
        poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Err(error) = self.work_off(None, &Outgoing::Nothing) {
                return Poll::Ready(Err(self.give_up(cx, error)));
            }
            ready!(self.poll_flush(cx))?;
            if self.established {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Receives, decrypts and gives what came to `take`, piece by piece; returns how much that was, 0 after the peer's
    /// close_notify. An end of TCP without one is [`io::ErrorKind::UnexpectedEof`].
    pub fn poll_read(&mut self, cx: &mut Context<'_>, take: &mut Take<'_>) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            take(&early);
            return Poll::Ready(Ok(early.len()));
        }
        loop {
            if let Some(error) = self.failure.clone() {
                return Poll::Ready(Err(self.give_up(cx, error)));
            }
            if self.ended {
                return Poll::Ready(Ok(0));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let mut count = 0;
            let mut counted = |data: &[u8]| {
                count += data.len();
                take(data);
            };
            // A failure is for the next call, behind what came before it.
            let _ = self.work_off(Some(&mut counted), &Outgoing::Nothing);
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }

    /// From now on the kernel itself is asked for bytes: the runtime's own report of readiness may lag behind. For the
    /// last reads of a connection, since nobody is woken for what comes later.
    pub fn insist(&mut self) {
        self.insists = true;
    }

    /// Encrypts from the buffers, as much as is sent at once, and sends; returns how many bytes were taken. Pending while
    /// the kernel has no room for what was taken before.
    pub fn poll_write<'a>(
        &mut self,
        cx: &mut Context<'_>,
        buffers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let mut taken = 0;
        for data in buffers {
            let data = &data[..data.len().min(ENCRYPTED_AT_ONCE - taken)];
            if !data.is_empty() {
                self.encrypt(cx, &Outgoing::Data(data))?;
                taken += data.len();
            }
        }
        if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(taken))
    }

    /// Hands everything taken to the operating system.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, self.unsent.filled()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.unsent.discard(count),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says goodbye, then ends the outgoing direction of TCP.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            self.said_goodbye = true;
            self.encrypt(cx, &Outgoing::CloseNotify)?;
        }
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// What was agreed on.
    pub(super) fn connection(&self) -> &CommonState {
        &self.connection
    }

    /// The stream below.
    pub fn tcp(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes the stream out, without what was received and not decrypted.
    pub fn into_tcp(self) -> TcpStream {
        self.stream
    }

    fn encrypt(&mut self, cx: &mut Context<'_>, outgoing: &Outgoing<'_>) -> io::Result<()> {
        self.work_off(None, outgoing).map_err(|error| self.give_up(cx, error))
    }

    /// Tells the peer what is wrong, as far as the kernel has room for it.
    fn give_up(&mut self, cx: &mut Context<'_>, error: Error) -> io::Error {
        // The connection is over, however far this gets; the error that ended it is the one to tell.
        let _ = self.poll_flush(cx);
        to_io(error)
    }

    /// Receives what there is, as much as there is room for; 0 is the end of TCP.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.received.room();
        if room.is_empty() {
            // More than any message that rustls would take.
            let error = Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge);
            return Poll::Ready(Err(to_io(error)));
        }
        let outcome = if self.insists {
            match (&*SockRef::from(&self.stream)).read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                outcome => Poll::Ready(outcome),
            }
        } else {
            let mut room = ReadBuf::new(room);
            Pin::new(&mut self.stream)
                .poll_read(cx, &mut room)
                .map_ok(|()| room.filled().len())
        };
        self.received.add(match &outcome {
            Poll::Ready(Ok(count)) => *count,
            _ => 0,
        });
        outcome
    }

    /// Has rustls work off all that was received, and then encrypts what is to be sent. A failure is there to stay, and
    /// leaves the alert that tells the peer of it among what is unsent.
    fn work_off(&mut self, mut take: Option<&mut Take<'_>>, outgoing: &Outgoing<'_>) -> Result<(), Error> {
        while self.failure.is_none() {
            match self.step(take.as_deref_mut(), outgoing) {
                Ok(Step::More) => {}
                Ok(Step::Done) => return Ok(()),
                Err(error) => {
                    self.failure = Some(error);
                    self.encode_alert();
                }
            }
        }
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn step(&mut self, mut take: Option<&mut Take<'_>>, outgoing: &Outgoing<'_>) -> Result<Step, Error> {
        let status = self.connection.process_tls_records(self.received.filled_mut());
        let mut used = status.discard;
        let step = match status.state {
            Ok(ConnectionState::ReadTraffic(mut records)) => {
                while let Some(record) = records.next_record() {
                    let record = record?;
                    match &mut take {
                        Some(take) => take(record.payload),
                        None => self.early.extend_from_slice(record.payload),
                    }
                    used += record.discard;
                }
                Ok(Step::More)
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                put(&mut self.unsent, |room| data.encode(room)).map(|()| Step::More)
            }
            // What is unsent is sent in order, before anything that follows.
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Ok(Step::More)
            }
            Ok(ConnectionState::PeerClosed) => {
                self.ended = true;
                Ok(Step::More)
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                self.established = true;
                let unsent = &mut self.unsent;
                match outgoing {
                    Outgoing::Nothing => Ok(()),
                    Outgoing::Data(data) => put(unsent, |room| traffic.encrypt(data, room)),
                    Outgoing::CloseNotify => put(unsent, |room| traffic.queue_close_notify(room)),
                }
                .map(|()| Step::Done)
            }
            // More has to come, or nothing can: both sides said goodbye.
            Ok(_) => match outgoing {
                Outgoing::Nothing => Ok(Step::Done),
                _ => Err(Error::HandshakeNotComplete),
            },
            Err(error) => Err(error),
        };
        self.received.discard(used);
        step
    }

    /// After a failure rustls is asked for what it has to tell the peer, and for nothing else: it would come upon the same
    /// bytes again.
    fn encode_alert(&mut self) {
        while self.connection.wants_write() {
            let status = self.connection.process_tls_records(self.received.filled_mut());
            let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state else {
                return;
            };
            if put(&mut self.unsent, |room| data.encode(room)).is_err() {
                return;
            }
        }
    }
}

/// Has `write` put something at the end of `unsent`; once more with the room that it asks for.
fn put<E>(unsent: &mut Buffer, mut write: impl FnMut(&mut [u8]) -> Result<usize, E>) -> Result<(), Error>
where
    E: Into<NotPut>,
{
    let mut written = write(unsent.room()).map_err(Into::into);
    if let Err(NotPut::TooSmall(size)) = &written {
        written = write(unsent.room_for(size.required_size)).map_err(Into::into);
    }
    unsent.add(*written.as_ref().unwrap_or(&0));
    written.map(|_| ()).map_err(|_| Error::EncryptError)
}

enum NotPut {
    TooSmall(InsufficientSizeError),
    /// The keys must not be used for more, or there is nothing to write.
    Refused,
}

impl From<EncodeError> for NotPut {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(size) => NotPut::TooSmall(size),
            EncodeError::AlreadyEncoded => NotPut::Refused,
        }
    }
}

impl From<EncryptError> for NotPut {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => NotPut::TooSmall(size),
            EncryptError::EncryptExhausted => NotPut::Refused,
        }
    }
}

fn to_io(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("stream", &self.stream)
            .field("established", &self.established)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
