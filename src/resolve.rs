//! Names to addresses, by the operating system's resolver: the hosts file, nsswitch and the rest of the machine's
//! settings count, as they do for `net.connect`.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use crate::errno;

/// A host has no address that we could learn of. Reads like the error of Node's `dns.lookup`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("getaddrinfo {code} {host}")]
pub struct ResolveError {
    /// What Node calls the failure: `ENOTFOUND`, `EAI_AGAIN`, ...
    pub code: &'static str,
    /// The host as the caller gave it.
    pub host: String,
}

/// The addresses of `host`, most preferred first (RFC 6724), each with `port`.
///
/// IP literals are answered without the resolver. Other spellings of addresses, such as `127.1` or `0x7f000001`, are
/// left to it: what they mean differs between systems.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let failure = |code| ResolveError {
        code,
        host: host.to_owned(),
    };
    // No name has these characters. A resolver may still find something in them: C ends the name at a NUL, and some
    // versions of inet_aton ignore what follows a space, so that another host would be dialled than the one checked.
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(failure("ENOTFOUND"));
    }
    if let Some(address) = literal(host, port) {
        return address
            .map(|address| vec![address])
            .map_err(|error| failure(code(error)));
    }
    let name = host.to_owned();
    // getaddrinfo cannot be interrupted. Dropping this future abandons the answer, not the lookup: that keeps its
    // thread of the blocking pool until the resolver's own time limit.
    tokio::task::spawn_blocking(move || look_up(&name, port, 0))
        .await
        .map_err(|_| failure("EAI_CANCELED"))?
        .map_err(|error| failure(code(error)))
}

/// The address that `host` spells out, if it is one; `Err` for a zone that does not exist.
pub(crate) fn literal(host: &str, port: u16) -> Option<Result<SocketAddr, LookupError>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(Ok(SocketAddr::new(ip, port)));
    }
    let (ip, zone) = host.split_once('%')?;
    let ip = ip.parse::<Ipv6Addr>().ok()?;
    Some(zone_index(zone).map(|index| SocketAddrV6::new(ip, port, 0, index).into()))
}

/// The index of the network interface that an IPv6 zone (RFC 4007) names, by name or number.
fn zone_index(zone: &str) -> Result<u32, LookupError> {
    // Asked for a link-local address, since getaddrinfo refuses names of zones with any other; `::1%lo` is valid too.
    let addresses = look_up(&format!("fe80::%{zone}"), 0, libc::AI_NUMERICHOST)?;
    let index = addresses.iter().find_map(|address| match address {
        SocketAddr::V6(address) => Some(address.scope_id()),
        SocketAddr::V4(_) => None,
    });
    index.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
}

fn look_up(host: &str, port: u16, flags: i32) -> Result<Vec<SocketAddr>, LookupError> {
    // Without a socket type every address is answered once per type.
    let hints = AddrInfoHints {
        flags,
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let mut addresses = Vec::new();
    for found in getaddrinfo(Some(host), None, Some(hints))? {
        let mut address = found?.sockaddr;
        address.set_port(port);
        addresses.push(address);
    }
    Ok(addresses)
}

/// The `code` that Node's `dns.lookup` gives the error.
fn code(error: LookupError) -> &'static str {
    match error.kind() {
        LookupErrorKind::Again => "EAI_AGAIN",
        LookupErrorKind::Badflags => "EAI_BADFLAGS",
        LookupErrorKind::Family => "EAI_FAMILY",
        LookupErrorKind::Memory => "EAI_MEMORY",
        // Node has one code for "no such name" and "no address under this name".
        LookupErrorKind::NoData | LookupErrorKind::NoName => "ENOTFOUND",
        LookupErrorKind::Service => "EAI_SERVICE",
        LookupErrorKind::Socktype => "EAI_SOCKTYPE",
        // The cause is in `errno`, and Node shows its name.
        LookupErrorKind::System => errno::name(&error.into()),
        LookupErrorKind::Fail | LookupErrorKind::IO | LookupErrorKind::Unknown => "EAI_FAIL",
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// The answer to a host that needs no resolver: there at the first poll, and without a runtime to look names up on.
    fn at_once(host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        match pin!(resolve(host, 443)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("{host:?} went to the resolver"),
        }
    }

    fn not_found(host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        Err(ResolveError {
            code: "ENOTFOUND",
            host: host.to_owned(),
        })
    }

    #[test]
    fn ip_literals_need_no_resolver() {
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1:443"),
            ("::1", "[::1]:443"),
            ("2001:DB8:0::1", "[2001:db8::1]:443"),
            ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:443"),
        ] {
            assert_eq!(at_once(host), Ok(vec![address.parse().unwrap()]), "{host}");
        }
    }

    #[test]
    fn zones_need_no_resolver() {
        // The loopback interface has index 1 everywhere, but a name of its own on each system.
        assert_eq!(at_once("fe80::1%1"), Ok(vec!["[fe80::1%1]:443".parse().unwrap()]));
        #[cfg(target_os = "linux")]
        for host in ["fe80::1%lo", "::1%lo"] {
            let ip = host.trim_end_matches("%lo").parse().unwrap();
            assert_eq!(
                at_once(host),
                Ok(vec![SocketAddrV6::new(ip, 443, 0, 1).into()]),
                "{host}"
            );
        }
    }

    #[test]
    fn zones_that_do_not_exist_are_not_found() {
        for host in ["fe80::1%no-such-zone", "fe80::1%"] {
            assert_eq!(at_once(host), not_found(host));
        }
    }

    #[test]
    fn hosts_that_cannot_be_names_are_not_found() {
        for host in [
            "",
            " ",
            "local host",
            "127.0.0.1 x",
            "localhost\0.example",
            "localhost\n",
            "fe80::1%l\0o",
        ] {
            assert_eq!(at_once(host), not_found(host));
        }
    }

    #[tokio::test]
    async fn localhost_is_loopback() {
        let addresses = resolve("localhost", 5432).await.unwrap();
        assert!(!addresses.is_empty());
        assert!(
            addresses
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 5432),
            "{addresses:?}"
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn other_spellings_of_addresses_are_left_to_the_resolver() {
        for host in ["127.1", "0x7f000001", "127.0.0.01", "2130706433"] {
            assert_eq!(
                resolve(host, 80).await,
                Ok(vec!["127.0.0.1:80".parse().unwrap()]),
                "{host}"
            );
        }
    }

    #[test]
    fn errors_read_like_those_of_node() {
        let error = ResolveError {
            code: "ENOTFOUND",
            host: "nohost.invalid".to_owned(),
        };
        assert_eq!(error.to_string(), "getaddrinfo ENOTFOUND nohost.invalid");
    }

    #[test]
    fn resolver_errors_have_the_codes_of_node() {
        for (number, expected) in [
            (libc::EAI_AGAIN, "EAI_AGAIN"),
            (libc::EAI_BADFLAGS, "EAI_BADFLAGS"),
            (libc::EAI_FAIL, "EAI_FAIL"),
            (libc::EAI_FAMILY, "EAI_FAMILY"),
            (libc::EAI_MEMORY, "EAI_MEMORY"),
            (libc::EAI_NODATA, "ENOTFOUND"),
            (libc::EAI_NONAME, "ENOTFOUND"),
            (libc::EAI_SERVICE, "EAI_SERVICE"),
            (libc::EAI_SOCKTYPE, "EAI_SOCKTYPE"),
        ] {
            assert_eq!(code(LookupError::new(number)), expected, "{number}");
        }
    }

    #[test]
    fn system_errors_have_the_code_of_their_errno() {
        // Leaves its errno behind, which is where the error below finds its cause.
        let refused = std::net::TcpStream::connect("127.0.0.1:0").unwrap_err();
        assert_eq!(code(LookupError::new(libc::EAI_SYSTEM)), errno::name(&refused));
    }
}
