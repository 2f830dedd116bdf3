#!/bin/sh
# Have a Docker engine with the image that the tests run programs in. Takes a moment where both are there already.
# Called by `./run test`. What can't be had is said on stderr and is no error here: the tests that need it skip, and
# with CODER_NO_SKIPS=1 they fail.
set -eu

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
image=${CODER_TEST_IMAGE:-coder-sandbox:latest}
log=${CODER_ENGINE_LOG:-/var/log/coder-dockerd.log}
pid_file=${CODER_ENGINE_PID_FILE:-/var/run/docker.pid}
patience_s=60

say() { printf 'run: %s\n' "$1" >&2; }

without() {
    say "no tests with Docker: $1"
    exit 0
}

answers() { docker version >/dev/null 2>&1; }

# An engine that was killed leaves the number of its process, and a new one refuses to start while anything has it.
forget_killed_engine() {
    [ -e "$pid_file" ] || return 0
    pid=$(cat "$pid_file")
    case $(cat "/proc/$pid/comm" "/proc/$pid/cmdline" 2>/dev/null | tr -d '\0') in
    dockerd?*dockerd*) ;; # at work: a dead process that nobody has waited for has no command line
    *) rm -f "$pid_file" ;;
    esac
}

# Detached, with its output in a file: whoever waits for the end of our own output must not wait for the engine's.
start_engine() {
    [ "$(id -u)" -eq 0 ] || without "no engine answers, and only root can start one"
    if [ -d /run/systemd/system ]; then
        systemctl start docker >/dev/null 2>&1 || without "systemctl could not start the engine"
    else
        command -v dockerd >/dev/null || without "dockerd isn't installed"
        forget_killed_engine
        say "starting dockerd; what it says goes to $log"
        # No test's container has a network, so the engine needs no bridge and no right to change the firewall.
        setsid dockerd --bridge=none --iptables=false >"$log" 2>&1 </dev/null &
        engine=$!
    fi
    waited_s=0
    until answers; do
        [ -z "${engine-}" ] || kill -0 "$engine" 2>/dev/null || without "the engine ended: $(tail -n 1 "$log")"
        [ "$waited_s" -lt "$patience_s" ] || without "the engine did not start within $patience_s s; see $log"
        sleep 1
        waited_s=$((waited_s + 1))
    done
}

command -v docker >/dev/null || without "it isn't installed"
answers || start_engine
if docker image inspect "$image" >/dev/null 2>&1; then exit 0; fi
say "building the image $image"
from=
if [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null; then from=--from-debian; fi
# shellcheck disable=SC2086  # no option is no word
"$root/.venv/bin/coder" sandbox build --quiet --tag "$image" $from >&2 || without "its image could not be built"
