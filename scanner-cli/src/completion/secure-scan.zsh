#compdef secure-scan
# Completion of secure-scan for zsh. It asks the program, and the program asks the cluster for names.
_secure_scan() {
    local -a found
    found=("${(@f)$(secure-scan __complete zsh $((CURRENT - 1)) -- "${(@)words}" 2>/dev/null </dev/null)}")
    found=("${(@)found:#}")
    (( ${#found} )) && _describe 'value' found
}
if [ "$funcstack[1]" = "_secure_scan" ]; then
    _secure_scan "$@"
else
    compdef _secure_scan secure-scan
fi
