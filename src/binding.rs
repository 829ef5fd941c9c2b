//! The Node-API surface: handles, the doorbell, buffers in and out, clean-up. The only module that names napi.
//!
//! It converts and delegates. What can fail crosses as plain data; the JavaScript side builds the errors.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{ClassInstance, Env, Function, Object, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Error, Result, Status};
use napi_derive::napi;
use rustls::pki_types::ServerName;

use crate::connect::Target;
use crate::connection::{Accept, Connection, TlsRequest};
use crate::driver::{self, Plan};
use crate::error::Failure;
use crate::events::{EventQueue, flag};
use crate::resolve::literal;
use crate::runtime;
use crate::tuning::{KeepAlive, Tuning};

mod calls;
mod configuration;
mod event_loop;

use configuration::{ConnectTerms, TlsContext};

/// Rung through Node's event loop; carries nothing. Weak: it keeps the process alive only while told to.
type Doorbell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// What the calls of an environment have in common.
struct Shared {
    queue: Arc<EventQueue<Connection>>,
    /// By id; as long as JavaScript has the handle.
    connections: Mutex<HashMap<u32, Arc<Connection>>>,
    /// Those with writes that wait for a flush.
    unflushed: Mutex<Vec<Arc<Connection>>>,
}

/// What a connection has to tell, as bits of the numbers that `drain` gives out.
#[napi]
pub enum EventFlag {
    /// The connection is up.
    Opened = 1,
    /// The connection failed.
    Failed = 2,
    /// A write that was not accepted may be asked for again.
    Writable = 4,
    /// A read that found nothing may be tried again.
    Readable = 8,
    /// Everything and the end of the stream are sent.
    Finished = 16,
    /// Everything before the upgrade is sent.
    Upgrading = 32,
    /// The descriptor is released; nothing follows.
    Released = 64,
    /// The server's identity waits to be accepted.
    Identity = 128,
    /// The upgrade to TLS is done.
    Secured = 256,
}

// The names in JavaScript and the bits of the core are written down twice, since napi takes only literals.
const _: () = assert!(
    EventFlag::Opened as u32 == flag::OPENED
        && EventFlag::Failed as u32 == flag::FAILED
        && EventFlag::Writable as u32 == flag::WRITABLE
        && EventFlag::Readable as u32 == flag::READABLE
        && EventFlag::Finished as u32 == flag::FINISHED
        && EventFlag::Upgrading as u32 == flag::UPGRADING
        && EventFlag::Released as u32 == flag::RELEASED
        && EventFlag::Identity as u32 == flag::IDENTITY
        && EventFlag::Secured as u32 == flag::SECURED
);

/// Who finds the addresses of a host.
#[napi]
pub enum LookupBy {
    /// The system's resolver.
    System = 0,
    /// A function of the host's, or of the application's where the host has set none.
    Host = 1,
    /// A function of the application's in place of the host's.
    Application = 2,
}

/// What a write came to.
#[napi]
pub enum WriteResult {
    /// Not yet: an event tells when to ask again.
    NotYet = 0,
    /// Accepted: it is on its way.
    Accepted = -1,
    /// The connection failed.
    Failed = -2,
}

/// What a read came to, where it is no count of bytes.
#[napi]
pub enum ReadResult {
    /// Nothing yet: an event tells when to try again.
    Pending = 0,
    /// The peer's end of the stream.
    End = -1,
    /// The connection failed.
    Failed = -2,
}

/// One address that was tried.
#[napi(object)]
pub struct NativeAttempt {
    /// Numeric.
    pub address: String,
    /// Of the address.
    pub port: u16,
    /// Why it did not answer.
    pub code: String,
}

/// Why a connection failed.
#[napi(object)]
pub struct NativeFailure {
    /// The stable code.
    pub code: String,
    /// The step that failed.
    pub syscall: String,
    /// For a person.
    pub message: String,
    /// The number of the TLS alert that the peer sent.
    pub alert: Option<u8>,
    /// The addresses tried, where connecting failed.
    pub attempts: Vec<NativeAttempt>,
    /// Whether bytes that were accepted may not have arrived.
    pub lost: bool,
}

impl NativeFailure {
    fn new(failure: &Failure, lost: bool) -> Self {
        let attempts = failure.attempts().iter().map(|attempt| NativeAttempt {
            address: attempt.address.ip().to_string(),
            port: attempt.address.port(),
            code: attempt.code.to_owned(),
        });
        NativeFailure {
            code: failure.code().to_owned(),
            syscall: failure.step().name().to_owned(),
            message: failure.to_string(),
            alert: failure.alert(),
            attempts: attempts.collect(),
            lost,
        }
    }
}

/// Where a connection leads.
#[napi(object)]
pub struct NativeInfo {
    /// `ip:port` of our end.
    pub local_address: String,
    /// `ip:port` that was reached.
    pub peer_address: String,
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: Option<String>,
    /// IANA name.
    pub cipher: Option<String>,
    /// The agreed protocol, one character per byte.
    pub alpn: Option<String>,
    /// DER.
    pub peer_certificate: Option<Uint8Array>,
}

/// The connections of one JavaScript environment: of the main thread, or of one worker.
#[napi]
pub struct Environment {
    shared: Arc<Shared>,
    doorbell: Arc<Mutex<Doorbell>>,
    next_id: u32,
}

#[napi]
impl Environment {
    /// `doorbell` is called when there is something to drain. `in_node` is whether the event loop is Node's own: there it waits
    /// for what comes in, too.
    #[napi(constructor)]
    pub fn new(env: Env, doorbell: Function<(), ()>, in_node: bool) -> Result<Self> {
        // Where else libuv's functions are found, they may end the process. Tried on Linux alone.
        let polls = in_node && cfg!(target_os = "linux");
        let watch = polls.then(|| event_loop::watch(&env, &doorbell)).flatten();
        let doorbell: Doorbell = doorbell
            .build_threadsafe_function()
            .callee_handled::<false>()
            .weak::<true>()
            .build()?;
        let doorbell = Arc::new(Mutex::new(doorbell));
        let bell = doorbell.clone();
        let queue = EventQueue::new(move || {
            // While the environment is torn down the call is refused, which is what is wanted then.
            lock(&bell).call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        let shared = Arc::new(Shared {
            queue: Arc::new(queue.with_watch(watch)),
            connections: Mutex::default(),
            unflushed: Mutex::default(),
        });
        // A worker can end in mid-transfer: its connections end with it.
        env.add_env_cleanup_hook(shared.clone(), |shared| {
            shared.queue.close();
            for (_, connection) in lock(&shared.connections).drain() {
                connection.drop_now();
            }
        })?;
        Ok(Environment {
            shared,
            doorbell,
            next_id: 0,
        })
    }

    /// The calls that every read and write makes: `drain`, `flush`, `read`, `readable`, `write`.
    #[napi]
    pub fn calls<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        // The clean-up hook holds what they need.
        calls::object(env, &self.shared)
    }

    /// Keeps the process alive, or not.
    #[napi]
    pub fn keep_alive(&self, env: Env, keep: bool) -> Result<()> {
        let mut doorbell = lock(&self.doorbell);
        // napi deprecates these in favour of clones, which cannot be taken back without releasing the function.
        #[allow(deprecated)]
        if keep {
            doorbell.refer(&env)
        } else {
            doorbell.unref(&env)
        }
    }

    /// A connection to `host`, to be started. Unless the system looks it up, the caller gives the addresses by `resolved`.
    #[napi]
    #[allow(clippy::too_many_arguments)] // One call from one place; an options object costs several times as much.
    pub fn connect(
        &mut self,
        host: String,
        port: u16,
        lookup: LookupBy,
        context: Option<ClassInstance<TlsContext>>,
        server_name: Option<String>,
        ask_identity: bool,
        terms: Option<ClassInstance<ConnectTerms>>,
    ) -> Result<NativeConnection> {
        let tls = match (context, server_name) {
            (Some(context), Some(name)) => Some(tls_request(&context, name, ask_identity)?),
            _ => None,
        };
        self.next_id = self.next_id.wrapping_add(1);
        let connection = Connection::new(self.next_id, self.shared.queue.clone());
        lock(&self.shared.connections).insert(self.next_id, connection.clone());
        let target = match lookup {
            LookupBy::System => Target::Host { host, port },
            by => Target::Given {
                host,
                port,
                vouched: matches!(by, LookupBy::Host),
            },
        };
        Ok(NativeConnection {
            connection,
            shared: self.shared.clone(),
            plan: Some(Plan {
                target,
                tls,
                terms: terms.map(|terms| terms.terms.clone()).unwrap_or_default(),
            }),
        })
    }
}

/// The handle of one connection.
#[napi]
pub struct NativeConnection {
    connection: Arc<Connection>,
    shared: Arc<Shared>,
    /// What `start` is to do.
    plan: Option<Plan>,
}

impl Drop for NativeConnection {
    fn drop(&mut self) {
        lock(&self.shared.connections).remove(&self.connection.id());
    }
}

#[napi]
impl NativeConnection {
    /// Its name in the environment's events.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.connection.id()
    }

    /// Begins to connect; only the first call counts.
    #[napi]
    pub fn start(&mut self) {
        let Some(plan) = self.plan.take() else { return };
        match runtime::threads() {
            Ok(threads) => driver::start(threads, self.connection.clone(), plan),
            Err(failure) => {
                self.connection.failed(failure);
                self.connection.released();
            }
        }
    }

    /// Copies the bytes of a write; returns the position after its last.
    #[napi]
    pub fn stage(&self, data: &[u8]) -> f64 {
        self.connection.stage(data) as f64
    }

    /// Asks for the write that ends at `position`.
    #[napi]
    pub fn accept(&self, position: f64) -> WriteResult {
        match self.connection.accept(position as u64) {
            Accept::Yes => WriteResult::Accepted,
            Accept::NotYet => WriteResult::NotYet,
            Accept::Failed => WriteResult::Failed,
        }
    }

    /// Drops writes that were not accepted.
    #[napi]
    pub fn discard_unaccepted(&self) {
        self.connection.discard_unaccepted();
    }

    /// Ends the outgoing direction after what is staged; false if the connection has failed already.
    #[napi]
    pub fn end(&self) -> bool {
        self.connection.end()
    }

    /// Upgrades to TLS after what is staged; returns the position where the plaintext ends.
    #[napi]
    pub fn upgrade(&self, context: ClassInstance<TlsContext>, server_name: String, ask_identity: bool) -> Result<f64> {
        Ok(self
            .connection
            .upgrade(tls_request(&context, server_name, ask_identity)?) as f64)
    }

    /// The reader wants no more.
    #[napi]
    pub fn stop_reading(&self) {
        self.connection.stop_reading();
    }

    /// Closes gracefully; gives up after so many milliseconds without progress. False if the connection has failed
    /// already.
    #[napi]
    pub fn close(&self, timeout: u32) -> bool {
        self.connection.close(Duration::from_millis(timeout.into()))
    }

    /// Releases the descriptor at once.
    #[napi]
    pub fn drop_now(&self) {
        self.connection.drop_now();
    }

    /// Releases the descriptor at once, by a reset where the connection is up.
    #[napi]
    pub fn reset(&self) {
        self.connection.reset();
    }

    /// Whether small segments are sent at once.
    #[napi]
    pub fn set_no_delay(&self, on: bool) {
        self.connection.tune(Tuning {
            no_delay: Some(on),
            ..Tuning::default()
        });
    }

    /// Whether an idle connection is probed: after so many seconds, at intervals of seconds, so many times. 0 leaves the
    /// number to us.
    #[napi]
    pub fn set_keep_alive(&self, on: bool, idle: u32, interval: u32, count: u32) {
        let given = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        let probes = KeepAlive::On {
            idle: given(idle),
            interval: given(interval),
            count: (count > 0).then_some(count),
        };
        self.connection.tune(Tuning {
            keep_alive: Some(if on { probes } else { KeepAlive::Off }),
            ..Tuning::default()
        });
    }

    /// The addresses that the caller's lookup found; false if one is not an address.
    #[napi]
    pub fn resolved(&self, addresses: Vec<String>, port: u16) -> bool {
        let parsed: Option<Vec<SocketAddr>> = addresses.iter().map(|address| literal(address, port)?.ok()).collect();
        let valid = parsed.is_some();
        if let Some(addresses) = parsed {
            self.connection.resolved(addresses);
        }
        valid
    }

    /// The server is the right one.
    #[napi]
    pub fn accept_identity(&self) {
        self.connection.accept_identity();
    }

    /// Why the connection failed.
    #[napi]
    pub fn failure(&self) -> Option<NativeFailure> {
        self.connection
            .failure()
            .map(|(failure, lost)| NativeFailure::new(&failure, lost))
    }

    /// The address that was reached, once TCP is up.
    #[napi]
    pub fn peer_ip(&self) -> Option<String> {
        self.connection.info().map(|info| info.peer.ip().to_string())
    }

    /// Where the connection leads, once it is up.
    #[napi]
    pub fn info(&self) -> Option<NativeInfo> {
        let info = self.connection.info()?;
        let (tls_version, cipher, alpn, peer_certificate) = match info.session {
            None => (None, None, None, None),
            Some(session) => (
                Some(session.version.to_owned()),
                Some(session.cipher.clone()),
                session
                    .alpn
                    .as_ref()
                    .map(|name| name.iter().copied().map(char::from).collect()),
                Some(Uint8Array::new(session.peer_certificate.clone())),
            ),
        };
        Some(NativeInfo {
            local_address: info.local.to_string(),
            peer_address: info.peer.to_string(),
            tls_version,
            cipher,
            alpn,
            peer_certificate,
        })
    }
}

fn tls_request(context: &TlsContext, name: String, ask_identity: bool) -> Result<TlsRequest> {
    let name = ServerName::try_from(name).map_err(|_| {
        Error::new(
            Status::InvalidArg,
            "the server name is neither a DNS name nor an address",
        )
    })?;
    Ok(TlsRequest {
        context: context.context.clone(),
        name,
        ask_identity,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
