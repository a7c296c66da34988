// SPDX-License-Identifier: Apache-2.0
//! A pod's `resolv.conf` and `hosts`, read as resolv.conf(5) and hosts(5) say.
//!
//! Belongs here: reading texts with bounds; what makes no sense is passed over, as the C
//! library does. Does not belong here: asking anybody (names.rs).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// As in glibc (MAXNS), and what Kubernetes checks for.
const SERVERS_MAX: usize = 3;
const SEARCH_MAX: usize = 32;
const NDOTS_MAX: usize = 15;
const HOSTS_MAX: usize = 4096;

/// The port that name servers listen on (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

#[derive(Debug)]
pub struct Settings {
    pub servers: Vec<(IpAddr, u16)>,
    pub search: Vec<String>,
    pub ndots: usize,
    pub timeout: Duration,
    pub attempts: usize,
}

impl Settings {
    pub fn parse(text: &str) -> Settings {
        let mut settings = Settings {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if settings.servers.len() < SERVERS_MAX => {
                    settings.servers.extend(words.next().and_then(server));
                }
                Some("search" | "domain") => {
                    settings.search = words.take(SEARCH_MAX).map(str::to_string).collect();
                }
                Some("options") => words.for_each(|word| settings.option(word)),
                _ => {}
            }
        }
        settings
    }

    fn option(&mut self, word: &str) {
        let Some((name, value)) = word.split_once(':') else { return };
        let Ok(value) = value.parse::<usize>() else { return };
        match name {
            "ndots" => self.ndots = value.min(NDOTS_MAX),
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30) as u64),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }
}

/// An address, or `[address]:port` as OpenBSD has it.
fn server(word: &str) -> Option<(IpAddr, u16)> {
    match word.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((ip, port)) => Some((ip.parse().ok()?, port.parse().ok()?)),
        None => Some((word.split('%').next()?.parse().ok()?, DNS_PORT)),
    }
}

/// Names of the pod that need no asking.
pub struct Hosts(Vec<(String, IpAddr)>);

impl Hosts {
    pub fn parse(text: &str) -> Hosts {
        let mut hosts = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(Ok(ip)) = words.next().map(str::parse::<IpAddr>) else { continue };
            hosts.extend(words.map(|name| (name.to_ascii_lowercase(), ip)));
        }
        hosts.truncate(HOSTS_MAX);
        Hosts(hosts)
    }

    /// Addresses of `name`, which is in lower case; `localhost` always has some (RFC 6761).
    pub fn find(&self, name: &str) -> Vec<IpAddr> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let found = self.0.iter().filter(|(own, _)| own == name).map(|(_, ip)| *ip);
        let mut found: Vec<IpAddr> = found.collect();
        if found.is_empty() && (name == "localhost" || name.ends_with(".localhost")) {
            found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_s_resolv_conf_is_understood() {
        let settings = Settings::parse(
            "search a.svc.cluster.local svc.cluster.local # both\nnameserver 10.96.0.10\n\
             nameserver [127.0.0.1]:5353\nnameserver nonsense\noptions ndots:5 timeout:0\n",
        );
        assert_eq!(settings.servers[0], ("10.96.0.10".parse().unwrap(), 53));
        assert_eq!(settings.servers[1], ("127.0.0.1".parse().unwrap(), 5353));
        assert_eq!(settings.servers.len(), 2);
        assert_eq!(settings.search, ["a.svc.cluster.local", "svc.cluster.local"]);
        assert_eq!((settings.ndots, settings.timeout), (5, Duration::from_secs(1)));
    }

    #[test]
    fn hosts_are_found_and_localhost_is_always_there() {
        let hosts = Hosts::parse("10.0.0.1 web Web2 # c\nfe80::1 web\nbad line\n");
        assert_eq!(hosts.find("web").len(), 2);
        assert_eq!(hosts.find("web2"), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(hosts.find("localhost").len(), 2);
        assert!(hosts.find("other").is_empty());
        let own = Hosts::parse("127.0.0.7 localhost");
        assert_eq!(own.find("localhost"), ["127.0.0.7".parse::<IpAddr>().unwrap()]);
    }
}
