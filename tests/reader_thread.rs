//! A reader with a thread of its own beside the runtime's, as JavaScript has: nothing is missed, whatever the order in which they
//! get to run.

mod common;

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use winter_sockets::connect::Target;
use winter_sockets::connection::{Accept, Connection, Read};
use winter_sockets::driver::{self, Plan};
use winter_sockets::events::{EventQueue, flag};
use winter_sockets::runtime::Threads;
use winter_sockets::tls::Settings;
use winter_sockets::watch::Watch;

use common::tls::{Server, request_of, server_and_settings};
use common::{Host, PATIENCE, Peer, this_thread};

#[test]
fn no_byte_is_missed_however_reader_writer_and_driver_interleave() {
    interleave(None);
}

#[test]
fn nor_over_tls_although_reader_and_driver_take_turns_at_decrypting() {
    interleave(Some(server_and_settings()));
}

fn interleave(secure: Option<(Server, Settings)>) {
    const BYTES: usize = 40_000_000;
    const PHASE: usize = 4_000_000;
    let (server, tls) = match secure {
        Some((server, settings)) => (Some(server), Some(request_of(settings))),
        None => (None, None),
    };
    let mut reader = Reader::new();
    let other = Other::start(server);
    let connection = Connection::new(1, reader.events.clone());
    let plan = Plan {
        tls,
        ..other.plan("127.0.0.1")
    };
    drop(
        other
            .threads
            .io
            .spawn(driver::run(other.threads.clone(), connection.clone(), plan)),
    );

    let (mut written, mut received, mut waits, mut small) = (0, 0, None, 0_u32);
    let mut target = vec![0; 64 * 1024];
    while received < BYTES {
        // As much as is accepted, in pieces large and small, and from time to time little, one message after the other.
        let is_free = match small {
            0 => waits.is_none_or(|position| connection.accept(position) != Accept::NotYet),
            _ => received == written,
        };
        let size = if small > 0 {
            10
        } else {
            [100_000, 10, 3_000][written % 3]
        }
        .min(BYTES - written);
        let writes = is_free && size > 0;
        if writes {
            let bytes: Vec<u8> = (written..written + size).map(|index| (index % 251) as u8).collect();
            let write = connection.write(&bytes);
            waits = (write.accept == Accept::NotYet).then_some(write.position);
            connection.flush();
            small = if (written + size) / PHASE > written / PHASE {
                200
            } else {
                small.saturating_sub(1)
            };
            written += size;
        }
        match connection.read(&mut target) {
            Read::Bytes(count) => {
                for (index, &byte) in target[..count].iter().enumerate() {
                    assert_eq!(byte, ((received + index) % 251) as u8);
                }
                received += count;
            }
            Read::Pending if writes => {}
            Read::Pending => {
                reader.wait(&connection);
            }
            other => panic!("{other:?}"),
        }
    }
    connection.close(PATIENCE);
    while reader.wait(&connection) & flag::RELEASED == 0 {}
    other.stop();
}

#[test]
fn short_lives_end_whether_their_drivers_go_over_or_stay() {
    let mut reader = Reader::new();
    let other = Other::start(None);
    let mut target = vec![0; 64 * 1024];
    for round in 0..600 {
        let index = round as usize;
        let ends_by_itself = index.is_multiple_of(5);
        let connection = Connection::new(round, reader.events.clone());
        let plan = other.plan(["127.0.0.1", "localhost"][index % 2]);
        driver::start(other.threads.clone(), connection.clone(), plan);
        // The last of them is more than the kernel takes at once.
        let size = [10, 3_000, 1_000_000][index % 3];
        connection.stage(&vec![7; size]);
        if ends_by_itself {
            connection.end();
        }
        let (mut received, mut flags) = (0, 0);
        while flags & flag::RELEASED == 0 {
            match connection.read(&mut target) {
                Read::Bytes(count) => {
                    received += count;
                    if received == size && !ends_by_itself {
                        connection.close(PATIENCE);
                    }
                }
                Read::Failed => panic!("{:?}", connection.failure()),
                Read::Pending | Read::End => flags |= reader.wait(&connection),
            }
        }
        assert_eq!(received, size);
    }
    other.stop();
}

/// The loop of a thread that waits for the watch and the doorbell, as Node's does.
struct Reader {
    poll: Poll,
    polled: Events,
    watch: Arc<Watch>,
    events: Arc<EventQueue<Connection>>,
}

impl Reader {
    fn new() -> Self {
        let (watch, poll) = (Arc::new(Watch::new().unwrap()), Poll::new().unwrap());
        let doorbell = Waker::new(poll.registry(), Token(0)).unwrap();
        poll.registry()
            .register(&mut SourceFd(&watch.as_raw_fd()), Token(1), Interest::READABLE)
            .unwrap();
        let events = EventQueue::new(move || doorbell.wake().unwrap()).with_watch(Some(watch.clone()));
        Reader {
            poll,
            polled: Events::with_capacity(2),
            watch,
            events: Arc::new(events),
        }
    }

    /// Waits until something is told; returns what `connection` was told of besides bytes.
    fn wait(&mut self, connection: &Arc<Connection>) -> u32 {
        self.poll.poll(&mut self.polled, Some(PATIENCE)).unwrap();
        assert!(!self.polled.is_empty(), "{} is told nothing more", connection.id());
        let mut flags = 0;
        // All of them, since the doorbell rings for the first one only.
        for told in self.events.take(usize::MAX) {
            let news = told.take_events();
            // Of a connection before this one a resolver's thread may be late to say what was found without it.
            flags |= if Arc::ptr_eq(&told, connection) { news } else { 0 };
        }
        self.watch.take(|news| {
            if news.id == connection.id() {
                connection.note(news);
                connection.take_waiting_read();
            }
        });
        flags
    }
}

/// The runtime, on a thread of its own, with a host that sends back what it gets, in pieces of its own.
struct Other {
    threads: Threads,
    host: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Other {
    /// Over TLS if there is a `server` for it.
    fn start(server: Option<Server>) -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let host = Host::new().await;
                tell.send((this_thread(), host.address())).unwrap();
                let serve = async {
                    loop {
                        let peer = Peer(host.0.accept().await.unwrap().0);
                        match &server {
                            Some(server) => drop(tokio::spawn(send_back(server.secure(peer).await.unwrap().0))),
                            None => drop(tokio::spawn(send_back(peer.0))),
                        }
                    }
                };
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        let (threads, host) = told.recv().unwrap();
        Other {
            threads,
            host,
            stop,
            thread,
        }
    }

    /// To connect to its host by `name`.
    fn plan(&self, name: &str) -> Plan {
        Plan {
            target: Target::Host {
                host: name.to_owned(),
                port: self.host.port(),
            },
            tls: None,
            terms: Arc::default(),
        }
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

async fn send_back(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut piece = vec![0; 70_001];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        stream.write_all(&piece[..count]).await.unwrap();
        stream.flush().await.unwrap();
    }
}
