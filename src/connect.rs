//! From a host to an open TCP stream: resolve, then race the addresses.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::connection::Connection;
use crate::dial::Attempts;
use crate::errno;
use crate::error::{Attempt, Failure, POLICY_DENIED, Step};
use crate::policy::{Candidate, Policy};
use crate::race::{Input, Output, Race};
use crate::resolve::{ResolveError, resolve};
use crate::tcp::Tcp;
use crate::tuning::{KeepAlive, Tuning};

/// What to connect to.
#[derive(Clone, Debug)]
pub enum Target {
    /// A name for the system's resolver, or an address.
    Host {
        /// Without brackets.
        host: String,
        /// 0 is refused by the system.
        port: u16,
    },
    /// Addresses that the application looks up itself and gives by [`Connection::resolved`].
    Given {
        /// The name that is looked up.
        host: String,
        /// That of the addresses, too.
        port: u16,
        /// Whether a rule that allows the name holds for what the lookup finds: see [`Candidate::vouched`].
        vouched: bool,
    },
}

/// What the host sets for connections. The default sets nothing.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Where they may lead.
    pub policy: Policy,
    /// How long connecting and the handshake may take together, and so the handshake of an upgrade.
    pub timeout: Option<Duration>,
    /// Whether the kernel probes a peer that has been silent.
    pub keep_alive: Option<KeepAlive>,
}

/// Opens a TCP stream to the first permitted address that answers. Dropping the future abandons every attempt.
pub async fn connect(connection: &Arc<Connection>, target: Target, terms: &Terms) -> Result<Tcp, Failure> {
    let (Target::Host { host, port } | Target::Given { host, port, .. }) = &target;
    if terms.policy.denies_name(host, *port) {
        return Err(Failure::PolicyDenied(Vec::new()));
    }
    let (host, addresses, vouched) = match target {
        Target::Host { host, port } => {
            let addresses = waking(connection, resolve(&host, port)).await?;
            (host, addresses, true)
        }
        Target::Given { host, vouched, .. } => {
            let addresses = poll_fn(|cx| connection.poll_addresses(cx)).await;
            (host, addresses, vouched)
        }
    };
    let addresses = permitted(&terms.policy, &host, addresses, vouched)?;
    let stream = race(connection, host, addresses).await?;
    let tuning = Tuning {
        // Writes are merged before they get here: waiting for more (Nagle) would only add a delay.
        no_delay: Some(true),
        keep_alive: terms.keep_alive,
    };
    tuning
        .apply(&stream)
        .map(|()| stream)
        .map_err(|error| Failure::from_io(Step::Connect, &error))
}

/// Does `work` with the connection as its waker, which has the driver's.
async fn waking<T>(connection: &Arc<Connection>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let waker = Waker::from(connection.clone());
    poll_fn(|_| work.as_mut().poll(&mut Context::from_waker(&waker))).await
}

/// The addresses that may be dialled. A name that has none is left to the race, which has an error for it.
fn permitted(
    policy: &Policy,
    host: &str,
    addresses: Vec<SocketAddr>,
    vouched: bool,
) -> Result<Vec<SocketAddr>, Failure> {
    let is_permitted = |address: &SocketAddr| {
        policy.permits(Candidate {
            host,
            address: *address,
            vouched,
        })
    };
    let (permitted, denied): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_permitted);
    if permitted.is_empty() && !denied.is_empty() {
        let code = POLICY_DENIED;
        let denied = denied.into_iter().map(|address| Attempt { address, code });
        return Err(Failure::PolicyDenied(denied.collect()));
    }
    Ok(permitted)
}

/// Keeps the clock and the sockets of a [`Race`].
async fn race(connection: &Connection, host: String, addresses: Vec<SocketAddr>) -> Result<Tcp, Failure> {
    let start = Instant::now();
    let mut race = Race::new();
    let mut attempts = Attempts::default();
    let mut won = None;
    let mut outputs = race.handle(Input::AddressesResolved { addresses, last: true }, Duration::ZERO);
    loop {
        let mut wait = None;
        for output in outputs {
            match output {
                Output::StartAttempt { id, address } => attempts.start(id, address),
                Output::CancelAttempt(id) => attempts.cancel(id),
                Output::Wait(until) => wait = Some(start + until),
                Output::Connected(_) => {
                    if let Some(stream) = won.take() {
                        return Ok(stream);
                    }
                }
                Output::Failed(tried) if tried.is_empty() => {
                    return Err(ResolveError {
                        code: "ENOTFOUND",
                        host,
                    }
                    .into());
                }
                Output::Failed(tried) => {
                    let attempts = tried.into_iter().map(|(address, code)| Attempt { address, code });
                    return Err(Failure::Connect(attempts.collect()));
                }
            }
        }
        let input = tokio::select! {
            (id, outcome) = attempts.next(connection) => match outcome {
                Ok(stream) => {
                    won = Some(stream);
                    Input::AttemptSucceeded(id)
                }
                Err(error) => Input::AttemptFailed(id, errno::name(&error)),
            },
            () = sleep_until(wait.unwrap_or_else(Instant::now)), if wait.is_some() => Input::TimePassed,
        };
        outputs = race.handle(input, start.elapsed());
    }
}
