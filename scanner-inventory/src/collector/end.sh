# Sets state, parent, group and caught (the signals that it handles) of process $1, or fails where it is gone.
process() {
  state= parent= group= caught=
  {
    while read -r key value rest; do
      case $key in
        State:) state=$value ;;
        PPid:) parent=$value ;;
        NSpgid:) group=$value ;;
        SigCgt:) caught=$value ;;
      esac
    done <"/proc/$1/status"
  } 2>/dev/null
  [ -n "$group" ]
}

# Whether the process group of this shell is its own, as that of an exec is: only then may all of it be ended.
alone() { process "$$" && [ "$group" = "$$" ]; }

# Ends every other process of this group from the inside out, so that each is waited for by its parent: the first
# process of many containers waits for none, and a zombie would stay. What has no child is stopped, so that it cannot
# start one, and killed when it still has none. A shell that has one ends after it, since it handles TERM.
over() {
  trap '' TERM
  exec 2>/dev/null
  tries=0 halted=
  while [ "$tries" -lt 200 ]; do
    tries=$((tries + 1))
    members= still=
    for place in /proc/[0-9]*; do
      id=${place#/proc/}
      process "$id" && [ "$group" = "$$" ] && [ "$id" != "$$" ] || continue
      # What has ended and belongs to this shell is waited for at the end.
      [ "$state $parent" = "Z $$" ] || members="$members $id,$state,$caught<$parent;"
    done
    # Before the work has begun, nobody would end it later.
    [ -n "$members" ] || { [ -n "$work" ] && return; wait; exit 143; }
    for member in $members; do
      id=${member%%,*}
      case "$members" in
        *"<$id;"*)
          case $member in
            *,T,*) kill -CONT "$id" ;;
            # The bit of TERM is in the fourth digit from the end.
            *[4-7c-f]???'<'*) kill -TERM "$id" ;;
          esac
          ;;
        *)
          case $member in
            *,Z,*) ;;
            *,T,*)
              # One that was stopped only after this look began may have a child that it has not seen.
              case $halted in *" $id "*) kill -KILL "$id" ;; esac
              still="$still $id "
              ;;
            *) kill -STOP "$id" ;;
          esac
          ;;
      esac
    done
    halted=$still
  done
  kill -KILL 0
}

# Seconds since the machine started.
uptime() {
  now=
  { IFS=' .' read -r now rest </proc/uptime; } 2>/dev/null
  [ -n "$now" ]
}

# Ends the collector when its time is up. The kernel says whether it is: a `sleep` that lies ends nothing. A signal ends
# `wait`, and not `sleep`.
limit() {
  trap 'kill -KILL "$!"; wait; exit' TERM
  uptime || now=0
  end=$((now + deadline)) rounds=0
  while [ "$rounds" -lt 3 ]; do
    rounds=$((rounds + 1))
    sleep "$((end - now))" &
    wait "$!" || return
    uptime || now=$end
    if [ "$now" -ge "$end" ]; then
      kill -TERM "$$"
      return
    fi
  done
}

# One command, so that the whole script is read before anything else reads standard input.
{
  trap - 0
  case $unfit in ?*)
    printf '@fail %s the shell of the target does not do what POSIX says: %s\n' "$nonce" "$unfit"
    exit 0
    ;;
  esac
  held=
  if [ -n "$deadline" ] && alone; then
    held=yes work=
    trap over TERM
    exec 3<&0
    # Where standard input ends, whoever asked is gone: nothing may stay that waits for a tool or for a reader.
    { while IFS= read -r line; do :; done <&3; kill -TERM "$$"; } >/dev/null 2>&1 &
    life=$!
    # A connection can die without a word.
    limit </dev/null >/dev/null 2>&1 3<&- &
    clock=$!
    main </dev/null 3<&- &
    work=$!
    wait "$work"
    code=$?
    trap '' TERM
    if [ "$code" -gt 128 ]; then
      # Whatever was not seen is killed too, in whatever order. TERM is ignored by now.
      { trap 'kill -KILL "$!"; wait; exit' USR1; sleep 5 & wait "$!" && kill -KILL 0; } </dev/null >/dev/null 2>&1 3<&- &
      guard=$!
      wait "$work"
      kill -USR1 "$guard"
    fi
    kill -TERM "$clock" "$life" 2>/dev/null
    wait
    exit "$code"
  fi
  main </dev/null
  exit $?
}
# A shell that runs nothing (`noexec`) would wait here for more. What it cannot parse ends it.
)
# The script ends here.
