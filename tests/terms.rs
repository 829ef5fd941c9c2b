//! What the host sets for connections: where they may lead, how long they may take, whether the kernel probes the peer.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;
use winter_sockets::connect::Terms;
use winter_sockets::error::{Failure, Step};
use winter_sockets::events::flag;
use winter_sockets::policy::{Policy, Rule};

use common::{Client, Host};

fn denying(range: &str) -> Terms {
    let range = range.parse().unwrap();
    Terms {
        policy: Policy {
            allow: None,
            deny: vec![Rule::Range { range, port: None }],
        },
        ..Terms::default()
    }
}

/// Over loopback a connection stands in the queue of its listener by the time that its client knows of it.
fn nobody_came(listener: &TcpListener) {
    let arrival = SockRef::from(listener).accept();
    assert!(arrival.is_err(), "a denied address was dialled");
}

#[tokio::test]
async fn a_denied_address_is_told_and_not_dialled() {
    let host = Host::new().await;
    let mut client = Client::under(denying("127.0.0.0/8"), &host);
    let failure = client.failed().await;
    assert_eq!(failure.code(), "ERR_SOCKET_POLICY_DENIED");
    assert_eq!(failure.step(), Step::Connect);
    assert_eq!(failure.attempts()[0].address, host.address());
    client.told(flag::RELEASED).await;
    nobody_came(&host.0);
}

#[tokio::test]
async fn a_denied_name_is_not_even_looked_up() {
    let host = Host::new().await;
    let mut plan = Terms::default();
    plan.policy.deny.push(Rule::Host {
        name: "127.0.0.1".to_owned(),
        port: None,
    });
    let mut client = Client::under(plan, &host);
    let failure = client.failed().await;
    assert!(
        matches!(&failure, Failure::PolicyDenied(denied) if denied.is_empty()),
        "{failure:?}"
    );
    assert_eq!(failure.to_string(), "the network policy denies this host");
    nobody_came(&host.0);
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_permitted_are_dialled() {
    let host = Host::new().await;
    let port = host.address().port();
    let Ok(denied) = TcpListener::bind(("127.0.0.2", port)).await else {
        // Systems other than Linux give the loopback interface one address only.
        return;
    };
    let mut client = Client::given_under(denying("127.0.0.2/32"));
    client.resolved(vec![
        SocketAddr::from(([127, 0, 0, 2], port)),
        SocketAddr::from(([127, 0, 0, 1], port)),
    ]);
    host.accept().await;
    client.told(flag::OPENED).await;
    assert_eq!(client.info().unwrap().peer, host.address());
    nobody_came(&denied);
}

#[tokio::test(start_paused = true)]
async fn connecting_may_take_so_long_and_no_longer() {
    let terms = Terms {
        timeout: Some(Duration::from_secs(60)),
        ..Terms::default()
    };
    // Its addresses never come.
    let mut client = Client::given_under(terms);
    let before = tokio::time::Instant::now();
    // Not `failed()`, whose own patience is less than that.
    client.rung().await;
    assert!(before.elapsed() >= Duration::from_secs(60));
    let failure = client.why();
    assert_eq!((failure.code(), failure.step()), ("ETIMEDOUT", Step::Connect));
    assert_eq!(failure.to_string(), "connect ETIMEDOUT: not done within 60000 ms");
    assert_eq!(client.events(), flag::FAILED | flag::READABLE | flag::RELEASED);
}
