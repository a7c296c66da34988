# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What a pod is given, and how much.

config() {
    apply <<YAML
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {mode: first, other: unused}
---
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {password: very secret}
YAML
}

environment_comes_from_everywhere() {
    config
    pod env skep "image: $(image server)" "env:" "- {name: MODE, valueFrom: {configMapKeyRef: {name: conf, key: mode}}}" \
        "- {name: PASSWORD, valueFrom: {secretKeyRef: {name: token, key: password}}}" \
        "- {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}" \
        "- {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory}}}" "resources: {limits: {memory: 64Mi}}"
    ready env
    curl -s -m 5 "http://$(ip_of env):8080/env" >"$E2E_DIR/env"
    grep -qx "MODE=first" "$E2E_DIR/env"
    grep -qx "PASSWORD=very secret" "$E2E_DIR/env"
    grep -qx "POD=env" "$E2E_DIR/env"
    grep -qx "MEMORY=67108864" "$E2E_DIR/env"
    forget pod/env
}

file() { curl -s -m 5 "http://$(ip_of "$1"):8080/file?path=$2"; }
file_is() { [ "$(file "$1" "$2")" = "$3" ]; }

volumes_are_folders() {
    config
    pod files skep "image: $(image server)" "volumeMounts:" "- {name: conf, mountPath: /conf}" \
        "- {name: token, mountPath: /token, readOnly: true}" "- {name: about, mountPath: /about}" \
        "- {name: conf, mountPath: /single, subPath: mode}" "spec: volumes:" \
        "spec: - {name: conf, configMap: {name: conf}}" "spec: - {name: token, secret: {secretName: token}}" \
        "spec: - {name: about, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}"
    ready files
    same first "$(file files /conf/mode)" "the ConfigMap's file"
    same "very secret" "$(file files /token/password)" "the Secret's file"
    same first "$(file files /single)" "the single file"
    holds "$(file files /about/labels)" 'app="files"'
}

an_update_is_seen() {
    K patch configmap/conf -p '{"data": {"mode": "second"}}' >/dev/null
    WAIT=90 wait_for 90 file_is files /conf/mode second
    same first "$(file files /single)" "a single file keeps its content"
    forget pod/files
}

a_service_account_has_a_token() {
    pod account skep "image: $(image server)"
    ready account
    file account /var/run/secrets/kubernetes.io/serviceaccount/token | grep -qE '^ey[A-Za-z0-9_-]+\.'
    holds "$(file account /var/run/secrets/kubernetes.io/serviceaccount/namespace)" default
    forget pod/account
}

containers_share_an_empty_dir() {
    apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: share}
spec:
  runtimeClassName: skep
  restartPolicy: Never
  volumes: [{name: data, emptyDir: {}}]
  containers:
  - {name: writes, image: "$(image hello)", command: $(command_of hello write /data/note shared), volumeMounts: [{name: data, mountPath: /data}]}
  - {name: serves, image: "$(image server)", volumeMounts: [{name: data, mountPath: /data, readOnly: true}]}
YAML
    comes pod/share '{.status.phase}' Running
    wait_for 20 file_is share /data/note shared
    forget pod/share
}

a_read_only_mount_is_kept() {
    pod guarded skep "image: $(image hello)" "command: $(command_of hello write /data/note no)" "spec: restartPolicy: Never" \
        "volumeMounts: [{name: data, mountPath: /data, readOnly: true}]" "spec: volumes: [{name: data, emptyDir: {}}]"
    ended guarded Failed
    log_has guarded "create /data/note"
    forget pod/guarded
}

a_claim_is_bound() {
    apply <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec:
  capacity: {storage: 1Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  hostPath: {path: /var/lib/kubelet/disk, type: DirectoryOrCreate}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], storageClassName: by-hand, resources: {requests: {storage: 1Mi}}}
YAML
    for words in "write /disk/note kept" "cat /disk/note"; do
        # shellcheck disable=SC2086 # words
        pod claims skep "image: $(image hello)" "command: $(command_of hello $words)" "spec: restartPolicy: Never" \
            "volumeMounts: [{name: disk, mountPath: /disk}]" "spec: volumes: [{name: disk, persistentVolumeClaim: {claimName: disk}}]"
        ended claims Succeeded
        K logs claims >"$E2E_DIR/claims"
        forget pod/claims
    done
    same kept "$(cat "$E2E_DIR/claims")" "what the second pod read"
    forget pvc/disk
    forget pv/disk
}

limits_have_defaults() {
    K create namespace limited >/dev/null
    apply <<YAML
apiVersion: v1
kind: LimitRange
metadata: {name: defaults, namespace: limited}
spec: {limits: [{type: Container, default: {memory: 16Mi}, defaultRequest: {memory: 8Mi}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: limited}
spec: {hard: {pods: "1"}}
---
apiVersion: v1
kind: Pod
metadata: {name: greedy, namespace: limited}
spec:
  runtimeClassName: skep
  restartPolicy: Never
  containers: [{name: c, image: "$(image grower)"}]
YAML
    K -n limited wait --for='jsonpath={.status.phase}=Failed' pod/greedy --timeout=60s >/dev/null
    same OOMKilled "$(K -n limited get pod/greedy -o "jsonpath=$(terminated reason)")" "the reason"
    K delete namespace limited --timeout=60s >/dev/null
}

limits_change_in_place() {
    pod resized skep "image: $(image server)" "resources: {requests: {memory: 16Mi, cpu: 10m}, limits: {memory: 16Mi, cpu: 100m}}"
    ready resized
    same 507 "$(curl -s -o /dev/null -w '%{http_code}' -m 5 "http://$(ip_of resized):8080/eat?mib=32")" "before"
    K patch pod resized --subresource resize -p \
        '{"spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "128Mi"}}}]}}' >/dev/null
    comes pod/resized '{.status.containerStatuses[0].resources.limits.memory}' 128Mi
    same 200 "$(curl -s -o /dev/null -w '%{http_code}' -m 5 "http://$(ip_of resized):8080/eat?mib=32")" "afterwards"
    same 0 "$(field pod/resized '{.status.containerStatuses[0].restartCount}')" "restarts"
    forget pod/resized
}

use_is_measured() {
    pod busy skep "image: $(image spinner)" "resources: {limits: {cpu: 100m}}" "spec: restartPolicy: Never"
    ready busy
    wait_for 60 cpu_is_seen
    forget pod/busy
}
cpu_is_seen() {
    K get --raw "/api/v1/nodes/$CLUSTER_NODE/proxy/stats/summary" |
        jq -e '.pods[] | select(.podRef.name == "busy") | .containers[0].cpu.usageNanoCores | . > 50000000 and . < 200000000'
}

classes_choose_a_process() {
    local class
    for class in skep skep-shared skep-isolated; do
        pod "in-$class" "$class" "image: $(image server)"
        ready "in-$class"
    done
    inside ps -eo args | sed -n 's,^skep-worker \([a-z]*\).*,\1,p' | sort -u >"$E2E_DIR/workers"
    same "namespace node pod" "$(paste -sd' ' "$E2E_DIR/workers")" "workers"
    forget pod/in-skep pod/in-skep-shared pod/in-skep-isolated
}

check "environment from ConfigMap, Secret, downward API and limits" environment_comes_from_everywhere
check "ConfigMap, Secret, downward API and subPath as files" volumes_are_folders
check "an update of a mounted ConfigMap is seen" an_update_is_seen
check "a service account's projected token is there" a_service_account_has_a_token
check "containers of a pod share an emptyDir" containers_share_an_empty_dir
check "a read-only mount cannot be written" a_read_only_mount_is_kept
check "a claim of a persistent volume is bound and kept" a_claim_is_bound
check "LimitRange gives the limit, ResourceQuota holds" limits_have_defaults
check "limits change in place, without a restart" limits_change_in_place
check "the kubelet sees what a component uses" use_is_measured
check "three RuntimeClasses, three workers" classes_choose_a_process
