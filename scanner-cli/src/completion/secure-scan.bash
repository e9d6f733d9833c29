# Completion of secure-scan for bash. It asks the program, and the program asks the cluster for names.
_secure_scan() {
    local words=("${COMP_WORDS[@]}") line
    words[COMP_CWORD]="$2"
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$(printf '%q' "$line")")
    done < <(secure-scan __complete bash "$COMP_CWORD" -- "${words[@]}" 2>/dev/null </dev/null)
    if [[ "${COMPREPLY[0]-}" == */ || "${COMPREPLY[0]-}" == *= ]]; then
        compopt -o nospace 2>/dev/null || :
    fi
}
complete -F _secure_scan secure-scan
