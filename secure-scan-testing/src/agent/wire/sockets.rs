//! Sockets as rows of `/proc/net`.

use std::net::IpAddr;

use scanner_inventory::{Listener, SocketConnection};

/// An address and port as `/proc/net` writes them.
pub(super) fn end(address: &str, port: i64) -> String {
    let hex = |bytes: &[u8]| -> String {
        let words = bytes
            .chunks(4)
            .filter_map(|word| <[u8; 4]>::try_from(word).ok());
        let words = words.map(|word| format!("{:08X}", u32::from_le_bytes(word)));
        words.collect::<Vec<_>>().concat()
    };
    let address = match address.parse() {
        Ok(IpAddr::V4(four)) => hex(&four.octets()),
        Ok(IpAddr::V6(six)) => hex(&six.octets()),
        Err(_) => "00000000".into(),
    };
    format!("{address}:{port:04X}")
}

fn row(protocol: &str, local: &str, remote: &str, state: &str, uid: i64) -> String {
    format!(
        "/proc/net/{protocol}:   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {uid} 0 1 1 0 0"
    )
}

fn nowhere(protocol: &str) -> String {
    end(
        if protocol.ends_with('6') {
            "::"
        } else {
            "0.0.0.0"
        },
        0,
    )
}

pub(super) fn listener(socket: &Listener) -> String {
    let state = if socket.protocol.starts_with("tcp") {
        "0A"
    } else {
        "07"
    };
    let (local, remote) = (end(&socket.address, socket.port), nowhere(&socket.protocol));
    row(&socket.protocol, &local, &remote, state, socket.uid)
}

pub(super) fn connection(socket: &SocketConnection) -> String {
    let (local, remote) = (
        end(&socket.address, socket.port),
        end(&socket.remote_address, socket.remote_port),
    );
    let own = row(&socket.protocol, &local, &remote, "01", socket.uid);
    if !socket.inbound {
        return own;
    }
    // An inbound connection needs a listening socket.
    format!(
        "{own}\n{}",
        row(
            &socket.protocol,
            &local,
            &nowhere(&socket.protocol),
            "0A",
            socket.uid
        )
    )
}
