#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kubelet.sh ARGS...: the kubelet, in a mount namespace where files of ours lie over the settings that it
# sets for the whole machine. Only there: with any mount over the node's own /proc the kernel would refuse
# a new procfs to pods with a user namespace.
set -euo pipefail
mount --make-private /proc
mkdir -p /run/settings
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    name=${setting%=*}
    file=/run/settings/${name//\//_}
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/$name"
done
exec kubelet "$@"
