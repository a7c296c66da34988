# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Names, addresses and folders of the node. Sourced by every script of this folder; one node at a time.

CLUSTER_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CLUSTER_CACHE=${SKEP_CACHE:-$HOME/.cache/skep}
CLUSTER_STATE=${CLUSTER_STATE:-/tmp/skep-cluster} # keys, logs, the pid of the node; removed by the next `up`
CLUSTER_NODE=node1

KUBERNETES=1.36.3
CRI_TOOLS=1.36.0

# The machine and the node are the two ends of a link; pods and services are routed behind it.
CLUSTER_LINK=skepbox0
CLUSTER_MACHINE_IP=10.98.0.1
CLUSTER_IP=10.98.0.2
CLUSTER_PODS=10.97.0.0/16
CLUSTER_SERVICES=10.96.0.0/16
CLUSTER_API_IP=10.96.0.1
CLUSTER_REGISTRY=127.0.0.1:5000 # on the node itself: spoken to by http

# kubernetes, or containerd alone (for critest).
CLUSTER_PARTS=${CLUSTER_PARTS:-kubernetes}

# All that the node writes is in a tmpfs of at most this size.
CLUSTER_TMPFS=${CLUSTER_TMPFS:-8g}

say() { printf 'cluster: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

cluster_pid() { cat "$CLUSTER_STATE/pid" 2>/dev/null; }
cluster_lives() { [ -n "$(cluster_pid)" ] && kill -0 "$(cluster_pid)" 2>/dev/null; }
