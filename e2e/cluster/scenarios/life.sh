# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# How pods begin, are watched, and end.

a_liveness_probe_restarts() {
    pod watched skep "image: $(image server)" \
        "livenessProbe: {httpGet: {path: \"/file?path=/no\", port: 8080}, periodSeconds: 1, failureThreshold: 2}"
    comes pod/watched '{.status.containerStatuses[0].restartCount}' 1
    event_has watched "Liveness probe failed"
    forget pod/watched
}

a_readiness_probe_holds_back() {
    pod unready skep "image: $(image server)" \
        "readinessProbe: {tcpSocket: {port: 9999}, periodSeconds: 1}"
    comes pod/unready '{.status.phase}' Running
    same false "$(field pod/unready '{.status.containerStatuses[0].ready}')" "ready"
    forget pod/unready
}

a_startup_probe_lets_it_begin() {
    pod starting skep "image: $(image server)" \
        "startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1, failureThreshold: 30}" \
        "readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}"
    ready starting
    forget pod/starting
}

an_exec_probe_is_asked() {
    pod asked skep "image: $(image hello)" "command: $(command_of hello sleep 600)" \
        "readinessProbe: {exec: {command: [/hello.wasm, exit, \"0\"]}, periodSeconds: 1}"
    ready asked
    forget pod/asked
    pod asked skep "image: $(image hello)" "command: $(command_of hello sleep 600)" \
        "livenessProbe: {exec: {command: [/hello.wasm, exit, \"3\"]}, periodSeconds: 1, failureThreshold: 1}"
    comes pod/asked '{.status.containerStatuses[0].restartCount}' 1
    forget pod/asked
}

a_crash_backs_off() {
    pod crashes skep "image: $(image hello)" "command: $(command_of hello exit 4)"
    comes pod/crashes '{.status.containerStatuses[0].state.waiting.reason}' CrashLoopBackOff
    same 4 "$(field pod/crashes "$(terminated exitCode lastState)")" "its last exit code"
    K logs --previous crashes >/dev/null
    forget pod/crashes
}

init_containers_come_first() {
    pod inits skep "image: $(image hello)" "command: $(command_of hello cat /data/note)" \
        "volumeMounts: [{name: data, mountPath: /data}]" "spec: restartPolicy: Never" \
        "spec: volumes: [{name: data, emptyDir: {}}]" \
        "spec: initContainers: [{name: first, image: \"$(image hello)\", command: $(command_of hello write /data/note done), volumeMounts: [{name: data, mountPath: /data}]}]"
    ended inits Succeeded
    log_has inits done
    forget pod/inits
}

a_component_is_a_sidecar() {
    pod aided skep "image: $(image hello)" "command: $(command_of hello sleep 2)" "spec: restartPolicy: Never" \
        "spec: initContainers: [{name: aide, image: \"$(image server)\", restartPolicy: Always, startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}}]"
    ended aided Succeeded
    forget pod/aided
}

# linux_sidecar: an entry of initContainers; it says that it is here, and ends at once when it is told to
linux_sidecar() {
    echo "{name: linux, image: \"$BUSYBOX\", imagePullPolicy: Never, restartPolicy: Always, command: [sh, -c, 'trap \"exit 0\" TERM; echo linux is here; while :; do sleep 0.2; done']}"
}

linux_is_a_sidecar() {
    pod mixed skep "image: $(image server)" \
        "spec: initContainers: [$(linux_sidecar)]"
    ready mixed
    log_has mixed "linux is here" -c linux
    holds "$(K exec mixed -c linux -- wget -q -O - http://127.0.0.1:8080/)" Hello
    same mixed "$(K exec mixed -c linux -- hostname)" "the host name"
}

a_debug_container_joins() {
    K debug mixed --image="$BUSYBOX" --image-pull-policy=Never --container=look -- \
        sh -c 'wget -q -O - http://127.0.0.1:8080/; sleep 1' >/dev/null
    wait_for 30 log_has mixed Hello -c look
    forget pod/mixed
}

linux_is_an_init_container() {
    pod begun skep "image: $(image hello)" "command: $(command_of hello cat /data/note)" \
        "volumeMounts: [{name: data, mountPath: /data, readOnly: true}]" "spec: restartPolicy: Never" \
        "spec: volumes: [{name: data, emptyDir: {}}]" \
        "spec: initContainers: [{name: first, image: \"$BUSYBOX\", imagePullPolicy: Never, command: [sh, -c, 'echo from linux > /data/note'], volumeMounts: [{name: data, mountPath: /data}]}]"
    ended begun Succeeded
    log_has begun "from linux"
    forget pod/begun
}

job() { # NAME CODE RETRIES
    apply <<YAML
apiVersion: batch/v1
kind: Job
metadata: {name: $1}
spec:
  backoffLimit: $3
  template:
    spec:
      runtimeClassName: skep
      restartPolicy: Never
      containers: [{name: c, image: "$(image hello)", command: $(command_of hello exit "$2")}]
YAML
}

a_job_completes() {
    job good 0 0
    K wait --for=condition=Complete job/good --timeout=60s >/dev/null
    forget job/good
}

a_job_fails() {
    job bad 3 1
    K wait --for=condition=Failed job/bad --timeout=90s >/dev/null
    same 2 "$(field job/bad '{.status.failed}')" "tries"
    forget job/bad
}

a_cron_job_starts_jobs() {
    apply <<YAML
apiVersion: batch/v1
kind: CronJob
metadata: {name: often}
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          runtimeClassName: skep
          restartPolicy: Never
          containers: [{name: c, image: "$(image hello)", command: $(command_of hello show)}]
YAML
    wait_for 100 has cronjob/often '{.status.lastSuccessfulTime}' || { K describe cronjob/often | tail -15; return 1; }
    forget cronjob/often
}

kill_containerd() {
    # shellcheck disable=SC2016 # the node's shell, not this one
    inside sh -c 'kill -KILL $(cat /run/containerd.pid)'
    inside systemctl restart containerd
}

over_a_restart_of_containerd() {
    pod kept skep "image: $(image server)" "spec: initContainers: [$(linux_sidecar)]"
    ready kept
    kill_containerd
    curl -sf -m 5 "http://$(ip_of kept):8080/" >/dev/null
    wait_for 30 log_has kept "linux is here" -c linux
    wait_for 30 K exec kept -c linux -- true
    same "0 0" "$(field pod/kept '{.status.containerStatuses[0].restartCount} {.status.initContainerStatuses[0].restartCount}')" "restarts"
    forget pod/kept
}

check "a liveness probe (http) restarts a server" a_liveness_probe_restarts
check "a readiness probe (tcp) holds a pod back" a_readiness_probe_holds_back
check "a startup probe lets a server begin" a_startup_probe_lets_it_begin
check "exec probes are asked, and believed" an_exec_probe_is_asked
check "a crash backs off, and keeps its exit code and log" a_crash_backs_off
check "an init container hands a file over" init_containers_come_first
check "a component as a native sidecar ends with its pod" a_component_is_a_sidecar
check "a Linux container as a native sidecar" linux_is_a_sidecar
check "an ephemeral debug container joins a component" a_debug_container_joins
check "a Linux init container hands a file to a component" linux_is_an_init_container
check "a Job completes" a_job_completes
check "a Job fails after its tries" a_job_fails
check "a CronJob starts Jobs" a_cron_job_starts_jobs
check "a mixed pod lives over a SIGKILL of containerd" over_a_restart_of_containerd
