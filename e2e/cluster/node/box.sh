#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The first process of the node, in its namespaces but still on the machine's root: makes the node's
# root, moves there and goes on as boot.sh.
set -euo pipefail
mount --make-rprivate /

# The Debian root and what is laid over it are read only; all that the node writes is in this tmpfs.
box=$CLUSTER_STATE/box
mount -t tmpfs -o "size=$CLUSTER_TMPFS,mode=755" box "$box"
mkdir -p "$box"/{upper,work,root,var}
root=$box/root
mount -t overlay -o "lowerdir=$CLUSTER_LAY:$CLUSTER_ROOT,upperdir=$box/upper,workdir=$box/work" overlay "$root"
mkdir -p "$root"/{proc,sys,dev,run,tmp,root,keys,log,old,opt/{node,cri}/bin,var/lib,var/log}
chmod 1777 "$root/tmp"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/lock"
# Overlays are made in these, and do not go onto an overlay.
for name in containerd kubelet etcd skep; do
    mkdir -p "$box/var/$name" "$root/var/lib/$name"
    mount --bind "$box/var/$name" "$root/var/lib/$name"
done
mount --bind "$CLUSTER_STATE/keys" "$root/keys"
mount --bind "$CLUSTER_STATE/log" "$root/log"
[ -z "$CLUSTER_PROGRAMS" ] || mount --bind "$CLUSTER_PROGRAMS" "$root/opt/node/bin"
mount --bind "$CLUSTER_CRI" "$root/opt/cri/bin"

# The machine's hierarchies of cgroups as this namespace sees them: each begins at the node's own group.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
    mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
    while IFS=: read -r _ controllers _; do
        case $controllers in
        '') folder=unified type=cgroup2 options=rw ;;
        name=*) folder=${controllers#name=} type=cgroup options=none,$controllers ;;
        *) folder=$controllers type=cgroup options=$controllers ;;
        esac
        mkdir "$root/sys/fs/cgroup/$folder"
        mount -t "$type" -o "$options" cgroup "$root/sys/fs/cgroup/$folder"
    done </proc/self/cgroup
fi
cd "$root"
pivot_root . old
exec </dev/null
umount -l /old
mount --make-rshared /
exec bash /node/boot.sh
