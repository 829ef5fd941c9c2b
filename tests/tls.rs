//! Connections that are TLS from their first byte: the handshake, what it agrees on, and how each side ends.

mod common;

use rustls::version::{TLS12, TLS13};
use tokio::task::yield_now;
use winter_sockets::connection::{Accept, Read};
use winter_sockets::error::{Failure, Step};
use winter_sockets::events::flag;
use winter_sockets::inbox::CAPACITY;
use winter_sockets::tls::{Context, Version};

use common::certificates::{Authority, NAME, named};
use common::tls::{Server, opened, opened_plainly, request, request_of, server_and_settings, trusting};
use common::{Client, Host, PATIENCE, within};

const ALERT_PROTOCOL_VERSION: u8 = 70;
const ALERT_NO_APPLICATION_PROTOCOL: u8 = 120;

#[tokio::test]
async fn both_versions_carry_bytes_both_ways() {
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let (mut server, settings) = server_and_settings();
        server.versions = vec![version];
        let (mut client, mut peer) = opened(&server, request_of(settings)).await;
        let session = client.info().unwrap().session.unwrap();
        assert_eq!(session.version, name);
        assert!(
            session.cipher.starts_with("TLS_") && !session.cipher.starts_with("TLS_13"),
            "{session:?}"
        );
        assert_eq!(session.peer_certificate, server.identity.leaf());
        client.stage(b"ping");
        assert_eq!(peer.receive(4).await, b"ping");
        peer.send(b"pong").await;
        assert_eq!(client.receive(4).await, b"pong");
    }
}

#[tokio::test]
async fn many_records_arrive_whole_and_in_order() {
    let (mut client, mut peer) = opened_plainly().await;
    let data: Vec<u8> = (0..300_000).map(|index| (index % 251) as u8).collect();
    client.stage(&data);
    assert!(peer.receive(data.len()).await == data);
    let (received, ()) = tokio::join!(client.receive(data.len()), peer.send(&data));
    assert!(received == data);
}

#[tokio::test]
async fn a_record_that_the_kernel_took_in_part_is_sent_though_nothing_follows() {
    let (mut client, mut peer) = opened_plainly().await;
    let mut sent = 0;
    while client.unsent() == 0 {
        sent = client.stage(&[0; 16 * 1024]);
        // Enough turns to send it, were there room.
        for _ in 0..10 {
            yield_now().await;
        }
    }
    sent -= client.unsent();
    client.discard_unaccepted();
    assert_eq!(peer.receive(sent as usize).await.len() as u64, sent);
    assert_eq!(client.events(), 0);
}

#[tokio::test]
async fn a_reader_that_lags_gets_everything_although_the_driver_paused() {
    let (mut client, mut peer) = opened_plainly().await;
    client.decrypt_ahead();
    let data: Vec<u8> = (0..4 * CAPACITY).map(|index| (index % 251) as u8).collect();
    let expected = data.clone();
    client.poll_read();
    let sending = tokio::spawn(async move {
        peer.send(&data).await;
        peer
    });
    within("the inbox to be full", async {
        while client.readable() < CAPACITY {
            yield_now().await;
        }
    })
    .await;
    assert!(client.receive(expected.len()).await == expected);
    drop(sending.await);
}

#[tokio::test]
async fn records_of_any_size_arrive_whole_and_in_order() {
    let (mut client, mut peer) = opened_plainly().await;
    let data: Vec<u8> = (0..200_000).map(|index| (index % 251) as u8).collect();
    let pieces = async {
        let mut rest = &data[..];
        for size in [1, 2, 16_384, 3, 16_385, 0, 40_000, 1000].into_iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(size));
            peer.send(piece).await;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    };
    let (received, ()) = tokio::join!(client.receive(data.len()), pieces);
    assert!(received == data);
}

#[tokio::test]
async fn what_the_server_sends_before_our_last_message_is_read() {
    let (mut server, settings) = server_and_settings();
    server.early = b"welcome".to_vec();
    let (mut client, mut peer) = opened(&server, request_of(settings)).await;
    assert_eq!(client.receive(7).await, b"welcome");
    peer.send(b", and more").await;
    assert_eq!(client.receive(10).await, b", and more");
    client.stage(b"thanks");
    assert_eq!(peer.receive(6).await, b"thanks");
}

#[tokio::test]
async fn what_is_staged_early_is_sent_after_the_handshake() {
    let (server, settings) = server_and_settings();
    let host = Host::new().await;
    let mut client = Client::secure(&host, request_of(settings));
    assert_eq!(client.write(b"early").1, Accept::NotYet);
    let mut peer = server.secure(host.accept().await).await.unwrap();
    assert_eq!(peer.receive(5).await, b"early");
    client.told(flag::OPENED | flag::WRITABLE).await;
}

#[tokio::test]
async fn the_versions_asked_for_are_the_only_ones() {
    for (min, max, only) in [
        (Version::Tls12, Version::Tls12, "TLSv1.2"),
        (Version::Tls13, Version::Tls13, "TLSv1.3"),
    ] {
        let (server, mut settings) = server_and_settings();
        (settings.min_version, settings.max_version) = (min, max);
        let (client, _peer) = opened(&server, request_of(settings)).await;
        assert_eq!(client.info().unwrap().session.unwrap().version, only);
    }
}

#[tokio::test]
async fn without_a_version_in_common_the_servers_alert_is_told() {
    let (mut server, mut settings) = server_and_settings();
    server.versions = vec![&TLS12];
    settings.min_version = Version::Tls13;
    let failure = refused(&server, settings).await;
    assert_eq!(
        (failure.code(), failure.step()),
        ("ERR_SOCKET_TLS_ALERT", Step::Handshake)
    );
    assert_eq!(failure.alert(), Some(ALERT_PROTOCOL_VERSION));
}

#[tokio::test]
async fn the_server_is_told_the_name_it_is_asked_for() {
    for (sni, name, told) in [(true, NAME, Some(NAME)), (false, NAME, None), (true, "127.0.0.1", None)] {
        let root = Authority::root();
        let server = Server::new(root.issue(named(name)));
        let mut settings = trusting([root.certificate()]);
        settings.sni = sni;
        let (_client, peer) = opened(&server, request(settings, name)).await;
        assert_eq!(peer.0.get_ref().1.server_name(), told);
    }
}

#[tokio::test]
async fn the_first_protocol_of_the_server_that_is_offered_is_agreed_on() {
    for (offered, agreed) in [
        (vec!["a", "b"], Some(b"b".to_vec())),
        (vec!["b"], Some(b"b".to_vec())),
        (vec![], None),
    ] {
        let (mut server, mut settings) = server_and_settings();
        server.alpn = vec![b"c".to_vec(), b"b".to_vec()];
        settings.alpn = offered.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        let (client, _peer) = opened(&server, request_of(settings)).await;
        assert_eq!(client.info().unwrap().session.unwrap().alpn, agreed);
    }
}

#[tokio::test]
async fn without_a_protocol_in_common_the_handshake_fails() {
    let (mut server, mut settings) = server_and_settings();
    server.alpn = vec![b"a".to_vec()];
    settings.alpn = vec![b"b".to_vec()];
    let failure = refused(&server, settings).await;
    assert_eq!(failure.alert(), Some(ALERT_NO_APPLICATION_PROTOCOL));
}

async fn refused(server: &Server, settings: winter_sockets::tls::Settings) -> Failure {
    let host = Host::new().await;
    let mut client = Client::secure(&host, request_of(settings));
    assert!(server.secure(host.accept().await).await.is_err());
    let failure = client.failed().await;
    client.told(flag::RELEASED).await;
    assert_eq!(client.events() & flag::OPENED, 0);
    failure
}

#[tokio::test]
async fn versions_that_exclude_each_other_are_no_configuration() {
    let mut settings = trusting([]);
    (settings.min_version, settings.max_version) = (Version::Tls13, Version::Tls12);
    assert!(Context::new(settings).is_err());
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_handshake_has_reset_the_connection() {
    let (_, settings) = server_and_settings();
    let host = Host::new().await;
    let mut client = Client::secure(&host, request_of(settings));
    let mut peer = host.accept().await;
    peer.receive(1).await;
    peer.end().await;
    let failure = client.failed().await;
    assert!(matches!(failure, Failure::ClosedInHandshake));
    assert_eq!((failure.code(), failure.step()), ("ECONNRESET", Step::Handshake));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_protocol_failure() {
    let (_, settings) = server_and_settings();
    let host = Host::new().await;
    let mut client = Client::secure(&host, request_of(settings));
    host.accept().await.send(b"220 mail.test ready\r\n").await;
    let failure = client.failed().await;
    assert_eq!(
        (failure.code(), failure.step()),
        ("ERR_SOCKET_TLS_PROTOCOL", Step::Handshake)
    );
}

#[tokio::test]
async fn a_handshake_without_an_answer_can_be_given_up() {
    let (_, settings) = server_and_settings();
    let host = Host::new().await;
    let mut client = Client::secure(&host, request_of(settings));
    let mut peer = host.accept().await;
    peer.receive(1).await;
    client.close(PATIENCE);
    assert!(matches!(client.failed().await, Failure::ClosedBeforeOpen));
    client.told(flag::RELEASED).await;
    peer.receive_all().await.unwrap();
}

#[tokio::test]
async fn our_end_is_a_close_notify() {
    for version in [&TLS12, &TLS13] {
        let (mut server, settings) = server_and_settings();
        server.versions = vec![version];
        let (mut client, mut peer) = opened(&server, request_of(settings)).await;
        client.stage(b"all");
        client.end();
        assert_eq!(
            peer.receive_all().await.unwrap(),
            b"all",
            "rustls tells a missing close_notify as an error"
        );
        client.told(flag::FINISHED).await;
    }
}

#[tokio::test]
async fn after_the_peers_end_we_still_send() {
    let (mut client, mut peer) = opened_plainly().await;
    peer.send(b"question").await;
    peer.end().await;
    assert_eq!(client.receive_all().await, (b"question".to_vec(), Read::End));
    client.stage(b"answer");
    client.end();
    assert_eq!(peer.receive_all().await.unwrap(), b"answer");
    client.told(flag::FINISHED | flag::RELEASED).await;
}

#[tokio::test]
async fn after_our_end_the_peer_still_sends() {
    let (mut client, mut peer) = opened_plainly().await;
    client.stage(b"question");
    client.end();
    assert_eq!(peer.receive_all().await.unwrap(), b"question");
    peer.send(b"answer").await;
    peer.end().await;
    assert_eq!(client.receive_all().await, (b"answer".to_vec(), Read::End));
    client.told(flag::FINISHED | flag::RELEASED).await;
}

#[tokio::test]
async fn an_end_without_close_notify_is_a_truncation() {
    let (mut client, mut peer) = opened_plainly().await;
    peer.send(b"half of").await;
    let tcp = peer.0.into_inner().0;
    common::Peer(tcp).end().await;
    assert_eq!(client.receive_all().await, (b"half of".to_vec(), Read::Failed));
    let failure = client.why();
    assert!(matches!(failure, Failure::Truncated));
    assert_eq!(
        (failure.code(), failure.step()),
        ("ERR_SOCKET_TLS_TRUNCATED", Step::Read)
    );
}

#[tokio::test]
async fn but_not_once_we_have_ended_ourselves() {
    let (mut client, mut peer) = opened_plainly().await;
    client.end();
    peer.receive_all().await.unwrap();
    common::Peer(peer.0.into_inner().0).end().await;
    assert_eq!(client.receive_all().await, (Vec::new(), Read::End));
    client.told(flag::RELEASED).await;
    assert!(client.failure().is_none());
}

#[tokio::test]
async fn a_broken_record_is_a_failure_of_the_read_that_meets_it() {
    let (mut client, mut peer) = opened_plainly().await;
    peer.send(b"fine").await;
    common::Peer(peer.0.into_inner().0).send(b"not a record at all").await;
    assert_eq!(client.receive_all().await, (b"fine".to_vec(), Read::Failed));
    let failure = client.why();
    assert_eq!(
        (failure.code(), failure.step()),
        ("ERR_SOCKET_TLS_PROTOCOL", Step::Read)
    );
}

#[tokio::test]
async fn a_close_with_unread_records_gives_the_peer_an_end() {
    let (mut client, mut peer) = opened_plainly().await;
    peer.send(&[0; 20_000]).await;
    client.stage(b"bye");
    client.close(PATIENCE);
    assert_eq!(peer.receive_all().await.unwrap(), b"bye");
    peer.end().await;
    client.told(flag::FINISHED | flag::RELEASED).await;
}
