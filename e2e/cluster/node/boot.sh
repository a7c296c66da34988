#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The node's first process on the node's own root: network, then the programs in the order in which
# they need each other. Ends when it is killed.
set -u
. /node/settings.sh

# start NAME COMMAND...: in the background, its words in /log/NAME; in a session of its own, by which the kernel shares
# out processors (sched_autogroup), as under a service manager
start() {
    local name=$1
    shift
    setsid "$@" >"/log/$name" 2>&1 &
    echo $! >"/run/$name.pid"
}

until_ok() { # SECONDS COMMAND...
    local tries=$(($1 * 20))
    shift
    while [ "$tries" -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        tries=$((tries - 1))
        sleep 0.05
    done
    echo "not in time: $*"
    return 1
}

# restart_containerd: ends it and starts it again. 0 when it answers; else it has ended, and its last words are printed
restart_containerd() {
    local pid
    if pid=$(cat /run/containerd.pid 2>/dev/null); then
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    fi
    # A test makes a start fail by this file: a pattern in the configuration that containerd would not bear.
    if [ -e /run/containerd.refuses ] && grep -qrf /run/containerd.refuses /etc/containerd; then
        echo "containerd.service: it does not start with $(cat /run/containerd.refuses)"
        return 1
    fi
    start containerd containerd
    pid=$(cat /run/containerd.pid)
    for _ in $(seq 400); do
        ! ctr version >/dev/null 2>&1 || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    tail -1 /log/containerd
    return 1
}

# units: containerd's parent, and who restarts it when node/systemctl asks
units() {
    local id words status
    mkdir -p /run/units
    mkfifo /run/units/requests
    exec 8<>/run/units/requests
    start containerd containerd
    while read -r id <&8; do
        status=0
        restart_containerd >/run/units/words 2>&1 || status=1
        words=$(cat /run/units/words)
        printf '%s\n%s\n' "$status" "$words" >/run/units/new
        mv /run/units/new "/run/units/$id"
    done
}

files() {
    hostname "$CLUSTER_NODE"
    printf '127.0.0.1 localhost\n%s %s\n' "$CLUSTER_IP" "$CLUSTER_NODE" >/etc/hosts
    : >/etc/resolv.conf
    echo "$CLUSTER_NODE" | md5sum | cut -c1-32 >/etc/machine-id
    [ -e /etc/passwd ] || printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n' >/etc/passwd
    [ -e /etc/group ] || printf 'root:x:0:\nnogroup:x:65534:\n' >/etc/group
    printf 'runtime-endpoint: unix:///run/containerd/containerd.sock\ntimeout: 30\n' >/etc/crictl.yaml
    mkdir -p /opt/cni
    ln -sfn /usr/lib/cni /opt/cni/bin
    ln -sfn /node/systemctl /usr/bin/systemctl
    for name in iptables ip6tables iptables-save ip6tables-save iptables-restore ip6tables-restore; do
        [ -e "/usr/sbin/$name" ] || ln -s xtables-nft-multi "/usr/sbin/$name"
    done
}

network() {
    ip link set lo up
    until_ok 20 test -e /keys/sa.pub
    until_ok 10 ip link set eth0 up
    ip addr add "$CLUSTER_IP/24" dev eth0
    ip route add default via "$CLUSTER_MACHINE_IP"
    sysctl -qw net.ipv4.ip_forward=1
}

registry() {
    mkdir -p /run/registry
    printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: /run/registry}, delete: {enabled: true}}\nhttp: {addr: "%s"}\n' \
        "$CLUSTER_REGISTRY" >/run/registry.yml
    start registry docker-registry serve /run/registry.yml
}

import_images() {
    local file
    until_ok 20 ctr version
    for file in /images/*.tar; do
        ctr -n k8s.io images import "$file" >>/log/import 2>&1
    done
}

api_is_ready() {
    curl -sf --cacert /keys/ca.crt --cert /keys/admin.crt --key /keys/admin.key https://127.0.0.1:6443/readyz
}

# rest: nothing more to start; until it is killed
rest() {
    touch /run/up
    while :; do
        sleep 3600 &
        wait
    done
}

export HOME=/root GOMAXPROCS=2
files
if [ "$CLUSTER_PARTS" = containerd ]; then
    units &
    network
    registry
    import_images
    rest
fi
start etcd etcd --name n --data-dir /var/lib/etcd --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster n=http://127.0.0.1:2380
units &
network
registry
start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address="$CLUSTER_IP" \
    --secure-port=6443 --service-cluster-ip-range="$CLUSTER_SERVICES" --client-ca-file=/keys/ca.crt \
    --tls-cert-file=/keys/apiserver.crt --tls-private-key-file=/keys/apiserver.key \
    --kubelet-client-certificate=/keys/apiserver-kubelet.crt --kubelet-client-key=/keys/apiserver-kubelet.key \
    --kubelet-certificate-authority=/keys/ca.crt --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=/keys/sa.pub \
    --service-account-signing-key-file=/keys/sa.key --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --allow-privileged=true --profiling=false \
    --requestheader-client-ca-file=/keys/front-ca.crt --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file=/keys/front.crt \
    --proxy-client-key-file=/keys/front.key
import_images
until_ok 60 api_is_ready
# Service accounts alone take four seconds at the default rates. Endpoints that change one by one are written from a cache
# that is behind, and tried again later and later: a proxy then hears of them after 20 s, when hundreds of pods change.
start manager kube-controller-manager --kubeconfig=/keys/manager.conf --use-service-account-credentials \
    --service-account-private-key-file=/keys/sa.key --root-ca-file=/keys/ca.crt --kube-api-qps=500 \
    --kube-api-burst=1000 --leader-elect=false --cluster-signing-cert-file=/keys/ca.crt \
    --cluster-signing-key-file=/keys/ca.key --profiling=false --horizontal-pod-autoscaler-sync-period=5s \
    --horizontal-pod-autoscaler-cpu-initialization-period=5s --horizontal-pod-autoscaler-initial-readiness-delay=5s \
    --endpointslice-updates-batch-period=500ms
start scheduler kube-scheduler --kubeconfig=/keys/scheduler.conf --kube-api-qps=500 --kube-api-burst=1000 \
    --leader-elect=false --profiling=false
start kubelet unshare -m --propagation unchanged bash /node/kubelet.sh --config=/conf/kubelet.yaml \
    --kubeconfig=/keys/kubelet.conf --node-ip="$CLUSTER_IP" --hostname-override="$CLUSTER_NODE" --v=2
start metrics /opt/metrics/metrics-server --kubeconfig=/keys/admin.conf --authentication-kubeconfig=/keys/admin.conf \
    --authorization-kubeconfig=/keys/admin.conf --secure-port=4443 --cert-dir=/run/metrics --kubelet-insecure-tls \
    --kubelet-preferred-address-types=InternalIP --metric-resolution=10s --kubelet-request-timeout=5s
start proxy kube-proxy --config=/conf/proxy.yaml --hostname-override="$CLUSTER_NODE"
rest
