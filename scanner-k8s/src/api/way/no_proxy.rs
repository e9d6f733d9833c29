//! Which servers `NO_PROXY` excludes, as Go's `httpproxy` reads it, and so kubectl.

use std::net::IpAddr;

use ipnet::IpNet;

/// Whether a server is reached without the proxy of the environment: by an entry of `list`, or because it is this machine.
///
/// A name that is not ASCII is never excluded: addresses have such names in another form.
pub(super) fn excludes(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.to_ascii_lowercase();
    let ip = host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    let port = port.to_string();
    let entries = list.split(',').map(|entry| entry.trim().to_lowercase());
    entries
        .filter(|entry| !entry.is_empty())
        .any(|entry| matches(&entry, &host, ip, &port))
}

fn matches(entry: &str, host: &str, ip: Option<IpAddr>, port: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(network) = entry.parse::<IpNet>() {
        return ip.is_some_and(|ip| canonical(network).contains(&ip));
    }
    let (name, wanted_port) = split_port(entry).unwrap_or((entry, ""));
    let port_fits = wanted_port.is_empty() || wanted_port == port;
    if let Ok(wanted) = name.parse::<IpAddr>() {
        return port_fits && ip == Some(wanted.to_canonical());
    }
    let name = if name.starts_with("*.") {
        &name[1..]
    } else {
        name
    };
    // An address has no domain.
    if name.is_empty() || ip.is_some() || !port_fits {
        return false;
    }
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => {
            host == name
                || host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
    }
}

/// Host and port; `None` where there is no port, or the colons are those of an address.
fn split_port(entry: &str) -> Option<(&str, &str)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return Some((host, port.strip_prefix(':')?));
    }
    let (host, port) = entry.rsplit_once(':')?;
    (!host.contains(':')).then_some((host, port))
}

/// A network of IPv4 addresses that is written as one of IPv6.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else {
        return network;
    };
    let four = six.addr().to_ipv4_mapped();
    let length = six.prefix_len().checked_sub(96);
    let both = four.zip(length);
    let four = both.and_then(|(four, length)| IpNet::new(four.into(), length).ok());
    four.unwrap_or(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decisions of Go's `httpproxy`: list, host, port, whether the proxy is used.
    const GO: &str = include_str!("no_proxy/go.txt");

    #[test]
    fn every_answer_is_that_of_go() {
        let mut seen = [0, 0];
        for line in GO.lines().filter(|line| !line.starts_with('#')) {
            let [list, host, port, used] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("four fields: {line}");
            };
            let used = used == "true";
            assert_eq!(!excludes(list, host, port.parse().unwrap()), used, "{line}");
            seen[usize::from(used)] += 1;
        }
        assert!(seen[0] > 100 && seen[1] > 100, "both answers: {seen:?}");
    }
}
