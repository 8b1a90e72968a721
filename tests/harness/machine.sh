#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Becomes the first process of a machine: an overlay of this machine's files that does not outlive it,
# with its own processes, mounts and host name, and systemd as init. machine.py runs it in namespaces
# made for it.
#
# usage: machine.sh ROOT NAME OUTER
#   ROOT    an empty directory, the mount point of all
#   NAME    host name, and name of a control group of its own in each hierarchy that systemd uses
#   OUTER   a directory that the machine has as /srv/outer
set -eu
root=$1 name=$2 outer=$3

own_group() {
    mount "$@" none "$root/groups" || return
    mkdir "$root/groups/$name"
    echo 0 >"$root/groups/$name/cgroup.procs"
    umount "$root/groups"
}

# A systemd of this machine's own must not meet the groups of another's, where units have the same
# names: the second turn is in a namespace whose roots are new groups.
if [ $# -eq 3 ]; then
    mount --make-rprivate /
    mount -t tmpfs -o mode=755 none "$root"
    mkdir "$root/groups"
    own_group -t cgroup -o none,name=systemd
    own_group -t cgroup2 || : # which a kernel may not have
    exec unshare --cgroup "$0" "$@" again
fi

mkdir "$root/upper" "$root/work" "$root/new"
mount -t overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" none "$root/new"
cd "$root/new"

# What is said to the kernel here would be said to the whole machine.
mount -t proc none proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro none sys
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
mount -t tmpfs -o mode=755 none dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 none dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 none dev/shm
mount -t tmpfs -o mode=755 none sys/fs/cgroup
mkdir sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd none sys/fs/cgroup/systemd
mkdir -p srv/outer old
mount --bind "$outer" srv/outer

echo "$name" >etc/hostname
pivot_root . old
umount -l /old
exec env -i container=nspawn PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=basic.target
