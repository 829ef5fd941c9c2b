//! The graceful close: everything is sent, the peer gets an end and not a reset, and nobody waits for ever.

mod common;

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;
use winter_sockets::connection::Accept;
use winter_sockets::error::{Failure, Step};
use winter_sockets::events::flag;

use common::{Client, PATIENCE, TOO_MUCH, within};

/// As long as the peer's bytes are read into the void after a close.
const DRAIN_TIME: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_close_sends_what_is_staged_and_then_the_end() {
    let (mut client, mut peer) = Client::opened().await;
    client.stage(b"last ");
    client.stage(b"words");
    assert!(client.close(PATIENCE));
    assert_eq!(peer.receive_all().await.unwrap(), b"last words");
    client.told(flag::FINISHED).await;
    peer.end().await;
    client.told(flag::RELEASED).await;
    assert!(client.failure().is_none());
}

#[tokio::test]
async fn unread_bytes_do_not_turn_the_end_into_a_reset() {
    let (mut client, mut peer) = Client::opened().await;
    peer.send(&[0; 10_000]).await;
    client.stage(b"bye");
    client.close(PATIENCE);
    assert_eq!(peer.receive_all().await.unwrap(), b"bye");
    peer.send(b"and more that nobody reads").await;
    peer.end().await;
    client.told(flag::FINISHED | flag::RELEASED).await;
}

#[tokio::test]
async fn unread_bytes_that_were_taken_ahead_are_let_go() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.send(b"never looked at").await;
    client.told(flag::READABLE).await;
    client.close(PATIENCE);
    assert_eq!(peer.receive_all().await.unwrap(), b"");
    peer.end().await;
    client.told(flag::RELEASED).await;
}

#[tokio::test]
async fn a_peer_that_stays_is_left_after_the_drain_time() {
    let (mut client, peer) = Client::opened().await;
    client.close(PATIENCE);
    client.told(flag::FINISHED).await;
    let finished = Instant::now();
    client.told(flag::RELEASED).await;
    assert!(finished.elapsed() >= DRAIN_TIME - Duration::from_millis(50));
    drop(peer);
}

#[tokio::test]
async fn a_peer_that_sends_without_end_is_left_sooner() {
    let (mut client, mut peer) = Client::opened().await;
    client.close(PATIENCE);
    client.told(flag::FINISHED).await;
    let mut sent = 0;
    within("the peer's write to fail", async {
        while let Ok(count) = peer.0.write(&[0; 64 * 1024]).await {
            sent += count;
        }
    })
    .await;
    client.told(flag::RELEASED).await;
    // Counted, since how long that takes is the machine's affair: in the whole drain time many times as much is sent.
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_drain_can_be_cut_short() {
    let (mut client, mut peer) = Client::opened().await;
    client.close(PATIENCE);
    client.told(flag::FINISHED).await;
    client.drop_now();
    let dropped = Instant::now();
    client.told(flag::RELEASED).await;
    assert!(dropped.elapsed() < DRAIN_TIME);
    assert_eq!(peer.receive_all().await.unwrap(), b"");
}

#[tokio::test]
async fn a_close_towards_a_peer_that_does_not_read_gives_up() {
    let (mut client, _peer) = Client::opened().await;
    assert_eq!(client.write(b"accepted").1, Accept::Yes);
    client.stage(&vec![0; TOO_MUCH]);
    client.close(Duration::from_millis(50));
    let failure = client.failed().await;
    assert!(matches!(failure, Failure::CloseTimeout));
    assert_eq!(
        (failure.code(), failure.step()),
        ("ERR_SOCKET_CLOSE_TIMEOUT", Step::Shutdown)
    );
    client.told(flag::RELEASED).await;
}

#[tokio::test]
async fn accepted_bytes_that_a_close_gives_up_are_told_to_be_lost() {
    let (mut client, _peer) = Client::opened().await;
    within("a write too many", async {
        while client.write(&[0; 64 * 1024]).1 == Accept::Yes {
            yield_now().await;
        }
    })
    .await;
    client.discard_unaccepted();
    client.close(Duration::from_millis(50));
    client.failed().await;
    assert!(client.failure().unwrap().1);
}

#[tokio::test]
async fn a_close_waits_as_long_as_there_is_progress() {
    let (mut client, mut peer) = Client::opened().await;
    client.stage(&vec![0; TOO_MUCH]);
    let timeout = Duration::from_millis(500);
    client.close(timeout);
    let start = Instant::now();
    let mut received = 0;
    while received < TOO_MUCH {
        received += peer.receive(TOO_MUCH / 64).await.len();
        // A slow reader, and not synchronisation: 64 pauses take longer than the timeout, each of them less.
        tokio::time::sleep(timeout / 32).await;
    }
    client.told(flag::FINISHED).await;
    assert!(start.elapsed() > timeout);
    assert!(client.failure().is_none());
}

#[tokio::test]
async fn a_dropped_connection_is_released_at_once() {
    let (mut client, mut peer) = Client::opened().await;
    client.stage(&vec![0; TOO_MUCH]);
    client.drop_now();
    client.told(flag::RELEASED).await;
    assert_eq!(
        client.events() & !flag::WRITABLE,
        0,
        "it was our own wish: nothing has failed"
    );
    assert!(peer.receive_all().await.is_ok_and(|data| data.len() < TOO_MUCH));
}

#[tokio::test]
async fn a_peer_that_has_ended_is_released_without_a_drain() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.end().await;
    client.receive_all().await;
    client.close(PATIENCE);
    client.told(flag::FINISHED).await;
    client.told(flag::RELEASED).await;
    assert_eq!(peer.receive_all().await.unwrap(), b"");
}
