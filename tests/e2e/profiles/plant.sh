# Plants a fault for each check that looks into a container; run as root in the lab's Debian.
cd /
echo >/etc/ld.so.preload

# Accounts
cat >>/etc/passwd <<'.'
toor:x:0:0::/root:/bin/sh
old:hash:1001:1001::/:/bin/sh
twin:x:1001:1001::/:/bin/sh
twin:x:1002:1001::/:/bin/sh
svc:x:500:500::/:/bin/sh
.
sed -i 's/^root:\(.\):0:$/root:\1:0:svc/' /etc/group
printf 'docker:x:990:svc\nagain:x:990:\n' >>/etc/group
printf 'toor::19000::::::\nold:$1$salt$hash:19000::::::\ntwin:$6$salt$hash:19000::::::\n' >>/etc/shadow
chmod 644 /etc/shadow
chmod 664 /etc/passwd /etc/nsswitch.conf /etc/profile /var/lib/dpkg/status
chmod 755 /root
chmod 775 /usr/bin

# Files
cp /bin/true /opt/helper
chmod 4755 /opt/helper
touch /opt/open
chmod 666 /opt/open
mkdir -m 777 /opt/anyone
# As setcap cap_net_raw+ep, by setxattr(2), whose number is 188
cp /bin/true /opt/ping
perl -e 'my ($file, $name, $value) = ("/opt/ping", "security.capability", pack("V5", 0x02000001, 0x2000, 0, 0, 0));
  syscall(188, $file, $name, $value, 20, 0) == 0 or die'
mknod /opt/disk b 7 200
cp /bin/true /tmp/tool
touch /tmp/.hidden
mkdir -p /etc/kubernetes /etc/ssh /etc/ssl/certs /etc/sudoers.d /etc/ld.so.conf.d /var/spool/cron/crontabs \
  /root/.ssh /root/.aws /root/.docker /root/.kube /home/shop /app/.git /run/containerd
chmod 777 /etc/ssl/certs /home/shop
chmod 755 /root/.ssh
echo '* * * * * true' >/var/spool/cron/crontabs/root
echo 'shop ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/shop
chmod 666 /etc/sudoers.d/shop
touch /etc/ld.so.conf.d/app.conf /etc/crontab
chmod 666 /etc/ld.so.conf.d/app.conf /etc/crontab
for file in /root/.bash_history /root/.ssh/authorized_keys /root/.rhosts /root/.aws/credentials \
  /root/.docker/config.json /root/.kube/config /root/.netrc /root/.ssh/id_rsa /etc/ssh/ssh_host_rsa_key \
  /etc/kubernetes/admin.conf /etc/app.bak /app/core.12 /app/.env /app/dump.sql /app/store.jks; do
  echo planted >"$file"
done
chmod 644 /etc/ssh/ssh_host_rsa_key
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "/run/containerd/containerd.sock", Listen => 1) or die'

# Programs and packages
for name in apt-get gcc curl sudo gdb kubectl nsenter hydra git; do
  printf '#!/bin/sh\n' >"/usr/local/bin/$name"
  chmod 755 "/usr/local/bin/$name"
done
for name in gcc gdb sudo openssh-server; do
  printf '\nPackage: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n' "$name"
done >>/var/lib/dpkg/status
printf 'ID=debian\nVERSION_ID=9\n' >/usr/lib/os-release

# Processes: the kernel keeps any name that it is given
for name in supervisord sshd crond strace xmrig chisel; do
  sh -c 'printf %s "$0" >/proc/self/comm; while :; do sleep 3600; done' "$name" &
done
setpriv --reuid 1000 --clear-groups --inh-caps +chown --ambient-caps +chown sleep infinity &
perl -MIO::Socket::INET -e '
  for my $port (22, 2375, 9229) {
    push @open, IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => $port, Listen => 1) or die;
  }
  $engine = IO::Socket::INET->new("127.0.0.1:2375") or die;
  open my $done, ">", "/planted";
  sleep' &
wait
