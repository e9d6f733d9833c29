//! A proxy that carries bytes late, so that a server nearby answers as one far away.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

/// Bytes of one piece.
const PIECE: usize = 64 << 10;

/// Where to, and how late.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address of the server
    server: String,
    /// Milliseconds by which each piece is late, in each direction
    late: u64,
}

/// Prints the port on which it listens, and carries bytes until its standard input ends.
pub(crate) fn run(args: &Args) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    let (server, late) = (args.server.clone(), Duration::from_millis(args.late));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if let Ok(server) = TcpStream::connect(&server) {
                let _ = carry(&client, &server, late);
            }
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Carries both directions of a connection in the background.
fn carry(client: &TcpStream, server: &TcpStream, late: Duration) -> Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        to.set_nodelay(true)?;
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        let (send, pieces) = mpsc::channel::<(Instant, Vec<u8>)>();
        thread::spawn(move || {
            let mut piece = vec![0; PIECE];
            while let Ok(read) = from.read(&mut piece) {
                // The end is late too.
                let due = Instant::now() + late;
                if send.send((due, piece[..read].to_vec())).is_err() || read == 0 {
                    break;
                }
            }
        });
        thread::spawn(move || {
            for (due, piece) in pieces {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if piece.is_empty() || to.write_all(&piece).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}
