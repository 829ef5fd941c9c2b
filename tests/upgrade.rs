//! From plaintext to TLS on one connection: the order on the wire, and nothing of the plaintext in what is decrypted.

mod common;

use winter_sockets::connection::{Accept, Read};
use winter_sockets::error::{Failure, Step};
use winter_sockets::events::flag;

use common::certificates::{Authority, NAME, named};
use common::tls::{Server, request_of, server_and_settings, trusting};
use common::{Client, Host, PATIENCE};

#[tokio::test]
async fn plaintext_is_sent_first_and_the_rest_goes_through_tls() {
    let (server, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.stage(b"STARTTLS\n");
    client.upgrade(request_of(settings));
    client.stage(b"secret");
    client.end();
    assert_eq!(peer.receive(9).await, b"STARTTLS\n");
    let mut peer = server.secure(peer).await.unwrap();
    assert_eq!(peer.receive_all().await.unwrap(), b"secret");
    client.told(flag::UPGRADING | flag::SECURED | flag::FINISHED).await;
    let session = client.info().unwrap().session.unwrap();
    assert_eq!(session.peer_certificate, server.identity.leaf());
}

#[tokio::test]
async fn an_answer_that_was_read_is_no_hindrance() {
    let (server, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.stage(b"?");
    assert_eq!(peer.receive(1).await, b"?");
    peer.send(b"!").await;
    assert_eq!(client.receive(1).await, b"!");
    client.upgrade(request_of(settings));
    let mut peer = server.secure(peer).await.unwrap();
    client.told(flag::SECURED).await;
    peer.send(b"decrypted").await;
    assert_eq!(client.receive(9).await, b"decrypted");
}

#[tokio::test]
async fn writes_before_the_upgrade_are_accepted_and_those_behind_it_only_when_secured() {
    let (server, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.stage(b"plain");
    client.upgrade(request_of(settings));
    assert_eq!(client.accept(5), Accept::Yes);
    let (position, accept) = client.write(b"secret");
    assert_eq!(accept, Accept::NotYet);
    assert_eq!(peer.receive(5).await, b"plain");
    client.told(flag::UPGRADING).await;
    assert_eq!(client.accept(position), Accept::NotYet);
    assert_eq!(client.events(), 0);
    let mut peer = server.secure(peer).await.unwrap();
    client.told(flag::SECURED | flag::WRITABLE).await;
    assert_eq!(client.accept(position), Accept::Yes);
    assert_eq!(peer.receive(6).await, b"secret");
}

#[tokio::test]
async fn an_upgrade_may_be_asked_for_before_the_connection_is_up() {
    let (server, settings) = server_and_settings();
    let host = Host::new().await;
    let mut client = Client::to(&host);
    client.upgrade(request_of(settings));
    client.stage(b"secret");
    let mut peer = server.secure(host.accept().await).await.unwrap();
    client.told(flag::OPENED | flag::UPGRADING | flag::SECURED).await;
    assert_eq!(peer.receive(6).await, b"secret");
}

#[tokio::test]
async fn a_read_that_waits_is_disarmed_and_takes_nothing() {
    let (server, settings) = server_and_settings();
    let (mut client, peer) = Client::opened().await;
    assert_eq!(client.poll_read(), Read::Pending);
    client.upgrade(request_of(settings));
    let mut peer = server.secure(peer).await.unwrap();
    client.told(flag::UPGRADING | flag::SECURED).await;
    assert_eq!(client.events(), 0, "the handshake is not for the read that waited");
    assert_eq!(client.poll_read(), Read::Pending);
    peer.send(b"decrypted").await;
    assert_eq!(client.receive(9).await, b"decrypted");
}

#[tokio::test]
async fn the_first_read_of_the_tls_side_begins_reading_ahead() {
    let (server, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    peer.send(b"plain").await;
    assert_eq!(client.receive(5).await, b"plain");
    client.upgrade(request_of(settings));
    let mut peer = server.secure(peer).await.unwrap();
    client.told(flag::UPGRADING | flag::SECURED).await;
    client.decrypt_ahead();
    peer.send(b"unasked").await;
    client.turn(&mut peer).await;
    assert_eq!(client.poll_read(), Read::Pending, "nothing is taken before");
    assert_eq!(client.receive(7).await, b"unasked");
    peer.send(b"ahead").await;
    assert_eq!(client.take_ahead(5).await, b"ahead");
}

#[tokio::test]
async fn plaintext_that_was_taken_and_not_read_fails_the_upgrade() {
    let (_, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.send(b"OK\nINJECTED").await;
    client.told(flag::READABLE).await;
    client.upgrade(request_of(settings));
    is_injection(client).await;
}

#[tokio::test]
async fn plaintext_behind_an_answer_that_was_read_fails_the_upgrade() {
    let (_, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.poll_read();
    peer.send(b"OK\nINJECTED").await;
    assert_eq!(client.receive(3).await, b"OK\n");
    client.upgrade(request_of(settings));
    assert!(
        !matches!(client.poll_read(), Read::Bytes(_)),
        "plaintext is nothing for the reads of the TLS side"
    );
    is_injection(client).await;
}

#[tokio::test]
async fn plaintext_that_waits_in_the_kernel_fails_the_upgrade() {
    let (_, settings) = server_and_settings();
    let (client, mut peer) = Client::opened().await;
    peer.send(b"INJECTED").await;
    peer.leave();
    client.upgrade(request_of(settings));
    is_injection(client).await;
}

#[tokio::test]
async fn plaintext_received_while_the_upgrade_is_being_asked_for_fails_it() {
    let (_, settings) = server_and_settings();
    let (client, _peer) = Client::opened().await;
    client.poll_read();
    client.upgrade(request_of(settings));
    // The turn of a driver that began before.
    client.received(b"INJECTED");
    assert!(
        !matches!(client.poll_read(), Read::Bytes(_)),
        "plaintext is nothing for the reads of the TLS side"
    );
    is_injection(client).await;
}

async fn is_injection(mut client: Client) {
    let failure = client.failed().await;
    assert!(matches!(failure, Failure::StartTlsInjection), "{failure}");
    assert_eq!(failure.code(), "ERR_SOCKET_STARTTLS_INJECTION");
    client.told(flag::UPGRADING | flag::RELEASED).await;
    assert_eq!(client.events() & flag::SECURED, 0);
    assert_eq!(
        client.receive_all().await,
        (Vec::new(), Read::Failed),
        "none of it is read"
    );
}

#[tokio::test]
async fn plaintext_after_our_hello_is_no_tls() {
    let (_, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.upgrade(request_of(settings));
    peer.receive(1).await;
    peer.send(b"INJECTED").await;
    let failure = client.failed().await;
    assert_eq!(
        (failure.code(), failure.step()),
        ("ERR_SOCKET_TLS_PROTOCOL", Step::Handshake)
    );
}

#[tokio::test]
async fn a_peer_that_has_ended_is_not_upgraded() {
    for noticed in [false, true] {
        let (_, settings) = server_and_settings();
        let (mut client, peer) = Client::opened().await;
        peer.leave();
        if noticed {
            assert_eq!(client.receive_all().await.1, Read::End);
        }
        client.upgrade(request_of(settings));
        let failure = client.failed().await;
        assert_eq!((failure.code(), failure.step()), ("ECONNRESET", Step::Handshake));
        client.told(flag::UPGRADING | flag::RELEASED).await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_believed_gets_nothing_of_what_was_staged_behind_the_upgrade() {
    let root = Authority::root();
    let server = Server::new(root.issue(named("other.test")));
    let (mut client, peer) = Client::opened().await;
    client.upgrade(request_of(trusting([root.certificate()])));
    client.stage(b"secret");
    assert!(server.secure(peer).await.is_err());
    assert_eq!(
        client.failed().await.code(),
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "asked for {NAME}"
    );
    assert_eq!(client.unsent(), 0);
}

#[tokio::test]
async fn an_upgrade_without_an_answer_can_be_given_up() {
    let (_, settings) = server_and_settings();
    let (mut client, mut peer) = Client::opened().await;
    client.stage(b"STARTTLS\n");
    client.upgrade(request_of(settings));
    peer.receive(10).await;
    client.close(PATIENCE);
    assert!(matches!(client.failed().await, Failure::ClosedBeforeOpen));
    client.told(flag::RELEASED).await;
    peer.receive_all().await.unwrap();
}
