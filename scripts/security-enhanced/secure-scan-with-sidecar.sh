#!/bin/sh
# Scans an image that runs nowhere yet, by a probe in a pod of the scan's own; none of its code runs.
# Exit codes are those of `secure-scan image`: 0 passed, 1 findings, 2 wrong usage,
# 3 incomplete or failed, 4 refused by a gate or security alert, 5 cleanup not verified.
set -eu

usage() {
    cat >&2 <<'END'
usage: secure-scan-with-sidecar.sh NAMESPACE IMAGE PROFILE [THRESHOLD] [-- OPTION...]

  NAMESPACE  namespace in which the pod of the scan runs
  IMAGE      reference of the image, as in a pod
  PROFILE    shipped profile (secure-scan profile list) or file
  THRESHOLD  thresholds in the format of the SAF CLI: a file, or inline such as '{failed.total.max: 0}'
  OPTION     anything else that `secure-scan image` takes, such as -o json=report.json

SECURE_SCAN_PROBE_IMAGE names the image of the probe. SECURE_SCAN names the program to run [default: secure-scan in the PATH].
END
    exit 2
}

[ $# -ge 3 ] || usage
namespace=$1 image=$2 profile=$3
shift 3
unset threshold
# An empty threshold is passed on, and refused: an unset variable must not silently remove the thresholds.
[ "${1---}" = -- ] || { threshold=$1; shift; }
[ "${1---}" = -- ] || usage
[ $# -eq 0 ] || shift
exec "${SECURE_SCAN:-secure-scan}" image "--namespace=$namespace" "--profile=$profile" \
    ${threshold+"--threshold=$threshold"} "$@" -- "$image"
