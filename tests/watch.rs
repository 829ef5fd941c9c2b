//! Bytes that the reader's own thread waits for, with the driver left asleep.

mod common;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio_rustls::server::TlsStream;
use winter_sockets::connection::{Accept, Read};
use winter_sockets::events::flag;
use winter_sockets::watch::{News, Watch};

use common::tls::{request_of, server_and_settings};
use common::{Client, PATIENCE, Peer, TOO_MUCH, within};

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

#[tokio::test]
async fn bytes_are_told_by_the_watch_alone() {
    let (mut client, mut peer) = Client::watched().await;
    let rings = client.rings();
    assert_eq!(client.poll_read(), Read::Pending);
    peer.send(b"one").await;
    let told = News {
        id: 1,
        is_last: false,
        is_urgent: false,
    };
    assert_eq!(news(client.watch()).await, [told]);
    client.note(told);
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

/// A receive stops where urgent data was, with less than it was asked for.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn urgent_data_hides_nothing_of_what_follows_it() {
    let (client, mut peer) = Client::watched().await;
    peer.send(b"before").await;
    assert_eq!(SockRef::from(&peer.0).send_out_of_band(b"!").unwrap(), 1);
    peer.send(b"after").await;
    // All of it is there: a byte that is sent back comes after what was sent.
    client.stage(b".");
    assert_eq!(peer.receive(1).await, b".");
    let mut target = [0; 64];
    let mut received = Vec::new();
    while received.len() < 11 {
        match client.read(&mut target) {
            Read::Bytes(count) => received.extend_from_slice(&target[..count]),
            other => {
                assert_eq!((other, received.len()), (Read::Pending, 0), "nothing more is told");
                news(client.watch())
                    .await
                    .into_iter()
                    .for_each(|told| client.note(told));
            }
        }
    }
    assert_eq!(received, b"beforeafter");
    assert_eq!(client.read(&mut target), Read::Pending);
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
