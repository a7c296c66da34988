# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A Deployment that changes while requests come in: none is lost.

ROLLOUT_PODS=${CLUSTER_ROLLOUT_PODS:-20}
ROLLOUT_MOST=${CLUSTER_ROLLOUT_MOST:-40}
ROLLOUT_RATE=${CLUSTER_ROLLOUT_RATE:-200}

web_begins() {
    apply <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: $ROLLOUT_PODS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      runtimeClassName: skep
      containers:
      - name: c
        image: $(image server)
        env: [{name: NAME, value: first}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, maxUnavailable: 2}
YAML
    settled
    wait_for 20 curl -sf -m 2 "$(web_url)"
}
web_address() { field svc/web '{.spec.clusterIP}'; }
web_url() { echo "http://$(web_address)/"; }

# loaded COMMAND...: with requests coming in before, meanwhile and a moment longer, so many on connections of
# their own, and a fifth more on connections that are kept
loaded() {
    local mode rate status=0 loads=()
    for mode in fresh kept; do
        rate=$ROLLOUT_RATE
        [ "$mode" = fresh ] || rate=$((rate / 5))
        "$SKEP_BIN/../bench/skep-bench-load" "$(web_address)" 80 / "$rate" "$mode" >"$E2E_DIR/load-$mode" &
        loads+=($!)
    done
    sleep 1
    "$@" || status=$?
    sleep 4
    kill -TERM "${loads[@]}"
    wait "${loads[@]}"
    for mode in fresh kept; do
        sed "s/^/| $mode: /" "$E2E_DIR/load-$mode"
        # Some hundreds at least: a load that sent nothing has lost nothing, either.
        grep -Eq "^[0-9]{3,} requests, 0 failed" "$E2E_DIR/load-$mode" || status=1
    done
    return "$status"
}

settled() { K rollout status deploy/web --timeout=150s >/dev/null; }
answers_as() { curl -sf -m 5 "$(web_url)" | grep -q "$1"; }
pods_are() { [ "$(K get pods -l app=web -o name | wc -l)" = "$1" ]; }

update() {
    K set env deploy/web NAME=second >/dev/null && settled && answers_as second
}
an_update_loses_nothing() { loaded update; }

undo() {
    K rollout undo deploy/web >/dev/null 2>&1 && settled && answers_as first
}
a_rollback_loses_nothing() { loaded undo; }

scale() {
    K scale deploy/web --replicas="$ROLLOUT_MOST" >/dev/null && settled &&
        K scale deploy/web --replicas=1 >/dev/null && wait_for 110 pods_are 1 &&
        K scale deploy/web --replicas=3 >/dev/null && settled
}
scaling_loses_nothing() { loaded scale; }

# The only node: whom the budget protects has nowhere to go, and stays.
drain() {
    fails K drain "$CLUSTER_NODE" --pod-selector=app=web --timeout=15s && holds "$OUTPUT" "disruption budget" &&
        K uncordon "$CLUSTER_NODE" >/dev/null && settled
}
a_drain_loses_nothing() { loaded drain; }

crash() {
    for _ in 1 2 3 4 5; do
        same 500 "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "$(web_url)trap")" "of the trap" || return 1
    done
}
a_trap_costs_its_own_request() { loaded crash; }

E2E_LIMIT=300
check "a Deployment of $ROLLOUT_PODS servers becomes ready" web_begins
check "a rolling update under load loses no request" an_update_loses_nothing
check "a rollback under load loses no request" a_rollback_loses_nothing
check "scaling to $ROLLOUT_MOST and down to 1 under load loses no request" scaling_loses_nothing
check "a drain keeps to a PodDisruptionBudget and loses no request" a_drain_loses_nothing
check "a request that traps costs no other" a_trap_costs_its_own_request
check "the Deployment goes" forget deploy/web svc/web pdb/web
unset E2E_LIMIT
