# The collector: answers one inventory request with what a POSIX shell and its usual tools can see.
# Sent over standard input to `sh -s`, after a prologue that sets nonce, sections, commands, changes
# and watched, and the functions search and named. Writes nothing in the target. Speaks the protocol of `inventory::wire`.
LC_ALL=C
export LC_ALL
own_path=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export PATH
umask 077
ulimit -t 120 2>/dev/null
ulimit -c 0 2>/dev/null
newline='
'
return=$(printf '\r')

has() { command -v "$1" >/dev/null 2>&1; }

# What is deepest above $1 is no directory, or can be searched: so a missing $1 is really missing.
absent() {
  up=${1%/*}
  while [ -n "$up" ] && [ ! -e "$up" ]; do up=${up%/*}; done
  [ ! -d "${up:-/}" ] || [ -x "${up:-/}" ]
}

# Whether file $1 can be read; ends the section when it cannot, or when there is none.
readable() {
  [ -r "$1" ] && return 0
  if [ ! -e "$1" ] && absent "$1"; then echo '!ok'; else echo "!missing $1 cannot be read by this user"; fi
  return 1
}

# Whether a tool gives the answer that is known: a busybox may have the name of an applet without the
# applet, and an intruder's tool may lie. One that lies with care cannot be detected from here.
works() {
  [ -r "/proc/$$/status" ] || return 0
  case $1 in
    find) [ "$(find "/proc/$$/status" /dev/null -type f 2>/dev/null)" = "/proc/$$/status" ] ;;
    stat) [ "$(stat -c '%f %n' "/proc/$$/status" 2>/dev/null)" = "8124 /proc/$$/status" ] ;;
    grep) [ "$(status_lines 'Tgid|Pid' "/proc/$$/status" | tr -d '\t')" = \
      "/proc/$$/status:Tgid:$$$newline/proc/$$/status:Pid:$$" ] ;;
    tr) [ "$(printf 'a\nb' | tr '\nb' '\001y')" = "$(printf 'a\001y')" ] ;;
    wc) [ "$(($(printf 'a\nb\n' | wc -l)))" = 2 ] ;;
  esac
}

need() {
  for tool; do
    has "$tool" || { echo "!missing the target has no $tool"; return 1; }
    works "$tool" || { echo "!missing the target's $tool does not do what it must"; return 1; }
  done
}

status_lines() { grep -E "^($1):" /dev/null "$2" 2>/dev/null; }

section_identity() {
  [ -r "/proc/$$/status" ] || { echo '!missing /proc cannot be read'; return; }
  while IFS= read -r line; do
    case $line in Uid:*|Gid:*|Groups:*|CapEff:*|CapBnd:*|NoNewPrivs:*|Seccomp:*)
      printf '%s\n' "/proc/$$/status:$line" ;;
    esac
  done <"/proc/$$/status"
  echo '!ok'
}

# Sets escaped to $1 as the protocol writes what has a newline in it: a backslash is doubled, a newline is
# \x0a. Kept as text, since what find runs needs it too.
escaping='
newline="
"
escape() {
  escaped= rest=$1
  while :; do
    case $rest in
      *[\\"$newline"]*) ;;
      *) escaped=$escaped$rest; return ;;
    esac
    part=${rest%%[\\"$newline"]*}
    rest=${rest#"$part"}
    case $rest in
      \\*) escaped=$escaped$part"\\\\" ;;
      *) escaped=$escaped$part"\\x0a" ;;
    esac
    rest=${rest#?}
  done
}
'
eval "$escaping"

# Sets name to the path $1 as it is written in a line.
naming='
name() {
  name=$1
  case $1 in *"$newline"*) escape "$1"; name="\\$escaped" ;; esac
}
'
eval "$naming"

# The state that stat gives in the format $1, and the path, for paths whose names have a newline.
odd_entries=$escaping$naming'
format=$1
shift
for path; do
  name "$path"
  printf "%s %s\n" "$(stat -c "$format" "$path")" "$name"
done'

# mode (hex), uid, gid, size, path
section_files() {
  need find stat tr wc || return
  exec 3>&1
  lost=$( { named; search 2>&1 >&3 3>&-; } | wc -l)
  lost=$((lost))
  why=
  digests 2>/dev/null || why='the target has no sha256sum'
  [ "$lost" = 0 ] || echo '!gap not_readable'
  [ -z "$why" ] || echo '!gap unsupported/digest'
  case $lost$why in
    0) echo '!ok' ;;
    0*) echo "!partial 0 $why" ;;
    *) echo "!partial $lost not readable by this user${why:+; $why}" ;;
  esac
}

# Arguments end with a test for what is not wanted. No `-exec +` may be within parentheses: busybox
# forgets to run it.
entries() {
  find "$@" -o -path "*$newline*" -exec sh -c "$odd_entries" sh '%f %u %g %s' {} + -o -exec stat -c '%f %u %g %s %n' {} +
}

# Whether something is mounted below $1 on the way to $2, which a walk of $1 then does not see. Both are
# as in /proc/self/mounts; where that cannot be read, walking twice is better than not at all.
crossed() {
  [ -r /proc/self/mounts ] || return 0
  while read -r source target rest; do
    case $target/ in
      "$1"/) ;;
      "$1"/*) case $2/ in "$target"/*) return 0 ;; esac ;;
    esac
  done </proc/self/mounts
  return 1
}

# Whether digests can be taken here.
sha256() {
  has sed && [ "$(printf '' | sha256sum 2>/dev/null)" = \
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -' ]
}

# For paths one by one: a path and where the link leads, or a digest and its path.
inside=$escaping$naming'
for path; do
  name "$path"
  if [ -h "$path" ]; then
    # Without a mark after it a shell would cut newlines at its end.
    to=$(readlink "$path" && echo x) || continue
    to=${to%"${newline}x"}
    case $to in
      *"$newline"*) escape "$to"; printf "%s\n~%s\n" "$name" "$escaped" ;;
      *) printf "%s\n>%s\n" "$name" "$to" ;;
    esac
  elif [ -f "$path" ] && [ "$(stat -c %s "$path")" -le "$largest" ]; then
    sum=$(sha256sum <"$path") && printf "=%s %s\n" "${sum%% *}" "$name"
  fi
done'

# The same for many; a name with a newline, a carriage return or a backslash, which sha256sum changes, goes
# by itself.
sums() {
  find "$@" -o -type l -exec sh -c "$inside" sh {} + \
    -o -type f -path "*[\\\\$newline$return]*" -exec sh -c "$inside" sh {} + \
    -o -type f -size "-$((largest / 512 + 1))" -exec sha256sum {} + |
    sed 's/^\([0-9a-f]\{64\}\)  /=\1 /'
}

# Files of /proc and /sys are made as they are read: there is nothing to compare.
named_sums() {
  for path; do
    case $path in /proc/*|/sys/*) ;; *) sh -c "$inside" sh "$path" ;; esac
  done
}

# Looks at paths by name. Standard output counts what could not be looked at, 3 has the entries.
look() {
  for path; do
    if [ -e "$path" ] || [ -h "$path" ]; then
      name "$path"
      { state=$(stat -c '%f %u %g %s' "$path") && printf '%s %s\n' "$state" "$name" >&3; } 2>/dev/null ||
        echo lost
    elif absent "$path"; then
      name "$path"
      printf -- '- %s\n' "$name" >&3
    else
      echo lost
    fi
  done
}

section_users() {
  readable /etc/passwd || return
  while IFS=: read -r name pass uid gid gecos home shell || [ -n "$name" ]; do
    case $pass in '') pass=empty ;; x) pass=shadowed ;; '!'*|'*'*) pass=locked ;; *) pass=hashed ;; esac
    printf '%s:%s:%s:%s:%s:%s\n' "$pass" "$uid" "$gid" "$name" "$home" "$shell"
  done </etc/passwd
  echo '!ok'
}

section_groups() {
  readable /etc/group || return
  while IFS=: read -r name pass gid members || [ -n "$name" ]; do
    printf '%s:%s:%s\n' "$gid" "$name" "$members"
  done </etc/group
  echo '!ok'
}

# States only: a hash never leaves the target.
section_shadow() {
  readable /etc/shadow || return
  while IFS=: read -r name pass rest || [ -n "$name" ]; do
    kind=
    case $pass in
      '') pass=empty ;;
      '!'*|'*'*) pass=locked ;;
      '$'*'$'*) kind=${pass#?}; kind=${kind%%'$'*}; pass=hashed ;;
      *) kind=des; pass=hashed ;;
    esac
    printf '%s:%s:%s\n' "$pass" "$kind" "$name"
  done </etc/shadow
  echo '!ok'
}

section_processes() {
  need grep || return
  echo "self $$"
  status_lines 'Name|Pid|PPid|Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp' /proc/1/status >/dev/null ||
    { echo '!missing /proc cannot be read'; return; }
  grep -E '^(Name|Pid|PPid|Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /dev/null /proc/[0-9]*/status 2>/dev/null
  echo '!ok'
}

section_listeners() {
  [ -r /proc/net/tcp ] || { echo '!missing /proc/net/tcp cannot be read'; return; }
  for protocol in tcp tcp6 udp udp6; do
    [ -r "/proc/net/$protocol" ] || continue
    while IFS= read -r line; do
      # The kernel lists what listens before every connection.
      case $protocol$line in tcp*:*:*' '*:*' 0A '*|*sl*|udp*) ;; *) break ;; esac
      printf '%s\n' "/proc/net/$protocol:$line"
    done <"/proc/net/$protocol"
  done
  echo '!ok'
}

section_connections() {
  need grep || return
  [ -r /proc/net/tcp ] || { echo '!missing /proc/net/tcp cannot be read'; return; }
  grep . /dev/null /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null
  echo '!ok'
}

section_mounts() {
  [ -r /proc/self/mounts ] || { echo '!missing /proc/self/mounts cannot be read'; return; }
  while IFS= read -r line; do printf '%s\n' "$line"; done </proc/self/mounts
  echo '!ok'
}

# Name, length and shape; a value never leaves the target.
section_env() {
  need tr || return
  [ -r "/proc/$$/environ" ] || { echo '!missing /proc/self/environ cannot be read'; return; }
  tr '\000\n' '\n\001' <"/proc/$$/environ" | while IFS= read -r line || [ -n "$line" ]; do
    case $line in *=*) ;; *) continue ;; esac
    value=${line#*=}
    case $value in
      '') shape=empty ;;
      *'-----BEGIN '*'PRIVATE KEY'*) shape=private_key ;;
      AKIA????????????????|ASIA????????????????) shape=aws_key ;;
      eyJ*.eyJ*.*) shape=jwt ;;
      ghp_*|gho_*|ghs_*|ghu_*|github_pat_*) shape=github_token ;;
      xox[abprs]-*) shape=slack_token ;;
      *://*:*@*) shape=url_credentials ;;
      *) shape=plain ;;
    esac
    printf '%s %s %s\n' "${#value}" "$shape" "${line%%=*}"
  done
  echo '!ok'
}

section_commands() {
  directories="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$own_path"
  for name in $commands; do
    rest=$directories:
    while [ -n "$rest" ]; do
      place=${rest%%:*}
      rest=${rest#*:}
      case $place in /*) ;; *) continue ;; esac
      if [ -f "$place/$name" ] && [ -x "$place/$name" ]; then
        printf '%s %s\n' "$name" "$place/$name"
        break
      fi
    done
  done
  echo '!ok'
}

section_packages() {
  need grep || return
  known=no
  for database in /var/lib/dpkg/status /var/lib/dpkg/status.d/*; do
    [ -f "$database" ] || continue
    [ -r "$database" ] || { echo "!missing the dpkg database cannot be read by this user"; return; }
    known=yes
    echo '@dpkg'
    grep -E '^(Package|Status|Version|Architecture):' "$database"
  done
  for database in /lib/apk/db/installed /usr/lib/apk/db/installed; do
    [ -f "$database" ] || continue
    [ -r "$database" ] || { echo "!missing the apk database cannot be read by this user"; return; }
    [ "$known" = apk ] && continue
    known=apk
    echo '@apk'
    grep -E '^[PVA]:' "$database"
  done
  if rpm_database; then
    echo '!missing the collector cannot read an rpm database; strategy distroless can'
  elif [ "$known" = no ]; then
    echo '!missing there is no dpkg or apk database'
  else
    echo '!ok'
  fi
}

# Whether there is one, or nobody can know: a directory alone comes with the tool, as in Debian.
rpm_database() {
  for dir in /var/lib/rpm /usr/lib/sysimage/rpm; do
    [ -d "$dir" ] || continue
    [ -r "$dir" ] && [ -x "$dir" ] || return 0
    for file in "$dir"/*; do
      case ${file##*/} in _*|rpmdb.sqlite-*) continue ;; esac
      if [ -e "$file" ] || [ -h "$file" ]; then return 0; fi
    done
  done
  return 1
}

section_language_packages() {
  echo '!missing the collector cannot list packages of languages; strategies distroless and sidecar can'
}

section_os() {
  for file in /etc/os-release /usr/lib/os-release; do
    [ -r "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in ID=*|VERSION_ID=*|PRETTY_NAME=*) printf '%s\n' "$line" ;; esac
    done <"$file"
    echo '!ok'
    return
  done
  echo '!missing there is no os-release that this user can read'
}

section_kernel() {
  release= label=
  read -r release 2>/dev/null </proc/sys/kernel/osrelease ||
    { echo '!missing /proc/sys cannot be read'; return; }
  { read -r label </proc/self/attr/current; } 2>/dev/null
  printf 'release %s\nlabel %s\n' "$release" "$label"
  # Some shells take everything for writable by root, a read-only mount included.
  writable=no
  [ -w /proc/sys/kernel/core_pattern ] && writable=yes
  while read -r source target type options rest; do
    case "$target ,$options," in '/proc/sys '*,ro,*) writable=no ;; esac
  done </proc/self/mounts
  echo "writable $writable"
  echo '!ok'
}

# Processes and listening sockets as lines of `inventory::changes`, by the shell alone; $1 says when.
moment() {
  number=0
  for process in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$process"; } 2>/dev/null || continue
    number=$((number + 1))
    [ "$number" -le "$most_processes" ] || { echo 'lost some of very many processes'; break; }
    printf '%s p %s\n' "$1" "$line"
  done
  for protocol in tcp tcp6 udp udp6; do
    [ -r "/proc/net/$protocol" ] || continue
    number=0
    while read -r slot local remote state queue timer retries owner timeout inode rest; do
      # The kernel lists what listens before every connection.
      case "$protocol $state $remote" in
        *' st '*) continue ;;
        tcp*' 0A '*) ;;
        tcp*) break ;;
      esac
      number=$((number + 1))
      [ "$number" -le "$most_sockets" ] || { echo 'lost some of very many sockets'; break; }
      case "$protocol $state $remote" in
        udp*' 07 '*:0000|tcp*) printf '%s s %s %s %s\n' "$1" "$protocol" "$local" "$inode" ;;
      esac
    done <"/proc/net/$protocol"
  done
  [ -r /proc/net/unix ] || return
  number=0
  while read -r slot references protocol flags type state inode path; do
    number=$((number + 1))
    [ "$number" -le "$most_sockets" ] || { echo 'lost some of very many sockets'; break; }
    [ "$flags" = 00010000 ] && printf '%s s unix %s %s\n' "$1" "$path" "$inode"
  done </proc/net/unix
}

# State and path of each entry of the directories to watch.
states() {
  set --
  for directory in $watched; do
    [ -d "$directory" ] && [ ! -h "$directory" ] && [ -r "$directory" ] && [ -x "$directory" ] &&
      set -- "$@" "$directory/."
  done
  find "$@" ! -name . -prune -path "*$newline*" -exec sh -c "$odd_entries" sh '%f %u %g %s %i %y %z' {} + \
    -o ! -name . -exec stat -c '%f %u %g %s %i %y %z %n' {} + |
    sed "$((most_entries + 1))q"
}

# The target as it was against how it is now; the file states are sent only where they differ.
section_changes() {
  echo "self $$"
  printf '%s\n' "$before"
  moment a
  for directory in $watched; do
    [ -d "$directory" ] && [ ! -h "$directory" ] || continue
    [ -r "$directory" ] && [ -x "$directory" ] || echo "closed $directory"
  done
  if has find && has stat && has sed && works find && works stat; then
    now=$(states)
    if [ "$now" = "$files" ]; then
      echo "same f $(printf '%s\n' "$now" | sed -n '$=')"
    else
      printf '%s\n' "$files" | sed 's/^/b f /'
      printf '%s\n' "$now" | sed 's/^/a f /'
    fi
  else
    echo 'lost files: the target has no find, stat and sed that work'
  fi
  echo '!ok'
}

answer() {
  if [ "$changes" = yes ]; then
    before=$(moment b)
    files=$(states)
  fi
  count=0
  for section in $sections; do
    count=$((count + 1))
    echo "@$nonce section $section"
    "section_$section"
  done
  if [ "$changes" = yes ]; then
    echo "@$nonce section changes"
    section_changes
  fi
  echo "@$nonce done $count"
}

# A busybox may have the name of an applet without the applet.
if [ "$(printf 123456789 | cksum 2>/dev/null)" = '930766865 9' ]; then
  sums=crc
elif [ "$(printf 123456789 | sha256sum 2>/dev/null)" = \
  '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225  -' ]; then
  sums=sha256
else
  sums=no
fi

# Checksum and length of $1.
sum() {
  case $sums in
    crc) printf %s "$1" | cksum ;;
    sha256)
      digest=$(printf %s "$1" | sha256sum)
      echo "sha256:${digest%% *} ${#1}"
      ;;
    no) echo "- ${#1}" ;;
  esac
}

# Cuts the answer into frames whose length and checksum the reader can prove.
pump() {
  frames=0 total=0 headers=
  while :; do
    chunk=$(dd bs=32768 count=1 2>/dev/null; echo x)
    chunk=${chunk%x}
    [ -n "$chunk" ] || break
    set -- $(sum "$chunk")
    header="@frame $nonce $frames $2 $1"
    printf '%s\n%s\n' "$header" "$chunk"
    headers=$headers$header$newline
    frames=$((frames + 1)) total=$((total + $2))
  done
  set -- $(sum "$headers")
  printf '@end %s %s %s %s\n' "$nonce" "$frames" "$total" "$1"
}

main() {
  # A failure of its own would be reported in place of the reason.
  has dd || { echo "@fail $nonce the target has no dd"; return 0; }
  answer 2>/dev/null | dd ibs=4096 obs=32768 2>/dev/null | pump
}

main </dev/null
exit $?
