# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What controllers, the scheduler and the kubelet do with pods.

batch() { # NAME SPEC COMMAND-WORDS...: a Job of hello; SPEC is YAML inside of braces
    local name=$1 spec=$2
    shift 2
    apply <<YAML
apiVersion: batch/v1
kind: Job
metadata: {name: $name}
spec:
  {$spec, template: {spec: {runtimeClassName: skep, restartPolicy: Never,
   containers: [{name: c, image: "$(image hello)", command: $(command_of hello "$@")}]}}}
YAML
}

a_job_in_parallel() {
    batch many "completions: 6, parallelism: 3" show
    K wait --for=condition=Complete job/many --timeout=60s >/dev/null
    same 6 "$(field job/many '{.status.succeeded}')" "pods that succeeded"
    forget job/many
}

a_code_decides() {
    batch code "backoffLimit: 6, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [42]}}]}" exit 42
    K wait --for=condition=Failed job/code --timeout=60s >/dev/null
    same PodFailurePolicy "$(field job/code '{.status.conditions[?(@.type=="Failed")].reason}')" "the reason"
    same 1 "$(field job/code '{.status.failed}')" "tries"
    forget job/code
}

a_deadline_ends_a_job() {
    batch late "activeDeadlineSeconds: 3, backoffLimit: 0" sleep 600
    K wait --for=condition=Failed job/late --timeout=60s >/dev/null
    same DeadlineExceeded "$(field job/late '{.status.conditions[?(@.type=="Failed")].reason}')" "the reason"
    forget job/late
}

on_failure_runs_again() {
    pod again skep "image: $(image hello)" "command: $(command_of hello cat /data/note)" \
        "volumeMounts: [{name: data, mountPath: /data}]" "spec: restartPolicy: OnFailure" \
        "spec: volumes: [{name: data, emptyDir: {}}]" \
        "spec: initContainers: [{name: later, image: \"$BUSYBOX\", imagePullPolicy: Never, restartPolicy: Always, command: [sh, -c, 'trap \"exit 0\" TERM; sleep 3; echo done >/data/note; while :; do sleep 0.2; done'], volumeMounts: [{name: data, mountPath: /data}]}]"
    ended again Succeeded
    [ "$(field pod/again '{.status.containerStatuses[0].restartCount}')" -ge 1 ]
    log_has again done
    forget pod/again
}

a_stateful_set() {
    apply <<YAML
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set}
spec:
  replicas: 2
  serviceName: set
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set}}
    spec:
      runtimeClassName: skep
      terminationGracePeriodSeconds: 5
      containers: [{name: c, image: "$(image server)", env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]
YAML
    K rollout status statefulset/set --timeout=60s >/dev/null
    holds "$(curl -s -m 5 "http://$(ip_of set-1):8080/")" set-1
    K delete pod set-1 --timeout=60s >/dev/null
    K rollout status statefulset/set --timeout=60s >/dev/null
    holds "$(curl -s -m 5 "http://$(ip_of set-1):8080/")" set-1
    forget statefulset/set
}

a_daemon_set() {
    apply <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each}
spec:
  selector: {matchLabels: {app: each}}
  template:
    metadata: {labels: {app: each}}
    spec:
      runtimeClassName: skep
      terminationGracePeriodSeconds: 5
      containers: [{name: c, image: "$(image server)", ports: [{containerPort: 8080, hostPort: 18080}]}]
YAML
    K rollout status daemonset/each --timeout=60s >/dev/null
    wait_for 20 curl -sf -m 2 "http://$CLUSTER_IP:18080/"
    forget daemonset/each
}

hooks_run() {
    pod hooked skep "image: $(image hello)" "command: $(command_of hello sleep 600)" \
        "lifecycle: {postStart: {exec: {command: $(command_of hello write /hooks/start yes)}}, preStop: {exec: {command: $(command_of hello write /hooks/stop yes)}}}" \
        "volumeMounts: [{name: hooks, mountPath: /hooks}]" \
        "spec: volumes: [{name: hooks, hostPath: {path: /var/lib/kubelet/hooks, type: DirectoryOrCreate}}]"
    ready hooked
    same yes "$(inside cat /var/lib/kubelet/hooks/start)" "postStart's file"
    forget pod/hooked
    same yes "$(inside cat /var/lib/kubelet/hooks/stop)" "preStop's file"
    inside rm -r /var/lib/kubelet/hooks
}

a_hook_asks_by_http() {
    pod called skep "image: $(image server)" "lifecycle: {preStop: {httpGet: {path: \"/log?text=goodbye\", port: 8080}}}"
    ready called
    K logs -f called >"$E2E_DIR/called" 2>&1 &
    forget pod/called
    wait_for 10 grep -q "out goodbye" "$E2E_DIR/called"
}

last_words_are_the_message() {
    pod words skep "image: $(image hello)" "command: $(command_of hello cat /no/such/file)" \
        "terminationMessagePolicy: FallbackToLogsOnError" "spec: restartPolicy: Never"
    ended words Failed
    holds "$(field pod/words "$(terminated message)")" "/no/such/file"
    forget pod/words
}

deletion_can_be_forced() {
    local before=$SECONDS
    pod forced skep "image: $(image hello)" "command: $(command_of hello sleep 600)"
    ready forced
    K delete pod/forced --force --grace-period=0 >/dev/null 2>&1
    wait_for 20 inside sh -c '! crictl ps -q --name "^c$" --label io.kubernetes.pod.name=forced | grep .'
    [ $((SECONDS - before)) -lt 30 ]
}

a_full_volume_evicts() {
    pod fat skep "image: $(image hello)" "command: $(command_of hello sleep 600)" "volumeMounts: [{name: data, mountPath: /data}]" \
        "spec: volumes: [{name: data, emptyDir: {sizeLimit: 1Mi}}]" \
        "spec: initContainers: [{name: fill, image: \"$BUSYBOX\", imagePullPolicy: Never, command: [dd, if=/dev/zero, of=/data/much, bs=1M, count=4], volumeMounts: [{name: data, mountPath: /data}]}]"
    WAIT=100 comes pod/fat '{.status.reason}' Evicted
    forget pod/fat
}

the_api_evicts() {
    pod moved skep "image: $(image server)"
    ready moved
    K create --raw /api/v1/namespaces/default/pods/moved/eviction -f - >/dev/null <<'JSON'
{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "moved", "namespace": "default"}}
JSON
    wait_for 30 gone_pod moved
}
gone_pod() { ! K get "pod/$1"; }

priority_takes_the_place() {
    local cpus
    cpus=$(field "node/$CLUSTER_NODE" '{.status.allocatable.cpu}')
    apply <<YAML
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: urgent}
value: 1000
YAML
    pod humble skep "image: $(image server)" "resources: {requests: {cpu: $((cpus * 1000 - 300))m}}"
    ready humble
    pod proud skep "image: $(image server)" "resources: {requests: {cpu: $((cpus * 1000 - 300))m}}" "spec: priorityClassName: urgent"
    ready proud
    gone_pod humble 2>/dev/null
    same True "$(field "node/$CLUSTER_NODE" '{.status.conditions[?(@.type=="Ready")].status}')" "the node is Ready"
    forget pod/proud
    forget priorityclass/urgent
}

a_quota_holds() {
    K create namespace small >/dev/null
    apply <<YAML
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: small}
spec: {hard: {pods: "1"}}
YAML
    wait_for 20 quota_counts
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: first, namespace: small}
spec: {runtimeClassName: skep, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "$(image server)"}]}
YAML
    fails K -n small run second --image="$(image server)" --overrides='{"apiVersion": "v1", "spec": {"runtimeClassName": "skep"}}'
    holds "$OUTPUT" "exceeded quota"
    K delete namespace small --timeout=60s >/dev/null
}
quota_counts() { [ -n "$(K -n small get quota quota -o 'jsonpath={.status.used.pods}')" ]; }

more_is_refused() {
    pod strong skep "image: $(image server)" "securityContext: {privileged: true}"
    wait_for 30 event_has strong "a component can"
    forget pod/strong
}

the_host_network_is_the_nodes() {
    pod onnode skep "image: $(image server)" "env: [{name: PORT, value: \"18081\"}]" "spec: hostNetwork: true"
    ready onnode
    same "$CLUSTER_IP" "$(ip_of onnode)" "its address"
    holds "$(curl -s -m 5 "http://$CLUSTER_IP:18081/")" Hello
    forget pod/onnode
}

a_taken_port_is_an_event() {
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec:
  runtimeClassName: skep
  terminationGracePeriodSeconds: 1
  containers: [{name: a, image: "$(image server)"}, {name: b, image: "$(image server)"}]
YAML
    wait_for 30 event_has twice 8080
    forget pod/twice
}

names_are_the_pods() {
    pod names skep "image: $(image net)" "command: $(command_of net lookup far.example)" "spec: restartPolicy: Never" \
        "spec: hostAliases: [{ip: 192.0.2.7, hostnames: [far.example]}]"
    ended names Succeeded
    log_has names 192.0.2.7
    forget pod/names
}

components_reach_each_other() {
    pod target skep "image: $(image server)"
    ready target
    pod reaches skep "image: $(image net)" "command: $(command_of net tcp "$(ip_of target):8080")" "spec: restartPolicy: Never"
    ended reaches Succeeded
    log_has reaches "400 Bad Request"
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: walled, annotations: {skep.dev/network: "192.0.2.0/24:80"}}
spec:
  runtimeClassName: skep
  restartPolicy: Never
  containers: [{name: c, image: "$(image net)", command: $(command_of net tcp "$(ip_of target):8080")}]
YAML
    ended walled Failed
    log_has walled "net: "
    forget pod/target pod/reaches pod/walled
}

a_wrong_annotation_is_an_event() {
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: wrong, annotations: {skep.dev/requests: many}}
spec: {runtimeClassName: skep, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "$(image server)"}]}
YAML
    wait_for 30 event_has wrong skep.dev/requests
    forget pod/wrong
}

the_root_can_be_read_only() {
    pod fixed skep "image: $(image hello)" "command: $(command_of hello write /note no)" "spec: restartPolicy: Never" \
        "securityContext: {readOnlyRootFilesystem: true}"
    ended fixed Failed
    log_has fixed "/note"
    forget pod/fixed
}

a_node_forgets_a_kubelet() {
    pod outlives skep "image: $(image server)"
    ready outlives
    # shellcheck disable=SC2016 # the node's shell
    inside sh -c 'kill -KILL $(pgrep -x kubelet); cd /
        setsid unshare -m --propagation unchanged bash /node/kubelet.sh --config=/conf/kubelet.yaml \
            --kubeconfig=/keys/kubelet.conf --node-ip="$0" --hostname-override="$1" --v=2 >/log/kubelet.again 2>&1 </dev/null &' \
        "$CLUSTER_IP" "$CLUSTER_NODE"
    wait_for 60 K get --raw "/api/v1/nodes/$CLUSTER_NODE/proxy/healthz"
    same 0 "$(field pod/outlives '{.status.containerStatuses[0].restartCount}')" "restarts"
    curl -sf -m 5 "http://$(ip_of outlives):8080/" >/dev/null
    forget pod/outlives
}

check "a Job of six pods, three at once" a_job_in_parallel
check "a Job's failure policy reads the exit code" a_code_decides
check "a Job's deadline ends a component" a_deadline_ends_a_job
check "OnFailure runs a component again until it succeeds" on_failure_runs_again
check "a StatefulSet keeps its names" a_stateful_set
check "a DaemonSet with a host port" a_daemon_set
check "postStart and preStop commands run" hooks_run
check "a preStop request is answered" a_hook_asks_by_http
check "the last words become the termination message" last_words_are_the_message
check "a forced deletion ends a command at once" deletion_can_be_forced
check "a volume beyond its limit evicts its pod" a_full_volume_evicts
check "the API evicts a pod" the_api_evicts
check "priority takes another pod's place, and the node stays healthy" priority_takes_the_place
check "a ResourceQuota refuses the second pod" a_quota_holds
check "a privileged container is refused in words" more_is_refused
check "hostNetwork is the node's" the_host_network_is_the_nodes
check "a port that is taken is an event" a_taken_port_is_an_event
check "hostAliases are the names of a component" names_are_the_pods
check "pods reach each other, as far as skep.dev/network lets them" components_reach_each_other
check "a wrong annotation is an event" a_wrong_annotation_is_an_event
check "a read-only root cannot be written" the_root_can_be_read_only
check "pods live over a SIGKILL of the kubelet" a_node_forgets_a_kubelet
skip "a NetworkPolicy holds" "the bridge plugin of this node knows no policies"
