//! What the application may ask of the descriptor itself, while the connection lives.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Between two probes of a connection that does not answer, as Node has it.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// So many unanswered probes end the connection, as Node has it.
const PROBES: u32 = 10;

/// Settings to be made; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Whether small segments are sent at once.
    pub no_delay: Option<bool>,
    /// Whether an idle connection is probed.
    pub keep_alive: Option<KeepAlive>,
}

/// Probing of an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// None.
    Off,
    /// After `idle` without traffic, or what the system thinks right; then every `interval`, and so many times, before the
    /// connection counts as lost. Node's numbers where nothing is said.
    On {
        /// The pause before the first probe.
        idle: Option<Duration>,
        /// The pause between two.
        interval: Option<Duration>,
        /// How many.
        count: Option<u32>,
    },
}

impl Tuning {
    /// Takes over what `later` says.
    pub fn merge(&mut self, later: Tuning) {
        self.no_delay = later.no_delay.or(self.no_delay);
        self.keep_alive = later.keep_alive.or(self.keep_alive);
    }

    /// Makes the settings. A connection that has failed by now refuses them, and tells its failure elsewhere.
    pub fn apply(self, stream: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(stream);
        if let Some(on) = self.no_delay {
            socket.set_tcp_nodelay(on)?;
        }
        match self.keep_alive {
            None => Ok(()),
            Some(KeepAlive::Off) => socket.set_keepalive(false),
            Some(KeepAlive::On { idle, interval, count }) => {
                let probes = TcpKeepalive::new()
                    .with_interval(interval.unwrap_or(PROBE_INTERVAL))
                    .with_retries(count.unwrap_or(PROBES));
                socket.set_tcp_keepalive(&idle.map_or(probes.clone(), |idle| probes.with_time(idle)))
            }
        }
    }
}

/// Has the descriptor reset the connection when it is closed, instead of ending it.
pub fn reset_on_close(stream: &impl AsFd) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}
