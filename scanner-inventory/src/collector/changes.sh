# Processes as lines of `inventory::changes`, by the shell alone; $1 says when.
running() {
  number=0
  for process in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$process"; } 2>/dev/null || continue
    number=$((number + 1))
    [ "$number" -le "$most_processes" ] || { echo 'lost some of very many processes'; break; }
    printf '%s p %s\n' "$1" "$line"
  done
}

# The same with listening sockets.
moment() {
  running "$1"
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
    [ -d "$directory" ] && [ ! -h "$directory" ] && opens "$directory" && searchable "$directory" &&
      set -- "$@" "$directory/."
  done
  find "$@" ! -name . -prune -path "*$newline*" -exec "$shell" -c "$odd_entries" sh '%f %u %g %s %i %y %z' {} + \
    -o ! -name . -exec stat -c '%f %u %g %s %i %y %z %n' {} + |
    sed "$((most_entries + 1))q"
}

# Processes at the start and after the sections but the files: what was there all the time is in the section of processes.
present() {
  [ "$changes" = yes ] || return 0
  echo "@$nonce section present"
  echo "self $$"
  printf '%s\n' "$before"
  running a
  echo '!ok'
  present() { :; }
}

# The target as it was against how it is now; the file states are sent only where they differ.
section_changes() {
  echo "self $$"
  printf '%s\n' "$before"
  moment a
  for directory in $watched; do
    [ -d "$directory" ] && [ ! -h "$directory" ] || continue
    opens "$directory" && searchable "$directory" || echo "closed $directory"
  done
  if has find && has stat && has sed && works find && works stat && works sh; then
    now=$(states)
    if [ "$now" = "$files" ]; then
      echo "same f $(printf '%s\n' "$now" | sed -n '$=')"
    else
      printf '%s\n' "$files" | sed 's/^/b f /'
      printf '%s\n' "$now" | sed 's/^/a f /'
    fi
  else
    echo 'lost files: the target has no find, stat, sed and sh that work'
  fi
  echo '!ok'
}

