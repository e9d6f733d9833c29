//! Tables of sockets in `/proc/net` as inventory, see proc(5).

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::line::{Parsed, number};
use crate::model::{Listener, SocketConnection};

/// A row of a table.
struct Socket<'a> {
    protocol: &'a str,
    local: (IpAddr, i64),
    remote: (IpAddr, i64),
    /// As in the kernel's `net/tcp_states.h`, in hexadecimal.
    state: &'a str,
    uid: i64,
}

/// Listening TCP sockets (state `0A`), and UDP sockets (`07`) that are bound and not connected.
pub(super) fn listeners(lines: &[String]) -> Parsed<Vec<Listener>> {
    sockets(lines, |socket| {
        let waits = match socket.protocol {
            "tcp" | "tcp6" => socket.state == "0A",
            _ => socket.state == "07" && socket.remote.1 == 0,
        };
        let (address, port) = socket.local;
        waits.then(|| Listener {
            protocol: socket.protocol.into(),
            loopback: plain(address).is_loopback(),
            address: address.to_string(),
            port,
            uid: socket.uid,
        })
    })
}

/// Established TCP connections and connected UDP sockets, both in state `01`.
pub(super) fn connections(lines: &[String]) -> Parsed<Vec<SocketConnection>> {
    let tcp = |socket: &Socket<'_>| socket.protocol.starts_with("tcp");
    let listens =
        |socket: &Socket<'_>| (tcp(socket) && socket.state == "0A").then_some(socket.local.1);
    let ports: BTreeSet<i64> = sockets(lines, listens).0.into_iter().collect();
    sockets(lines, |socket| {
        (socket.state == "01").then(|| SocketConnection {
            protocol: socket.protocol.into(),
            address: socket.local.0.to_string(),
            port: socket.local.1,
            remote_address: plain(socket.remote.0).to_string(),
            remote_port: socket.remote.1,
            inbound: tcp(socket) && ports.contains(&socket.local.1),
            uid: socket.uid,
            // A connection to an own address stays within the pod, whatever the address is.
            loopback: plain(socket.remote.0).is_loopback() || socket.local.0 == socket.remote.0,
        })
    })
}

fn sockets<T>(lines: &[String], wanted: impl Fn(&Socket<'_>) -> Option<T>) -> Parsed<Vec<T>> {
    let (mut all, mut unreadable) = (Vec::new(), 0);
    for line in lines {
        let row = line
            .strip_prefix("/proc/net/")
            .and_then(|l| l.split_once(':'));
        if row.is_some_and(|(_, row)| row.trim_start().starts_with("sl ")) {
            continue;
        }
        match row.and_then(|(protocol, row)| socket(protocol, row)) {
            Some(socket) => all.extend(wanted(&socket)),
            None => unreadable += 1,
        }
    }
    (all, unreadable)
}

/// `None` is a line that cannot be read.
fn socket<'a>(protocol: &'a str, row: &'a str) -> Option<Socket<'a>> {
    if !matches!(protocol, "tcp" | "tcp6" | "udp" | "udp6") {
        return None;
    }
    let fields: Vec<&str> = row.split_whitespace().collect();
    Some(Socket {
        protocol,
        local: end(fields.get(1)?)?,
        remote: end(fields.get(2)?)?,
        state: fields.get(3)?,
        uid: number(fields.get(7)?)?,
    })
}

fn end(text: &str) -> Option<(IpAddr, i64)> {
    let (address, port) = text.split_once(':')?;
    Some((ip(address)?, u16::from_str_radix(port, 16).ok()?.into()))
}

/// The IPv4 address for which an IPv6 address stands, if it does.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Addresses are 32-bit words in the machine's byte order, which is little endian on every
/// architecture that Kubernetes nodes commonly have.
pub(crate) fn ip(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
    Some(Ipv6Addr::from(sixteen).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn listening_sockets_are_kept_apart_from_others() {
        let text = "/proc/net/tcp:  sl  local_address rem_address\n\
            /proc/net/tcp:   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 1 1\n\
            /proc/net/tcp:   1: 0A00000A:0016 0B00000A:C000 01 00000000:00000000 00:00000000 00000000  0 0 2 1\n\
            /proc/net/udp6:   2: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 3\n\
            /proc/net/tcp: nonsense\n";
        let (found, unreadable) = listeners(&lines(text));
        let seen: Vec<_> = found
            .iter()
            .map(|l| (l.address.as_str(), l.port, l.loopback))
            .collect();
        assert_eq!(seen, [("127.0.0.1", 8080, true), ("::", 53, false)]);
        assert_eq!(unreadable, 1);
    }

    #[test]
    fn connections_have_their_other_side() {
        let text = "/proc/net/tcp:   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 1 1\n\
            /proc/net/tcp:   1: 0A00000A:9C40 FEA9FEA9:0050 01 00000000:00000000 00:00000000 00000000  1000 0 2 1\n\
            /proc/net/tcp6:  2: 0000000000000000FFFF00000A00000A:1F90 0000000000000000FFFF00000B00000A:C000 01 0:0 0:0 0 33 0 3\n\
            /proc/net/tcp:   3: 0A00000A:9C41 0A00000A:1F90 01 0:0 0:0 0 0 0 4\n\
            /proc/net/tcp:   4: 0A00000A:9C42 0B00000A:0050 06 0:0 0:0 0 0 0 5\n\
            /proc/net/tcp:   5: 0A00000A 0B00000A:0050 01 0:0 0:0 0 0 0 5\n";
        let (found, unreadable) = connections(&lines(text));
        let seen: Vec<_> = found
            .iter()
            .map(|c| (c.port, c.remote_address.as_str(), c.inbound, c.loopback))
            .collect();
        assert_eq!(
            seen,
            [
                (40000, "169.254.169.254", false, false),
                (8080, "10.0.0.11", true, false),
                (40001, "10.0.0.10", false, true),
            ]
        );
        assert_eq!(unreadable, 1);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in any::<String>()) {
            let own = [line.clone(), format!("/proc/net/tcp:{line}"), format!("/proc/net/udp6: 1: {line}")];
            let _ = (listeners(&own), connections(&own));
        }
    }
}
