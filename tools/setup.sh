#!/bin/sh
# Set up what `coder` needs (use) or what its tests need (test): system packages, .venv, the package.
# Called by ./run and .ci/run as: setup.sh use|test [STAMP CONTENT [NEEDS]]. Says a line for each step, and on stderr only.
# Exit code 5 where this machine lacks something that can't be installed from here.
set -eu

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
purpose=$1
stamp=${2-}
content=${3-}
needs=${4-all} # what the tests to be run need, by word; all of it
venv=$root/.venv
unfinished=$venv/set-up-is-unfinished

say() { printf 'run: %s\n' "$1" >&2; }

give_up() {
    printf 'error: %s\n' "$1" >&2
    exit 5
}

# The first interpreter that is new enough; nothing where there is none.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$name" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

has_venv() { "$1" -I -c 'import ensurepip, venv' 2>/dev/null; }

is_needed() {
    [ "$purpose" = test ] || return 1
    case " $needs " in " all " | *" $1 "*) ;; *) return 1 ;; esac
}

# Names of the Debian packages that are missing, with a blank before each.
missing_packages() {
    command -v bwrap >/dev/null || printf ' bubblewrap'
    python=$(find_python)
    if [ -z "$python" ]; then
        printf ' python3 python3-venv'
    elif [ ! -x "$venv/bin/python" ] && ! has_venv "$python"; then
        printf ' python%s-venv' "$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    fi
    if [ "$purpose" = test ]; then
        command -v git >/dev/null || printf ' git'
        command -v patch >/dev/null || printf ' patch'
        command -v make >/dev/null || printf ' make'
        # An engine of Docker is a matter of root's; without it the tests that need one skip.
        if [ "$(id -u)" -eq 0 ]; then
            # A host behind ssh is this machine, by a server of its own.
            ! is_needed ssh || [ -x /usr/sbin/sshd ] || printf ' openssh-server'
            ! is_needed ssh || command -v ssh >/dev/null || printf ' openssh-client'
            # A client alone starts no engine: the machine may have only that.
            ! is_needed docker || docker version >/dev/null 2>&1 || command -v dockerd >/dev/null || printf ' docker.io'
            ! is_needed podman || command -v podman >/dev/null || printf ' podman'
            ! is_needed docker || command -v debootstrap >/dev/null || printf ' debootstrap'
            # The page of a benchmark's report is looked at in a browser.
            ! is_needed browser || command -v chromium >/dev/null || printf ' chromium'
            # The log is kept in a database.
            ! is_needed postgres || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || printf ' postgresql'
            # Projects in other languages are mended with their own toolchains.
            ! is_needed languages || command -v node >/dev/null || printf ' nodejs'
            ! is_needed languages || command -v go >/dev/null || printf ' golang-go'
            ! is_needed languages || command -v cargo >/dev/null || printf ' cargo'
            ! is_needed languages || command -v cmake >/dev/null || printf ' cmake g++'
        fi
    fi
}

install_packages() {
    packages=$1
    if ! command -v apt-get >/dev/null; then
        say_what_to_install "$packages"
    fi
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo=sudo
        command -v sudo >/dev/null || give_up "These packages are missing:$packages. As root, run: apt-get install$packages"
    fi
    command="${sudo:+$sudo }apt-get install -y$packages"
    if [ -t 0 ] && [ -t 2 ]; then
        printf 'run: these packages are missing:%s\n     %s  [Y/n] ' "$packages" "$command" >&2
        read -r answer
        case $answer in [nN]*) give_up "Not installed. Run it yourself, then start again: $command" ;; esac
    elif [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; then
        give_up "These packages are missing:$packages. Run this, then start again: $command"
    fi
    say "$command"
    log=$(mktemp)
    # A third-party source that can't be reached must not stop us: install says what is really missing.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q >"$log" 2>&1 </dev/null || true
    # shellcheck disable=SC2086  # the names are words
    if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $packages >>"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        give_up "apt-get could not install:$packages. The last lines of what it said stand above."
    fi
    rm -f "$log"
}

say_what_to_install() {
    case $(uname -s) in
    Linux) ;;
    *) give_up "This needs Linux: programs run in a sandbox of bubblewrap. Start it on a Linux machine." ;;
    esac
    plain=$(printf '%s' "$1" | sed 's/python3[0-9.]*-venv/python3/g')
    if command -v dnf >/dev/null; then
        give_up "These are missing:$plain. Run this, then start again: sudo dnf install$plain"
    elif command -v pacman >/dev/null; then
        give_up "These are missing:$plain. Run this, then start again: sudo pacman -S$(printf '%s' "$plain" | sed 's/python3/python/g')"
    elif command -v apk >/dev/null; then
        give_up "These are missing:$plain. Run this, then start again: apk add$plain"
    elif command -v zypper >/dev/null; then
        give_up "These are missing:$plain. Run this, then start again: sudo zypper install$plain"
    fi
    give_up "These are missing:$plain. Install bubblewrap and Python 3.11 or newer, with venv, then start again."
}

make_venv() {
    python=$1
    if [ -e "$unfinished" ]; then
        say "an earlier set-up was cut off: making .venv anew"
    elif [ -x "$venv/bin/python" ] && "$venv/bin/python" -I -m pip --version >/dev/null 2>&1; then
        return
    else
        say "making .venv with $("$python" --version)"
    fi
    "$python" -I -m venv --clear "$venv" >&2 || give_up "$python could not make $venv."
}

pip() {
    "$venv/bin/python" -I -m pip install -qq --disable-pip-version-check --no-input "$@" >&2 </dev/null
}

# The tests need many packages, which uv installs in a tenth of pip's time. Where it fails, pip tries: it reads other
# configuration.
install_package() {
    if [ "$purpose" = test ] && pip uv &&
        "$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" "$@" >&2 </dev/null; then
        return
    fi
    pip "$@"
}

# One set-up at a time; the lock is on this very file, and ends with the process.
exec 9<"$root/tools/setup.sh"
if command -v flock >/dev/null; then flock 9; fi
packages=$(missing_packages)
[ -z "$packages" ] || install_packages "$packages"
# Another start has done the rest meanwhile, or only a package had gone.
if [ -n "$stamp" ] && [ -e "$stamp" ] && [ -x "$venv/bin/python" ] && [ "$content" = "$(cat -- "$stamp")" ]; then exit 0; fi

python=$(find_python)
[ -n "$python" ] || give_up "Python 3.11 or newer is needed, and this system's packages have an older one. Install one that is called python3.11 or later, with venv, then start again."

make_venv "$python"
: >"$unfinished"
extra=
[ "$purpose" = use ] || extra='[dev]'
say "installing coder$extra and what it needs into .venv"
install_package --editable "$root$extra" || give_up "pip could not install coder. What it said stands above."
if is_needed npm; then
    say "installing clients and a server of others, which ours are tried with"
    "$venv/bin/npm" install --silent --ignore-scripts --no-save --prefix "$venv/npm" \
        @modelcontextprotocol/server-everything@2026.8.31 @modelcontextprotocol/server-filesystem@2026.8.31 \
        @modelcontextprotocol/inspector@2.12.0 \
        @agentclientprotocol/sdk@2.4.0 @playwright/mcp@0.0.83 @octokit/openapi@23.0.2 >&2 </dev/null ||
        say "npm could not install them; tests that drive them skip"
fi
finish() {
    [ -z "$stamp" ] || printf '%s' "$content" >"$stamp"
    rm -f "$unfinished"
}

if [ "$purpose" = test ] && ! is_needed embedded; then
    finish
    exit 0
fi
if "$venv/bin/coder" setup --yes >/dev/null </dev/null; then
    finish
    # Whatever has what the tests need has what a use needs.
    [ "$purpose" = use ] || [ -z "$stamp" ] || cp -- "$stamp" "$venv/set-up-for-use"
else
    say "not everything could be installed; coder works without: see coder doctor"
fi
rm -f "$unfinished"
