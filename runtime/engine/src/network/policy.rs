// SPDX-License-Identifier: Apache-2.0
//! Who may be reached: everything, or an allow list.
//!
//! Belongs here: reading the rules, and answering for names and addresses. A name that a
//! rule allows makes the addresses it resolved to allowed for a while.
//! Does not belong here: resolving (names.rs).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const RULES_MAX: usize = 256;

/// How long an address stays allowed after an allowed name resolved to it.
const LEARNT_TIME: Duration = Duration::from_secs(600);

/// Addresses remembered; the oldest makes room.
const LEARNT_MAX: usize = 1024;

enum Place {
    Net(IpAddr, u8),
    Name(String),
    /// With its leading dot.
    Suffix(String),
}

struct Rule {
    place: Place,
    port: Option<u16>,
}

struct Learnt {
    ip: IpAddr,
    port: Option<u16>,
    until: Instant,
}

pub struct Policy {
    /// `None`: everything.
    rules: Option<Vec<Rule>>,
    learnt: Mutex<Vec<Learnt>>,
}

impl Policy {
    pub fn new(text: Option<&str>) -> Result<Policy, String> {
        let mut rules = None;
        if let Some(text) = text {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let list = lines.map(Rule::parse).collect::<Result<Vec<_>, String>>()?;
            if list.len() > RULES_MAX {
                return Err(format!("a network has at most {RULES_MAX} rules, not {}", list.len()));
            }
            rules = Some(list);
        }
        Ok(Policy { rules, learnt: Mutex::default() })
    }

    pub fn permits(&self, address: SocketAddr) -> bool {
        let Some(rules) = &self.rules else { return true };
        let ip = reached(address.ip());
        let port = address.port();
        if rules.iter().any(|rule| rule.is_port(port) && rule.has_ip(ip)) {
            return true;
        }
        let now = Instant::now();
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt
            .iter()
            .any(|one| one.ip == ip && one.port.is_none_or(|own| own == port) && one.until > now)
    }

    /// Whether a name may be looked up at all; addresses need no lookup.
    pub fn permits_name(&self, name: &str) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.iter().any(|rule| rule.has_name(name)))
    }

    /// Takes note of what `name` resolved to. Whoever answers for a name must not open what lies
    /// beside the pod: from a name server, only addresses of elsewhere count; from the pod's own
    /// hosts (`is_own`) all do.
    pub fn learn(&self, name: &str, ips: &[IpAddr], is_own: bool) {
        let Some(rules) = &self.rules else { return };
        let now = Instant::now();
        let until = now + LEARNT_TIME;
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.retain(|one| one.until > now);
        for rule in rules.iter().filter(|rule| rule.has_name(name)) {
            for ip in ips.iter().filter(|&&ip| is_own || is_elsewhere(ip)) {
                let (ip, port) = (ip.to_canonical(), rule.port);
                learnt.retain(|one| one.ip != ip || one.port != port);
                if learnt.len() >= LEARNT_MAX {
                    learnt.remove(0);
                }
                learnt.push(Learnt { ip, port, until });
            }
        }
    }
}

/// Linux takes the unspecified address of a family to its loopback.
fn reached(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}

/// Neither this pod itself nor what its link alone reaches, such as a cloud's metadata.
fn is_elsewhere(ip: IpAddr) -> bool {
    match reached(ip) {
        IpAddr::V4(ip) => {
            !(ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast())
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast()),
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Rule, String> {
        let wrong = || {
            format!("\"{text}\" is no rule for a network: it must be host:port, CIDR or *.suffix")
        };
        let (place, port) = split_port(text).ok_or_else(wrong)?;
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|&port| port > 0).ok_or_else(wrong)?),
            None => None,
        };
        let place = Place::parse(place).ok_or_else(wrong)?;
        Ok(Rule { place, port })
    }

    fn is_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    fn has_ip(&self, ip: IpAddr) -> bool {
        matches!(self.place, Place::Net(net, bits) if is_inside(ip, net, bits))
    }

    fn has_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        match &self.place {
            Place::Net(..) => false,
            Place::Name(own) => *own == name,
            Place::Suffix(own) => name.len() > own.len() && name.ends_with(own),
        }
    }
}

impl Place {
    /// Addresses are compared in their shortest form, so a mapped range becomes one of IPv4.
    fn net(net: IpAddr, bits: u8) -> Option<Place> {
        let most = if net.is_ipv4() { 32 } else { 128 };
        if bits > most {
            return None;
        }
        match (net, net.to_canonical()) {
            (IpAddr::V6(_), short @ IpAddr::V4(_)) => {
                bits.checked_sub(96).map(|bits| Place::Net(short, bits))
            }
            _ => Some(Place::Net(net, bits)),
        }
    }

    fn parse(text: &str) -> Option<Place> {
        if let Some((net, bits)) = text.split_once('/') {
            let net: IpAddr = net.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            return Place::net(net, bits);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Place::net(ip, if ip.is_ipv4() { 32 } else { 128 });
        }
        let suffix = text.strip_prefix('*');
        let name = suffix.unwrap_or(text).to_ascii_lowercase();
        let bare = if suffix.is_some() { name.strip_prefix('.')? } else { &name };
        let is_letter = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_letter);
        if bare.len() > 253 || !bare.split('.').all(is_label) {
            return None;
        }
        Some(if suffix.is_some() { Place::Suffix(name) } else { Place::Name(name) })
    }
}

/// `[place]:port`, `place:port` or `place`; an IPv6 address with a port needs the brackets.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (place, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((place, None)),
            _ => Some((place, Some(rest.strip_prefix(':')?))),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((place, port)) => Some((place, Some(port))),
        None => Some((text, None)),
    }
}

fn is_inside(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    let bits = u32::from(bits);
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let differ = ip.to_bits() ^ net.to_bits();
            differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let differ = ip.to_bits() ^ net.to_bits();
            differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(policy: &Policy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn without_a_list_everything_may_be_reached() {
        let policy = Policy::new(None).unwrap();
        assert!(permits(&policy, "1.2.3.4:5") && policy.permits_name("any.example"));
    }

    #[test]
    fn an_empty_list_permits_nothing() {
        let policy = Policy::new(Some("")).unwrap();
        assert!(!permits(&policy, "127.0.0.1:80") && !policy.permits_name("localhost"));
    }

    #[test]
    fn ranges_hold_with_and_without_a_port() {
        let policy = Policy::new(Some("10.0.0.0/8:443\n[fd00::/8]:53\n0.0.0.0/1")).unwrap();
        assert!(permits(&policy, "10.9.8.7:443"));
        assert!(permits(&policy, "[fd12::1]:53") && !permits(&policy, "[fd12::1]:54"));
        assert!(permits(&policy, "127.255.255.255:9") && !permits(&policy, "128.0.0.1:9"));
        assert!(permits(&policy, "[::ffff:10.0.0.1]:443"), "a mapped address is the same one");
        assert!(permits(&Policy::new(Some("0.0.0.0/0")).unwrap(), "255.1.1.1:1"));
        assert!(!permits(&Policy::new(Some("0.0.0.0/0")).unwrap(), "[::1]:1"));
    }

    #[test]
    fn an_allowed_name_makes_its_addresses_allowed_at_its_port() {
        let policy = Policy::new(Some("db.example:5432\n*.cdn.example")).unwrap();
        let ip = "192.0.2.7".parse().unwrap();
        assert!(policy.permits_name("DB.example.") && !policy.permits_name("other.example"));
        assert!(policy.permits_name("a.cdn.example") && !policy.permits_name("cdn.example"));
        assert!(!policy.permits_name("evilcdn.example"));
        assert!(!permits(&policy, "192.0.2.7:5432"));
        policy.learn("db.example", &[ip], false);
        assert!(permits(&policy, "192.0.2.7:5432") && !permits(&policy, "192.0.2.7:22"));
        policy.learn("evil.example", &["192.0.2.8".parse().unwrap()], false);
        assert!(!permits(&policy, "192.0.2.8:5432"));
    }

    #[test]
    fn nobody_s_answer_for_a_name_opens_what_lies_beside_the_pod() {
        let beside = ["127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255"];
        let beside6 = ["::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1"];
        let policy = Policy::new(Some("*.example\n169.254.169.254:81")).unwrap();
        for ip in beside.iter().chain(&beside6) {
            let ip: IpAddr = ip.parse().unwrap();
            policy.learn("a.example", &[ip], false);
            assert!(!policy.permits(SocketAddr::new(ip, 80)), "{ip}");
        }
        assert!(permits(&policy, "169.254.169.254:81"), "a range names it");
        policy.learn("a.example", &["127.0.0.1".parse().unwrap()], true);
        assert!(permits(&policy, "127.0.0.1:80"), "the pod's own hosts say so");
    }

    #[test]
    fn the_unspecified_address_is_the_loopback_that_it_reaches() {
        let policy = Policy::new(Some("0.0.0.0/8\n[::]/128")).err();
        assert!(policy.is_some(), "brackets hold an address with its bits");
        let policy = Policy::new(Some("0.0.0.0/8\n::/128")).unwrap();
        assert!(!permits(&policy, "0.0.0.0:80") && !permits(&policy, "[::]:80"));
        let policy = Policy::new(Some("127.0.0.0/8")).unwrap();
        assert!(permits(&policy, "0.0.0.0:80"));
    }

    #[test]
    fn a_mapped_range_is_one_of_ipv4() {
        let policy = Policy::new(Some("::ffff:10.0.0.0/104\n::ffff:192.0.2.1")).unwrap();
        assert!(permits(&policy, "10.1.2.3:80") && permits(&policy, "[::ffff:10.1.2.3]:80"));
        assert!(permits(&policy, "192.0.2.1:80") && !permits(&policy, "192.0.2.2:80"));
        assert!(Policy::new(Some("::ffff:10.0.0.0/90")).is_err());
    }

    #[test]
    fn what_is_learnt_is_bounded() {
        let policy = Policy::new(Some("*.example")).unwrap();
        for n in 0..2 * LEARNT_MAX as u32 {
            policy.learn("a.example", &[IpAddr::V4((0x0100_0000 + n).into())], false);
        }
        assert_eq!(policy.learnt.lock().unwrap().len(), LEARNT_MAX);
    }

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        for text in ["a b", "10.0.0.0/33", "host:0", "host:99999", "*x", "*.", "[::1", "a..b", ":1"]
        {
            let why = Policy::new(Some(text)).err().unwrap_or_default();
            assert!(why.contains(text), "{text}: {why:?}");
        }
        let many = "a.example\n".repeat(RULES_MAX + 1);
        assert!(Policy::new(Some(&many)).is_err_and(|why| why.contains("at most 256")));
    }
}
