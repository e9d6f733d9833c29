# Accounts. A C library reads a line in its own way, so each goes as it is, but for its password: hashes never leave the
# target. Lines without fields go as one character.

# File $1. Where there is tr, a byte that is 0, at which C libraries end a line, is one that is 1; shells drop it.
whole_file() {
  if has tr && works tr; then
    tr '\000' '\001' <"$1"
  else
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1"
  fi
}

# The lines of file $1, each handed to $2.
account_lines() {
  readable "$1" || return
  for file in /lib/ld-musl-* /usr/lib/ld-musl-*; do
    if [ -e "$file" ] || [ -h "$file" ]; then echo @musl; break; fi
  done
  for file in /lib/libc.so.6 /lib64/libc.so.6 /usr/lib/libc.so.6 /usr/lib64/libc.so.6 /lib/*-linux-gnu*/libc.so.6 \
    /usr/lib/*-linux-gnu*/libc.so.6; do
    if [ -e "$file" ] || [ -h "$file" ]; then echo @glibc; break; fi
  done
  blank=$(printf ' \t\v\f\r') end=$(printf '\001')
  whole_file "$1" | while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      *:*)
        name=${line%%:*} rest=${line#*:}
        pass=${rest%%:*}
        case $rest in *:*) rest=${rest#*:} ;; *) rest= ;; esac
        "$2"
        ;;
      *)
        line=${line#"${line%%[!$blank]*}"}
        case $line in ''|'#'*) echo '#' ;; *) echo . ;; esac
        ;;
    esac
  done
  echo '!ok'
}

# Sets real to the directory that path $1 leads to, without a slash at its end. The status is 1 where it leads to none, and 2
# where that cannot be seen. Nothing is started where no link is on the way.
resolved() {
  [ "${#1}" -lt 4096 ] || return 1
  at= todo=$1/ hops=0
  while [ -n "$todo" ]; do
    [ "$looks" -gt 0 ] || return 2
    looks=$((looks - 1))
    part=${todo%%/*} todo=${todo#*/}
    case $part in
      ''|.) continue ;;
      ..) at=${at%/*}; continue ;;
    esac
    way=$at/$part
    if [ -h "$way" ]; then
      # What this user may enter, no tool has to be asked about.
      [ "$hops" != 0 ] || ! really "$1" || return 0
      hops=$((hops + 1)) looks=$((looks - 20))
      [ "$hops" -le 40 ] || return 1
      to=$(readlink "$way" 2>/dev/null && echo x) || return 2
      to=${to%"${newline}x"}
      case $to in /*) at= ;; esac
      todo=$to/$todo
    elif [ -d "$way" ]; then at=$way
    elif [ -e "$way" ] || searchable "$at"; then return 1
    else return 2
    fi
  done
  real=$at
  [ "$hops" = 0 ] || [ "${real:-/}" -ef "$1" ] || return 2
}

# A line before that of an account whose home is another directory than its text names, or cannot be seen. When there are no
# looks left, the first such account stands for all.
leads() {
  home=${rest#*:*:*:}
  [ "$home" != "$rest" ] || return 0
  home=${home%%:*} home=${home%%"$end"*}
  case $home in /*) ;; *) return 0 ;; esac
  [ "$spent" = no ] || return 0
  resolved "$home"
  case $? in
    0) ;;
    2)
      [ "$looks" -gt 0 ] || spent=yes
      echo '@home ?'
      return
      ;;
    *) return 0 ;;
  esac
  real=${real:-/}
  [ "$real" != "$home" ] || return 0
  own=$name left=$rest
  name "$real"
  printf '@home %s\n' "$name"
  name=$own rest=$left
}

account() {
  leads
  case $pass in '') pass=empty ;; x) pass=shadowed ;; '!'*|'*'*) pass=locked ;; *) pass=hashed ;; esac
  printf '%s:%s:%s\n' "$pass" "$name" "$rest"
}

group() { printf '%s:%s\n' "$name" "$rest"; }

# States only.
shadow() {
  kind=
  case $pass in
    '') pass=empty ;;
    '!'*|'*'*) pass=locked ;;
    '$'*'$'*) kind=${pass#?}; kind=${kind%%'$'*}; pass=hashed ;;
    *) kind=des; pass=hashed ;;
  esac
  printf '%s:%s:%s\n' "$pass" "$kind" "$name"
}

section_users() {
  looks=50000 spent=no
  account_lines /etc/passwd account
}

section_groups() { account_lines /etc/group group; }

section_shadow() { account_lines /etc/shadow shadow; }

