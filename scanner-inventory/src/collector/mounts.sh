# What is mounted in the target, and where walks begin.

# Sets decoded to a path of /proc/self/mounts as it is; see `mangle` of the kernel's seq_file.
decode() {
  decoded= coded=$1
  while :; do
    case $coded in *\\*) ;; *) decoded=$decoded$coded; return ;; esac
    decoded=$decoded${coded%%\\*}
    coded=${coded#*\\}
    case $coded in
      040*) decoded="$decoded " ;;
      011*) decoded="$decoded	" ;;
      012*) decoded=$decoded$newline ;;
      043*) decoded="$decoded#" ;;
      134*) decoded="$decoded\\" ;;
      *) decoded="$decoded\\"; continue ;;
    esac
    coded=${coded#???}
  done
}

# Sorts what is mounted, a line each: what a walk enters, what the kernel makes up as it is read and no walk enters, and
# what is mounted by whoever looks, which is a gap.
mounts() {
  entered= made= waiting= known=no all= plain=yes
  [ -r /proc/self/mounts ] || return
  known=yes
  # Of those at one place the last is on top.
  while read -r source target type rest; do
    all="$type $target$newline$all"
  done </proc/self/mounts
  places=$newline
  while [ -n "$all" ]; do
    line=${all%%"$newline"*}
    all=${all#*"$newline"}
    type=${line%% *} target=${line#* }
    case $places in *"$newline$target$newline"*) continue ;; esac
    places=$places$target$newline
    case $type in
      binder|binfmt_misc|bpf|cgroup|cgroup2|configfs|debugfs|devpts|devtmpfs|efivarfs|erofs|ext[234]|fusectl|iso9660|mqueue|\
        overlay|proc|pstore|ramfs|rootfs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs|vfat|xfs) ;;
      *) plain=no ;;
    esac
    [ "$target" != / ] || continue
    decode "$target"
    [ -d "$decoded" ] || continue
    # One that another mount hides is not on a device of its own there; and one on the same device is walked from above.
    devices=$(stat -c %d "$decoded" "${decoded%/*}/" 2>/dev/null) || continue
    [ "${devices%"$newline"*}" != "${devices#*"$newline"}" ] || continue
    case $type in
      binder|binfmt_misc|bpf|cgroup|cgroup2|configfs|debugfs|devpts|efivarfs|fusectl|mqueue|nfsd|proc|pstore|resctrl|\
        rpc_pipefs|securityfs|selinuxfs|smackfs|sysfs|tracefs) made=$made$target$newline ;;
      autofs) waiting=$waiting$target$newline ;;
      *) entered=$entered$target$newline ;;
    esac
  done
}

# Whether the kernel makes up a filesystem below $1 and at or above $2.
made_up() {
  others=$made
  while [ -n "$others" ]; do
    decode "${others%%"$newline"*}"
    others=${others#*"$newline"}
    case $decoded in "$1"/*) case $2/ in "$decoded"/*) return 0 ;; esac ;; esac
  done
  return 1
}

# Sets real to where directory $1 really is, without a slash at its end.
really() {
  real=$(cd -P "$1" 2>/dev/null && pwd -P && echo x) || return
  real=${real%"${newline}x"}
  # Two slashes at the beginning are a place of its own to POSIX, and one to Linux.
  case $real in //*) real=${real#/} ;; esac
  [ "$real" != / ] || real=
}

# Whether a walk of another of the directories $2... comes by $1. They are sorted: the last one above is the nearest.
seen_from_above() {
  own=$1 above=
  shift
  for other; do
    case $own in "$other") ;; "${other%/}"/*) above=$other ;; esac
  done
  [ -n "$above" ] && [ -e "$own" ] || return
  [ "$stays" = no ] || device=$(stat -c %d "$above" 2>/dev/null) || return
  way=${above%/} left=${own#"${above%/}"/}
  while [ -n "$left" ]; do
    way=$way/${left%%/*}
    case $left in */*) left=${left#*/} ;; *) left= ;; esac
    [ ! -h "$way" ] || return
    [ "$stays" = no ] || [ "$(stat -c %d "$way" 2>/dev/null)" = "$device" ] || return
  done
  [ "$stays" = no ] || return 0
  really "$above" && ! made_up "$real" "$real/${own#"${above%/}"/}"
}

# Runs $1 for each place where a walk of the other arguments begins, and $2 for each that cannot be looked at: the
# directories, those that links in their place lead to, and what is mounted below them.
from() {
  walk=$1 lost=$2
  shift 2
  for start; do
    ! seen_from_above "$start" "$@" || continue
    if [ ! -e "$start" ] && [ ! -h "$start" ]; then
      ! blind_start "$start" || "$lost" "$kind" "$start"
      continue
    fi
    "$walk" itself "$start"
    if [ ! -e "$start" ]; then
      ! blind_start "$start" || "$lost" "$kind" "$start"
      continue
    fi
    [ -d "$start" ] || continue
    [ ! -h "$start" ] || "$walk" link "$start/"
    [ "$stays" = no ] || continue
    [ "$known" = yes ] || "$lost" other_mount "$start"
    really "$start" || continue
    base=$real
    below "$entered" "$walk" mount
    below "$waiting" "$lost" other_mount
  done
}

# Runs $2 and $3 for each mount of $1 that is below directory start, which really is base.
below() {
  targets=$1
  while [ -n "$targets" ]; do
    decode "${targets%%"$newline"*}"
    targets=${targets#*"$newline"}
    mount=$decoded
    case $mount in "$base"/*) ;; *) continue ;; esac
    made_up "$base" "$mount" || "$2" "$3" "${start%/}${mount#"$base"}"
  done
}

# One error.
count() { echo "$1" >&2; }

name_gap() {
  name "$2"
  printf '!gap %s %s\n' "$1" "$name"
}

# Says of each directory of the walk $1... that find leaves out, as it is on another device, and where nothing is mounted, that
# it is missing: a subvolume of btrfs is no mount.
borders() {
  device=$(stat -L -c %d "$2" 2>/dev/null) || return
  within "$@" -xdev -type d ! -path "*$newline*" -exec stat -c '%d %n' {} + | while IFS= read -r line; do
    [ "${line%% *}" != "$device" ] || continue
    apart "${line#* }"
  done
  within "$@" -xdev -type d -path "*$newline*" -exec "$shell" -c "$odd_borders" sh "$device" {} +
}

# For paths whose names have a newline: no mount is looked up by them.
odd_borders='trap exit TERM'$escaping$naming'
device=$1
shift
for path; do
  [ "$(stat -c %d "$path")" = "$device" ] || { name "$path"; printf "!gap other_mount %s\n" "$name"; }
done'

# A gap for directory $1, unless something is mounted there.
apart() {
  if really "${1%/*}/"; then
    real=$real/${1##*/} targets=${places#"$newline"}
    while [ -n "$targets" ]; do
      decode "${targets%%"$newline"*}"
      targets=${targets#*"$newline"}
      [ "$decoded" != "$real" ] || return 0
    done
  fi
  name_gap other_mount "$1"
}
