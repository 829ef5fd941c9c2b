//! What can go wrong with a connection, each with the code that JavaScript sees.
//!
//! A code is Node's own where Node has one for the cause, else one under the prefix `ERR_SOCKET_`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::errno;
use crate::resolve::ResolveError;
use crate::tls::TlsFailure;

/// The code of an address that the host's policy denies.
pub const POLICY_DENIED: &str = "ERR_SOCKET_POLICY_DENIED";

/// The step a connection was at when it failed; the `syscall` of the JavaScript error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asking the system for the addresses of a name.
    Resolve,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Receiving.
    Read,
    /// Sending.
    Write,
    /// Ending the stream, with everything before it sent; or a graceful close.
    Shutdown,
}

impl Step {
    /// The word used in `syscall` and in messages; Node's where Node has one.
    pub fn name(self) -> &'static str {
        match self {
            Step::Resolve => "getaddrinfo",
            Step::Connect => "connect",
            Step::Handshake => "handshake",
            Step::Read => "read",
            Step::Write => "write",
            Step::Shutdown => "shutdown",
        }
    }
}

/// One address that was tried, and why it did not answer.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The address that was dialled.
    pub address: SocketAddr,
    /// Node's name of the cause, such as `ECONNREFUSED`.
    pub code: &'static str,
}

/// Why a connection came to its end. Cheap to clone: the same failure is told to reads, writes and promises.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The name has no address, or could not be looked up.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No address of the host accepted the connection; never empty, in the order in which they were tried.
    #[error("{}", Attempts(.0))]
    Connect(Vec<Attempt>),
    /// The host's policy permits none of the addresses, which are listed; not even the name, if there are none.
    #[error("{}", Denied(.0))]
    PolicyDenied(Vec<Attempt>),
    /// Connecting and the handshake together, or the handshake of an upgrade, took longer than the host allows.
    #[error("{} ETIMEDOUT: not done within {} ms", .step.name(), .limit.as_millis())]
    TimedOut {
        /// What was under way.
        step: Step,
        /// The time allowed.
        limit: Duration,
    },
    /// The operating system reported an error on the open connection.
    #[error("{} {code}", .step.name())]
    Io {
        /// Where it happened.
        step: Step,
        /// Node's name of the cause.
        code: &'static str,
    },
    /// The peer ended the connection before the TLS handshake was done.
    #[error("the peer closed the connection before the TLS handshake was done")]
    ClosedInHandshake,
    /// TLS itself failed: a certificate, an alert, a broken record.
    #[error(transparent)]
    Tls(#[from] TlsFailure),
    /// The peer's end of stream came without TLS's close_notify: what was read may have been cut short by anyone.
    #[error("the connection ended without a TLS close_notify, the data may be incomplete")]
    Truncated,
    /// Plaintext was waiting, unread, when the upgrade to TLS began.
    #[error("unread plaintext was waiting when the upgrade to TLS began")]
    StartTlsInjection,
    /// A graceful close made no progress for as long as `closeTimeout` allows.
    #[error("the connection took no more data within the close timeout")]
    CloseTimeout,
    /// `close()` gave up a connection that was not up yet and had nothing to send.
    #[error("the socket was closed before the connection was up")]
    ClosedBeforeOpen,
    /// The process could not start the thread that serves connections.
    #[error("the thread that serves connections could not be started: {0}")]
    Runtime(String),
}

impl Failure {
    /// Classifies an error of the operating system, or of TLS passing through it.
    pub fn from_io(step: Step, error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Failure::Tls(TlsFailure::from_rustls(tls));
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return if step == Step::Handshake {
                Failure::ClosedInHandshake
            } else {
                Failure::Truncated
            };
        }
        Failure::Io {
            step,
            code: errno::name(error),
        }
    }

    /// The stable code of the JavaScript error.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Resolve(error) => error.code,
            Failure::Connect(attempts) => attempts.first().map_or("ECONNREFUSED", |attempt| attempt.code),
            Failure::PolicyDenied(_) => POLICY_DENIED,
            Failure::TimedOut { .. } => "ETIMEDOUT",
            Failure::Io { code, .. } => code,
            Failure::ClosedInHandshake => "ECONNRESET",
            Failure::Tls(failure) => failure.code,
            Failure::Truncated => "ERR_SOCKET_TLS_TRUNCATED",
            Failure::StartTlsInjection => "ERR_SOCKET_STARTTLS_INJECTION",
            Failure::CloseTimeout => "ERR_SOCKET_CLOSE_TIMEOUT",
            Failure::ClosedBeforeOpen => "ERR_SOCKET_CLOSED_BEFORE_OPEN",
            Failure::Runtime(_) => "EAGAIN",
        }
    }

    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Failure::Resolve(_) => Step::Resolve,
            Failure::Connect(_) | Failure::PolicyDenied(_) | Failure::ClosedBeforeOpen | Failure::Runtime(_) => {
                Step::Connect
            }
            Failure::Io { step, .. } | Failure::TimedOut { step, .. } => *step,
            Failure::ClosedInHandshake | Failure::StartTlsInjection => Step::Handshake,
            Failure::Tls(failure) => failure.step,
            Failure::Truncated => Step::Read,
            Failure::CloseTimeout => Step::Shutdown,
        }
    }

    /// The TLS alert the peer sent, where it sent one.
    pub fn alert(&self) -> Option<u8> {
        match self {
            Failure::Tls(failure) => failure.alert,
            _ => None,
        }
    }

    /// Every address tried or denied, where connecting failed.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Failure::Connect(attempts) | Failure::PolicyDenied(attempts) => attempts,
            _ => &[],
        }
    }

    /// The same failure, told of another step: what rustls calls an alert in a read may belong to the handshake.
    pub fn at(self, step: Step) -> Self {
        match self {
            Failure::Tls(failure) => Failure::Tls(TlsFailure { step, ..failure }),
            other => other,
        }
    }
}

/// `connect ECONNREFUSED 127.0.0.1:1, EHOSTUNREACH [::1]:1`
struct Attempts<'a>(&'a [Attempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connect ")?;
        for (i, Attempt { address, code }) in self.0.iter().enumerate() {
            write!(f, "{}{code} {address}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// `connect ERR_SOCKET_POLICY_DENIED 127.0.0.1:1`, or a sentence where not even the name is permitted.
struct Denied<'a>(&'a [Attempt]);

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("the network policy denies this host"),
            denied => Attempts(denied).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_connect_names_every_address_and_the_first_code() {
        let attempt = |address: &str, code| Attempt {
            address: address.parse().unwrap(),
            code,
        };
        let failure = Failure::Connect(vec![
            attempt("[::1]:1", "EHOSTUNREACH"),
            attempt("127.0.0.1:1", "ECONNREFUSED"),
        ]);
        assert_eq!(failure.code(), "EHOSTUNREACH");
        assert_eq!(
            failure.to_string(),
            "connect EHOSTUNREACH [::1]:1, ECONNREFUSED 127.0.0.1:1"
        );
    }

    #[test]
    fn an_early_end_is_a_reset_in_the_handshake_and_a_truncation_later() {
        let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(Failure::from_io(Step::Handshake, &eof).code(), "ECONNRESET");
        assert_eq!(Failure::from_io(Step::Read, &eof).code(), "ERR_SOCKET_TLS_TRUNCATED");
    }
}
