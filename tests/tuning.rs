//! Settings of the descriptor, made on a connection that lives.

mod common;

use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use winter_sockets::tuning::{KeepAlive, Tuning};

use common::Client;

async fn stream() -> (TcpStream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (stream, listener)
}

#[tokio::test]
async fn what_is_not_named_stays_as_it_is() {
    let (stream, _listener) = stream().await;
    stream.set_nodelay(true).unwrap();
    let socket = SockRef::from(&stream);
    Tuning::default().apply(&stream).unwrap();
    assert!(stream.nodelay().unwrap());
    assert!(!socket.keepalive().unwrap());
    Tuning {
        no_delay: Some(false),
        ..Tuning::default()
    }
    .apply(&stream)
    .unwrap();
    assert!(!stream.nodelay().unwrap());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_connection_is_probed_as_asked() {
    let (stream, _listener) = stream().await;
    let socket = SockRef::from(&stream);
    let keep_alive = |keep_alive| {
        Tuning {
            keep_alive: Some(keep_alive),
            ..Tuning::default()
        }
        .apply(&stream)
        .unwrap();
    };
    let usual = socket.tcp_keepalive_time().unwrap();
    keep_alive(KeepAlive::On {
        idle: None,
        interval: None,
        count: None,
    });
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), usual);
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(1));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 10);
    keep_alive(KeepAlive::On {
        idle: Some(Duration::from_secs(7)),
        interval: Some(Duration::from_secs(3)),
        count: Some(4),
    });
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(3));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    keep_alive(KeepAlive::Off);
    assert!(!socket.keepalive().unwrap());
}

#[test]
fn the_later_of_two_settings_counts() {
    let mut tuning = Tuning {
        no_delay: Some(true),
        keep_alive: None,
    };
    tuning.merge(Tuning {
        no_delay: Some(false),
        keep_alive: None,
    });
    tuning.merge(Tuning {
        no_delay: None,
        keep_alive: Some(KeepAlive::Off),
    });
    let expected = Tuning {
        no_delay: Some(false),
        keep_alive: Some(KeepAlive::Off),
    };
    assert_eq!(tuning, expected);
}

#[tokio::test]
async fn a_reset_ends_the_connection_for_the_peer_at_once() {
    let (client, mut peer) = Client::opened().await;
    client.reset();
    let error = peer.receive_all().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
