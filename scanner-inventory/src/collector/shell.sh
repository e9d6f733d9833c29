# Restores the shell that POSIX describes: undoes what the environment changes in the shell, and then tries what the
# script needs. A shell that cannot run the script says so.

# In bash, special built-ins such as `unset` now come before functions that the environment defines.
POSIXLY_CORRECT=1
# `unset` or `unalias` may itself be a function or an alias.
\unset -f alias break cd chmod cksum command continue dd declare echo env eval exec exit export false find grep head hash \
  kill local printf pwd read readlink readonly return sed set sh sha256sum shift shopt sleep stat test tr trap true type \
  typeset ulimit umask unalias unset wait wc 2>/dev/null
\unset -f : . '[' 2>/dev/null
\unalias -a 2>/dev/null
# To csh this asks whether a variable is set, which there always is. It would wait for more than the script.
[ "$?shell" != 1 ] || exit 1
# Where this shell cannot read the script to its end, this is the answer. bash can, and would handle TERM from here on.
[ -n "$BASH_VERSION" ] ||
  trap 'printf "@fail %s the shell of the target ended before it had read the collector\n" "$nonce"; exit 0' 0
for flag in a b e f k m u v x C E H P T U; do
  case $- in *"$flag"*) set "+$flag" 2>/dev/null ;; esac
done
for option in history pipefail; do
  (set +o "$option") 2>/dev/null && set +o "$option"
done
IFS=' 	
'
set -f
# Every other function of the environment, which a shell that this one starts would have too.
[ -z "$BASH_VERSION" ] || for flag in $(declare -F 2>/dev/null); do
  case $flag in declare|-*) ;; *) unset -f "$flag" ;; esac
done
set +f
[ -z "$BASH_VERSION" ] || for option in assoc_expand_once dotglob execfail expand_aliases extdebug extglob failglob globstar \
  inherit_errexit lastpipe localvar_inherit nocaseglob nocasematch nullglob sourcepath xpg_echo; do
  shopt -u "$option" 2>/dev/null
done
unset BASH_COMPAT BASH_ENV BLOCKSIZE BLOCK_SIZE CDPATH ENV EXECIGNORE FIGNORE FPATH GLOBIGNORE GREP_COLOR \
  GREP_COLORS GREP_OPTIONS HISTFILE HISTSIZE LD_AUDIT LD_DEBUG LD_DEBUG_OUTPUT LD_PRELOAD LD_PROFILE LANGUAGE MAIL \
  MAILPATH POSIXLY_CORRECT PROMPT_COMMAND PS4 QUOTING_STYLE TAR_OPTIONS TMOUT _POSIX2_VERSION 2>/dev/null
# Without the variable, which the tools of the target read too.
(set -o posix) 2>/dev/null && set -o posix
LC_ALL=C
export LC_ALL
newline='
'

# Sets unfit to what this shell does not do as POSIX says.
try() {
  unfit=echo
  [ "$(echo 'a  b' c)" = 'a  b c' ] || return
  unfit=printf
  [ "$(printf '%s-%s\n' a 'b  c' d e)" = "a-b  c${newline}d-e" ] || return
  unfit='read'
  printf ' a\\b:c d \n' | {
    IFS= read -r one && [ "$one" = ' a\b:c d ' ]
  } || return
  printf 'a\\b:c: d\n' | {
    IFS=: read -r one two && [ "$one,$two" = 'a\b,c: d' ]
  } || return
  { ! read -r one; } </dev/null || return
  unfit='the splitting of words'
  set -- $(printf 'a/b c\nd\te')
  [ "$#,$1,$4" = '4,a/b,e' ] || return
  set -- "$newline a " ''
  [ "$#" = 2 ] || return
  unfit='the expansion of names of files'
  set -- /no/such/[p]lace "/[p]roc"
  [ "$*" = '/no/such/[p]lace /[p]roc' ] || return
  set -- /[p]roc
  [ ! -e /proc ] || [ "$*" = /proc ] || return
  unfit='case'
  case 'a\b' in A*) return ;; a[!a-z]b) ;; *) return ;; esac
  case "a${newline}b" in *[\\"$newline"]*) ;; *) return ;; esac
  unfit='the expansion of parameters'
  one=a.b.c
  [ "${one%%.*},${one%.*},${one##*.},${one#*.},${#one},${none:-x}${none+y}" = 'a,a.b,c,b.c,5,x' ] || return
  unfit='the length of bytes'
  one=$(printf '\303\244')
  [ "${#one}" = 2 ] || return
  unfit=arithmetic
  one=4
  [ "$((2 * 3 + one)),$((one > 3))" = 10,1 ] || return
  unfit=redirections
  [ "$({ echo a >&3; } 3>&1 2>/dev/null)" = a ] || return
  unfit=loops
  set -- a b c
  one=
  for two; do
    case $two in b) continue ;; esac
    one=$one$two
  done
  while [ "$#" -gt 1 ]; do shift; done
  [ "$one,$*" = 'ac,c' ] || return
  unfit=
}
try
