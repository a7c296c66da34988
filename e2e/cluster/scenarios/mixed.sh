# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Components and Linux containers in one pod: each lives and dies by itself.

# mixed NAME COMPONENT LINUX: a pod of the containers "comp" and "linux"; what follows is YAML inside of each entry's braces
mixed() {
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  runtimeClassName: skep
  terminationGracePeriodSeconds: 5
  volumes: [{name: data, emptyDir: {}}]
  containers:
  - {name: comp, volumeMounts: [{name: data, mountPath: /data}], $2}
  - {name: linux, image: "$BUSYBOX", imagePullPolicy: Never, volumeMounts: [{name: data, mountPath: /data}], $3}
YAML
}
of() { echo "{.status.containerStatuses[?(@.name==\"$1\")].$2}"; } # CONTAINER FIELD
serve() { echo "image: \"$(image server)\""; }
idle() { echo "command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.2; done']"; }
restarted() { [ "$(field "pod/$1" "$(of "$2" restartCount)")" -ge 1 ]; }

linux_runs_out_of_memory() {
    mixed one "$(serve)" "resources: {limits: {memory: 24Mi}}, command: [sh, -c, 'sleep 1; tail /dev/zero']"
    wait_for 60 restarted one linux
    same OOMKilled "$(field pod/one "$(of linux lastState.terminated.reason)")" "the Linux container's end"
    same 0 "$(field pod/one "$(of comp restartCount)")" "the component's restarts"
    curl -sf -m 5 "http://$(ip_of one):8080/" >/dev/null
    forget pod/one
}

a_component_runs_out_of_memory() {
    mixed two "image: \"$(image hello)\", command: $(command_of hello eat 64 60), resources: {limits: {memory: 16Mi}}" "$(idle)"
    wait_for 60 restarted two comp
    same OOMKilled "$(field pod/two "$(of comp lastState.terminated.reason)")" "the component's end"
    same 0 "$(field pod/two "$(of linux restartCount)")" "the Linux container's restarts"
    K exec two -c linux -- true
    forget pod/two
}

linux_ends_alone() {
    mixed three "$(serve)" "command: [sh, -c, 'sleep 1; exit 3']"
    wait_for 60 restarted three linux
    same 3 "$(field pod/three "$(of linux lastState.terminated.exitCode)")" "its exit code"
    same 0 "$(field pod/three "$(of comp restartCount)")" "the component's restarts"
    forget pod/three
}

a_worker_dies() {
    local address pid
    mixed four "$(serve)" "$(idle)"
    ready four
    address=$(ip_of four)
    # shellcheck disable=SC2016 # the node's shell
    inside sh -c 'kill -KILL $(pgrep -f "^skep-worker" | head -1)'
    wait_for 60 restarted four comp
    ready four
    same "$address" "$(ip_of four)" "the pod's address"
    same 255 "$(field pod/four "$(of comp lastState.terminated.exitCode)")" "the component's exit code"
    same 0 "$(field pod/four "$(of linux restartCount)")" "the Linux container's restarts"
    wait_for 20 curl -sf -m 5 "http://$address:8080/"
}

the_daemon_dies() {
    # shellcheck disable=SC2016 # the node's shell
    inside sh -c 'kill -KILL $(pgrep -x skepd)'
    wait_for 90 serves_again four
    forget pod/four
}
serves_again() { curl -sf -m 5 "http://$(ip_of "$1"):8080/" && [ "$(field "pod/$1" "$(of comp ready)")" = true ]; }

they_share_files() {
    mixed five "$(serve)" "command: [sh, -c, 'echo from linux >/data/note; trap \"exit 0\" TERM; while :; do sleep 0.2; done']"
    ready five
    wait_for 20 file_of five /data/note "from linux"
    forget pod/five
}
file_of() { [ "$(curl -s -m 5 "http://$(ip_of "$1"):8080/file?path=$2")" = "$3" ]; }

both_are_reached_by_services() {
    mixed six "$(serve)" "command: [httpd, -f, -p, '9000', -h, /www], readinessProbe: {tcpSocket: {port: 9000}, periodSeconds: 1}"
    ready six
    apply <<YAML
apiVersion: v1
kind: Service
metadata: {name: six}
spec: {selector: {app: six}, ports: [{name: comp, port: 80, targetPort: 8080}, {name: linux, port: 90, targetPort: 9000}]}
YAML
    wait_for 20 curl -sf -m 2 "http://$(field svc/six '{.spec.clusterIP}')/"
    same 404 "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://$(field svc/six '{.spec.clusterIP}'):90/none")" "of the Linux server"
    same mixed "$(K exec six -c linux -- sh -c 'echo mixed | nc -w 1 127.0.0.1 8080 >/dev/null; echo mixed')" "of exec"
    forget pod/six svc/six
}

a_debug_container_with_a_target() {
    mixed seven "$(serve)" "$(idle)"
    ready seven
    K debug seven --image="$BUSYBOX" --image-pull-policy=Never --target=comp --container=peek -- \
        sh -c 'wget -q -O - http://127.0.0.1:8080/; hostname' >/dev/null
    wait_for 30 log_has seven Hello -c peek
    log_has seven seven -c peek
    forget pod/seven
}

it_is_deleted_softly() {
    local before=$SECONDS
    mixed eight "$(serve)" "$(idle)"
    ready eight
    forget pod/eight
    [ $((SECONDS - before)) -lt 30 ]
}

processes_are_shared() {
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: nine}
spec:
  runtimeClassName: skep
  terminationGracePeriodSeconds: 5
  shareProcessNamespace: true
  containers:
  - {name: comp, image: "$(image server)"}
  - {name: a, image: "$BUSYBOX", imagePullPolicy: Never, command: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 0.3; done']}
  - {name: b, image: "$BUSYBOX", imagePullPolicy: Never, command: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 0.7; done']}
YAML
    ready nine
    holds "$(K exec nine -c a -- ps)" "sleep 0.7"
    forget pod/nine
}

check "out of memory of the Linux side leaves the component" linux_runs_out_of_memory
check "out of memory of the component leaves the Linux side" a_component_runs_out_of_memory
check "a Linux container that ends is restarted alone" linux_ends_alone
check "a worker that dies is replaced, in the same pod" a_worker_dies
check "a daemon that dies costs a new sandbox, no more" the_daemon_dies
check "a Linux container hands a file to a running component" they_share_files
check "a Service reaches both sides of a pod" both_are_reached_by_services
check "a debug container can target a component" a_debug_container_with_a_target
check "a mixed pod is deleted within its grace" it_is_deleted_softly
check "Linux containers of a pod share processes when it asks for that" processes_are_shared
