//! What a client may ask for. A request is a letter and two big-endian numbers of 64 bits, `a` and `b`; a connection
//! carries any number of them, one after the other, unless the request lasts until the client ends.
//!
//! | letter | answer |
//! | --- | --- |
//! | `D` | `a` bytes |
//! | `U` | reads `a` bytes, then answers with one |
//! | `E` | reads `a` bytes and sends them back, again and again, until the client ends |
//! | `S` | reads `a` bytes every `b` microseconds until the client ends |

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval};

const BLOCK: usize = 256 * 1024;
/// As PostgreSQL's: a request of eight bytes, agreed to with one.
const TLS_REQUEST: usize = 8;

/// Answers requests until the client ends, then ends as well.
pub async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    while let Some((letter, a, b)) = request(&mut stream).await? {
        match letter {
            b'D' => download(&mut stream, a).await?,
            b'U' => upload(&mut stream, a).await?,
            b'E' => echo(&mut stream, size(a)?).await?,
            b'S' => read_slowly(&mut stream, size(a)?, Duration::from_micros(b)).await?,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    stream.shutdown().await
}

/// The plain bytes before a TLS handshake that the client asks for.
pub async fn agree_to_tls(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.read_exact(&mut [0; TLS_REQUEST]).await?;
    stream.write_all(b"S").await
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(u8, u64, u64)>> {
    let letter = match stream.read_u8().await {
        Ok(letter) => letter,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some((letter, stream.read_u64().await?, stream.read_u64().await?)))
}

async fn download(stream: &mut (impl AsyncWrite + Unpin), total: u64) -> io::Result<()> {
    let block = vec![b'd'; BLOCK];
    let mut left = total;
    while left > 0 {
        let length = left.min(BLOCK as u64);
        stream.write_all(&block[..size(length)?]).await?;
        left -= length;
    }
    stream.flush().await
}

async fn upload(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), total: u64) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut left = total;
    while left > 0 {
        let length = size(left.min(BLOCK as u64))?;
        match stream.read(&mut block[..length]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => left -= read as u64,
        }
    }
    stream.write_all(b"u").await?;
    stream.flush().await
}

async fn echo(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), length: usize) -> io::Result<()> {
    let mut message = vec![0; length];
    loop {
        match stream.read_exact(&mut message).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        stream.write_all(&message).await?;
        stream.flush().await?;
    }
}

async fn read_slowly(stream: &mut (impl AsyncRead + Unpin), length: usize, every: Duration) -> io::Result<()> {
    let mut block = vec![0; length];
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        if stream.read(&mut block).await? == 0 {
            return Ok(());
        }
    }
}

fn size(number: u64) -> io::Result<usize> {
    number.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}
