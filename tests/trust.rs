//! Which servers are believed, which are refused and under what code, and how a client proves who it is.

mod common;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use tokio::task::yield_now;
use winter_sockets::connection::Read;
use winter_sockets::error::{Failure, Step};
use winter_sockets::events::flag;
use winter_sockets::tls::{Context, Settings};

use common::certificates::{Authority, Identity, NAME, authority, authority_named, common_name_only, named};
use common::tls::{Server, opened, request, request_of, server_and_settings, trusting};
use common::{Client, Host, within};

const ALERT_CERTIFICATE_REQUIRED: u8 = 116;

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_after = date_time_ymd(2001, 1, 1);
    params
}

fn not_yet_valid(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(3000, 1, 1);
    params
}

/// Reaches the server by [`NAME`]: a byte goes there and back.
async fn accepts(identity: Identity, settings: Settings) {
    let (client, mut peer) = opened(&Server::new(identity), request_of(settings)).await;
    client.stage(b"x");
    assert_eq!(peer.receive(1).await, b"x");
}

/// The code under which the server is refused, before it gets a byte of the application's.
async fn refuses(identity: Identity, settings: Settings) -> &'static str {
    refuses_as(NAME, identity, settings).await
}

async fn refuses_as(name: &str, identity: Identity, settings: Settings) -> &'static str {
    let host = Host::new().await;
    let mut client = Client::secure(&host, request(settings, name));
    client.stage(b"secret");
    let outcome = Server::new(identity).secure(host.accept().await).await;
    assert!(outcome.is_err(), "the server sees the handshake fail");
    let failure = client.failed().await;
    assert_eq!(failure.step(), Step::Handshake);
    client.told(flag::RELEASED).await;
    assert_eq!(client.events() & flag::OPENED, 0);
    failure.code()
}

#[tokio::test]
async fn a_chain_to_a_trusted_root_is_accepted() {
    let root = Authority::root();
    accepts(root.server(), trusting([root.certificate()])).await;
    let intermediate = root.intermediate();
    let mut identity = intermediate.server();
    identity.chain.push(intermediate.certificate());
    accepts(identity, trusting([root.certificate()])).await;
}

#[tokio::test]
async fn the_name_may_be_an_address() {
    let root = Authority::root();
    let server = Server::new(root.issue(named("127.0.0.1")));
    opened(&server, request(trusting([root.certificate()]), "127.0.0.1")).await;
    let code = refuses_as("127.0.0.1", root.server(), trusting([root.certificate()])).await;
    assert_eq!(code, "ERR_TLS_CERT_ALTNAME_INVALID");
}

#[tokio::test]
async fn a_certificate_for_another_name_or_time_is_refused() {
    let root = Authority::root();
    for (params, code) in [
        (named("other.test"), "ERR_TLS_CERT_ALTNAME_INVALID"),
        (expired(named(NAME)), "CERT_HAS_EXPIRED"),
        (not_yet_valid(named(NAME)), "CERT_NOT_YET_VALID"),
    ] {
        assert_eq!(refuses(root.issue(params), trusting([root.certificate()])).await, code);
    }
}

#[tokio::test]
async fn an_authority_must_issue_alternative_names() {
    let root = Authority::root();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, NAME);
    let code = refuses(root.issue(params), trusting([root.certificate()])).await;
    assert_eq!(code, "ERR_TLS_CERT_ALTNAME_INVALID");
}

#[tokio::test]
async fn a_missing_issuer_is_told_as_finely_as_node_tells_it() {
    let (root, stranger) = (Authority::root(), Authority::called("Stranger"));
    let trust = || trusting([stranger.certificate()]);

    let code = refuses(Identity::self_signed(named(NAME)), trust()).await;
    assert_eq!(code, "DEPTH_ZERO_SELF_SIGNED_CERT");
    let code = refuses(Identity::self_signed(authority_named(NAME)), trust()).await;
    assert_eq!(code, "DEPTH_ZERO_SELF_SIGNED_CERT");

    let intermediate = root.intermediate();
    let mut identity = intermediate.server();
    assert_eq!(
        refuses(identity.clone(), trust()).await,
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    );
    identity.chain.push(intermediate.certificate());
    assert_eq!(
        refuses(identity.clone(), trust()).await,
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    );
    identity.chain.push(root.certificate());
    assert_eq!(refuses(identity, trust()).await, "SELF_SIGNED_CERT_IN_CHAIN");
}

#[tokio::test]
async fn an_authority_made_anew_under_its_old_name_vouches_for_nothing_old() {
    let (old, new) = (Authority::root(), Authority::root());
    let code = refuses(old.server(), trusting([new.certificate()])).await;
    assert_eq!(code, "CERT_SIGNATURE_FAILURE");
}

/// An authority changed in one way.
fn changed(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = authority("Changed");
    change(&mut params);
    params
}

#[tokio::test]
async fn a_trusted_root_is_held_to_its_dates_and_uses() {
    for (params, code) in [
        (expired(authority("Changed")), "CERT_HAS_EXPIRED"),
        (not_yet_valid(authority("Changed")), "CERT_NOT_YET_VALID"),
        (changed(|params| params.is_ca = IsCa::ExplicitNoCa), "INVALID_CA"),
        (
            changed(|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
            "INVALID_CA",
        ),
        (
            changed(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "INVALID_PURPOSE",
        ),
    ] {
        let root = Authority::with(params);
        assert_eq!(refuses(root.server(), trusting([root.certificate()])).await, code);
    }
}

#[tokio::test]
async fn a_trusted_root_is_held_to_its_path_length() {
    let constraint = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = Authority::with(changed(|params| params.is_ca = constraint));
    accepts(root.server(), trusting([root.certificate()])).await;
    let intermediate = root.intermediate();
    let mut identity = intermediate.server();
    identity.chain.push(intermediate.certificate());
    let code = refuses(identity, trusting([root.certificate()])).await;
    assert_eq!(code, "PATH_LENGTH_EXCEEDED");
}

#[tokio::test]
async fn another_root_of_the_same_name_and_key_may_do_what_one_may_not() {
    let key = rcgen::KeyPair::generate().unwrap();
    let root = |params: CertificateParams| params.self_signed(&key).unwrap().der().to_vec();
    let (old, new) = (root(expired(authority("Root"))), root(authority("Root")));
    let issuer = rcgen::Issuer::new(authority("Root"), &key);
    let leaf = rcgen::KeyPair::generate().unwrap();
    let identity = Identity {
        chain: vec![named(NAME).signed_by(&leaf, &issuer).unwrap().der().to_vec()],
        key: leaf.serialize_der(),
    };
    for trust in [[old.clone(), new.clone()], [new, old.clone()]] {
        accepts(identity.clone(), trusting(trust)).await;
    }
    assert_eq!(refuses(identity, trusting([old])).await, "CERT_HAS_EXPIRED");
}

#[tokio::test]
async fn an_intermediate_must_be_meant_for_signing_certificates() {
    let root = Authority::root();
    let usage = vec![KeyUsagePurpose::DigitalSignature];
    let intermediate = root.vouch_for(changed(|params| params.key_usages = usage));
    let mut identity = intermediate.server();
    identity.chain.push(intermediate.certificate());
    let code = refuses(identity, trusting([root.certificate()])).await;
    assert_eq!(code, "INVALID_CA");
}

#[tokio::test]
async fn a_servers_key_must_be_meant_for_tls_whoever_vouches_for_it() {
    let mut params = named(NAME);
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let root = Authority::root();
    let identity = root.issue(params);
    for trust in [root.certificate(), identity.leaf()] {
        assert_eq!(refuses(identity.clone(), trusting([trust])).await, "INVALID_PURPOSE");
    }
}

#[tokio::test]
async fn with_nothing_trusted_everybody_is_refused() {
    let code = refuses(Authority::root().server(), trusting([])).await;
    assert_eq!(code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
}

#[tokio::test]
async fn a_certificate_that_is_itself_trusted_is_accepted() {
    for params in [named(NAME), authority_named(NAME), common_name_only(NAME)] {
        let identity = Identity::self_signed(params);
        let trust = trusting([identity.leaf()]);
        accepts(identity, trust).await;
    }
    let issued_by_a_stranger = Authority::root().server();
    let trust = trusting([issued_by_a_stranger.leaf()]);
    accepts(issued_by_a_stranger, trust).await;
}

#[tokio::test]
async fn but_only_for_its_name_and_its_time() {
    for (params, code) in [
        (authority_named("other.test"), "ERR_TLS_CERT_ALTNAME_INVALID"),
        (common_name_only("other.test"), "ERR_TLS_CERT_ALTNAME_INVALID"),
        (expired(authority_named(NAME)), "CERT_HAS_EXPIRED"),
        (expired(common_name_only(NAME)), "CERT_HAS_EXPIRED"),
        (not_yet_valid(authority_named(NAME)), "CERT_NOT_YET_VALID"),
    ] {
        let identity = Identity::self_signed(params);
        let trust = trusting([identity.leaf()]);
        assert_eq!(refuses(identity, trust).await, code);
    }
}

#[tokio::test]
async fn a_trusted_certificate_with_alternative_names_does_not_stand_for_its_common_name() {
    let mut params = authority_named("other.test");
    params.distinguished_name.push(rcgen::DnType::CommonName, NAME);
    let identity = Identity::self_signed(params);
    let trust = trusting([identity.leaf()]);
    assert_eq!(refuses(identity, trust).await, "ERR_TLS_CERT_ALTNAME_INVALID");
}

#[tokio::test]
async fn the_same_name_and_key_do_not_make_a_certificate_trusted() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = |params: CertificateParams| params.self_signed(&key).unwrap().der().to_vec();
    let shown = Identity {
        chain: vec![certificate(authority_named(NAME))],
        key: key.serialize_der(),
    };
    let mut other = authority_named(NAME);
    other.not_after = date_time_ymd(2999, 1, 1);
    let code = refuses(shown, trusting([certificate(other)])).await;
    assert_eq!(code, "DEPTH_ZERO_SELF_SIGNED_CERT");
}

#[tokio::test]
async fn a_server_must_prove_that_the_certificate_is_its_own_whatever_is_verified() {
    for version in [&TLS12, &TLS13] {
        for reject_unauthorized in [true, false] {
            let (mut server, mut settings) = server_and_settings();
            server.versions = vec![version];
            server.identity.key = Authority::root().server().key;
            settings.reject_unauthorized = reject_unauthorized;
            let host = Host::new().await;
            let mut client = Client::secure(&host, request_of(settings));
            client.stage(b"secret");
            assert!(server.secure(host.accept().await).await.is_err());
            let failure = client.failed().await;
            assert_eq!(failure.code(), "ERR_SOCKET_TLS_PROTOCOL");
            assert!(failure.to_string().contains("did not prove"), "{failure}");
        }
    }
}

#[tokio::test]
async fn without_verification_anything_is_accepted() {
    for params in [named("other.test"), expired(named(NAME)), authority_named(NAME)] {
        let mut settings = trusting([]);
        settings.reject_unauthorized = false;
        accepts(Identity::self_signed(params), settings).await;
    }
}

/// Whether the application accepts the server is asked between the handshake and the first byte.
async fn asked(identity: Identity, mut settings: Settings) -> (Client, Host, Server) {
    settings.check_name = false;
    let host = Host::new().await;
    let mut asking = request_of(settings);
    asking.ask_identity = true;
    let client = Client::secure(&host, asking);
    (client, host, Server::new(identity))
}

#[tokio::test]
async fn an_identity_that_the_application_accepts_opens_the_connection() {
    let root = Authority::root();
    let identity = root.issue(named("other.test"));
    let (mut client, host, server) = asked(identity, trusting([root.certificate()])).await;
    client.stage(b"secret");
    let mut peer = server.secure(host.accept().await).await.unwrap();
    client.told(flag::IDENTITY).await;
    let session = client.info().unwrap().session.unwrap();
    assert_eq!(session.peer_certificate, server.identity.leaf());
    assert_eq!(
        (client.events(), client.unsent()),
        (0, 6),
        "nothing is sent before the answer"
    );
    client.accept_identity();
    client.told(flag::OPENED).await;
    assert_eq!(peer.receive(6).await, b"secret");
}

#[tokio::test]
async fn one_that_it_refuses_gets_no_byte() {
    let root = Authority::root();
    let (mut client, host, server) = asked(root.server(), trusting([root.certificate()])).await;
    client.stage(b"secret");
    let mut peer = server.secure(host.accept().await).await.unwrap();
    client.told(flag::IDENTITY).await;
    client.drop_now();
    client.told(flag::RELEASED).await;
    assert_eq!(client.events(), 0);
    assert!(peer.receive_all().await.is_err(), "not even a close_notify");
}

#[tokio::test]
async fn the_chain_is_checked_whoever_checks_the_name() {
    let mut settings = trusting([]);
    settings.check_name = false;
    let code = refuses(Authority::root().server(), settings).await;
    assert_eq!(code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
}

#[tokio::test]
async fn a_client_shows_its_certificate_where_it_is_asked_to() {
    for version in [&TLS12, &TLS13] {
        let (mut server, mut settings) = server_and_settings();
        let clients = Authority::root();
        let client = clients.issue(named("client.test"));
        server.versions = vec![version];
        server.clients = Some(clients.certificate());
        settings.credentials = Some((client.chain.clone(), client.key.clone()));
        let (_client, peer) = opened(&server, request_of(settings)).await;
        let shown = peer.0.get_ref().1.peer_certificates().unwrap();
        assert_eq!(shown[0].as_ref(), client.leaf());
    }
}

#[tokio::test]
async fn a_missing_client_certificate_fails_the_handshake_or_the_first_read() {
    for (version, step) in [(&TLS12, Step::Handshake), (&TLS13, Step::Read)] {
        let (mut server, settings) = server_and_settings();
        server.versions = vec![version];
        server.clients = Some(Authority::root().certificate());
        let host = Host::new().await;
        let mut client = Client::secure(&host, request_of(settings));
        assert!(server.secure(host.accept().await).await.is_err());
        if step == Step::Read {
            client.told(flag::OPENED).await;
            assert_eq!(client.receive_all().await, (Vec::new(), Read::Failed));
        }
        let failure = client.failed().await;
        assert_eq!((failure.code(), failure.step()), ("ERR_SOCKET_TLS_ALERT", step));
        if step == Step::Read {
            assert_eq!(failure.alert(), Some(ALERT_CERTIFICATE_REQUIRED));
        }
    }
}

#[tokio::test]
async fn a_write_that_meets_the_closed_connection_is_told_of_the_alert_before_it() {
    let (mut server, settings) = server_and_settings();
    server.versions = vec![&TLS13];
    server.clients = Some(Authority::root().certificate());
    let host = Host::new().await;
    let mut client = Client::secure(&host, request_of(settings));
    assert!(server.secure(host.accept().await).await.is_err());
    client.told(flag::OPENED).await;
    within("a write that fails", async {
        while client.failure().is_none() {
            client.stage(b"x");
            yield_now().await;
        }
    })
    .await;
    assert_eq!(client.why().alert(), Some(ALERT_CERTIFICATE_REQUIRED));
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused_at_once() {
    let root = Authority::root();
    let mut settings = trusting([root.certificate()]);
    settings.credentials = Some((root.server().chain, root.server().key));
    let failure = Failure::from(Context::new(settings).unwrap_err());
    assert_eq!(failure.code(), "ERR_INVALID_ARG_VALUE");
}
