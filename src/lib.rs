//! The native half of winter-sockets: TCP and TLS connections moved by tokio and rustls.
//!
//! Only `binding` knows of Node. Everything else is plain Rust, tested by `cargo test`:
//!
//! | module | what it does |
//! | --- | --- |
//! | [`connection`] | the two ends of a connection: the handle that JavaScript holds, the state the driver shares |
//! | [`driver`] | the task that owns a connection from its first packet to its last |
//! | [`task`] | a driver on the reader's thread, until it goes over to the runtime |
//! | [`pump`] | the middle of that life: what a connection that is up sends and receives |
//! | [`drain`] | its last reads, after our end of the stream |
//! | [`connect`] | from a host to an open TCP stream: [`resolve`], then the [`race`] of its addresses |
//! | [`dial`] | the attempts to connect that run side by side, and who waits for them |
//! | [`policy`] | where connections may lead |
//! | [`transport`] | plain or TLS bytes behind one type |
//! | [`tcp`] | a descriptor, and who waits for what comes in on it |
//! | [`watch`] | bytes waited for on the thread that reads them |
//! | [`tuning`] | settings of the descriptor that may change while the connection lives |
//! | [`prefetch`] | much received at a time, below TLS |
//! | [`tls`] | configurations, trust, verification, the handshake |
//! | [`queue`] | what is to be sent, in order: bytes, the upgrade, the end |
//! | [`inbox`] | what was received and not yet read |
//! | [`block`] | memory for bytes between the threads |
//! | [`events`] | one event queue and one doorbell per JavaScript environment |
//! | [`runtime`] | the threads |
//! | [`error`] | every failure with its code |

#[cfg(feature = "node")]
mod binding;
pub mod block;
pub mod connect;
pub mod connection;
pub mod dial;
pub mod drain;
pub mod driver;
pub mod errno;
pub mod error;
pub mod events;
pub mod inbox;
pub mod policy;
pub mod prefetch;
pub mod pump;
pub mod queue;
pub mod race;
pub mod resolve;
pub mod runtime;
pub mod task;
pub mod tcp;
pub mod tls;
pub mod transport;
pub mod tuning;
pub mod watch;
