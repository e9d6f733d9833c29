# Completion of secure-scan for bash. It asks the program, and the program asks the cluster for names.
_secure_scan() {
    local at word last words=() joined=no before= line
    for ((at = 0; at <= COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        # What is left of the cursor.
        [[ $at -lt $COMP_CWORD || $word == [=:] ]] || word=$2
        # bash cuts words at these two characters.
        if ((at > 0)) && [[ $word == [=:] || $joined == yes ]]; then
            last=$((${#words[@]} - 1))
            before=${words[last]}
            words[last]+=$word
            [[ $word != [=:] ]] || before=${words[last]}
        else
            before=
            words+=("$word")
        fi
        [[ $word == [=:] ]] && joined=yes || joined=no
    done
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$(printf '%q' "${line#"$before"}")")
    done < <(secure-scan __complete bash "$((${#words[@]} - 1))" -- "${words[@]}" 2>/dev/null </dev/null)
    if [[ "${COMPREPLY[0]-}" == */ || "${COMPREPLY[0]-}" == *= ]]; then
        compopt -o nospace 2>/dev/null || :
    fi
}
complete -F _secure_scan secure-scan
