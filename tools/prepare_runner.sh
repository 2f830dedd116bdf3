#!/usr/bin/env bash
# Prepare a runner for our actions: bubblewrap, and this package in the virtual environment $RUNNER_TEMP/coder-venv.
# It is one of its own, since the sandbox hides ~/.local, and many systems let pip install nothing else.
# Usage: prepare_runner.sh EXTRAS [PACKAGE...]
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
venv=$RUNNER_TEMP/coder-venv
missing=()
command -v bwrap >/dev/null || missing+=(bubblewrap)
python3 -I -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    sudo apt-get update -q
    sudo apt-get install -y -q "${missing[@]}"
fi
# Ubuntu 24.04 and later refuse user namespaces to programs that it doesn't know.
if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
    sudo sysctl -q -w kernel.apparmor_restrict_unprivileged_userns=0
fi
python3 -I -m venv "$venv"
"$venv/bin/python" -I -m pip install --quiet "$root[$1]" "${@:2}"
