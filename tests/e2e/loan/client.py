"""A client of the Kubernetes API with nothing but the standard library: what a stranger's program does with its kubeconfig.

client.py tries POD                 every call that it can think of, each answer in a line
client.py hop POD LOG SECONDS       opens an exec, leaves a child that forks without end and keeps it open, and ends
"""

import base64, json, os, signal, socket, ssl, struct, sys, time
from http.client import HTTPSConnection

CONFIG = json.load(open(os.environ["KUBECONFIG"]))
CLUSTER = CONFIG["clusters"][0]["cluster"]
USER = CONFIG["users"][0]["user"]
NAMESPACE = CONFIG["contexts"][0]["context"]["namespace"]
HOST, PORT = CLUSTER["server"].split("//")[1].split(":")


def data(of, key):
    return base64.b64decode(of[key]).decode()


def context(certified=True):
    tls = ssl.create_default_context(cadata=data(CLUSTER, "certificate-authority-data"))
    if certified:
        memory = os.memfd_create("identity")
        os.write(memory, (data(USER, "client-certificate-data") + data(USER, "client-key-data")).encode())
        tls.load_cert_chain(f"/proc/self/fd/{memory}")
    return tls


def get(path, method="GET"):
    connection = HTTPSConnection(HOST, int(PORT), context=context(), timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def open_exec(pod, argv, more=""):
    """The connection after its handshake, and the status line."""
    stream = context().wrap_socket(socket.create_connection((HOST, int(PORT)), 20), server_hostname=HOST)
    command = "&".join("command=" + "".join("%%%02x" % b for b in word.encode()) for word in argv)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        (
            f"GET /api/v1/namespaces/{NAMESPACE}/pods/{pod}/exec?{command}&stdout=true&stderr=true{more} HTTP/1.1\r\n"
            f"Host: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
        ).encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            break
        head += byte
    return stream, int(head.split(b" ")[1])


def exactly(stream, length):
    got = b""
    while len(got) < length:
        more = stream.recv(length - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def frames(stream):
    """Every frame until the one that closes, as its kind and its bytes."""
    while True:
        first, second = exactly(stream, 2)
        length = second & 127
        if length == 126:
            length = struct.unpack(">H", exactly(stream, 2))[0]
        elif length == 127:
            length = struct.unpack(">Q", exactly(stream, 8))[0]
        yield first & 15, exactly(stream, length)
        if first & 15 == 8:
            return


def tries(pod):
    base = f"/api/v1/namespaces/{NAMESPACE}/pods"
    status, body = get(f"{base}/{pod}")
    print("pod", status, "env" in body, flush=True)
    stream, status = open_exec(pod, ["echo", "looked"])
    every = list(frames(stream))
    out = b"".join(f[1:] for kind, f in every if kind == 2 and f[:1] == b"\x01")
    end = [json.loads(f[1:])["status"] for kind, f in every if kind == 2 and f[:1] == b"\x03"]
    print("exec", status, out.decode().strip(), end, "closed", every[-1][0] == 8, flush=True)
    print("again", open_exec(pod, ["echo", "looked"])[1], flush=True)
    print("other command", open_exec(pod, ["id"])[1], flush=True)
    print("terminal", open_exec(pod, ["echo", "looked"], "&tty=true")[1], flush=True)
    print("other pod", open_exec("other", ["echo", "looked"])[1], flush=True)
    for method, path in [("GET", base), ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"), ("DELETE", f"{base}/{pod}")]:
        print(method, path.rsplit("/", 1)[1], get(path, method)[0], flush=True)
    try:
        bare = context(certified=False).wrap_socket(socket.create_connection((HOST, int(PORT)), 20), server_hostname=HOST)
        bare.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
        print("without certificate", bare.recv(1))
    except (ssl.SSLError, ConnectionError):
        print("without certificate refused")
    try:
        with open(os.environ["KUBECONFIG"], "a") as file:
            file.write("x")
        print("kubeconfig changed")
    except OSError:
        print("kubeconfig sealed")


def hop(pod, log, seconds):
    """As long as the stream is open, a new process has it every moment: its parent has ended, and nobody knows its id."""
    stream, status = open_exec(pod, ["sh", "-c", "echo ready; exec cat"], "&stdin=true")
    print("exec", status, flush=True)
    if os.fork():
        # The child has read.
        while not os.path.exists(log):
            time.sleep(0.05)
        time.sleep(int(seconds))
        return
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)

    def write(line):
        with open(log, "a") as file:
            file.write(line + "\n")

    stream.setblocking(False)
    until, hops, seen = time.time() + 600, 0, False
    while time.time() < until:
        if os.fork():
            os._exit(0)
        hops += 1
        if hops % 4:
            continue
        try:
            got = stream.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            continue
        except OSError:
            got = b""
        if got:
            if not seen:
                write("reads")
            seen = True
            continue
        write("closed")
        try:
            socket.create_connection((HOST, int(PORT)), 5)
            write("connected")
        except OSError:
            write("refused")
        os._exit(0)
    write("still open")
    os._exit(0)


{"tries": tries, "hop": hop}[sys.argv[1]](*sys.argv[2:])
