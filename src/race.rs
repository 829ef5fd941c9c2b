//! Which of a host's addresses to try, and when: Happy Eyeballs version 2,
//! [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305).
//!
//! A [`Race`] does no I/O and reads no clock. Its owner resolves the name, opens the connections and keeps the timer;
//! it tells the race what happened and when ([`Input`]) and does what it is told ([`Output`]).
//!
//! An attempt has no time limit of its own: a slow one may be the only good one, so it runs until it ends, another one
//! wins, or the owner gives up. Giving up is dropping the race together with the connections it asked for.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// How long IPv4 addresses wait for the IPv6 answer (RFC 8305 section 3, "Resolution Delay"; value from section 8).
pub const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// How long an attempt has the network to itself (RFC 8305 section 5, "Connection Attempt Delay"; value from section 8).
pub const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Names an attempt: its place in the order of attempts, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId(pub usize);

/// What happened, as told to [`Race::handle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<E> {
    /// The resolver answered.
    AddressesResolved {
        /// In the resolver's order of preference (RFC 6724, which getaddrinfo applies). May be empty.
        addresses: Vec<SocketAddr>,
        /// No further answer will come. `getaddrinfo` gives one answer for both families; a resolver that asks for each
        /// family by itself gives two.
        last: bool,
    },
    /// The attempt is a connection now.
    AttemptSucceeded(AttemptId),
    /// The attempt ended without a connection.
    AttemptFailed(AttemptId, E),
    /// The time of the last [`Output::Wait`] has come.
    TimePassed,
}

/// What the owner has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<E> {
    /// Open a connection and report how it ends.
    StartAttempt {
        /// The name under which to report.
        id: AttemptId,
        /// Where to connect to.
        address: SocketAddr,
    },
    /// Drop the attempt and report nothing more of it.
    CancelAttempt(AttemptId),
    /// Report [`Input::TimePassed`] at this time. Replaces the previous wait, as does an answer without one.
    Wait(Duration),
    /// The race is over: this attempt's connection is the one to use.
    Connected(AttemptId),
    /// The race is over without a connection: every address tried and its error, in the order of attempts. The first is
    /// the main one, since it belongs to the address the resolver prefers. Empty if the name has no address.
    Failed(Vec<(SocketAddr, E)>),
}

/// A race between the addresses of one host. All times are measured from its beginning.
#[derive(Debug)]
pub struct Race<E> {
    candidates: Candidates,
    attempts: Vec<Attempt<E>>,
    /// The next attempt may not start before this; `None` holds nothing back.
    hold: Option<Duration>,
    resolving: bool,
    over: bool,
}

#[derive(Debug)]
struct Attempt<E> {
    address: SocketAddr,
    /// `None` while the attempt runs.
    error: Option<E>,
}

impl<E> Race<E> {
    /// A race that waits for its first addresses.
    pub fn new() -> Self {
        Self {
            candidates: Candidates::new(),
            attempts: Vec::new(),
            hold: None,
            resolving: true,
            over: false,
        }
    }

    /// Takes in what happened at `now` and answers with what to do. Once the race is over the answer is always empty.
    pub fn handle(&mut self, input: Input<E>, now: Duration) -> Vec<Output<E>> {
        if self.over {
            return Vec::new();
        }
        match input {
            Input::AddressesResolved { addresses, last } => self.take_in(addresses, last, now),
            Input::AttemptSucceeded(id) if self.is_running(id) => return self.connected(id),
            Input::AttemptFailed(id, error) if self.is_running(id) => {
                self.attempts[id.0].error = Some(error);
                // The delay of section 5 limits how many attempts run side by side. A failure frees a place, so the
                // next address takes it at once.
                self.hold = None;
            }
            // An attempt that has already ended cannot end again.
            Input::AttemptSucceeded(_) | Input::AttemptFailed(..) | Input::TimePassed => {}
        }
        self.advance(now)
    }

    fn take_in(&mut self, addresses: Vec<SocketAddr>, last: bool, now: Duration) {
        self.candidates.add(addresses);
        self.resolving = !last;
        if self.attempts.is_empty() {
            // Section 3: IPv6 addresses are tried at once; IPv4 ones first give the IPv6 answer a short time to arrive.
            self.hold = if self.resolving && self.candidates.are_ipv4_only() {
                self.hold.or(Some(now + RESOLUTION_DELAY))
            } else {
                None
            };
        }
    }

    fn advance(&mut self, now: Duration) -> Vec<Output<E>> {
        let mut outputs = Vec::new();
        // Section 5: one attempt at a time, each followed by its delay, however late the timer was.
        if self.hold.is_none_or(|hold| hold <= now)
            && let Some(address) = self.candidates.next()
        {
            outputs.push(Output::StartAttempt {
                id: AttemptId(self.attempts.len()),
                address,
            });
            self.attempts.push(Attempt { address, error: None });
            self.hold = Some(now + CONNECTION_ATTEMPT_DELAY);
        }
        if !self.candidates.is_empty() {
            outputs.extend(self.hold.map(Output::Wait));
        } else if !self.resolving && self.attempts.iter().all(|attempt| attempt.error.is_some()) {
            outputs.push(self.failed());
        }
        outputs
    }

    /// Section 5: the first connection wins, attempts still running are cancelled, addresses not yet tried are ignored.
    fn connected(&mut self, winner: AttemptId) -> Vec<Output<E>> {
        self.over = true;
        let ids = (0..self.attempts.len()).map(AttemptId);
        let losers = ids.filter(|&id| id != winner && self.is_running(id));
        losers
            .map(Output::CancelAttempt)
            .chain([Output::Connected(winner)])
            .collect()
    }

    fn failed(&mut self) -> Output<E> {
        self.over = true;
        let attempts = self.attempts.drain(..);
        Output::Failed(
            attempts
                .filter_map(|Attempt { address, error }| Some((address, error?)))
                .collect(),
        )
    }

    fn is_running(&self, id: AttemptId) -> bool {
        self.attempts.get(id.0).is_some_and(|attempt| attempt.error.is_none())
    }
}

impl<E> Default for Race<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// The addresses not yet tried.
#[derive(Debug)]
struct Candidates {
    ipv6: VecDeque<SocketAddr>,
    ipv4: VecDeque<SocketAddr>,
    ipv6_is_next: bool,
    /// Tried or not: an address gets one attempt, however often the resolver names it.
    known: HashSet<SocketAddr>,
}

impl Candidates {
    fn new() -> Self {
        // Section 3 gives IPv6 the preference when the families are resolved separately.
        Self {
            ipv6: VecDeque::new(),
            ipv4: VecDeque::new(),
            ipv6_is_next: true,
            known: HashSet::new(),
        }
    }

    /// Section 6: addresses that come late are sorted in with those not yet tried.
    fn add(&mut self, addresses: Vec<SocketAddr>) {
        // Section 4: an answer with both families has its own preference, and its first address leads.
        let has_both = addresses.iter().any(SocketAddr::is_ipv4) && addresses.iter().any(SocketAddr::is_ipv6);
        if self.known.is_empty() && has_both {
            self.ipv6_is_next = addresses[0].is_ipv6();
        }
        for address in addresses {
            if self.known.insert(address) {
                let family = if address.is_ipv6() {
                    &mut self.ipv6
                } else {
                    &mut self.ipv4
                };
                family.push_back(address);
            }
        }
    }

    /// Section 4: the families take turns, with a "First Address Family Count" of 1.
    fn next(&mut self) -> Option<SocketAddr> {
        let (turn, other) = if self.ipv6_is_next {
            (&mut self.ipv6, &mut self.ipv4)
        } else {
            (&mut self.ipv4, &mut self.ipv6)
        };
        let address = turn.pop_front().or_else(|| other.pop_front())?;
        self.ipv6_is_next = address.is_ipv4();
        Some(address)
    }

    fn are_ipv4_only(&self) -> bool {
        self.ipv6.is_empty() && !self.ipv4.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.ipv6.is_empty() && self.ipv4.is_empty()
    }
}
