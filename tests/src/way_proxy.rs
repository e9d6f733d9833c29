//! Proxies as companies have them, each on a port of this machine: by CONNECT, by SOCKS5, and one that wants a login.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// The behaviour of a proxy.
#[derive(Clone)]
pub enum Does {
    /// CONNECT, for those who log in with this header, if it is named.
    Connect(Option<&'static str>),
    /// SOCKS5.
    Socks,
    /// Sends this answer to every request.
    Says(String),
}

/// A proxy that leads to one server, whatever name it is asked for.
pub struct WayProxy {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl WayProxy {
    /// Starts a proxy in front of `server`, a host and a port.
    pub async fn start(server: String, does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, does, seen) = (server.clone(), does.clone(), Arc::clone(&seen));
                // An error is a connection that ends.
                tokio::spawn(async move { serve(stream, &server, does, &seen).await.is_ok() });
            }
        });
        Self { address, asked }
    }

    /// The server that each connection asked for.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut client: TcpStream,
    server: &str,
    does: Does,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let see = |asked: String| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(asked);
    };
    let opened: &[u8] = if matches!(does, Does::Socks) {
        see(socks(&mut client).await?);
        &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        see(head.split(' ').nth(1).unwrap_or_default().to_owned());
        let refused = match does {
            Does::Says(answer) => Some(answer),
            Does::Connect(Some(login)) if !head.contains(login) => Some(LOG_IN.to_owned()),
            _ => None,
        };
        if let Some(answer) = refused {
            client.write_all(answer.as_bytes()).await?;
            client.read_to_end(&mut Vec::new()).await?;
            return Ok(());
        }
        b"HTTP/1.1 200 Connection established\r\n\r\n"
    };
    let mut far = TcpStream::connect(server).await?;
    client.write_all(opened).await?;
    copy_bidirectional(&mut client, &mut far).await?;
    Ok(())
}

const LOG_IN: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                      Content-Length: 0\r\n\r\n";

/// Takes a client without a login, and gives the server that it names by name.
async fn socks(client: &mut TcpStream) -> io::Result<String> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    client.read_exact(&mut vec![0; head[1].into()]).await?;
    client.write_all(&[5, 0]).await?;
    let mut request = [0; 5];
    client.read_exact(&mut request).await?;
    let mut name = vec![0; request[4].into()];
    client.read_exact(&mut name).await?;
    let port = client.read_u16().await?;
    Ok(format!("{}:{port}", String::from_utf8_lossy(&name)))
}
