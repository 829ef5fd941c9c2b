//! Drivers that are polled on the reader's own thread, and when they go over to the runtime.

mod common;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::advance;
use winter_sockets::connect::Target;
use winter_sockets::connection::{Accept, Connection, Read};
use winter_sockets::driver::{self, Plan};
use winter_sockets::events::{EventQueue, flag};
use winter_sockets::tuning::Tuning;
use winter_sockets::watch::Watch;

use common::{Client, Host, PATIENCE, TOO_MUCH, this_thread};

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
    client.watch().take(|news| panic!("told of {news:?}"));
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
