# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What somebody does with pods every day.

a_command_ends() {
    component says hello show hello
    ended says Succeeded
    same 0 "$(field pod/says "$(terminated exitCode)")" "the exit code"
    log_has says "arg 1: show"
    forget pod/says
}

an_exit_code_is_the_guests() {
    component fails hello exit 7
    ended fails Failed
    same 7 "$(field pod/fails "$(terminated exitCode)")" "the exit code"
    same Error "$(field pod/fails "$(terminated reason)")" "the reason"
    forget pod/fails
}

a_trap_is_described() {
    component traps trapper
    ended traps Failed
    same 134 "$(field pod/traps "$(terminated exitCode)")" "the exit code"
    holds "$(K describe pod/traps)" unreachable
    log_has traps unreachable
    forget pod/traps
}

out_of_memory_is_said() {
    pod greedy skep "image: $(image grower)" "resources: {limits: {memory: 16Mi}}" "spec: restartPolicy: Never"
    ended greedy Failed
    same OOMKilled "$(field pod/greedy "$(terminated reason)")" "the reason"
    same 137 "$(field pod/greedy "$(terminated exitCode)")" "the exit code"
    forget pod/greedy
}

a_missing_import_is_an_event() {
    pod lacks skep "image: $(image missing)" "spec: restartPolicy: Never"
    wait_for 30 event_has lacks acme:vault/store
    forget pod/lacks
}

an_unknown_image_is_an_event() {
    pod nowhere skep "image: $CLUSTER_REGISTRY/nothing:1" "spec: restartPolicy: Never"
    wait_for 30 event_has nowhere "$CLUSTER_REGISTRY/nothing:1"
    forget pod/nowhere
}

a_server_has_an_address() {
    pod serves skep "image: $(image server)" "env: [{name: NAME, value: bee}]"
    ready serves
    holds "$(curl -s -m 5 "http://$(ip_of serves):8080/")" "bee"
}

logs_are_followed() {
    local follower
    component ticking hello ticks 1000 20
    ready ticking || wait_for 20 log_has ticking "tick 3"
    K logs -f ticking >"$E2E_DIR/ticks" 2>&1 &
    follower=$!
    wait_for 20 grep -q "tick 60" "$E2E_DIR/ticks"
    forget pod/ticking
    wait "$follower" || :
    awk '$NF != ++n { print "tick " n " is " $NF; exit 1 }' "$E2E_DIR/ticks"
}

exec_runs_another_command() {
    component main hello sleep 600
    ready main
    ends_with 0 K exec main -- /hello.wasm env HOSTNAME
    same main "$OUTPUT" "the variable"
    ends_with 9 K exec main -- /hello.wasm exit 9
    fails K exec main -- /bin/sh -c true
    holds "$OUTPUT" /bin/sh
}

exec_takes_stdin() {
    same "some words" "$(echo "some words" | K exec -i main -- /hello.wasm echo)" "what came back"
    forget pod/main
}

attach_takes_stdin() {
    pod talks skep "image: $(image hello)" "command: $(command_of hello echo)" "stdin: true" "stdinOnce: true" \
        "spec: restartPolicy: Never"
    ready talks
    holds "$(echo "to the guest" | K attach -i talks 2>&1)" "to the guest"
    ended talks Succeeded
    forget pod/talks
}

a_port_is_forwarded() {
    local port forward
    port=$(free_port)
    K port-forward pod/serves "$port:8080" >/dev/null 2>&1 &
    forward=$!
    wait_for 20 curl -sf -m 2 "http://127.0.0.1:$port/"
    kill "$forward"
    wait "$forward" || :
}

deletion_is_graceful() {
    local slow before=$SECONDS
    curl -s -m 20 "http://$(ip_of serves):8080/sleep?ms=2000" >"$E2E_DIR/slow" &
    slow=$!
    read -rt 0.5 <> <(:) || :
    forget pod/serves
    wait "$slow" || { echo "the request in flight was lost"; return 1; }
    [ $((SECONDS - before)) -lt 15 ]
}

a_service_finds_pods() {
    apply <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      runtimeClassName: skep
      terminationGracePeriodSeconds: 5
      containers:
      - name: c
        image: $(image server)
        env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
YAML
    K rollout status deploy/web --timeout=60s >/dev/null
    wait_for 20 curl -sf -m 2 "http://$(field svc/web '{.spec.clusterIP}')/"
    for _ in $(seq 60); do curl -s -m 2 "http://$(field svc/web '{.spec.clusterIP}')/"; done | sort -u >"$E2E_DIR/seen"
    same 3 "$(wc -l <"$E2E_DIR/seen")" "pods that answered"
}

a_deployment_scales() {
    K scale deploy/web --replicas=20 >/dev/null
    K rollout status deploy/web --timeout=90s >/dev/null
    K scale deploy/web --replicas=1 >/dev/null
    wait_for 60 field_is deploy/web '{.status.replicas}' 1
    forget deploy/web svc/web
}

check "a command runs and ends" a_command_ends
check "an exit code is the guest's own" an_exit_code_is_the_guests
check "describe names a trap" a_trap_is_described
check "out of memory is OOMKilled" out_of_memory_is_said
check "a missing import is an event" a_missing_import_is_an_event
check "an image that is not there is an event" an_unknown_image_is_an_event
check "a server answers at its pod's address" a_server_has_an_address
check "logs -f follows, and no line is lost" logs_are_followed
check "exec runs another command of the image" exec_runs_another_command
check "exec -i gives it stdin" exec_takes_stdin
check "attach -i gives a container stdin" attach_takes_stdin
check "port-forward reaches a server" a_port_is_forwarded
check "deletion waits for a request in flight" deletion_is_graceful
check "a Service finds the pods of a Deployment" a_service_finds_pods
check "a Deployment scales to 20 and back to 1" a_deployment_scales
