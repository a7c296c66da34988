# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A Deployment that changes while requests come in: none is lost.

ROLLOUT_PODS=${CLUSTER_ROLLOUT_PODS:-20}
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
    K rollout status deploy/web --timeout=110s >/dev/null
    wait_for 20 curl -sf -m 2 "$(web_url)"
}
web_url() { echo "http://$(field svc/web '{.spec.clusterIP}')/"; }

# loaded COMMAND...: with requests coming in before, meanwhile and a moment longer
loaded() {
    local load status=0
    "$HERE/load" "$(web_url)" "$ROLLOUT_RATE" >"$E2E_DIR/load" &
    load=$!
    sleep 1
    "$@" || status=$?
    sleep 4
    kill -TERM "$load"
    wait "$load"
    sed 's/^/| /' "$E2E_DIR/load"
    # Some hundreds at least: a load that sent nothing has lost nothing, either.
    [ "$status" = 0 ] && grep -Eq "^[0-9]{3,} requests, 0 failed" "$E2E_DIR/load"
}

settled() { K rollout status deploy/web --timeout=110s >/dev/null; }
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
    K scale deploy/web --replicas=$((ROLLOUT_PODS * 2)) >/dev/null && settled &&
        K scale deploy/web --replicas=3 >/dev/null && wait_for 60 pods_are 3
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

check "a Deployment of $ROLLOUT_PODS servers becomes ready" web_begins
E2E_LIMIT=200
check "a rolling update under load loses no request" an_update_loses_nothing
check "a rollback under load loses no request" a_rollback_loses_nothing
check "scaling up and down under load loses no request" scaling_loses_nothing
check "a drain keeps to a PodDisruptionBudget and loses no request" a_drain_loses_nothing
check "a request that traps costs no other" a_trap_costs_its_own_request
check "the Deployment goes" forget deploy/web svc/web pdb/web
unset E2E_LIMIT
