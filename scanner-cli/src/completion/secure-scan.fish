# Completion of secure-scan for fish. It asks the program, and the program asks the cluster for names.
function __secure_scan_complete
    set -l before (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    secure-scan __complete fish (count $before) -- $before $current 2>/dev/null </dev/null
end
complete --command secure-scan --no-files --arguments '(__secure_scan_complete)'
