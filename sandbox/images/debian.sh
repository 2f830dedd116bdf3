#!/bin/sh
# Make a base image of Debian's packages, without a registry: debian.sh TAG
# Needs root, debootstrap and a Docker engine. DEBIAN_MIRROR and DEBIAN_SUITE name others than Debian's own and bookworm.
# Says a line for each step, on stderr.
set -eu

tag=$1
suite=${DEBIAN_SUITE:-bookworm}
packages=python3,python3-venv,git,ca-certificates

say() { printf '%s\n' "$1" >&2; }

give_up() {
    say "$1"
    exit 5
}

[ "$(id -u)" -eq 0 ] || give_up "A base image of Debian's packages can be made by root only. Run it with sudo."
command -v debootstrap >/dev/null || give_up "debootstrap isn't installed. Install it with: apt-get install debootstrap"
command -v docker >/dev/null || give_up "Docker's command isn't installed. Install it with: apt-get install docker.io"

place=$(mktemp -d)
clean_up() {
    for folder in proc sys dev/pts dev; do # cut off in the middle, debootstrap leaves them mounted
        umount -l "$place/root/$folder" 2>/dev/null || true
    done
    rm -rf --one-file-system -- "$place"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
chmod 755 "$place"
mkdir "$place/root"
say "fetching Debian $suite with $packages"
# shellcheck disable=SC2086  # no mirror is no word
debootstrap --variant=minbase --include="$packages" "$suite" "$place/root" ${DEBIAN_MIRROR:-} >"$place/said" 2>&1 </dev/null || {
    tail -n 5 "$place/said" >&2
    give_up "debootstrap could not make the system. The last lines of what it said stand above."
}
rm -rf -- "$place/root/var/cache/apt/archives" "$place/root/var/lib/apt/lists"
mkdir -p "$place/root/var/cache/apt/archives/partial" "$place/root/var/lib/apt/lists/partial"
say "importing it as $tag"
# An imported image has no command of its own, and some clients need one.
tar -C "$place/root" -c . | docker import --change 'CMD ["/bin/sh"]' - "$tag" >/dev/null
