#!/bin/sh
# Lays out a root file system that holds some programs and what they need to run, and nothing else: no
# shell, no package manager, no other program. The Dockerfile's last stage is made of it.
#
#   rootfs.sh FOLDER PROGRAM...
#
# The folder must not be there yet. Libraries and authorities are those of the host on which it runs,
# which is the image that the programs were built in.
set -eu

[ $# -ge 2 ] || { echo "usage: $0 FOLDER PROGRAM..." >&2; exit 2; }
root=$1
shift
[ ! -e "$root" ] || { echo "$root is there already: remove it, or name another folder" >&2; exit 2; }

# Nobody's number on any host, and the one that images without a root user agree on.
user=65532

mkdir -p "$root/etc/failoverd" "$root/etc/ssl/certs" "$root/usr/bin"
for program in "$@"; do
  install -m 0755 "$program" "$root/usr/bin/"
done

# Each under the very path at which the loader looks for it; the loader itself stands there, too.
ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*:$/ { next } $1 ~ /^\// { print $1 }' | sort -u |
  while read -r library; do
    install -D -m 0755 "$(readlink -f "$library")" "$root$library"
  done

# Public authorities: AWS and what is probed over HTTPS. A mount over it adds others.
install -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'failoverd:x:%s:%s:failoverd:/var/lib/failoverd:/nonexistent\n' "$user" "$user" >"$root/etc/passwd"
printf 'failoverd:x:%s:\n' "$user" >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"

# The only place that is written to. A volume that is mounted here for the first time takes its owner over.
install -d -m 0700 -o "$user" -g "$user" "$root/var/lib/failoverd"
