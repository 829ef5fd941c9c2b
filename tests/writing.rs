//! When a write is accepted, what becomes of one that is not, and how a failure is told to it.

mod common;

use tokio::task::yield_now;
use winter_sockets::connection::{Accept, Read};
use winter_sockets::error::Step;
use winter_sockets::events::flag;
use winter_sockets::queue::BOUND;

use common::{Client, Host, TOO_MUCH, tls, within};

#[tokio::test]
async fn a_write_is_accepted_at_once_while_few_bytes_wait() {
    let (mut client, mut peer) = Client::opened().await;
    assert_eq!(client.write(b"one "), (4, Accept::Yes));
    assert_eq!(client.write(&vec![b'.'; BOUND as usize - 4]).1, Accept::Yes);
    assert_eq!(client.write(b"one too many").1, Accept::NotYet);
    client.told(flag::WRITABLE).await;
    client.end();
    assert_eq!(peer.receive_all().await.unwrap().len(), BOUND as usize + 12);
}

#[tokio::test]
async fn a_write_of_more_than_the_bound_is_accepted_when_enough_of_it_is_sent() {
    let (mut client, mut peer) = Client::opened().await;
    let (position, accept) = client.write(&vec![0; TOO_MUCH]);
    assert_eq!(accept, Accept::NotYet);
    let mut received = 0;
    while client.accept(position) != Accept::Yes {
        assert_eq!(client.events() & !flag::WRITABLE, 0);
        received += peer.receive(64 * 1024).await.len();
    }
    assert!(client.unsent() <= BOUND / 2);
    peer.receive(TOO_MUCH - received).await;
    assert_eq!(client.unsent(), 0);
}

#[tokio::test]
async fn to_a_peer_that_ended_its_side_a_write_is_accepted_when_it_is_sent() {
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.end().await;
    assert_eq!(client.receive_all().await.1, Read::End);
    assert_eq!(client.write(b"answer").1, Accept::NotYet);
    client.told(flag::WRITABLE).await;
    assert_eq!(peer.receive(6).await, b"answer");
}

#[tokio::test]
async fn an_accepted_write_stays_accepted_after_a_failure() {
    let (mut client, peer) = Client::opened().await;
    let (position, accept) = client.write(b"sent");
    assert_eq!(accept, Accept::Yes);
    client.poll_read();
    peer.reset();
    client.failed().await;
    assert_eq!(client.accept(position), Accept::Yes);
    assert_eq!(client.write(b"later").1, Accept::Failed);
}

#[tokio::test]
async fn discarding_takes_back_what_was_not_accepted() {
    let host = Host::new().await;
    let client = Client::given();
    assert_eq!(client.write(b"given up").1, Accept::NotYet);
    assert_eq!(client.unsent(), 8);
    client.discard_unaccepted();
    assert_eq!(client.unsent(), 0);
    client.stage(b"kept");
    client.end();
    client.resolved(vec![host.address()]);
    let mut peer = host.accept().await;
    assert_eq!(peer.receive_all().await.unwrap(), b"kept");
}

#[tokio::test]
async fn discarding_keeps_what_was_accepted() {
    let (mut client, mut peer) = Client::opened().await;
    assert_eq!(client.write(b"accepted").1, Accept::Yes);
    client.stage(b", not asked about");
    client.discard_unaccepted();
    client.end();
    assert_eq!(peer.receive_all().await.unwrap(), b"accepted");
    client.told(flag::FINISHED).await;
}

#[tokio::test]
async fn nothing_is_lost_of_many_writes_of_any_size() {
    let (client, mut peer) = Client::opened().await;
    let mut sent = Vec::new();
    for size in [0, 1, 15, 1000, 16_383, 16_384, 16_385, 65_536, 100_000, 3, 0, 70_000, 1] {
        let part: Vec<u8> = (0..size).map(|index| (index + sent.len()) as u8).collect();
        client.stage(&part);
        sent.extend(part);
    }
    client.end();
    assert!(peer.receive_all().await.unwrap() == sent);
}

#[tokio::test]
async fn a_reset_is_met_by_a_write() {
    let (mut client, mut peer) = Client::opened().await;
    assert_eq!(client.write(b"accepted").1, Accept::Yes);
    assert_eq!(peer.receive(8).await, b"accepted");
    peer.reset();
    within("a write that fails", async {
        while client.failure().is_none() {
            client.stage(b"x");
            yield_now().await;
        }
    })
    .await;
    client.told(flag::FAILED | flag::RELEASED).await;
    let (failure, lost) = client.failure().unwrap();
    assert_eq!(failure.step(), Step::Write);
    assert!(["ECONNRESET", "EPIPE"].contains(&failure.code()), "{failure}");
    assert!(lost, "what was accepted may not have arrived");
    assert_eq!(client.unsent(), 0, "what cannot be sent is not kept");
}

#[tokio::test]
async fn a_reset_is_met_by_the_end() {
    let (mut client, mut peer) = Client::opened().await;
    assert_eq!(client.write(b"accepted").1, Accept::Yes);
    assert_eq!(peer.receive(8).await, b"accepted");
    peer.reset();
    // What was sent on loopback before this connection was made has arrived.
    Client::opened().await;
    client.end();
    client.told(flag::FAILED | flag::RELEASED).await;
    let (failure, lost) = client.failure().unwrap();
    assert_eq!(
        (failure.code(), failure.step(), lost),
        ("ECONNRESET", Step::Shutdown, true)
    );
    assert_eq!(client.events() & flag::FINISHED, 0);
}

#[tokio::test]
async fn a_reset_under_writes_that_nobody_takes_tells_that_bytes_are_lost() {
    let (mut client, peer) = Client::opened().await;
    within("a write too many", async {
        while client.write(&[0; 64 * 1024]).1 == Accept::Yes {
            yield_now().await;
        }
    })
    .await;
    peer.reset();
    client.failed().await;
    assert!(client.failure().unwrap().1);
}

#[tokio::test]
async fn a_flush_on_the_thread_of_the_caller_needs_no_driver() {
    for (client, sent) in [
        (Client::opened().await.0, b"plain".as_slice()),
        (tls::opened_plainly().await.0, b"secret"),
    ] {
        client.stage(sent);
        client.flush();
        assert_eq!(client.unsent(), 0);
    }
}

#[tokio::test]
async fn a_large_write_leaves_at_once_as_far_as_the_kernel_takes_it_and_the_rest_in_order() {
    let (client, mut peer) = Client::opened().await;
    let sent: Vec<u8> = (0..TOO_MUCH).map(|index| (index % 251) as u8).collect();
    let (first, rest) = sent.split_at(64 * 1024);
    assert_eq!(client.write(first).1, Accept::Yes);
    assert_eq!(client.unsent(), 0, "nothing was waiting before it");
    client.write(rest);
    let unsent = client.unsent();
    assert!(0 < unsent && unsent < rest.len() as u64);
    client.write(b"last");
    assert!(peer.receive(sent.len()).await == sent);
    assert_eq!(peer.receive(4).await, b"last");
}

#[tokio::test]
async fn a_flush_sends_nothing_behind_an_upgrade() {
    let (server, settings) = tls::server_and_settings();
    let (mut client, peer) = Client::opened().await;
    client.stage(b"plain");
    client.upgrade(tls::request_of(settings));
    client.stage(b"secret");
    client.flush();
    let mut peer = peer;
    assert_eq!(peer.receive(5).await, b"plain");
    let mut peer = server.secure(peer).await.unwrap();
    client.told(flag::SECURED).await;
    assert_eq!(peer.receive(6).await, b"secret");
}

#[tokio::test]
async fn a_failure_met_by_a_flush_is_told_by_the_driver() {
    let (mut client, peer) = Client::opened().await;
    peer.reset();
    within("a failure", async {
        while client.failure().is_none() {
            client.write(b"lost");
            client.flush();
            yield_now().await;
        }
    })
    .await;
    assert_eq!(client.failed().await.step(), Step::Write);
    client.told(flag::RELEASED).await;
}
