//! Where connections may lead: a host's rules over names, addresses and ports.
//!
//! The rules judge candidates, that is, a name as the application gave it together with one address it resolved to. The
//! addresses that pass are the ones dialled, so there is no second lookup whose answer could differ.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// A group of addresses, by the words of workerd's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Loopback, and the unspecified address, which Linux takes for it.
    Local,
    /// Networks of an organisation or a link: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 2.5.6.
    Private,
    /// Set aside for protocols, multicast and the future: in none of the words, so that only a range can allow or deny them.
    Reserved,
    /// Everything else.
    Public,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A name, compared without regard to case and a final dot.
    Host {
        /// Lower case, without a final dot.
        name: String,
        /// Any port, if there is none.
        port: Option<u16>,
    },
    /// A range of addresses; a single one is a range of its full length.
    Range {
        /// Of either family.
        range: IpNet,
        /// Any port, if there is none.
        port: Option<u16>,
    },
    /// All addresses of a class.
    Class(Class),
}

/// The rules of one host. The default permits everything.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// One of these must match, where there is a list.
    pub allow: Option<Vec<Rule>>,
    /// None of these may match; wins over `allow`.
    pub deny: Vec<Rule>,
}

/// What is asked about: a name, and where it leads.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// As the application gave it.
    pub host: &'a str,
    /// One of its addresses.
    pub address: SocketAddr,
    /// Whether the name may count in `allow`. It may not where the host has set a lookup and the application has put one of its
    /// own in its place, which can claim any address for any name. It may with the system's resolver, with the host's lookup,
    /// and with an application's where the host has set none and so leaves names to it.
    pub vouched: bool,
}

impl Policy {
    /// Whether a candidate may be dialled.
    pub fn permits(&self, candidate: Candidate<'_>) -> bool {
        let allowed = self.allow.as_ref().is_none_or(|rules| {
            let mut rules = rules.iter();
            rules.any(|rule| allows(rule, candidate))
        });
        allowed && !self.deny.iter().any(|rule| denies(rule, candidate))
    }

    /// Whether no address could make this name permitted: then it is not even looked up.
    pub fn denies_name(&self, host: &str, port: u16) -> bool {
        let named = |rule: &Rule| matches!(rule, Rule::Host { name, port: at } if *name == normalize(host) && on_port(*at, port));
        let by_name = |rule: &Rule| matches!(rule, Rule::Host { .. });
        let hopeless = |rules: &Vec<Rule>| rules.iter().all(|rule| by_name(rule) && !named(rule));
        self.deny.iter().any(named) || self.allow.as_ref().is_some_and(hopeless)
    }
}

fn allows(rule: &Rule, candidate: Candidate<'_>) -> bool {
    let (ip, at) = (unwrap(candidate.address.ip()), candidate.address.port());
    match rule {
        Rule::Host { name, port } => candidate.vouched && *name == normalize(candidate.host) && on_port(*port, at),
        Rule::Range { range, port } => range.contains(&ip) && on_port(*port, at),
        // As in workerd: who allows private networks means this machine too, who denies them says so for each.
        Rule::Class(Class::Private) => matches!(class(ip), Class::Private | Class::Local),
        Rule::Class(wanted) => class(ip) == *wanted,
    }
}

fn denies(rule: &Rule, candidate: Candidate<'_>) -> bool {
    let (given, at) = (candidate.address.ip(), candidate.address.port());
    let ip = unwrap(given);
    match rule {
        Rule::Host { name, port } => *name == normalize(candidate.host) && on_port(*port, at),
        Rule::Range { range, port } => (range.contains(&ip) || range.contains(&given)) && on_port(*port, at),
        Rule::Class(wanted) => class(ip) == *wanted,
    }
}

/// A range of IPv6 addresses that all stand for IPv4 ones, as the range of those: candidates are compared unwrapped.
pub fn unwrap_range(range: IpNet) -> IpNet {
    let IpNet::V6(v6) = range else { return range };
    // How many bits come before the IPv4 address.
    let embedded_at = match v6.network().segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => 96,
        [0x2002, ..] => 16,
        _ => return range,
    };
    match (unwrap(v6.network().into()), v6.prefix_len().checked_sub(embedded_at)) {
        (IpAddr::V4(v4), Some(length)) => IpNet::new(v4.into(), length.min(32)).unwrap_or(range),
        _ => range,
    }
}

fn on_port(wanted: Option<u16>, port: u16) -> bool {
    wanted.is_none_or(|wanted| wanted == port)
}

fn normalize(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The IPv4 address that an IPv6 one stands for, where a gateway or the system itself would turn it into that: mapped
/// (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056).
fn unwrap(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let embedded = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        _ => ip,
    }
}

fn class(ip: IpAddr) -> Class {
    match ip {
        IpAddr::V4(ip) => class_v4(ip),
        IpAddr::V6(ip) => class_v6(ip),
    }
}

fn class_v4(ip: Ipv4Addr) -> Class {
    match ip.octets() {
        [127, ..] | [0, 0, 0, 0] => Class::Local,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [169, 254, ..] | [100, 64..=127, ..] => Class::Private,
        // The rest of 0.0.0.0/8 is "this network" (RFC 1122): no host has such an address.
        [0, ..] | [192, 0, 0, _] | [224..=255, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

fn class_v6(ip: Ipv6Addr) -> Class {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Class::Local,
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfebf, ..] => Class::Private,
        // Addresses that carry an IPv4 one in ways that nothing unwraps any more, the NAT64 of a site (RFC 8215), protocol
        // assignments with Teredo (RFC 2928), site-local addresses (RFC 3879) and multicast.
        [0, 0, 0, 0, ..] | [0x64, 0xff9b, ..] | [0x2001, 0..=0x1ff, ..] | [0xfec0..=0xffff, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Rule {
        let range = unwrap_range(text.parse().unwrap());
        Rule::Range { range, port: None }
    }

    fn host(name: &str, port: Option<u16>) -> Rule {
        let name = name.to_owned();
        Rule::Host { name, port }
    }

    fn denying(rule: Rule) -> Policy {
        Policy {
            allow: None,
            deny: vec![rule],
        }
    }

    fn allowing(rule: Rule) -> Policy {
        Policy {
            allow: Some(vec![rule]),
            deny: Vec::new(),
        }
    }

    /// A candidate on the port of a database, vouched for.
    fn candidate<'a>(host: &'a str, ip: &str) -> Candidate<'a> {
        Candidate {
            host,
            address: SocketAddr::new(ip.parse().unwrap(), 5432),
            vouched: true,
        }
    }

    fn on(candidate: Candidate<'_>, port: u16) -> Candidate<'_> {
        let address = SocketAddr::new(candidate.address.ip(), port);
        Candidate { address, ..candidate }
    }

    #[test]
    fn without_rules_everything_is_permitted() {
        for ip in ["127.0.0.1", "10.0.0.1", "192.0.2.1", "224.0.0.1", "::1", "2001:db8::1"] {
            assert!(Policy::default().permits(candidate("host.test", ip)), "{ip}");
        }
        assert!(!Policy::default().denies_name("host.test", 5432));
    }

    #[test]
    fn an_empty_list_of_what_is_allowed_allows_nothing() {
        let policy = Policy {
            allow: Some(Vec::new()),
            deny: Vec::new(),
        };
        assert!(!policy.permits(candidate("host.test", "192.0.2.1")));
        assert!(policy.denies_name("host.test", 5432));
    }

    #[test]
    fn what_is_denied_is_denied_whatever_is_allowed() {
        let policy = Policy {
            allow: Some(vec![range("10.0.0.5/32"), host("db.test", None)]),
            deny: vec![range("10.0.0.0/8")],
        };
        assert!(!policy.permits(candidate("db.test", "10.0.0.5")));
        assert!(policy.permits(candidate("db.test", "192.0.2.1")));
    }

    #[test]
    fn each_address_has_its_class() {
        for (class, addresses) in [
            (
                Class::Local,
                &["127.0.0.1", "127.255.255.255", "0.0.0.0", "::1", "::"][..],
            ),
            (
                Class::Private,
                &[
                    "10.0.0.0",
                    "10.255.255.255",
                    "172.16.0.0",
                    "172.31.255.255",
                    "192.168.0.1",
                    "169.254.169.254",
                    "100.64.0.0",
                    "100.127.255.255",
                    "fc00::1",
                    "fdff::1",
                    "fe80::1",
                    "febf::1",
                ],
            ),
            (
                Class::Reserved,
                &[
                    "0.0.0.1",
                    "192.0.0.1",
                    "224.0.0.1",
                    "240.0.0.1",
                    "255.255.255.255",
                    "2001::1",
                    "2001:1ff::1",
                    "ff02::1",
                    "fec0::1",
                    "::127.0.0.1",
                    "64:ff9b:1::7f00:1",
                ],
            ),
            (
                Class::Public,
                &[
                    "1.1.1.1",
                    "11.0.0.0",
                    "172.15.255.255",
                    "172.32.0.0",
                    "100.63.255.255",
                    "100.128.0.0",
                    "126.255.255.255",
                    "128.0.0.1",
                    "223.255.255.255",
                    "2001:200::1",
                    "2606:4700::1111",
                ],
            ),
        ] {
            for ip in addresses {
                assert_eq!(super::class(unwrap(ip.parse().unwrap())), class, "{ip}");
            }
        }
    }

    #[test]
    fn an_ipv4_address_is_recognised_inside_an_ipv6_one() {
        for ip in [
            "::ffff:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::",
            "2002:7f00:1:dead:beef::1",
        ] {
            assert!(
                !denying(Rule::Class(Class::Local)).permits(candidate("host.test", ip)),
                "{ip} as local"
            );
            assert!(
                !denying(range("127.0.0.0/8")).permits(candidate("host.test", ip)),
                "{ip} by its range"
            );
            assert!(
                !allowing(Rule::Class(Class::Public)).permits(candidate("host.test", ip)),
                "{ip} as public"
            );
        }
    }

    #[test]
    fn a_range_of_embedded_addresses_is_one_of_ipv4_addresses() {
        for (text, same) in [
            ("::ffff:127.0.0.1/128", "127.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("64:ff9b::10.0.0.0/104", "10.0.0.0/8"),
            ("2002:a00::/24", "10.0.0.0/8"),
            ("2002:7f00:1:1::/64", "127.0.0.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(unwrap_range(text.parse().unwrap()), same.parse().unwrap(), "{text}");
        }
        assert!(!denying(range("::ffff:127.0.0.1/128")).permits(candidate("host.test", "127.0.0.1")));
        assert!(!denying(range("2002::/16")).permits(candidate("host.test", "2002:c000:201::1")));
    }

    #[test]
    fn all_of_ipv6_allows_no_ipv4_address_in_disguise_and_denies_it() {
        assert!(!allowing(range("::/0")).permits(candidate("host.test", "::ffff:127.0.0.1")));
        assert!(!denying(range("::/0")).permits(candidate("host.test", "::ffff:127.0.0.1")));
    }

    #[test]
    fn a_name_that_nobody_vouches_for_allows_nothing_and_is_denied_all_the_same() {
        let claimed = Candidate {
            vouched: false,
            ..candidate("db.test", "192.0.2.1")
        };
        assert!(!allowing(host("db.test", None)).permits(claimed));
        assert!(!denying(host("db.test", None)).permits(claimed));
        assert!(allowing(range("192.0.2.0/24")).permits(claimed));
    }

    #[test]
    fn private_includes_this_machine_only_where_it_allows() {
        assert!(allowing(Rule::Class(Class::Private)).permits(candidate("host.test", "127.0.0.1")));
        assert!(allowing(Rule::Class(Class::Private)).permits(candidate("host.test", "10.0.0.1")));
        assert!(denying(Rule::Class(Class::Private)).permits(candidate("host.test", "127.0.0.1")));
        assert!(!denying(Rule::Class(Class::Private)).permits(candidate("host.test", "10.0.0.1")));
    }

    #[test]
    fn names_are_compared_without_case_and_final_dot_and_with_their_port() {
        let policy = allowing(host("db.test", Some(5432)));
        for name in ["db.test", "DB.Test", "db.test."] {
            assert!(policy.permits(candidate(name, "192.0.2.1")), "{name}");
            assert!(!policy.denies_name(name, 5432), "{name}");
            assert!(policy.denies_name(name, 5433), "{name}");
        }
        for name in ["b.test", "db.test.evil", "xdb.test", "db.test.."] {
            assert!(!policy.permits(candidate(name, "192.0.2.1")), "{name}");
        }
        assert!(!policy.permits(on(candidate("db.test", "192.0.2.1"), 5433)));
    }

    #[test]
    fn a_port_limits_a_range() {
        let rule = Rule::Range {
            range: "192.0.2.1/32".parse().unwrap(),
            port: Some(5432),
        };
        assert!(!denying(rule.clone()).permits(candidate("host.test", "192.0.2.1")));
        assert!(denying(rule).permits(on(candidate("host.test", "192.0.2.1"), 80)));
    }

    #[test]
    fn a_name_is_looked_up_where_an_address_may_still_permit_it() {
        assert!(denying(host("db.test", None)).denies_name("DB.test", 1));
        assert!(!denying(range("10.0.0.0/8")).denies_name("db.test", 1));
        assert!(allowing(host("other.test", None)).denies_name("db.test", 1));
        assert!(!allowing(range("10.0.0.0/8")).denies_name("db.test", 1));
    }
}
