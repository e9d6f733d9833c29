# The state that stat gives in the format $1, and the path, for paths whose names have a newline.
odd_entries='trap exit TERM'$escaping$naming'
format=$1
shift
for path; do
  name "$path"
  printf "%s %s\n" "$(stat -c "$format" "$path")" "$name"
done'

# mode (hex), uid, gid, size, time where it was asked for, path
section_files() {
  need find stat tr wc sh || return
  [ "$walks" = no ] || mounts
  # Digests and link targets go before the files that they belong to.
  why=
  digests 2>/dev/null || why='the target has no sha256sum'
  exec 3>&1
  gaps=$(named; followed)
  lost=$(lines "$gaps")
  errors=$(search 2>&1 >&3 3>&- | wc -l)
  errors=$((errors))
  if [ "$errors" != 0 ]; then
    # The text of find cannot be parsed, since it has names in it. What the kernel says of each directory can, if it
    # explains every error.
    own_ids 2>/dev/null
    places=$(shut 2>/dev/null | first 65)
    if [ "$(lines "$places")" = "$errors" ] && [ "$errors" -le 64 ]; then
      gaps=$gaps${gaps:+$newline}$places
    else
      gaps=$gaps${gaps:+$newline}'!gap not_readable'
    fi
    lost=$((lost + errors))
  fi
  if [ "$walks" = yes ] && [ "$plain" = no ]; then
    # A walk that fails has said so.
    apart=$(crossed 2>/dev/null | first 65)
    [ -z "$apart" ] || gaps=$gaps${gaps:+$newline}$apart lost=$((lost + $(lines "$apart")))
  fi
  [ -z "$gaps" ] || printf '%s\n' "$gaps"
  [ -z "$why" ] || echo '!gap unsupported/digest'
  case $lost$why in
    0) echo '!ok' ;;
    0*) echo "!partial 0 $why" ;;
    *) echo "!partial $lost not readable by this user${why:+; $why}" ;;
  esac
}

# Number of lines in $1.
lines() { if [ -z "$1" ]; then echo 0; else echo $(($(printf '%s\n' "$1" | wc -l))); fi; }

# The first $1 lines.
first() {
  more=$1
  while [ "$more" -gt 0 ] && IFS= read -r line; do
    printf '%s\n' "$line"
    more=$((more - 1))
  done
}

# Sets own_uids and own_gids to the numbers by which the kernel lets this user in.
own_ids() {
  own_uids= own_gids=
  while IFS= read -r line; do
    case $line in
      Uid:*) set -- ${line#*:}; own_uids=$* ;;
      Gid:*|Groups:*) set -- $own_gids ${line#*:}; own_gids=$* ;;
    esac
  done <"/proc/$$/status"
  export own_uids own_gids
}

# Whether directories can be listed and searched, as the kernel says it: gaps for those that cannot. Nobody of this user can
# search a directory that is seen itself, that another user owns (an owner can open it again), and whose mode does not let
# this user in. Whatever else makes a look into it fail, such as a path that is too long, shuts nobody out.
shut_ones='trap exit TERM'$escaping$naming'
for path; do
  case $path in ?*/) path=${path%/} ;; esac
  # What is below may have a path that no tool can look at.
  if [ "${#path}" -gt 3800 ]; then echo "!gap over_limit"; continue; fi
  if [ ! -e "$path/." ]; then
    kind=not_listable
    # Where there is nothing to search, nothing is missing, and find made no error.
    if { [ -n x ] <"$path"; } 2>/dev/null && [ -z "$(find "$path" -mindepth 1 2>&1)" ]; then continue; fi
    if [ -d "$path" ]; then
      set -- $(stat -L -c "%a %u %g" "$path" 2>/dev/null)
      [ "$#" != 3 ] || [ -z "$own_uids" ] || case $1 in
        *[1357]) ;;
        *[1357]?) case " $own_uids : $own_gids " in *" $2 "*:*|*:*" $3 "*) ;; *) kind=not_searchable ;; esac ;;
        *) case " $own_uids " in *" $2 "*) ;; *) kind=not_searchable ;; esac ;;
      esac
    fi
  elif ! { [ -n x ] <"$path"; } 2>/dev/null; then kind=not_listable
  else continue
  fi
  name "$path"
  printf "!gap %s %s\n" "$kind" "$name"
done'
# Runs find on $2, or only below it where $1 is not `itself`.
within() {
  kind=$1 place=$2
  shift 2
  case $kind in itself) find "$place" "$@" ;; *) find "$place" -mindepth 1 "$@" ;; esac
}

# A mount was tried from above, and a directory that a link leads to was not.
directories() {
  case $1 in link) shift; set -- itself "$@" ;; esac
  within "$@" -type d -exec "$shell" -c "$shut_ones" sh {} +
}

# Arguments end with a test for what is not wanted. No `-exec +` may be within parentheses: busybox forgets to run it.
entries() {
  within "$@" -o -path "*$newline*" -exec "$shell" -c "$odd_entries" sh "$facts" {} + -o -exec stat -c "$facts %n" {} +
}

# Whether digests can be taken here.
sha256() {
  has sed && [ "$(printf '' | sha256sum 2>/dev/null)" = \
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -' ]
}

# For paths one by one: a path and where the link leads, or a digest and its path.
inside='trap exit TERM'$escaping$naming'
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
  within "$@" -o -type l -exec "$shell" -c "$inside" sh {} + \
    -o -type f -path "*[\\\\$newline$return]*" -exec "$shell" -c "$inside" sh {} + \
    -o -type f -size "-$((largest / 512 + 1))" -exec sha256sum {} + |
    sed 's/^\([0-9a-f]\{64\}\)  /=\1 /'
}

# Files of /proc and /sys are made as they are read: there is nothing to compare.
named_sums() {
  for path; do
    case $path in /proc/*|/sys/*) ;; *) "$shell" -c "$inside" sh "$path" ;; esac
  done
}

# Looks at paths by name. Standard output has gaps for those that could not be read, 3 has the entries.
look() {
  for path; do
    if [ -e "$path" ] || [ -h "$path" ]; then
      name "$path"
      { found=$(stat -c "$facts" "$path") && printf '%s %s\n' "$found" "$name" >&3; } 2>/dev/null ||
        printf '!gap not_readable %s\n' "$name"
    elif blind "$path"; then
      name "$path"
      printf '!gap %s %s\n' "$kind" "$name"
    else
      name "$path"
      printf -- '- %s\n' "$name" >&3
    fi
  done
}

# The same for what paths lead to.
look_through() {
  for path; do
    if [ ! -h "$path" ]; then
      look "$path"
      continue
    fi
    name "$path"
    if [ -e "$path" ]; then
      { found=$(stat -L -c "$facts" "$path") && printf '+%s %s\n' "$found" "$name" >&3; } 2>/dev/null ||
        printf '!gap not_readable %s\n' "$name"
    elif blind "$path"; then
      printf '!gap %s %s\n' "$kind" "$name"
    else
      printf '+- %s\n' "$name" >&3
    fi
  done
}
