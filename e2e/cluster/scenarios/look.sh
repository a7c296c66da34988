# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Looking at pods from outside: calls, probes, logs, what they use.

an_export_is_called() {
    pod library skep "image: $(image adder)"
    ready library
    ends_with 0 K exec library -- skep:call 'acme:demo/add.add(2, 40)'
    same 42 "$OUTPUT" "what it returned"
    fails K exec library -- skep:call 'acme:demo/add.sub(2, 40)'
    holds "$OUTPUT" "acme:demo/add@1.0.0.add"
    forget pod/library
}

a_call_is_a_probe() {
    pod asked skep "image: $(image adder)" \
        "readinessProbe: {exec: {command: [\"skep:call\", \"acme:demo/add.add(1, 1)\"]}, periodSeconds: 1}"
    ready asked
    forget pod/asked
}

grpc_probes_are_answered() {
    pod healthy skep "image: $(image server)" "readinessProbe: {grpc: {port: 8080}, periodSeconds: 1}" \
        "livenessProbe: {grpc: {port: 8080}, periodSeconds: 1, failureThreshold: 2}"
    ready healthy
    same 0 "$(field pod/healthy '{.status.containerStatuses[0].restartCount}')" "restarts"
    forget pod/healthy
    pod unhealthy skep "image: $(image server)" \
        "livenessProbe: {grpc: {port: 9999}, periodSeconds: 1, failureThreshold: 1}"
    wait_for 30 event_has unhealthy "Liveness probe"
    forget pod/unhealthy
}

the_previous_log_is_kept() {
    pod before skep "image: $(image hello)" "command: $(command_of hello trap)"
    comes pod/before '{.status.containerStatuses[0].restartCount}' 1
    holds "$(K logs --previous before)" trapping
    holds "$(K logs --previous before)" unreachable
    forget pod/before
}

logs_can_be_cut() {
    component tail hello ticks 50 1
    ended tail Succeeded
    same "tick 50" "$(K logs --tail=1 tail)" "the last line"
    K logs --timestamps --limit-bytes=200 tail | head -1 | grep -qE '^20[0-9-]+T[0-9:.]+Z tick 1$'
    forget pod/tail
}

attach_shows_what_comes() {
    component shows hello ticks 1000 20
    wait_for 20 log_has shows "tick 3"
    timeout 2 "$HERE/kubectl" attach shows >"$E2E_DIR/shows" 2>&1 || :
    grep -q "^tick " "$E2E_DIR/shows"
    forget pod/shows
}

a_server_writes_logs() {
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: talks, annotations: {skep.dev/access-log: stdout}}
spec: {runtimeClassName: skep, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "$(image server)"}]}
YAML
    ready talks
    curl -s -m 5 "http://$(ip_of talks):8080/log?text=words" >/dev/null
    wait_for 10 log_has talks "out words"
    log_has talks "err words"
    wait_for 10 log_has talks '"path":"/log?text=words","protocol":"HTTP/1.1","status":200'
    forget pod/talks
}

a_quota_is_kept() {
    local first second
    pod slow skep "image: $(image spinner)" "resources: {limits: {cpu: 200m}}" "spec: restartPolicy: Never"
    ready slow
    first=$(sample_of slow)
    second=$(sample_of slow "${first#* }")
    echo "$first $second" | awk '{ share = 1000 * ($3 - $1) / ($4 - $2)
        printf "| %.3f processors in %.1f s, of 0.2\n", share, ($4 - $2) / 1000; exit !(share > 0.1 && share < 0.22) }'
    forget pod/slow
}
# sample_of POD [TIME]: seconds of processor time and when that was, in ms, of the resource-metrics endpoint; five
# seconds after TIME or later
sample_of() {
    local sample
    for _ in $(seq 60); do
        sample=$(K get --raw "/api/v1/nodes/$CLUSTER_NODE/proxy/metrics/resource" |
            awk -v pod="pod=\"$1\"" -v after="$((${2:-0} + 5000))" \
                '/^container_cpu_usage_seconds_total/ && index($0, pod) && $3 > after { printf "%s %.0f", $2, $3 }')
        [ -z "$sample" ] || { echo "$sample"; return; }
        sleep 1
    done
    return 1
}

memory_is_measured() {
    pod holds skep "image: $(image hello)" "command: $(command_of hello eat 20 600)" "resources: {limits: {memory: 64Mi}}"
    ready holds
    wait_for 60 memory_is_seen
    forget pod/holds
}
memory_is_seen() {
    K get --raw "/api/v1/nodes/$CLUSTER_NODE/proxy/metrics/resource" |
        awk '/^container_memory_working_set_bytes.*pod="holds"/ { n = $2 } END { exit !(n > 20e6 && n < 40e6) }'
}

# worker_kib: what all workers hold, each shared page counted once
worker_kib() {
    # shellcheck disable=SC2016 # the node's shell
    inside sh -c 'for pid in $(pgrep -f "^skep-worker") $(pgrep -x skepd); do cat /proc/$pid/smaps_rollup; done' |
        awk '/^Pss:/ { sum += $2 } END { print sum }'
}

# costs CLASS COUNT: KiB that each of so many idle pods adds, next to what the RuntimeClass says
costs() {
    local before after declared
    before=$(worker_kib)
    apply <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: idle}
spec:
  replicas: $2
  selector: {matchLabels: {app: idle}}
  template:
    metadata: {labels: {app: idle}}
    spec: {runtimeClassName: $1, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "$(image server)"}]}
YAML
    K rollout status deploy/idle --timeout=100s >/dev/null
    after=$(worker_kib)
    declared=$(numfmt --from=auto "$(field "runtimeclass/$1" '{.overhead.podFixed.memory}')")
    echo "| $1: $(((after - before) / $2)) KiB a pod in workers and skepd; the RuntimeClass says $((declared / 1024))"
    forget deploy/idle
    [ $(((after - before) / $2)) -le $((declared / 1024)) ]
}

overhead_is_measured() {
    pod warms skep "image: $(image server)"
    ready warms
    costs skep 50
    costs skep-isolated 3
    forget pod/warms
}

check "exec skep:call calls an export of a component" an_export_is_called
check "a probe can be a call" a_call_is_a_probe
check "grpc probes are answered by a component" grpc_probes_are_answered
check "logs --previous has the last words of a trap" the_previous_log_is_kept
check "logs --tail, --timestamps, --limit-bytes" logs_can_be_cut
check "attach shows what comes" attach_shows_what_comes
check "a server's log and access log" a_server_writes_logs
check "a CPU limit is kept, as the kubelet measures it" a_quota_is_kept
check "memory in use is what the kubelet measures" memory_is_measured
check "what a pod costs beyond its limits is measured" overhead_is_measured
