# The collector: answers one inventory request with what a POSIX shell and its usual tools can see.
# Sent over standard input to `sh -s`, after shell.sh and a prologue that sets sections, commands, changes
# and watched, and the functions search, named and followed. Writes nothing in the target. Speaks the protocol of `inventory::wire`.
own_path=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
rest=$own_path:
while [ -n "$rest" ]; do
  # What is empty or relative is the directory that the target happens to work in.
  case $rest in /*) PATH=$PATH:${rest%%:*} ;; esac
  rest=${rest#*:}
done
export PATH
umask 077
ulimit -t 120 2>/dev/null
ulimit -c 0 2>/dev/null
# The shell of what find runs.
shell=/bin/sh
return=$(printf '\r')

has() { command -v "$1" >/dev/null 2>&1; }

# Whether the kernel lets this user open $1, or search directory $1. `[ -r ]` and `[ -x ]` of some shells only look at
# the mode, and say yes to uid 0 whatever its capabilities. No FIFO may be opened: it would wait for a writer.
opens() { { [ -n x ] <"$1"; } 2>/dev/null; }
searchable() { [ -e "$1/." ]; }

# Whether $1, which is not seen, or what the link $1 leads to, is really missing.
absent() {
  hops=0
  if [ -h "$1" ]; then nowhere "$1"; else missing "$1"; fi
}

# What is deepest above $1 is no directory, or can be searched.
missing() {
  up=${1%/*}
  while [ -n "$up" ] && [ ! -e "$up" ]; do
    # A link may lead to what this user cannot search.
    if [ -h "$up" ]; then
      nowhere "$up"
      return
    fi
    up=${up%/*}
  done
  [ ! -d "${up:-/}" ] || searchable "${up:-}"
}

# Whether link $1 leads to nothing. After 40 links it is not known, as to the kernel.
nowhere() {
  at=$1
  while [ -h "$at" ]; do
    hops=$((hops + 1))
    [ "$hops" -le 40 ] || return
    # Without a mark after it a shell would cut newlines at its end.
    to=$(readlink "$at" 2>/dev/null && echo x) || return
    to=${to%"${newline}x"}
    case $to in /*) at=$to ;; *) at=${at%/*}/$to ;; esac
  done
  missing "$at"
}

# Sets kind to why $1, or what the link $1 leads to, is not seen, and fails where there is nothing.
blind() {
  kind=not_readable
  [ ! -h "$1" ] || has readlink || return 0
  ! absent "$1" || return 1
  kind=not_searchable
  [ "$hops" -le 40 ] || kind=over_limit
}

# The same of the start of a walk: whose the directory is that is shut on the way, is not known.
blind_start() {
  blind "$1" || return 1
  [ "$kind" != not_searchable ] || kind=not_listable
}

# Whether file $1 can be read; ends the section when it cannot, or when there is none.
readable() {
  if [ -f "$1" ]; then
    opens "$1" && return 0
    echo "!missing $1 cannot be read by this user"
  elif [ -e "$1" ]; then
    echo "!missing $1 is no regular file"
  elif absent "$1"; then
    echo '!ok'
  else
    echo "!missing $1 cannot be read by this user"
  fi
  return 1
}

# Whether a tool gives the answer that is known: a busybox may have the name of an applet without the
# applet, and an intruder's tool may lie. One that lies with care cannot be detected from here.
works() {
  # A /bin/sh that prints more than it is asked for is a wrapper with a banner.
  [ "$1" != sh ] || { [ "$("$shell" -c 'printf "%s\n" "$2"' sh a 'b  c' 2>/dev/null)" = 'b  c' ]; return; }
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

