section_identity() {
  [ -r "/proc/$$/status" ] || { echo '!missing /proc cannot be read'; return; }
  while IFS= read -r line; do
    case $line in Uid:*|Gid:*|Groups:*|CapEff:*|CapBnd:*|NoNewPrivs:*|Seccomp:*)
      printf '%s\n' "/proc/$$/status:$line"
      case $line in Uid:*|Gid:*|Groups:*|CapEff:*) printf 'agent %s\n' "$line" ;; esac ;;
    esac
  done <"/proc/$$/status"
  echo '!ok'
}

section_processes() {
  need grep || return
  echo "self $$"
  # It is in the container, while the first process may be that of another one, or of the node.
  echo "container $$"
  status_lines 'Name|Pid|PPid|Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp' /proc/1/status >/dev/null ||
    { echo '!missing /proc cannot be read'; return; }
  grep -E "^(Name|Pid|PPid|Threads|$thread_keys):" /dev/null /proc/[0-9]*/status \
    2>/dev/null
  has stat && works stat && stat -L -c '%n:inode:%i' /proc/[0-9]*/ns/user /proc/[0-9]*/ns/mnt 2>/dev/null
  # What is mounted at the root of each.
  grep -E '^[0-9]+ [0-9]+ [0-9]+:[0-9]+ [^ ]+ / ' /dev/null /proc/[0-9]*/mountinfo 2>/dev/null
  for process in /proc/[0-9]*; do echo "${process#/proc/}"; done | first 4000 | while read -r pid; do places "$pid"; done
  grep -E '^Threads:[^0-9]*([2-9]|[1-9][0-9])' /dev/null /proc/[0-9]*/status 2>/dev/null | first 1000 |
    while IFS=/ read -r none proc pid rest; do threads "$pid"; done
  if grep -E '^[^ ]+ /proc proc [^ ]*(hidepid|subset)=' /proc/self/mounts >/dev/null 2>&1; then
    echo '!gap hidden'
    echo '!partial 1 /proc is mounted so that it does not show the processes of other users'
    return
  fi
  echo '!ok'
}

# Where process $1 works, and what it takes for its root: `seen` where the path leads this user there too.
places() {
  for place in cwd root; do
    if [ "/proc/$1/$place" -ef / ]; then
      to=/
    else
      # Without a mark after it a shell would cut newlines at its end.
      to=$(readlink "/proc/$1/$place" && echo x) || continue
      to=${to%"${newline}x"}
    fi 2>/dev/null
    way=shut
    case $to in /*) ! [ "$to" -ef "/proc/$1/$place" ] 2>/dev/null || way=seen ;; esac
    name "$to"
    printf '%s\n' "/proc/$1/$place:$way:$name"
  done
}

# What the kernel goes by is of each thread: what is said of any of them, each line once, and then whether all are where their
# process is. Where there are too many, that is not said.
threads() {
  grep -E "^($thread_keys):" /dev/null "/proc/$1/task"/[0-9]*/status 2>/dev/null | {
    said=$newline
    while IFS= read -r line; do
      line=${line#*:}
      case $said in *"$newline$line$newline"*) continue ;; esac
      said=$said$line$newline
      [ "${#said}" -le 20000 ] || return
      printf '%s\n' "/proc/$1/task:$line"
    done
    where=same count=0
    for thread in "/proc/$1/task"/[0-9]*; do
      count=$((count + 1))
      [ "$count" -le 5000 ] || return
      for place in cwd root ns/user ns/mnt; do
        [ "$thread/$place" -ef "/proc/$1/$place" ] && continue
        # One that ended is nowhere.
        [ ! -d "$thread" ] || where=other
      done
    done 2>/dev/null
    printf '%s\n' "/proc/$1/task:where:$where"
  }
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

# Notes that a place of programs, $2, cannot be looked into. The first ones are named.
lose() {
  lost=$((lost + 1)) name=
  [ "$lost" -le 64 ] || { [ "$lost" != 65 ] || gaps=$gaps"!gap unknown$newline"; return 0; }
  [ -z "$2" ] || name "$2"
  gaps=$gaps"!gap $1${name:+ $name}$newline"
}

# Whether somebody may execute file $1, whoever asks: `[ -x ]` says what this user may.
runs() {
  [ ! -x "$1" ] || return 0
  has stat && works stat && mode=$(stat -L -c %a "$1" 2>/dev/null) || { lose not_readable "$1"; return 1; }
  case $mode in *[1357]|*[1357]?|*[1357]??) return 0 ;; esac
  return 1
}

# The directories of programs that can be searched, and then in them each program. What cannot be looked into is no place
# without programs.
section_commands() {
  rest="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$own_path:"
  known=: searched= gaps= lost=0 left=64
  while [ -n "$rest" ]; do
    place=${rest%%:*} rest=${rest#*:}
    # What is empty or relative is the directory that the target happens to work in.
    case $place in /*) ;; *) continue ;; esac
    while :; do case $place in */) place=${place%/} ;; *) break ;; esac; done
    case $known in *":$place:"*) continue ;; esac
    known=$known$place:
    if [ "$left" = 0 ]; then
      lose over_limit ''
      break
    fi
    left=$((left - 1))
    if [ -d "$place/" ]; then
      if searchable "$place"; then searched=$searched$place:; else lose not_searchable "${place:-/}"; fi
    elif [ ! -e "$place" ] && blind "$place"; then lose "$kind" "$place"
    fi
  done
  for program in $commands; do
    rest=$searched
    while [ -n "$rest" ]; do
      place=${rest%%:*}/$program rest=${rest#*:}
      if [ -f "$place" ]; then
        runs "$place" || continue
        name "$place"
        printf '%s %s\n' "$program" "$name"
        break
      elif [ ! -e "$place" ] && blind "$place"; then lose "$kind" "$place"
      fi
    done
  done
  if [ "$lost" = 0 ]; then echo '!ok'; return; fi
  printf %s "$gaps"
  echo "!partial $lost $lost places of programs could not be searched"
}

# Paragraphs cut to a few fields, with a line between them.
paragraphs() {
  echo "$1"
  shift
  grep "$@" | while IFS= read -r line; do
    case $line in '') echo @ ;; *) printf '%s\n' "$line" ;; esac
  done
}

# Whether $2, a database of $1, is there and can be read. Adds to unread what is there and cannot.
there() {
  if [ -f "$2" ]; then
    ! opens "$2" || return 0
  elif [ ! -e "$2" ] && absent "$2"; then
    return 1
  fi
  unread="$unread; a database of $1 cannot be read by this user"
  return 1
}

section_packages() {
  need grep || return
  known=no unread=
  dir=/var/lib/dpkg/status.d
  if [ -d "$dir" ]; then opens "$dir" && searchable "$dir"; else [ -e "$dir" ] || absent "$dir"; fi ||
    unread='; a database of dpkg cannot be read by this user'
  for database in /var/lib/dpkg/status "$dir"/*; do
    there dpkg "$database" || continue
    known=yes
    # Names of fields may be in letters of any size.
    paragraphs @dpkg -iE '^((Package|Status|Version|Architecture|Source):|$)' "$database"
  done
  for database in /lib/apk/db/installed /usr/lib/apk/db/installed; do
    there apk "$database" || continue
    known=yes
    paragraphs @apk -E '^([PVAo]:|$)' "$database"
  done
  ! rpm_database || unread="$unread; the collector cannot read the rpm database; strategy distroless can"
  unread=${unread#; }
  if [ "$known" = no ]; then
    echo "!missing ${unread:-there is no dpkg or apk database}"
  elif [ -n "$unread" ]; then
    echo '!gap unsupported'
    echo "!partial 1 $unread"
  else
    echo '!ok'
  fi
}

# Whether there is one, or nobody can know: a directory alone comes with the tool, as in Debian.
rpm_database() {
  for dir in /var/lib/rpm /usr/lib/sysimage/rpm /usr/share/rpm; do
    if [ ! -d "$dir" ]; then
      if [ -e "$dir" ] || absent "$dir"; then continue; fi
      return 0
    fi
    opens "$dir" && searchable "$dir" || return 0
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
    [ -f "$file" ] && opens "$file" || continue
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

