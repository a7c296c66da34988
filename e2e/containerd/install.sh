#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# skep-install by hand, with this containerd's own reading of its configuration: there, a pod, and back.
. "$(dirname "$0")/../lib/scenario.sh"

cri() { "$E2E_TOP/e2e/lib/cri" "$@"; }
config_without_skep() { containerd_config | sed '/runtimes.skep\]/,+1d'; }

# The service manager of this private containerd. With a file "refuses", it starts with none of our handlers.
write_restart() {
    cat >"$E2E_DIR/restart" <<SCRIPT
#!/bin/bash
PATH=$PATH
kill "\$(cat $E2E_DIR/containerd.pid)"
for _ in \$(seq 200); do kill -0 "\$(cat $E2E_DIR/containerd.pid)" 2>/dev/null || break; sleep 0.05; done
if [ -e $E2E_DIR/refuses ] && grep -rq 'runtimes.skep\]' $E2E_DIR/config.toml $E2E_DIR/conf.d; then
    echo "it does not start with Skep" >&2
    exit 3
fi
setsid containerd --config $E2E_DIR/config.toml >>$E2E_DIR/log/containerd.log 2>&1 </dev/null &
echo \$! >$E2E_DIR/containerd.pid
for _ in \$(seq 200); do ctr -a $E2E_DIR/containerd.sock version >/dev/null 2>&1 && exit 0; sleep 0.05; done
exit 1
SCRIPT
    chmod 755 "$E2E_DIR/restart"
}

installer() { # VERB
    "$SKEP_BIN/skep-install" "$1" --config "$E2E_DIR/config.toml" --containerd "$(command -v containerd)" \
        --socket "$E2E_DIR/containerd.sock" --restart "$E2E_DIR/restart" --wait 20
}

configuration() { (cd "$E2E_DIR" && find config.toml conf.d -printf '%p %y %m %u\n' && find config.toml conf.d -type f -print0 | xargs -0 sha256sum); }

# there_and_back KIND: from a file that is there already
there_and_back() {
    local pod
    "$E2E_DIR/restart"
    configuration >"$E2E_DIR/before"
    holds "$(installer install)" "has its 3 handlers"
    holds "$(installer install)" "was installed already"
    case $1 in
    main) grep -q '^# BEGIN skep' "$E2E_DIR/config.toml" ;;
    own) grep -q containerd-shim-skep-isolated-v2 "$E2E_DIR/conf.d/skep.toml" ;;
    esac
    pod=$(cri pod first)
    same ready "$(cri state "$pod")" "the sandbox"
    fails installer uninstall
    holds "$OUTPUT" "1 pods run with Skep"
    cri end "$pod"
    holds "$(installer uninstall)" removed
    configuration | diff -u "$E2E_DIR/before" -
}

into_the_main_file() {
    config_without_skep >"$E2E_DIR/config.toml"
    there_and_back main
}

after_no_newline() {
    config_without_skep | head -c -1 >"$E2E_DIR/config.toml"
    there_and_back main
}

with_ends_of_lines_from_windows() {
    config_without_skep | sed 's/$/\r/' >"$E2E_DIR/config.toml"
    there_and_back main
}

# containerd 1.x would put an imported table in the place of all of CRI's.
into_a_file_of_its_own() {
    { echo "imports = [\"$E2E_DIR/conf.d/*.toml\"]"; config_without_skep; } >"$E2E_DIR/config.toml"
    case $E2E_VERSION in
    1.*) there_and_back main ;;
    *) there_and_back own ;;
    esac
}

as_containerd_migrates_it() {
    config_without_skep >"$E2E_DIR/old.toml"
    containerd --config "$E2E_DIR/old.toml" config migrate >"$E2E_DIR/config.toml"
    rm "$E2E_DIR/old.toml"
    grep -q '^version = 3' "$E2E_DIR/config.toml"
    there_and_back main
}

a_failed_restart_is_undone() {
    config_without_skep >"$E2E_DIR/config.toml"
    "$E2E_DIR/restart"
    configuration >"$E2E_DIR/before"
    touch "$E2E_DIR/refuses"
    fails installer install
    holds "$OUTPUT" "says (3): it does not start with Skep"
    holds "$OUTPUT" "containerd's configuration is as it was"
    rm "$E2E_DIR/refuses"
    configuration | diff -u "$E2E_DIR/before" -
    run_ctr version >/dev/null
}

what_is_broken_is_left_alone() {
    { config_without_skep; echo '[plugins'; } >"$E2E_DIR/config.toml"
    configuration >"$E2E_DIR/before"
    fails installer install
    holds "$OUTPUT" "as it was before any change"
    configuration | diff -u "$E2E_DIR/before" -
}

an_old_version_is_refused() {
    config_without_skep | sed 's/^version = 2/version = 1/' >"$E2E_DIR/config.toml"
    fails installer install
    holds "$OUTPUT" "is of version 1"
    config_without_skep >"$E2E_DIR/config.toml"
}

export E2E_CRI=1
# As runtime-class-manager does it: one file, a table with its path as type; here under the name that pods ask for.
one_file_is_all() {
    local pod shim=$E2E_DIR/rcm/containerd-shim-skep-v2
    mkdir -p "$E2E_DIR/rcm"
    "$E2E_TOP/tools/installer-image" --shim "$E2E_DIR/shim.tar.gz" "$E2E_DIR/one/versions/a" >"$E2E_DIR/digest"
    echo "$(cat "$E2E_DIR/digest") $E2E_DIR/shim.tar.gz" | sha256sum -c --quiet
    tar -C "$E2E_DIR/rcm" -xzf "$E2E_DIR/shim.tar.gz"
    same "$shim" "$(find "$E2E_DIR/rcm" -type f)" "what is in the archive"
    config_without_skep >"$E2E_DIR/config.toml"
    cat >>"$E2E_DIR/config.toml" <<TOML

# RCM runtime config for skep
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.skep]
runtime_type = "$shim"
TOML
    "$E2E_DIR/restart"
    pod=$(cri pod first)
    same ready "$(cri state "$pod")" "the sandbox"
    holds "$(readlink /proc/[0-9]*/exe 2>/dev/null | sort -u)" "$E2E_DIR/one/versions/a/libexec/skep/skepd"
    # Later calls find it unpacked.
    touch "$E2E_DIR/one/versions/a/mark"
    holds "$("$shim" --version)" "Version:"
    [ -e "$E2E_DIR/one/versions/a/mark" ]
    cri end "$pod"
    rm "$E2E_DIR/shim.tar.gz"
}

scenario_begin
export E2E_NS=k8s.io # where CRI looks for images
native_image busybox
pull "$E2E_REGISTRY/busybox:1"
write_restart
mkdir -p "$E2E_DIR/conf.d"
check "tables go into the main file, a pod runs, and they leave no byte" into_the_main_file
check "the same after a last line without an end" after_no_newline
check "the same with lines that end in CR LF" with_ends_of_lines_from_windows
check "with imports, into a file of our own where this containerd bears that" into_a_file_of_its_own
case $E2E_VERSION in
1.*) skip "a configuration as containerd migrates it" "this containerd migrates none" ;;
*) check "a configuration as containerd migrates it" as_containerd_migrates_it ;;
esac
check "a failed restart is undone" a_failed_restart_is_undone
check "what is broken before is left alone" what_is_broken_is_left_alone
check "a configuration of version 1 is refused" an_old_version_is_refused
check "one file is all of Skep, as runtime-class-manager installs it" one_file_is_all
scenario_end
