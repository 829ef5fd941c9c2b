//! The task that owns a connection from its first packet to its last.
//!
//! [`run`] is the life of a connection in order: connect, handshake, move bytes, upgrade, drain, release. Its middle,
//! [`Pump`](crate::pump::Pump), is a poll function: one turn sends and receives all that can be done without waiting.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use crate::connect::{Target, Terms, connect};
use crate::connection::{Connection, Info, TlsRequest};
use crate::drain::drain;
use crate::error::{Failure, Step};
use crate::pump::Turn;
use crate::runtime::Threads;
use crate::task::go_over;
use crate::tcp::Tcp;
use crate::tls;
use crate::transport::Transport;
use crate::tuning::reset_on_close;

/// What a connection is to be.
#[derive(Debug)]
pub struct Plan {
    /// Where it leads.
    pub target: Target,
    /// For a connection that is TLS from its first byte.
    pub tls: Option<TlsRequest>,
    /// What the host sets for it.
    pub terms: Arc<Terms>,
}

/// Has `connection` driven: where a watch tells its reader's thread, which is this one, of what a driver waits for, there at first.
pub fn start(threads: Threads, connection: Arc<Connection>, plan: Plan) {
    let io = threads.io.clone();
    let here = plan.tls.is_none() && connection.has_watch();
    let driver = run(threads, connection.clone(), plan);
    if here {
        connection.drive(driver, &io);
    } else {
        drop(io.spawn(driver));
    }
}

/// Drives `connection` to its end.
pub async fn run(threads: Threads, connection: Arc<Connection>, plan: Plan) {
    // However the task ends, by an abort or a panic too, the handle is told that nothing follows.
    let release = Release(connection);
    let connection = &release.0;
    match drive(&threads, connection, plan).await {
        Ok(()) => {}
        Err(Some(failure)) => connection.failed(failure),
        // Dropped by order of the handle, which needs no telling why.
        Err(None) => {}
    }
}

struct Release(Arc<Connection>);

impl Drop for Release {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .failed(tls::TlsFailure::internal("the task of the connection ended unexpectedly").into());
        }
        // There still if the task ended in mid-turn.
        drop(self.0.cease());
        self.0.released();
    }
}

/// `Err(None)` is a connection dropped by order.
type Outcome<T> = Result<T, Option<Failure>>;

async fn drive(threads: &Threads, connection: &Arc<Connection>, plan: Plan) -> Outcome<()> {
    let Plan { target, tls, terms } = plan;
    let limit = Limit::from_now(terms.timeout);
    let connecting = limit.within(Step::Connect, connect(connection, target, &terms));
    // What is long over while a connection is idle takes no room in its task then.
    let stream = Box::pin(unless_given_up(connection, connecting)).await?;
    let mut info = addresses_of(&stream)?;
    connection.connected(info.clone());
    let mut transport = Transport::Plain(stream);
    if let Some(request) = tls {
        (transport, info) = Box::pin(secure(threads, connection, transport, info, request, limit)).await?;
    }
    connection.begin(transport, Step::Connect)?;
    connection.opened(info.clone());
    loop {
        let mut upgrade = UpgradeLimit::new(terms.timeout);
        let turn = poll_fn(|cx| match connection.poll_turn(cx) {
            Poll::Ready(turn) => Poll::Ready(turn),
            Poll::Pending => upgrade.poll_over(connection, cx).map(Turn::Failed),
        })
        .await;
        let rest = connection.cease().ok_or(None)?;
        match turn {
            Turn::Upgrade => {
                // A handshake is no work of the reader's thread.
                go_over().await;
                let request = connection.begin_upgrade()?;
                refuse_plaintext(rest.tcp())?;
                let limit = upgrade.limit();
                (transport, info) = Box::pin(secure(threads, connection, rest, info, request, limit)).await?;
                connection.begin(transport, Step::Handshake)?;
                connection.secured(info.clone());
            }
            Turn::Finished { input_ended: true } => return Ok(()),
            // Whatever comes, everything we had to send was sent before.
            Turn::Finished { input_ended: false } => return Ok(Box::pin(drain(connection, rest.into_tcp())).await?),
            Turn::Dropped => {
                if connection.resets() {
                    // Where that fails there is no connection left to reset.
                    let _ = reset_on_close(rest.tcp());
                }
                return Err(None);
            }
            Turn::Failed(failure) => return Err(Some(failure)),
            Turn::FailedQuietly(failure) => {
                drop(rest);
                connection.failed_quietly(failure);
                return Ok(());
            }
        }
    }
}

/// When what is under way must be done.
#[derive(Clone, Copy)]
struct Limit(Option<(Duration, Instant)>);

impl Limit {
    fn from_now(limit: Option<Duration>) -> Self {
        Limit(limit.map(|limit| (limit, Instant::now() + limit)))
    }

    async fn within<T>(self, step: Step, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match self.0 {
            None => work.await,
            Some((limit, end)) => match timeout_at(end, work).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::TimedOut { step, limit }),
            },
        }
    }
}

/// The limit of an upgrade: its time runs from when it is asked for, since what has to be sent before it may take for ever.
struct UpgradeLimit {
    allowed: Option<Duration>,
    running: Option<(Limit, Pin<Box<Sleep>>)>,
}

impl UpgradeLimit {
    fn new(allowed: Option<Duration>) -> Self {
        UpgradeLimit { allowed, running: None }
    }

    /// Ready when the time is over. An upgrade that is asked for wakes the driver, which comes by here.
    fn poll_over(&mut self, connection: &Connection, cx: &mut Context<'_>) -> Poll<Failure> {
        let Some(limit) = self.allowed else {
            return Poll::Pending;
        };
        if !connection.is_upgrading() {
            return Poll::Pending;
        }
        let start = || (Limit::from_now(Some(limit)), Box::pin(sleep(limit)));
        let (_, over) = self.running.get_or_insert_with(start);
        over.as_mut().poll(cx).map(|()| Failure::TimedOut {
            step: Step::Handshake,
            limit,
        })
    }

    /// What is left of it for the handshake.
    fn limit(&self) -> Limit {
        match &self.running {
            Some((limit, _)) => *limit,
            None => Limit::from_now(self.allowed),
        }
    }
}

fn addresses_of(stream: &Tcp) -> Result<Info, Failure> {
    let failed = |error: io::Error| match error.kind() {
        // The peer accepted and reset at once.
        io::ErrorKind::NotConnected => Failure::Io {
            step: Step::Connect,
            code: "ECONNRESET",
        },
        _ => Failure::from_io(Step::Connect, &error),
    };
    let (local, peer) = stream.addresses().map_err(failed)?;
    let session = None;
    Ok(Info { local, peer, session })
}

/// Does the handshake, and has the application confirm who answered where it wants to.
async fn secure(
    threads: &Threads,
    connection: &Arc<Connection>,
    transport: Transport,
    info: Info,
    request: TlsRequest,
    limit: Limit,
) -> Outcome<(Transport, Info)> {
    let mut stream = transport.into_tcp();
    stream
        .register()
        .map_err(|error| Failure::from_io(Step::Handshake, &error))?;
    let mut handshake = tls::Handshake::start(&threads.handshakes, &request.context, request.name, stream);
    let outcome = unless_given_up(connection, limit.within(Step::Handshake, handshake.finish())).await;
    handshake.abandon().await;
    let mut stream = outcome?;
    stream.get_mut().0.begin();
    let info = Info {
        session: Some(Arc::new(tls::Session::of(&stream))),
        ..info
    };
    if request.ask_identity {
        connection.ask_identity(info.clone());
        let answer = async {
            poll_fn(|cx| connection.poll_identity(cx)).await;
            Ok(())
        };
        unless_given_up(connection, limit.within(Step::Handshake, answer)).await?;
    }
    Ok((Transport::Tls(Box::new(stream)), info))
}

/// Plaintext that waits in the kernel when the upgrade begins was forged or forgotten. It must be neither decrypted
/// nor taken for the server's first TLS bytes.
fn refuse_plaintext(stream: &Tcp) -> Result<(), Failure> {
    // The kernel itself is asked: the runtime's own report of readiness may lag behind.
    match SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]) {
        Ok(0) => Err(Failure::ClosedInHandshake),
        Ok(_) => Err(Failure::StartTlsInjection),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(Failure::from_io(Step::Handshake, &error)),
    }
}

/// Waits for `work` on a connection that is not up; gives it up where the handle orders it.
async fn unless_given_up<T>(connection: &Connection, work: impl Future<Output = Result<T, Failure>>) -> Outcome<T> {
    let given_up = async {
        match poll_fn(|cx| connection.poll_given_up(cx)).await {
            Err(reason) => reason,
            Ok(closing) => {
                tokio::select! {
                    () = poll_fn(|cx| connection.poll_dropped(cx)) => None,
                    () = sleep(closing.timeout) => Some(Failure::CloseTimeout),
                }
            }
        }
    };
    tokio::select! {
        biased;
        reason = given_up => Err(reason),
        outcome = work => outcome.map_err(Some),
    }
}
