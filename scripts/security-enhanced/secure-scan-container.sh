#!/bin/sh
# Scans a running container that has a shell.
# Exit codes are those of `secure-scan container`: 0 passed, 1 findings, 2 wrong usage,
# 3 incomplete or failed, 4 refused by a gate or security alert, 5 cleanup not verified.
set -eu

usage() {
    cat >&2 <<'END'
usage: secure-scan-container.sh NAMESPACE POD CONTAINER PROFILE [THRESHOLD] [-- OPTION...]

  NAMESPACE  namespace of the pod
  POD        name of the pod, or a workload such as deploy/web
  CONTAINER  container of the pod
  PROFILE    shipped profile (secure-scan profile list) or file
  THRESHOLD  thresholds in the format of the SAF CLI: a file, or inline such as '{failed.total.max: 0}'
  OPTION     anything else that `secure-scan container` takes, such as -o json=report.json

SECURE_SCAN names the program to run [default: secure-scan in the PATH].
END
    exit 2
}

[ $# -ge 4 ] || usage
namespace=$1 pod=$2 container=$3 profile=$4
shift 4
unset threshold
# An empty threshold is passed on, and refused: an unset variable must not silently remove the thresholds.
[ "${1---}" = -- ] || { threshold=$1; shift; }
[ "${1---}" = -- ] || usage
[ $# -eq 0 ] || shift
exec "${SECURE_SCAN:-secure-scan}" container "--namespace=$namespace" "--container=$container" "--profile=$profile" \
    ${threshold+"--threshold=$threshold"} "$@" -- "$pod"
