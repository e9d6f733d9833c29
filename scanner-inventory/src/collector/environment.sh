# Blocks of 4096 bytes of the environment of another process that are read.
most_blocks=512

# The environment of a new process of the container, as its specification sets it.
section_env() {
  need tr || return
  [ -r "/proc/$$/environ" ] || { echo '!missing /proc/self/environ cannot be read'; return; }
  { odd=$(tr '\000\n' '\n\001' <"/proc/$$/environ" | variables); } 3>&1
  [ -n "$odd" ] || return
  if [ "$odd" = 0 ]; then echo '!ok'; return; fi
  echo '!gap malformed'
  echo "!partial $odd $odd parts of it are not variables: the process wrote something else over its environment"
}

# The environment of the first process of the container, where an entrypoint may have added variables.
section_process_env() {
  need tr || return
  first_of_container
  [ -n "$by_mounts$by_cgroups" ] || { echo '!missing /proc does not show the first process of the container'; return; }
  [ "$by_mounts" != "$by_cgroups" ] || by_cgroups=
  gaps= lost=0 why=
  for pid in $by_mounts $by_cgroups; do
    place=/proc/$pid/environ
    if ! opens "$place"; then
      unseen "not_readable $place" 1 "this user may not read the environment of process $pid"
      continue
    fi
    { odd=$(dd if="$place" bs=4096 count="$most_blocks" 2>/dev/null | tr '\000\n' '\n\001' | variables); } 3>&1
    [ "$odd" = 0 ] || unseen malformed "${odd:-1}" "process $pid wrote something else over its environment"
    [ -z "$(dd if="$place" bs=4096 skip="$most_blocks" count=1 2>/dev/null | tr '\000\n' xx)" ] ||
      unseen "over_limit $place" 1 "the environment of process $pid is too long"
  done
  if [ "$lost" = 0 ]; then echo '!ok'; return; fi
  printf %s "$gaps"
  echo "!partial $lost $why"
}

# Notes gap $1, which stands for $2 parts of an environment.
unseen() {
  gaps=$gaps"!gap $1$newline" lost=$((lost + $2)) why=${why:+$why; }$3
}

# Sets by_mounts and by_cgroups to the oldest process that has the mounts of this one, and that has its cgroups. With a process
# namespace of the pod or of the node, the first process is of another container. Mounts are not shown to every user, and
# the first process may have left them; where there are no cgroups of containers, other processes have the same ones. So both
# count. Without the process with id 1 others may be hidden too.
first_of_container() {
  by_mounts= by_cgroups= since_mounts= since_cgroups=
  [ -d /proc/1 ] && began "$$" || return
  own_start=$began own_cgroups=
  cgroups_of "$$" && own_cgroups=$cgroups
  for place in /proc/[0-9]*; do
    pid=${place#/proc/}
    began "$pid" && [ "$began" -lt "$own_start" ] || continue
    if sooner "$by_mounts" "$since_mounts" && [ "$place/ns/mnt" -ef "/proc/$$/ns/mnt" ]; then
      by_mounts=$pid since_mounts=$began
    fi
    if [ -n "$own_cgroups" ] && sooner "$by_cgroups" "$since_cgroups" && cgroups_of "$pid" &&
      [ "$cgroups" = "$own_cgroups" ]; then
      by_cgroups=$pid since_cgroups=$began
    fi
  done
}

# Whether process $pid began before process $1, which began at $2, or there is none yet.
sooner() {
  [ -z "$1" ] || [ "$began" -lt "$2" ] || { [ "$began" = "$2" ] && [ "$pid" -lt "$1" ]; }
}

# Sets began to when process $1 began, in ticks of the kernel, or fails where that is not shown.
began() {
  began=
  { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return
  # The name may hold anything, so that the last parenthesis ends it.
  set -- ${line##*") "}
  case ${20} in ''|*[!0-9]*) return 1 ;; esac
  began=${20}
}

# Sets cgroups to those of process $1, or fails where they are not shown.
cgroups_of() {
  cgroups=
  { while IFS= read -r line; do cgroups=$cgroups$line$newline; done <"/proc/$1/cgroup"; } 2>/dev/null
  [ -n "$cgroups" ]
}

# Writes name, length and shape of each variable to 3, and how many parts are not variables. A value never leaves the target.
variables() {
  odd=0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *=*) ;; *) odd=$((odd + 1)); continue ;; esac
    value=${line#*=}
    case ${line%%=*} in *' '*) odd=$((odd + 1)) ;; esac
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
    printf '%s %s %s\n' "${#value}" "$shape" "${line%%=*}" >&3
  done
  echo "$odd"
}

