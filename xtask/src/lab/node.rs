//! The inside of the lab: process 1 of its namespaces starts every part, then reaps for ever.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{build, state::State};

const PARTS: [&str; 7] = [
    "etcd",
    "apiserver",
    "controllers",
    "scheduler",
    "containerd",
    "kubelet",
    "netpol",
];

/// Starts the node as process 1, and becomes the init program. Returns only on failure.
pub(super) fn start(state: &State) -> Result<ExitCode> {
    // /proc is still the caller's here, so this is the process id as it is seen from outside.
    let outside = fs::read_link("/proc/self")?;
    state.remember_init(outside.to_string_lossy().parse()?)?;
    ensure!(
        std::process::id() == 1,
        "`lab inner` only runs as process 1 of the lab"
    );
    let bin = PathBuf::from(std::env::var_os("SECURE_SCAN_LAB_BIN").context("no binaries")?);
    network()?;
    hide()?;
    configure(state)?;
    spawn_parts(state, &bin)?;
    fs::write(state.ready(), "")?;
    Err(Command::new(bin.join("init")).exec()).context("cannot become init")
}

/// Parts whose process has ended.
pub(super) fn dead_parts(state: &State) -> Result<Vec<String>> {
    let pid = state.running()?.context("lab is down")?;
    let alive = |part: &str| {
        fs::read_to_string(state.dir.join("run").join(part)).is_ok_and(|inner| {
            // /proc of the lab, seen through its init's root.
            let stat = format!("/proc/{pid}/root/proc/{}/stat", inner.trim());
            fs::read_to_string(stat).is_ok_and(|s| !s.contains(") Z "))
        })
    };
    Ok(PARTS
        .iter()
        .filter(|p| !alive(p))
        .map(|p| (*p).to_owned())
        .collect())
}

fn network() -> Result<()> {
    for line in [
        "mount -t proc proc /proc",
        "mount --make-rshared /",
        "ip link set lo up",
        "ip link add cni0 address 0a:58:0a:f4:00:01 type bridge",
        "ip addr add 10.244.0.1/16 dev cni0",
        "ip addr add 10.96.0.1/32 dev cni0",
        "ip link set cni0 up",
        "ip route add default via 10.244.0.1 dev cni0",
        "sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1",
    ] {
        let mut words = line.split(' ');
        let status = Command::new(words.next().unwrap_or_default())
            .args(words)
            .status();
        // The default route only keeps some programs from reporting an error.
        let needed = !line.contains("route");
        ensure!(
            !needed || status.is_ok_and(|s| s.success()),
            "failed: {line}"
        );
    }
    Ok(())
}

/// Gives the lab its own folders at the fixed places to which its parts write, so that their files are deleted with it.
fn hide() -> Result<()> {
    for dir in super::state::FIXED {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs", dir])
            .status();
        ensure!(
            mounted.is_ok_and(|s| s.success()),
            "cannot mount over {dir}"
        );
    }
    Ok(())
}

fn configure(state: &State) -> Result<()> {
    let fill = |from: &str, to: PathBuf, user: &str| -> Result<()> {
        let text = fs::read_to_string(build::source().join("config").join(from))?;
        let dir = state.dir.to_string_lossy();
        Ok(fs::write(
            to,
            text.replace("@DIR@", &dir).replace("@USER@", user),
        )?)
    };
    fill("kubelet.yaml", state.dir.join("kubelet.yaml"), "")?;
    fill("containerd.toml", state.dir.join("containerd.toml"), "")?;
    fill("audit-policy.yaml", state.dir.join("audit-policy.yaml"), "")?;
    fill("cni.conflist", state.dir.join("cni/10-lab.conflist"), "")?;
    for user in ["admin", "controllers", "scheduler", "kubelet"] {
        fill("kubeconfig.yaml", state.kubeconfig(user), user)?;
    }
    Ok(())
}

fn spawn_parts(state: &State, bin: &Path) -> Result<()> {
    let dir = state.dir.to_string_lossy().into_owned();
    let kube = bin.join("labkube");
    let run = |part: &str, program: &Path, args: &str| -> Result<()> {
        let log = fs::File::create(state.log(part))?;
        let child = Command::new(program)
            .args(args.split_whitespace())
            .current_dir(&state.dir)
            .env(
                "PATH",
                format!(
                    "{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    bin.display()
                ),
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {part}"))?;
        Ok(fs::write(
            state.dir.join("run").join(part),
            child.id().to_string(),
        )?)
    };
    run(
        "etcd",
        Path::new("etcd"),
        &format!(
            "--data-dir {dir}/etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync"
        ),
    )?;
    run(
        "containerd",
        &bin.join("containerd"),
        &format!("-c {dir}/containerd.toml"),
    )?;
    run(
        "apiserver",
        &kube,
        &format!(
            "apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 \
            --advertise-address=127.0.0.1 --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key \
            --client-ca-file=pki/ca.crt --kubelet-client-certificate=pki/apikubelet.crt \
            --kubelet-client-key=pki/apikubelet.key --kubelet-certificate-authority=pki/ca.crt \
            --kubelet-preferred-address-types=InternalIP,Hostname \
            --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file=pki/sa.key \
            --service-account-key-file=pki/sa.pub --service-cluster-ip-range=10.96.0.0/16 \
            --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
            --audit-log-path={dir}/log/audit.log --audit-log-maxsize=0 --audit-policy-file={dir}/audit-policy.yaml \
            --endpoint-reconciler-type=none"
        ),
    )?;
    wait(state, "API server", &["get", "--raw", "/readyz"], "ok")?;
    let auth = |user: &str| {
        format!(
            "--kubeconfig={user}.kubeconfig --authentication-kubeconfig={user}.kubeconfig --authorization-kubeconfig={user}.kubeconfig --leader-elect=false"
        )
    };
    run(
        "controllers",
        &kube,
        &format!(
            "controllers {} --service-account-private-key-file=pki/sa.key --root-ca-file=pki/ca.crt --cluster-cidr=10.244.0.0/16 --use-service-account-credentials=true",
            auth("controllers")
        ),
    )?;
    run(
        "scheduler",
        &kube,
        &format!("scheduler {}", auth("scheduler")),
    )?;
    run(
        "kubelet",
        &kube,
        &format!(
            "kubelet --config={dir}/kubelet.yaml --kubeconfig={dir}/kubelet.kubeconfig --hostname-override=lab-node --node-ip=10.244.0.1 --root-dir={dir}/kubelet --cert-dir={dir}/kubelet/pki"
        ),
    )?;
    wait(state, "node", &["get", "nodes", "--no-headers"], " Ready")?;
    run("netpol", &bin.join("netpol"), "admin.kubeconfig lab-node")
}

fn wait(state: &State, what: &str, args: &[&str], sign: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let output = Command::new("kubectl")
            .env("KUBECACHEDIR", state.dir.join("kubecache"))
            .arg("--kubeconfig")
            .arg(state.kubeconfig("admin"))
            .args(args)
            .output()
            .context("cannot run kubectl")?;
        if String::from_utf8_lossy(&output.stdout).contains(sign) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{what} not ready in 90 s");
        std::thread::sleep(Duration::from_millis(200));
    }
}
