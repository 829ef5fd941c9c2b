//! A connection's life over loopback TCP: how it comes up, or does not, what is told of it, and how it is released.

mod common;

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::task::yield_now;
use winter_sockets::connection::{Accept, Connection, Read};
use winter_sockets::driver;
use winter_sockets::error::{Failure, Step};
use winter_sockets::events::{EventQueue, flag};
use winter_sockets::runtime::threads;

use common::{Client, Host, PATIENCE, Peer, this_thread, within};

/// An address that refuses connections for as long as the socket lives: it is bound and does not listen.
fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[tokio::test]
async fn the_event_of_opening_comes_with_both_addresses() {
    let host = Host::new().await;
    let mut client = Client::given();
    assert!(client.info().is_none());
    client.resolved(vec![host.address()]);
    let peer = host.accept().await;
    client.told(flag::OPENED).await;
    let info = client.info().unwrap();
    assert_eq!(info.peer, host.address());
    assert_eq!(info.local, peer.0.peer_addr().unwrap());
    assert!(info.session.is_none());
}

#[tokio::test]
async fn what_is_staged_before_the_connection_is_up_arrives_first_and_in_order() {
    let host = Host::new().await;
    let mut client = Client::to(&host);
    let large = vec![7; 100_000];
    for part in [b"first ".as_slice(), b"second ", &large, b" third"] {
        client.stage(part);
    }
    let mut peer = host.accept().await;
    client.told(flag::OPENED).await;
    client.stage(b", late");
    let mut expected = b"first second ".to_vec();
    expected.extend(&large);
    expected.extend(b" third, late");
    assert_eq!(peer.receive(expected.len()).await, expected);
}

#[tokio::test]
async fn a_write_before_the_connection_is_up_is_accepted_when_it_is() {
    let host = Host::new().await;
    let mut client = Client::given();
    let (position, accept) = client.write(b"early");
    assert_eq!(accept, Accept::NotYet);
    client.resolved(vec![host.address()]);
    client.told(flag::OPENED | flag::WRITABLE).await;
    assert_eq!(client.accept(position), Accept::Yes);
}

#[tokio::test]
async fn the_end_may_be_staged_before_the_connection_is_up() {
    let host = Host::new().await;
    let mut client = Client::to(&host);
    client.stage(b"all there is");
    assert!(client.end());
    let mut peer = host.accept().await;
    assert_eq!(peer.receive_all().await.unwrap(), b"all there is");
    client.told(flag::OPENED | flag::FINISHED).await;
}

#[tokio::test]
async fn a_refused_connection_lists_every_address_that_was_tried() {
    let (_first, one) = refusing();
    let (_second, two) = refusing();
    let mut client = Client::given();
    client.resolved(vec![one, two]);
    let failure = client.failed().await;
    assert_eq!((failure.code(), failure.step()), ("ECONNREFUSED", Step::Connect));
    assert_eq!(
        failure.attempts().iter().map(|tried| tried.address).collect::<Vec<_>>(),
        [one, two]
    );
    assert!(failure.attempts().iter().all(|tried| tried.code == "ECONNREFUSED"));
    client.told(flag::RELEASED).await;
    assert_eq!(client.poll_read(), Read::Failed);
    assert_eq!(client.write(b"x").1, Accept::Failed);
}

#[tokio::test]
async fn given_addresses_are_tried_until_one_answers() {
    let (_socket, refuses) = refusing();
    let host = Host::new().await;
    let mut client = Client::given();
    client.resolved(vec![refuses, host.address()]);
    client.told(flag::OPENED).await;
    assert_eq!(client.info().unwrap().peer, host.address());
}

#[tokio::test]
async fn no_address_at_all_is_a_name_that_is_not_found() {
    let mut client = Client::given();
    client.resolved(Vec::new());
    let failure = client.failed().await;
    assert_eq!(
        (failure.code(), failure.to_string()),
        ("ENOTFOUND", "getaddrinfo ENOTFOUND given.test".to_owned())
    );
}

#[tokio::test]
async fn a_close_gives_up_a_connection_that_is_not_up_and_has_nothing_to_send() {
    let mut client = Client::given();
    client.close(PATIENCE);
    assert!(matches!(client.failed().await, Failure::ClosedBeforeOpen));
    client.told(flag::RELEASED).await;
}

#[tokio::test]
async fn a_close_waits_for_the_connection_while_there_are_bytes_to_send() {
    let host = Host::new().await;
    let mut client = Client::to(&host);
    client.stage(b"last words");
    client.close(PATIENCE);
    let mut peer = host.accept().await;
    assert_eq!(peer.receive_all().await.unwrap(), b"last words");
    client.told(flag::OPENED | flag::FINISHED).await;
}

#[tokio::test]
async fn but_it_waits_no_longer_than_its_time() {
    let mut client = Client::given();
    client.stage(b"never sent");
    client.close(Duration::from_millis(20));
    assert!(matches!(client.failed().await, Failure::CloseTimeout));
    client.told(flag::RELEASED).await;
}

#[tokio::test]
async fn a_connection_that_is_not_up_can_be_dropped_without_a_word() {
    for staged in [b"".as_slice(), b"something to send"] {
        let mut client = Client::given();
        client.stage(staged);
        client.drop_now();
        client.told(flag::RELEASED).await;
        assert_eq!(client.events(), 0, "nothing but the release");
        assert!(client.failure().is_none());
    }
}

#[tokio::test]
async fn a_close_that_waits_for_the_connection_can_be_cut_short() {
    let mut client = Client::given();
    client.stage(b"never sent");
    client.close(2 * PATIENCE);
    yield_now().await;
    client.drop_now();
    client.told(flag::RELEASED).await;
    assert!(client.failure().is_none());
}

#[tokio::test]
async fn after_both_ends_the_connection_is_released() {
    let (mut client, mut peer) = Client::opened().await;
    client.stage(b"request");
    client.end();
    client.told(flag::FINISHED).await;
    assert_eq!(peer.receive_all().await.unwrap(), b"request");
    peer.send(b"response").await;
    peer.end().await;
    assert_eq!(client.receive_all().await, (b"response".to_vec(), Read::End));
    client.told(flag::RELEASED).await;
    assert!(client.failure().is_none());
}

#[tokio::test]
async fn what_came_together_is_told_together_by_one_ring() {
    let (_socket, refuses) = refusing();
    let mut client = Client::given();
    client.resolved(vec![refuses]);
    within("the doorbell", client.rung()).await;
    assert_eq!(client.rings(), 1);
    assert_eq!(client.events(), flag::FAILED | flag::READABLE | flag::RELEASED);
    assert_eq!(client.events(), 0);
}

#[tokio::test]
async fn an_aborted_driver_releases_its_connection() {
    let (mut client, mut peer, driver) = Client::abortable().await;
    driver.abort();
    client.told(flag::RELEASED).await;
    assert_eq!(client.events(), 0);
    assert_eq!(peer.receive_all().await.unwrap(), b"");
}

#[tokio::test]
async fn a_panic_of_the_driver_is_a_failure_of_its_connection_alone() {
    let host = Host::new().await;
    let events = Arc::new(EventQueue::new(|| panic!("this doorbell is out of order")));
    let connection = Connection::new(1, events);
    let task = tokio::spawn(driver::run(this_thread(), connection.clone(), host.plan()));
    assert!(within("the end of the driver", task).await.unwrap_err().is_panic());
    let told = connection.take_events();
    assert_eq!(told & (flag::FAILED | flag::RELEASED), flag::FAILED | flag::RELEASED);
    assert_eq!(connection.failure().unwrap().0.code(), "ERR_SOCKET_TLS_PROTOCOL");
    assert_eq!(host.accept().await.receive_all().await.unwrap(), b"");
}

#[tokio::test]
async fn the_descriptor_is_gone_before_the_release_is_told() {
    let host = Host::new().await;
    let peer = Arc::new(Mutex::new(None));
    let (at_peer, seen) = (peer.clone(), Arc::new(Mutex::new(None)));
    let saw = seen.clone();
    // Rings for the release alone: what came before is not drained.
    let events = Arc::new(EventQueue::new(move || {
        if let Some(mut stream) = at_peer.lock().unwrap().take() {
            *saw.lock().unwrap() = Some(read_end(&mut stream));
        }
    }));
    let connection = Connection::new(1, events.clone());
    let task = tokio::spawn(driver::run(this_thread(), connection.clone(), host.plan()));
    let Peer(stream) = host.accept().await;
    within("the connection to be up", async {
        while connection.info().is_none() {
            yield_now().await;
        }
    })
    .await;
    assert_eq!(events.take(1)[0].take_events(), flag::OPENED);
    *peer.lock().unwrap() = Some(stream.into_std().unwrap());
    connection.drop_now();
    within("the end of the driver", task).await.unwrap();
    assert_eq!(
        seen.lock().unwrap().take().unwrap().unwrap(),
        0,
        "the peer sees the end inside the doorbell"
    );
}

/// Reads with the whole thread: whoever is to send the end must have done so.
fn read_end(stream: &mut std::net::TcpStream) -> std::io::Result<usize> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.read(&mut [0])
}

#[tokio::test]
async fn the_threads_of_the_process_serve_connections() {
    let host = Host::new().await;
    let threads = threads().unwrap();
    let events = Arc::new(EventQueue::new(|| {}));
    let connection = Connection::new(1, events);
    let io = threads.io.clone();
    io.spawn(driver::run(threads, connection.clone(), host.plan()));
    connection.stage(b"from another thread");
    connection.end();
    let mut peer = host.accept().await;
    assert_eq!(peer.receive_all().await.unwrap(), b"from another thread");
}
