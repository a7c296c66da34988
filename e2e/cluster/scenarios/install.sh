# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Skep comes onto a node and leaves it, by chart, manifests and hand. The node of `up` has Skep already: it is taken
# away first and put back last.

INSTALLER=skep.local/skep-install
HELM_NAMESPACE=skep-system
H() { "$CLUSTER_TOP/e2e/cluster/helm" -n "$HELM_NAMESPACE" "$@"; }

# What must be the same before and after: names, modes, owners and bytes of all that containerd is configured by.
configuration() {
    inside sh -c 'cd /etc/containerd && find . -printf "%p %y %m %u %g\n" | sort && find . -type f | sort | xargs sha256sum'
}
restart_containerd() { inside systemctl restart containerd; }
containerd_pid() { inside cat /run/containerd.pid; }
node_handlers() { field "node/$CLUSTER_NODE" '{.status.runtimeHandlers[*].name}'; }
has_handler() { [[ " $(node_handlers) " == *" $1 "* ]]; }
lacks_handler() { ! has_handler "$1"; }
node_label() { field "node/$CLUSTER_NODE" '{.metadata.labels.skep\.dev/runtime}'; }
node_label_is() { [ "$(node_label)" = "$1" ]; }
# node_event REASON WORDS
node_event() {
    K get events -n default --field-selector "involvedObject.kind=Node,reason=$1" -o 'jsonpath={.items[*].message}' | grep -qF "$2"
}
node_event_comes() {
    wait_for "${WAIT:-40}" node_event "$@" || { K get events -n default --field-selector involvedObject.kind=Node | tail; return 1; }
}

# values TAG: of an installation that is quick to see what changes
values() {
    cat <<YAML
image: {repository: $INSTALLER, tag: "$1", pullPolicy: Never}
installer: {everySeconds: 2, waitSeconds: 20, withdrawSeconds: ${WITHDRAW:-60}}
test: {image: "$(image hello)", command: [/hello.wasm, exit, "0"]}
YAML
}
chart() { # VERB TAG HELM-ARGS...
    values "$2" >"$E2E_DIR/values-$2.yaml"
    H "$1" skep "$CLUSTER_TOP/charts/skep" -f "$E2E_DIR/values-$2.yaml" "${@:3}"
}

images_are_made() {
    local version
    for version in one two; do
        SKEP_VERSION_ID=$version "$CLUSTER_TOP/tools/installer-image" "$E2E_DIR/installer.tar" "$INSTALLER" >/dev/null
        inside sh -c 'cat >/tmp/installer.tar; ctr -n k8s.io images import /tmp/installer.tar; rm /tmp/installer.tar' <"$E2E_DIR/installer.tar"
    done
    holds "$(inside ctr -n k8s.io images ls -q)" "$INSTALLER:two"
}

the_node_is_bare() {
    K delete -f "$CLUSTER_TOP/k8s/runtimeclass.yaml" >/dev/null
    inside rm /etc/containerd/conf.d/skep.toml
    restart_containerd
    wait_for 30 lacks_handler skep
    K create namespace "$HELM_NAMESPACE" >/dev/null
    configuration >"$E2E_DIR/bare"
}
is_as_before() {
    configuration >"$E2E_DIR/now"
    diff -u "$E2E_DIR/bare" "$E2E_DIR/now"
}

# A value, and what the refusal has to name.
wrong_values_are_refused() {
    local value name
    while IFS='|' read -r value name; do
        fails H template skep "$CLUSTER_TOP/charts/skep" --set-json "$value"
        holds "$OUTPUT" "$name" || { echo "$value"; return 1; }
    done <<'TABLE'
imagee={}|imagee
image={"repository": ""}|/image/repository
image={"repository": "a", "tag": "latest"}|/image/tag
image={"repository": "a", "digest": "sha256:12"}|/image/digest
image={"repository": "a", "pullPolicy": "Sometimes"}|/image/pullPolicy
installer={"configFile": "config.toml"}|/installer/configFile
installer={"everySeconds": 0}|/installer/everySeconds
installer={"everySeconds": "often"}|/installer/everySeconds
installer={"arch": "sparc"}|/installer/arch
installer={"writable": "/etc/other"}|/installer/writable
installer={"tolerations": [{"operator": "Never"}]}|/installer/tolerations/0/operator
installer={"resources": {"limits": {"memory": "much"}}}|/installer/resources/limits/memory
installer={"unit": "containerd"}|unit
runtimeClasses={"create": "yes"}|/runtimeClasses/create
runtimeClasses={"overhead": {"memory": "24 Mi"}}|/runtimeClasses/overhead/memory
fullnameOverride="Skep!"|/fullnameOverride
TABLE
}

every_value_can_be_set() {
    H lint --strict "$CLUSTER_TOP/charts/skep" -f - <<'YAML'
nameOverride: other
commonLabels: {team: a}
image: {repository: registry.example:5000/skep-install, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
imagePullSecrets: [{name: pull}]
installer:
  writable: [/etc/k0s/containerd.d]
  securityContext: {seLinuxOptions: {type: spc_t}}
  podAnnotations: {a: b}
  podLabels: {c: d}
  nodeSelector: {pool: wasm}
  affinity: {nodeAffinity: {}}
  tolerations: [{key: wasm, operator: Exists, effect: NoSchedule}]
  updateStrategy: {type: OnDelete}
serviceAccount: {create: false, name: other, annotations: {e: f}}
rbac: {create: false}
runtimeClasses: {overhead: {cpu: 1m, memory: 1Mi}, tolerations: [{key: wasm, operator: Exists}]}
test: {image: "registry.example/hello:1"}
YAML
    H lint --strict "$CLUSTER_TOP/charts/skep" --set installer.enabled=false
}

the_api_server_takes_it() {
    values one >"$E2E_DIR/values-one.yaml"
    H install skep "$CLUSTER_TOP/charts/skep" -f "$E2E_DIR/values-one.yaml" --dry-run=server >/dev/null
    K apply --dry-run=server -f "$CLUSTER_TOP/k8s/install.yaml" -f "$CLUSTER_TOP/k8s/withdraw.yaml" -f "$CLUSTER_TOP/k8s/runtimeclass.yaml"
}

the_chart_installs() {
    local before
    before=$(containerd_pid)
    chart install one --wait --timeout 90s >/dev/null || { tell_installer; return 1; }
    same ready "$(node_label)" "the node's label"
    has_handler skep && has_handler skep-shared && has_handler skep-isolated
    node_event_comes SkepInstalled "Skep one"
    same "$(sed 1d "$E2E_DIR/bare" | grep -v conf.d)" "$(configuration | sed 1d | grep -v conf.d)" "the main file"
    [ "$before" != "$(containerd_pid)" ] || { echo "containerd was not restarted"; return 1; }
    before=$(containerd_pid)
    read -rt 5 <> <(:) || :
    same "$before" "$(containerd_pid)" "containerd's process, five seconds later"
}
tell_installer() {
    K get pods -n "$HELM_NAMESPACE" -o wide
    K describe pods -n "$HELM_NAMESPACE" | tail -20
    K logs -n "$HELM_NAMESPACE" daemonset/skep --tail=20 || :
}

the_charts_test_passes() { H test skep --timeout 60s; }

# skepd_of VERSION: the pid of that version's
skepd_of() { inside sh -c "for p in /proc/[0-9]*; do [ \"\$(readlink \$p/exe)\" = /opt/skep/versions/$1/libexec/skep/skepd ] && basename \$p; done; :"; }

pods_run() {
    pod kept skep "image: $(image server)" "env: [{name: NAME, value: bee}]"
    ready kept
    holds "$(curl -s -m 5 "http://$(ip_of kept):8080/")" bee
    [ -n "$(skepd_of one)" ] || { echo "no skepd of version one"; return 1; }
}

an_upgrade_keeps_pods() {
    local before
    before=$(containerd_pid)
    chart upgrade two --wait --timeout 90s >/dev/null || { tell_installer; return 1; }
    node_event_comes SkepInstalled "Skep two"
    same "$before" "$(containerd_pid)" "containerd's process"
    holds "$(curl -s -m 5 "http://$(ip_of kept):8080/")" bee
    pod newer skep "image: $(image server)" "env: [{name: NAME, value: wasp}]"
    ready newer
    holds "$(curl -s -m 5 "http://$(ip_of newer):8080/")" wasp
    [ -n "$(skepd_of two)" ] || { echo "no skepd of version two"; return 1; }
    same "one two" "$(inside sh -c 'cd /opt/skep/versions && echo *')" "the versions"
}

only_version() { [ "$(inside sh -c 'cd /opt/skep/versions && echo *')" = "$1" ]; }
an_old_version_goes_with_its_last_skepd() {
    forget pod/kept
    inside kill "$(skepd_of one)"
    wait_for 20 only_version two
}

uninstall_waits_for_pods() {
    WITHDRAW=5 chart upgrade two --wait --timeout 90s >/dev/null
    fails H uninstall skep --timeout 30s
    node_event_comes SkepInUse default/newer
    node_label_is removing
    holds "$(curl -s -m 5 "http://$(ip_of newer):8080/")" wasp
    holds "$(field "node/$CLUSTER_NODE" '{.metadata.annotations.skep\.dev/failure}')" default/newer
}

uninstall_leaves_nothing() {
    forget pod/newer
    H uninstall skep --timeout 60s >/dev/null
    is_as_before
    same "" "$(node_label)" "the node's label"
    wait_for 20 lacks_handler skep
    same "" "$(inside sh -c 'ls -A /opt/skep/versions /opt/skep/current 2>/dev/null || :')" "programs"
    same "" "$(K get runtimeclass -o name)" "RuntimeClasses"
}

# by_hand ARGS...: the programs that `up` has laid into the node
by_hand() { inside skep-install "$@"; }

by_hand_there_and_back() {
    by_hand install
    holds "$(inside cat /etc/containerd/conf.d/skep.toml)" "/opt/skep/bin/containerd-shim-skep-v2"
    holds "$(by_hand install)" "was installed already"
    wait_for 20 has_handler skep
    by_hand uninstall
    is_as_before
}

# A main file that imports nothing gets a block; one that does not end with a newline keeps that.
by_hand_in_the_main_file() {
    inside sh -c 'cp -a /etc/containerd/config.toml /tmp/main; grep -v ^imports /tmp/main | head -c -1 >/etc/containerd/config.toml'
    configuration >"$E2E_DIR/before"
    by_hand install
    holds "$(inside cat /etc/containerd/config.toml)" "# BEGIN skep"
    by_hand uninstall
    configuration | diff -u "$E2E_DIR/before" -
    inside mv /tmp/main /etc/containerd/config.toml
    restart_containerd
    is_as_before
}

# by_manifests: as who has no helm does it
manifests() { sed -e "s|registry.example/skep-install:.*|$INSTALLER:one|" -e 's|--every=30|--every=2|' "$CLUSTER_TOP/k8s/$1.yaml"; }
manifests_there_and_back() {
    manifests install | apply
    wait_for 60 node_label_is ready || { tell_installer; return 1; }
    component says hello show hello
    ended says Succeeded
    forget pod/says
    manifests withdraw | apply
    K wait -n "$HELM_NAMESPACE" --for=condition=complete job/skep-withdraw --timeout=60s >/dev/null || { tell_installer; return 1; }
    manifests withdraw | K delete -f - >/dev/null
    is_as_before
    manifests install | grep -v '^kind: Namespace' | K delete --ignore-not-found -f - >/dev/null 2>&1 || :
    K delete namespace "$HELM_NAMESPACE" --ignore-not-found --wait >/dev/null
    K create namespace "$HELM_NAMESPACE" >/dev/null
}

# Each of these makes the node refuse, waits for the event that says why, looks whether all is as before, and lets
# the installer succeed once the cause is gone.
refused() { # REASON-WORDS
    chart install one >/dev/null
    node_event_comes SkepInstallFailed "$1" || { tell_installer; return 1; }
    node_label_is failed
    holds "$(field "node/$CLUSTER_NODE" '{.metadata.annotations.skep\.dev/failure}')" "$1"
    K get events -n default --field-selector reason=SkepInstallFailed -o 'jsonpath={range .items[*]}| {.message}{"\n"}{end}' | sort -u
    K delete events -n default --all >/dev/null
}
then_leaves() {
    H uninstall skep --timeout 60s >/dev/null || { tell_installer; return 1; }
    is_as_before
}

a_broken_configuration_is_left_alone() {
    local before
    inside sh -c 'cp -a /etc/containerd/config.toml /tmp/main; echo "[plugins" >>/etc/containerd/config.toml'
    configuration >"$E2E_DIR/before"
    before=$(containerd_pid)
    refused "config dump says"
    configuration | diff -u "$E2E_DIR/before" -
    same "$before" "$(containerd_pid)" "containerd's process"
    inside mv /tmp/main /etc/containerd/config.toml
    then_leaves
}

a_change_of_other_settings_is_rolled_back() {
    local before
    # Somebody's table of runtimes that has our handler's name for something else.
    inside sh -c 'cat >/etc/containerd/conf.d/other.toml' <<'TOML'
version = 3
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.skep-shared]
  runtime_type = 'io.containerd.runc.v2'
TOML
    configuration >"$E2E_DIR/before"
    before=$(containerd_pid)
    refused "did not write"
    configuration | diff -u "$E2E_DIR/before" -
    same "$before" "$(containerd_pid)" "containerd's process"
    inside rm /etc/containerd/conf.d/other.toml
    then_leaves
}

a_read_only_path_is_named() {
    # A file system that is read-only itself: what is so only for a mount can be written through another.
    inside sh -c 'mkdir /tmp/ro && mount -t tmpfs ro /tmp/ro && cp -a /etc/containerd/. /tmp/ro/ &&
        mount -o remount,ro /tmp/ro && mount --bind /tmp/ro /etc/containerd && umount /tmp/ro && rmdir /tmp/ro'
    refused "Read-only file system"
    is_as_before
    inside umount /etc/containerd
    then_leaves
}

a_failed_restart_is_rolled_back() {
    inside sh -c "echo 'runtimes.skep]' >/run/containerd.refuses"
    refused "it does not start with runtimes.skep]"
    is_as_before
    inside ctr version >/dev/null
    lacks_handler skep
    inside rm /run/containerd.refuses
    # The back-off ends, and it comes by itself.
    wait_for 60 node_label_is ready || { tell_installer; return 1; }
    then_leaves
}

# The kubelet removes what is left of a pod's sandbox once a minute.
no_sandboxes() { [ -z "$(inside crictl pods -q --namespace "$HELM_NAMESPACE")" ]; }
the_node_has_skep_again() {
    K delete namespace "$HELM_NAMESPACE" --wait >/dev/null
    wait_for 90 no_sandboxes
    inside cp /conf/skep.toml /etc/containerd/conf.d/skep.toml
    restart_containerd
    wait_for 30 has_handler skep
    K apply -f "$CLUSTER_TOP/k8s/runtimeclass.yaml" >/dev/null
}

check "the installer's image is made, twice" images_are_made
check "helm lint --strict takes the chart, with every value set" every_value_can_be_set
check "the chart refuses values that are wrong, by name" wrong_values_are_refused
check "the manifests are what the chart makes" "$CLUSTER_TOP/tools/manifests" check
check "the node is without Skep" the_node_is_bare
check "the API server takes chart and manifests (dry run)" the_api_server_takes_it
check "the chart installs: one restart, handlers, label, event" the_chart_installs
check "the chart's own test passes" the_charts_test_passes
check "pods run with what was installed" pods_run
check "an upgrade keeps pods, and containerd runs on" an_upgrade_keeps_pods
check "an old version goes with its last skepd" an_old_version_goes_with_its_last_skepd
check "uninstall waits for pods, and says for which" uninstall_waits_for_pods
check "uninstall leaves containerd's configuration byte for byte" uninstall_leaves_nothing
check "manifests: there and back" manifests_there_and_back
check "by hand: there and back" by_hand_there_and_back
check "by hand: a block in the main file, there and back" by_hand_in_the_main_file
check "a broken configuration is left alone, with an event" a_broken_configuration_is_left_alone
check "somebody else's handler of our name is left alone, with an event" a_change_of_other_settings_is_rolled_back
check "a read-only path is rolled back, with an event" a_read_only_path_is_named
check "a failed restart is rolled back, with an event" a_failed_restart_is_rolled_back
check "the node has Skep again" the_node_has_skep_again
