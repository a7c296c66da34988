# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What metrics-server makes of the kubelet's numbers.

top_has() { K top pod "$1" --no-headers 2>/dev/null | grep -q "^$1 "; }
millicores_of() { K top pod "$1" --no-headers | awk '{ print $2 + 0 }'; }

top_shows_a_component() {
    pod busy skep "image: $(image spinner)" "resources: {limits: {cpu: 200m}}" "spec: restartPolicy: Never"
    ready busy
    wait_for 60 top_has busy
    wait_for 30 uses_processor busy 100 300
    echo "| $(K top pod busy --no-headers)"
    forget pod/busy
    K top node "$CLUSTER_NODE" --no-headers | grep -q "^$CLUSTER_NODE "
}
uses_processor() { # POD LEAST MOST
    local used
    used=$(millicores_of "$1")
    [ "$used" -ge "$2" ] && [ "$used" -le "$3" ]
}

an_autoscaler_reacts() {
    local burns
    apply <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: grows}
spec:
  replicas: 1
  selector: {matchLabels: {app: grows}}
  template:
    metadata: {labels: {app: grows}}
    spec:
      runtimeClassName: skep
      terminationGracePeriodSeconds: 3
      containers: [{name: c, image: "$(image server)", resources: {requests: {cpu: 50m}, limits: {cpu: 200m}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: grows}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: grows}
  minReplicas: 1
  maxReplicas: 3
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
YAML
    K rollout status deploy/grows --timeout=60s >/dev/null
    curl -s -m 100 "http://$(K get pod -l app=grows -o 'jsonpath={.items[0].status.podIP}'):8080/spin" >/dev/null &
    burns=$!
    WAIT=100 comes deploy/grows '{.spec.replicas}' 3
    kill "$burns"
    wait "$burns" || :
    # Idle servers have numbers, too: whom metrics-server does not know an autoscaler does not remove.
    WAIT=100 comes deploy/grows '{.spec.replicas}' 1
    forget hpa/grows deploy/grows
}

check "kubectl top shows what a component uses" top_shows_a_component
E2E_LIMIT=250
check "an autoscaler adds pods for CPU use, and removes idle ones" an_autoscaler_reacts
unset E2E_LIMIT
