//! Bytes that the reader's own thread waits for, with the driver left asleep.

mod common;

use std::os::fd::AsRawFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::advance;
use tokio_rustls::server::TlsStream;
use winter_sockets::connect::Target;
use winter_sockets::connection::{Accept, Connection, Read};
use winter_sockets::driver::{self, Plan};
use winter_sockets::events::{EventQueue, flag};
use winter_sockets::tls::Settings;
use winter_sockets::tuning::Tuning;
use winter_sockets::watch::{News, Watch};

use common::tls::{Server, request_of, server_and_settings};
use common::{Client, Host, PATIENCE, Peer, TOO_MUCH, this_thread, within};

/// What the watch tells, once it tells something.
async fn news(watch: &Watch) -> Vec<News> {
    let mut told = Vec::new();
    within("news", async {
        while told.is_empty() {
            watch.take(|news| told.push(news));
            yield_now().await;
        }
    })
    .await;
    told
}

fn nothing_new(watch: &Watch) {
    watch.take(|news| panic!("told of {news:?}"));
}

/// How many drivers have gone over to the runtime, or began there.
fn on_the_runtime() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_plain_connection_opens_and_ends_without_the_runtime() {
    let (mut client, mut peer) = Client::watched().await;
    assert_eq!(client.write_and_flush(b"request"), Accept::Yes);
    assert_eq!(peer.receive(7).await, b"request");
    peer.send(b"response").await;
    assert_eq!(client.receive(8).await, b"response");
    assert!(client.close(PATIENCE));
    client.told(flag::FINISHED).await;
    assert_eq!(client.events(), 0, "the peer has not ended its side");
    assert_eq!(peer.receive_all().await.unwrap(), b"");
    assert_eq!(on_the_runtime(), 0);
    drop(peer);
    client.told(flag::RELEASED).await;
}

#[tokio::test]
async fn its_end_without_a_close_needs_no_runtime_either() {
    let (mut client, mut peer) = Client::watched().await;
    peer.send(b"all").await;
    peer.end().await;
    assert_eq!(client.receive_all().await, (b"all".to_vec(), Read::End));
    assert!(client.end());
    client.told(flag::FINISHED | flag::RELEASED).await;
    assert_eq!(on_the_runtime(), 0);
}

#[tokio::test]
async fn a_refused_connection_needs_no_runtime() {
    let host = Host::new().await;
    let plan = host.plan();
    drop(host);
    let mut client = Client::watched_with(plan);
    assert_eq!(client.failed().await.code(), "ECONNREFUSED");
    assert_eq!(on_the_runtime(), 0);
}

#[tokio::test]
async fn an_attempt_that_takes_its_time_is_told_of_by_the_watch() {
    let (host, first) = Host::with_a_full_queue().await;
    let mut client = Client::watched_with(host.plan());
    nothing_new(client.watch());
    assert_eq!(client.events(), 0);
    // There is room for the handshake that the kernel tries a second later.
    assert_eq!(host.accept().await.0.peer_addr().unwrap(), first.local_addr().unwrap());
    client.told(flag::OPENED).await;
    let mut peer = host.accept().await;
    peer.send(b"heard").await;
    assert_eq!(client.receive(5).await, b"heard");
    assert_eq!(on_the_runtime(), 0);
}

#[tokio::test]
async fn nor_does_one_to_a_name_once_its_addresses_are_there() {
    let host = Host::new().await;
    let port = host.address().port();
    let target = Target::Host {
        host: "localhost".to_owned(),
        port,
    };
    let mut client = Client::watched_with(Plan { target, ..host.plan() });
    // The resolver is no task, and the only one that is at it.
    assert_eq!((on_the_runtime(), client.events()), (0, 0));
    client.told(flag::OPENED).await;
    assert_eq!(on_the_runtime(), 0);
}

#[tokio::test]
async fn a_driver_that_has_to_wait_for_room_goes_over_at_once() {
    let (client, mut peer) = Client::watched().await;
    client.stage(&vec![0; TOO_MUCH]);
    assert_eq!(on_the_runtime(), 1);
    peer.receive(TOO_MUCH).await;
}

#[tokio::test]
async fn no_more_than_two_drivers_at_a_time_take_the_readers_thread() {
    let host = Host::new().await;
    let events = Arc::new(EventQueue::new(|| {}).with_watch(Some(Arc::new(Watch::new().unwrap()))));
    let start = |id| driver::start(this_thread(), Connection::new(id, events.clone()), host.plan());
    (1..=5).for_each(start);
    assert_eq!(on_the_runtime(), 3);
    // It has come by.
    events.take(usize::MAX);
    (6..=7).for_each(start);
    assert_eq!(on_the_runtime(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_its_side_is_left_to_the_runtime() {
    let (mut client, mut peer) = Client::watched().await;
    assert!(client.close(PATIENCE));
    client.told(flag::FINISHED).await;
    assert_eq!(peer.receive_all().await.unwrap(), b"");
    assert_eq!(on_the_runtime(), 0);
    advance(Duration::from_millis(60)).await;
    assert_eq!(on_the_runtime(), 1);
    // It looks at the clock.
    yield_now().await;
    assert_eq!(client.events(), 0);
    advance(Duration::from_secs(1)).await;
    client.told(flag::RELEASED).await;
}

#[tokio::test(start_paused = true)]
async fn nor_can_a_peer_that_trickles_stay_with_the_readers_thread() {
    let (mut client, mut peer) = Client::watched().await;
    assert!(client.close(PATIENCE));
    client.told(flag::FINISHED).await;
    for _ in 0..2 {
        peer.send(b".").await;
        advance(Duration::from_millis(30)).await;
        assert_eq!(client.events(), 0);
    }
    assert_eq!(on_the_runtime(), 1);
}

#[tokio::test]
async fn settings_and_an_end_of_one_connection_are_no_more_than_one_driver() {
    let (mut client, _peer) = Client::watched().await;
    for no_delay in [Some(false), Some(true), Some(false)] {
        client.tune(Tuning {
            no_delay,
            ..Tuning::default()
        });
    }
    assert!(client.end());
    client.told(flag::FINISHED).await;
    assert_eq!(on_the_runtime(), 0);
}

#[tokio::test]
async fn a_flush_that_comes_after_the_close_is_no_reason_to_go_over() {
    let (mut client, mut peer) = Client::watched().await;
    assert!(client.connection().write(b"last words").flush);
    assert!(client.close(PATIENCE));
    client.flush();
    assert_eq!(peer.receive_all().await.unwrap(), b"last words");
    assert_eq!(on_the_runtime(), 0);
    drop(peer);
    client.told(flag::RELEASED).await;
}

#[tokio::test]
async fn bytes_are_told_by_the_watch_alone() {
    let (mut client, mut peer) = Client::watched().await;
    let rings = client.rings();
    assert_eq!(client.poll_read(), Read::Pending);
    peer.send(b"one").await;
    assert_eq!(news(client.watch()).await, [News { id: 1, is_last: false }]);
    client.note(News { id: 1, is_last: false });
    assert!(client.take_waiting_read(), "a read waits");
    assert!(!client.take_waiting_read(), "and was told");
    assert_eq!(client.poll_read(), Read::Bytes(3));
    assert_eq!(client.receive(3).await, b"one");
    client.turn(&mut peer).await;
    assert_eq!(client.rings(), rings, "no doorbell");
}

#[tokio::test]
async fn what_was_told_before_anybody_asked_is_found_by_the_read_that_asks() {
    let (client, mut peer) = Client::watched().await;
    peer.send(b"early").await;
    let [early] = news(client.watch()).await[..] else {
        panic!("told twice")
    };
    client.note(early);
    assert!(!client.take_waiting_read(), "nobody waits");
    assert_eq!(client.poll_read(), Read::Bytes(5));
}

#[tokio::test]
async fn a_read_that_took_all_there_was_asks_the_kernel_no_more() {
    let (client, mut peer) = Client::watched().await;
    peer.send(b"all").await;
    for told in news(client.watch()).await {
        client.note(told);
    }
    let mut target = [0; 64];
    assert_eq!(client.read(&mut target), Read::Bytes(3));
    peer.send(b"unheard of").await;
    assert_eq!(client.read(&mut target), Read::Pending);
    for told in news(client.watch()).await {
        client.note(told);
    }
    assert_eq!(client.read(&mut target), Read::Bytes(10));
}

#[tokio::test]
async fn the_end_is_told_once_and_stays() {
    let (client, mut peer) = Client::watched().await;
    peer.send(b"last").await;
    peer.end().await;
    let mut target = [0; 64];
    let mut received = Vec::new();
    loop {
        match client.read(&mut target) {
            Read::Bytes(count) => received.extend_from_slice(&target[..count]),
            Read::Pending => news(client.watch())
                .await
                .into_iter()
                .for_each(|told| client.note(told)),
            last => break assert_eq!(last, Read::End),
        }
    }
    assert_eq!(received, b"last");
    assert_eq!(client.read(&mut target), Read::End);
    nothing_new(client.watch());
}

#[tokio::test]
async fn while_the_runtime_waits_for_room_to_send_the_watch_tells_what_comes_in() {
    let (mut client, mut peer) = Client::watched().await;
    let (position, accept) = client.write(&vec![0; TOO_MUCH]);
    assert_eq!(accept, Accept::NotYet);
    for message in [b"one", b"two"] {
        assert_eq!(client.poll_read(), Read::Pending);
        peer.send(message).await;
        let [told] = news(client.watch()).await[..] else {
            panic!("told twice")
        };
        client.note(told);
        assert!(client.take_waiting_read());
        assert_eq!(client.receive(3).await, message);
    }
    assert_ne!(client.accept(position), Accept::Yes, "there was no room all the time");
    peer.receive(TOO_MUCH).await;
    client.told(flag::WRITABLE).await;
    assert_eq!(client.accept(position), Accept::Yes);
}

#[tokio::test]
async fn of_a_connection_that_closes_nothing_is_told() {
    let (mut client, mut peer) = Client::watched().await;
    client.close(PATIENCE);
    client.told(flag::FINISHED).await;
    peer.send(b"too late").await;
    peer.end().await;
    client.told(flag::RELEASED).await;
    nothing_new(client.watch());
}

#[tokio::test]
async fn what_little_comes_over_tls_is_left_to_the_reader() {
    let (mut client, mut peer) = watched_over_tls().await;
    let rings = client.rings();
    for message in [b"one", b"two"] {
        assert_eq!(client.poll_read(), Read::Pending);
        peer.send(message).await;
        client.told(flag::READABLE).await;
        assert_eq!(client.receive(3).await, message);
    }
    assert_eq!(client.rings(), rings, "no doorbell");
}

#[tokio::test]
async fn much_over_tls_is_decrypted_ahead_until_little_comes_for_a_while() {
    let (mut client, mut peer) = watched_over_tls().await;
    peer.send(&vec![0; 100_000]).await;
    // The first read finds that there is much.
    assert!(client.receive(1).await == [0]);
    client.take_ahead(99_999).await;
    let mut rings = client.rings();
    let mut turns = 0;
    loop {
        assert_eq!(client.poll_read(), Read::Pending);
        peer.send(b"little").await;
        client.told(flag::READABLE).await;
        assert_eq!(client.receive(6).await, b"little");
        if client.rings() == rings {
            break;
        }
        rings = client.rings();
        turns += 1;
        assert!(turns < 1_000, "the reader decrypts by itself again");
    }
    assert!(turns > 10, "not after {turns} turns");
}

async fn watched_over_tls() -> (Client, Peer<TlsStream<TcpStream>>) {
    let (server, settings) = server_and_settings();
    let (mut client, peer) = Client::watched().await;
    client.upgrade(request_of(settings));
    let peer = server.secure(peer).await.unwrap();
    client.told(flag::SECURED).await;
    (client, peer)
}

#[test]
fn no_byte_is_missed_however_reader_writer_and_driver_interleave() {
    interleave(None);
}

#[test]
fn nor_over_tls_although_reader_and_driver_take_turns_at_decrypting() {
    interleave(Some(server_and_settings()));
}

#[test]
fn short_lives_end_whether_their_drivers_go_over_or_stay() {
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let other = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let host = Host::new().await;
            tell.send((this_thread(), host.address())).unwrap();
            let serve = async {
                loop {
                    tokio::spawn(send_back(host.accept().await.0));
                }
            };
            tokio::select! {
                () = serve => {}
                _ = stopped => {}
            }
        });
    });
    let (threads, address) = told.recv().unwrap();
    let (watch, mut poll) = (Arc::new(Watch::new().unwrap()), Poll::new().unwrap());
    let doorbell = Waker::new(poll.registry(), Token(0)).unwrap();
    poll.registry()
        .register(&mut SourceFd(&watch.as_raw_fd()), Token(1), Interest::READABLE)
        .unwrap();
    let events = Arc::new(EventQueue::new(move || doorbell.wake().unwrap()).with_watch(Some(watch.clone())));
    let mut polled = Events::with_capacity(2);
    let mut target = vec![0; 64 * 1024];
    for round in 0..600 {
        let index = round as usize;
        let ends_by_itself = index.is_multiple_of(5);
        let connection = Connection::new(round, events.clone());
        let plan = Plan {
            target: Target::Host {
                host: ["127.0.0.1", "localhost"][index % 2].to_owned(),
                port: address.port(),
            },
            tls: None,
            terms: Arc::default(),
        };
        driver::start(threads.clone(), connection.clone(), plan);
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
                    continue;
                }
                Read::Failed => panic!("{:?}", connection.failure()),
                Read::Pending | Read::End => {}
            }
            poll.poll(&mut polled, Some(PATIENCE)).unwrap();
            assert!(!polled.is_empty(), "round {round} is told nothing more");
            for told in events.take(usize::MAX) {
                let news = told.take_events();
                // A resolver's thread may be late to say what was found without it.
                flags |= if Arc::ptr_eq(&told, &connection) { news } else { 0 };
            }
            watch.take(|news| {
                if news.id == connection.id() {
                    connection.note(news);
                    connection.take_waiting_read();
                }
            });
        }
        assert_eq!(received, size);
    }
    stop.send(()).unwrap();
    other.join().unwrap();
}

fn interleave(secure: Option<(Server, Settings)>) {
    const BYTES: usize = 40_000_000;
    const PHASE: usize = 4_000_000;
    let (server, tls) = match secure {
        Some((server, settings)) => (Some(server), Some(request_of(settings))),
        None => (None, None),
    };
    // The loop of a thread that waits for the watch and the doorbell, as Node's does.
    let (watch, mut poll) = (Arc::new(Watch::new().unwrap()), Poll::new().unwrap());
    let doorbell = Waker::new(poll.registry(), Token(0)).unwrap();
    poll.registry()
        .register(&mut SourceFd(&watch.as_raw_fd()), Token(1), Interest::READABLE)
        .unwrap();
    let events = Arc::new(EventQueue::new(move || doorbell.wake().unwrap()).with_watch(Some(watch.clone())));
    let connection = Connection::new(1, events.clone());
    let driven = connection.clone();
    // A peer that sends back what it gets, in pieces of its own, on the thread of the driver.
    let other = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let host = Host::new().await;
            let plan = Plan { tls, ..host.plan() };
            let driver = tokio::spawn(driver::run(this_thread(), driven, plan));
            let peer = host.accept().await;
            match server {
                Some(server) => send_back(server.secure(peer).await.unwrap().0).await,
                None => send_back(peer.0).await,
            }
            driver.await.unwrap();
        });
    });

    let mut polled = Events::with_capacity(2);
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
                poll.poll(&mut polled, Some(PATIENCE)).unwrap();
                assert!(!polled.is_empty(), "a read that waits is told of what comes in");
                for told in events.take(1) {
                    told.take_events();
                }
                watch.take(|told| connection.note(told));
            }
            other => panic!("{other:?}"),
        }
    }
    connection.close(PATIENCE);
    other.join().unwrap();
}

async fn send_back(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut piece = vec![0; 70_001];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        stream.write_all(&piece[..count]).await.unwrap();
        stream.flush().await.unwrap();
    }
}
