//! Whether addresses answer from inside this pod, and the barrier that holds the pod back until then.
//!
//! The only code of the program that touches a network: it connects, sends nothing, and hangs up.

use std::{
    fs,
    io::{self, BufRead as _, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr as Local, UnixListener, UnixStream},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// Abstract socket (unix(7)) on which the barrier waits; it exists in this pod's network only.
const BARRIER: &str = "secure-scan-barrier";
const GO: &[u8; 2] = b"go";
/// How long the canary may take to answer once it has opened the barrier.
const HANGS_UP: Duration = Duration::from_secs(10);
/// Environment variable with the address of the node that runs this pod.
const NODE: &str = "SECURE_SCAN_NODE";
/// Port of every node's kubelet, which answers unless something isolates the pod.
const KUBELET: u16 = 10250;
/// Most commands of one conversation.
const MAX_COMMANDS: usize = 1000;

fn barrier_address() -> Result<Local, String> {
    Local::from_abstract_name(BARRIER).map_err(|e| e.to_string())
}

/// Succeeds once it is asked to go on, and fails at its deadline: the containers after it never start by themselves.
pub(crate) fn barrier(limit: Duration) -> Result<(), String> {
    let started = Instant::now();
    let listener = UnixListener::bind_addr(&barrier_address()?).map_err(|e| e.to_string())?;
    listener.set_nonblocking(true).map_err(|e| e.to_string())?;
    loop {
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err("nobody opened the barrier".into());
        }
        let mut waits = [PollFd::new(&listener, PollFlags::IN)];
        let left = Timespec::try_from(left).ok();
        if let Err(error) = poll(&mut waits, left.as_ref())
            && error != Errno::INTR
        {
            return Err(error.to_string());
        }
        let (mut stream, _) = match listener.accept() {
            Ok(accepted) => accepted,
            // The client that wanted to connect is gone again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.to_string()),
        };
        let mut word = Vec::new();
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let go = GO.len() as u64;
        let _ = (&mut stream).take(go).read_to_end(&mut word);
        if word == GO {
            // When this process ends, the kernel kills the canary: both are in one container (pid_namespaces(7)). So the
            // barrier waits until the canary has answered and hangs up.
            let _ = stream.set_read_timeout(Some(HANGS_UP));
            let _ = stream.read(&mut [0]);
            return Ok(());
        }
    }
}

/// Answers `try` with the state of every address and `who` with the confinement of this container, opens the barrier on
/// `go`, and ends with its input.
pub(crate) fn canary(timeout: &str, addresses: &[&str]) -> Result<(), String> {
    let timeout = timeout
        .parse()
        .map_err(|_| "milliseconds must be a number")?;
    let timeout = Duration::from_millis(timeout);
    let mut all: Vec<SocketAddr> = Vec::new();
    for text in addresses {
        let address = text.parse();
        all.push(address.map_err(|_| format!("{text:?} is not ADDRESS:PORT"))?);
    }
    all.extend(service());
    all.extend(kubelet().filter(|own| !all.contains(own)));
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines().take(MAX_COMMANDS) {
        match line.map_err(|e| e.to_string())?.as_str() {
            "try" => {
                let answer = attempt(&all, timeout);
                writeln!(out, "{answer}").map_err(|e| e.to_string())?;
            }
            "go" => {
                let mut stream =
                    UnixStream::connect_addr(&barrier_address()?).map_err(|e| e.to_string())?;
                stream.write_all(GO).map_err(|e| e.to_string())?;
                writeln!(out, "went").map_err(|e| e.to_string())?;
                return out.flush().map_err(|e| e.to_string());
            }
            "who" => writeln!(out, "{}", confined()?).map_err(|e| e.to_string())?,
            _ => return Err("expected try, who or go".into()),
        }
        out.flush().map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// The API server's service, which Kubernetes names to every container.
fn service() -> Option<SocketAddr> {
    let host: IpAddr = std::env::var("KUBERNETES_SERVICE_HOST")
        .ok()?
        .parse()
        .ok()?;
    let port = std::env::var("KUBERNETES_SERVICE_PORT")
        .ok()?
        .parse()
        .ok()?;
    Some(SocketAddr::new(host, port))
}

/// The kubelet of the node that runs this pod, which is known only once the pod is there.
fn kubelet() -> Option<SocketAddr> {
    let node: IpAddr = std::env::var(NODE).ok()?.parse().ok()?;
    Some(SocketAddr::new(node, KUBELET))
}

/// What the kernel reports about this process in the barrier's container: proc(5), `status` and `attr`.
fn confined() -> Result<String, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let first = line.and_then(|rest| rest.split_whitespace().next());
        first.unwrap_or("-").to_owned()
    };
    // Without such a security module, the file does not exist or cannot be read.
    let profile = fs::read_to_string("/proc/self/attr/apparmor/current")
        .or_else(|_| fs::read_to_string("/proc/self/attr/current"))
        .unwrap_or_default();
    let profile: String = profile.trim_end_matches(['\n', '\0']).replace(' ', "");
    Ok(format!(
        "uid={} gid={} caps={} no_new_privs={} seccomp={} lsm={}",
        field("Uid:"),
        field("Gid:"),
        field("CapEff:"),
        field("NoNewPrivs:"),
        field("Seccomp:"),
        if profile.is_empty() { "-" } else { &profile }
    ))
}

/// `ADDRESS=open` or `ADDRESS=blocked` for each, all tried at once.
fn attempt(all: &[SocketAddr], timeout: Duration) -> String {
    let tries: Vec<_> = all
        .iter()
        .map(|address| {
            let address = *address;
            thread::spawn(move || TcpStream::connect_timeout(&address, timeout).is_ok())
        })
        .collect();
    let states: Vec<String> = all
        .iter()
        .zip(tries)
        .map(|(address, tried)| {
            let open = tried.join().unwrap_or_default();
            format!("{address}={}", if open { "open" } else { "blocked" })
        })
        .collect();
    states.join(" ")
}
