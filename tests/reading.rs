//! What is taken from the network, when, and how a reader learns of it.

mod common;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use tokio::task::yield_now;
use winter_sockets::connection::{Accept, Connection, Read};
use winter_sockets::error::Step;
use winter_sockets::events::{EventQueue, flag};
use winter_sockets::inbox::CAPACITY;

use common::{Client, PATIENCE, tls, within};

/// The most that one receive brings: the bound is looked at between two of them.
const RECEIVE: usize = 64 * 1024;

#[tokio::test]
async fn nothing_is_taken_before_somebody_asks() {
    let (mut client, mut peer) = Client::opened().await;
    peer.send(b"unasked").await;
    peer.end().await;
    client.turn(&mut peer).await;
    assert_eq!(client.events() & !flag::WRITABLE, 0, "not even the end is noticed");
    assert_eq!(client.receive_all().await, (b"unasked".to_vec(), Read::End));
}

#[tokio::test]
async fn a_read_that_found_nothing_is_told_of_what_comes() {
    let (mut client, mut peer) = Client::opened().await;
    for message in [b"one", b"two"] {
        assert_eq!(client.poll_read(), Read::Pending);
        peer.send(message).await;
        client.told(flag::READABLE).await;
        assert_eq!(client.poll_read(), Read::Bytes(3));
        assert_eq!(client.receive(3).await, message);
    }
}

#[tokio::test]
async fn only_a_read_that_waits_is_told() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.send(b"asked").await;
    client.receive(5).await;
    peer.send(b"ahead").await;
    assert_eq!(client.take_ahead(5).await, b"ahead");
    assert_eq!(client.events(), 0);
}

#[test]
fn no_byte_comes_in_untold_however_reader_and_driver_interleave() {
    const BYTES: usize = 20_000;
    let (ring, rung) = mpsc::channel();
    let events = Arc::new(EventQueue::new(move || ring.send(()).unwrap_or_default()));
    let connection = Connection::new(1, events.clone());
    let driver = connection.clone();
    let sender = thread::spawn(move || {
        for _ in 0..BYTES {
            driver.received(b"x");
            driver.tell_reader();
        }
    });
    let (mut received, mut target) = (0, [0; 64]);
    while received < BYTES {
        match connection.read(&mut target) {
            Read::Bytes(count) => received += count,
            _ => {
                rung.recv_timeout(PATIENCE).expect("the reader is told");
                events.take(1)[0].take_events();
            }
        }
    }
    sender.join().unwrap();
}

#[tokio::test]
async fn decrypting_ahead_stops_at_its_bound_and_goes_on_when_there_is_room() {
    let (mut client, mut peer) = tls::opened_plainly().await;
    client.decrypt_ahead();
    let sent: Vec<u8> = (0..CAPACITY + RECEIVE + 1).map(|index| (index % 251) as u8).collect();
    client.poll_read();
    peer.send(&sent).await;
    within("a full inbox", async {
        while client.readable() < CAPACITY {
            yield_now().await;
        }
    })
    .await;
    let full = client.readable();
    assert!(full < CAPACITY + RECEIVE, "{full} bytes were taken ahead");
    // With more waiting in the kernel.
    client.turn(&mut peer).await;
    assert_eq!(client.readable(), full);
    assert!(client.receive(sent.len()).await == sent);
}

#[tokio::test]
async fn plain_bytes_stay_in_the_kernel_until_a_read_takes_them() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.send(b"asked").await;
    assert_eq!(client.receive(5).await, b"asked");
    peer.send(b"unasked").await;
    client.turn(&mut peer).await;
    assert_eq!(client.events() & !flag::WRITABLE, 0);
    assert!(client.cease().is_some_and(|transport| transport.receivable() == 7));
}

#[tokio::test]
async fn a_reader_that_cancelled_is_told_nothing_and_the_peer_is_left_alone() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    client.stop_reading();
    peer.send(b"for nobody").await;
    client.turn(&mut peer).await;
    assert_eq!(client.poll_read(), Read::Pending);
    assert_eq!(client.events() & !flag::WRITABLE, 0);
    client.end();
    assert_eq!(peer.receive_all().await.unwrap(), b"");
    client.told(flag::FINISHED).await;
}

#[tokio::test]
async fn the_end_comes_after_every_byte_and_stays() {
    let (mut client, mut peer) = Client::opened().await;
    peer.send(b"all").await;
    peer.end().await;
    assert_eq!(client.receive_all().await, (b"all".to_vec(), Read::End));
    assert_eq!(client.poll_read(), Read::End);
}

#[tokio::test]
async fn a_reset_is_met_by_the_read_that_waits() {
    let (mut client, peer) = Client::opened().await;
    assert_eq!(client.poll_read(), Read::Pending);
    peer.reset();
    assert_eq!(client.receive_all().await, (vec![], Read::Failed));
    client.told(flag::FAILED | flag::RELEASED).await;
    let (failure, lost) = client.failure().unwrap();
    assert_eq!(
        (failure.code(), failure.step(), lost),
        ("ECONNRESET", Step::Read, false)
    );
    assert_eq!(client.poll_read(), Read::Failed);
}

#[tokio::test]
async fn bytes_before_a_reset_are_read_before_it_is_told() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.send(b"last words").await;
    client.told(flag::READABLE).await;
    peer.reset();
    assert_eq!(client.receive_all().await, (b"last words".to_vec(), Read::Failed));
    assert_eq!(client.why().code(), "ECONNRESET");
}

/// Reads a byte, so that the driver decrypts ahead, and is reset while no read waits.
async fn reset_quietly() -> Client {
    let (mut client, mut peer) = tls::opened_plainly().await;
    client.decrypt_ahead();
    client.poll_read();
    peer.send(b"x").await;
    client.receive(1).await;
    peer.reset();
    client.told(flag::RELEASED).await;
    assert_eq!(client.events(), 0, "only the release is told");
    client
}

#[tokio::test]
async fn a_reset_met_while_reading_ahead_waits_for_the_next_read() {
    let client = reset_quietly().await;
    assert_eq!(client.poll_read(), Read::Failed);
    assert_eq!(client.why().code(), "ECONNRESET");
}

#[tokio::test]
async fn a_reset_met_while_reading_ahead_fails_the_next_write() {
    let client = reset_quietly().await;
    assert_eq!(client.write(b"x").1, Accept::Failed);
}

#[tokio::test]
async fn a_reset_met_while_reading_ahead_is_told_to_an_end_and_a_close() {
    assert!(!reset_quietly().await.end());
    assert!(!reset_quietly().await.close(PATIENCE));
}

#[tokio::test]
async fn what_the_kernel_has_is_nothing_to_a_reader_that_cancelled_or_to_a_connection_that_is_dropped() {
    for stop in [
        |client: &Client| client.stop_reading(),
        |client: &Client| client.drop_now(),
    ] {
        let (mut client, mut peer) = Client::opened().await;
        peer.send(b"unread").await;
        client.turn(&mut peer).await;
        assert_eq!(client.readable(), 6);
        stop(&client);
        assert_eq!(client.readable(), 0);
    }
}
