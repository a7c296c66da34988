# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Components under containerd: pushing, pulling, running, looking.
#
# Belongs here: the few commands that scenarios share, as a user would type them.
# Does not belong here: what is expected of them. Sourced after containerd.sh and registry.sh.

RUNTIME=${E2E_RUNTIME:-io.containerd.skep.v2}

# usual_format: the one which ctr of this version can pull and run; see matrix.sh for the others
usual_format() {
    case $(containerd --version | awk '{ print $3 }') in
    1.6.*) echo tar ;;
    *) echo image ;;
    esac
}

# guest NAME: the file of a test component
guest() { "$E2E_TOP/test/guests/build" "$1"; }

# publish NAME [FORMAT]: pushed by skep, pulled by ctr, once; prints its reference
publish() {
    local format=${2:-$(usual_format)} ref file=$E2E_DIR/guests/$1.wasm
    ref=$E2E_REGISTRY/$1-$format:1
    if [ ! -e "$E2E_DIR/pulled-$1-$format" ]; then
        mkdir -p "$E2E_DIR/guests"
        cp "$(guest "$1")" "$file" # a name that a user would give it
        quietly skep push --format "$format" "$file" "$ref"
        pull "$ref" >&2
        touch "$E2E_DIR/pulled-$1-$format"
    fi
    echo "$ref"
}

# quietly COMMAND...: what it says is shown only if it fails (ctr warns of layers that are no file systems)
quietly() {
    local said
    said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
}

pull() { quietly run_ctr image pull --plain-http "$1"; }

# program REF: the path that the image starts; ctr's arguments replace the entrypoint, so they must begin by it
program() {
    local file=$E2E_DIR/program-${1##*/}
    [ -s "$file" ] || skopeo --insecure-policy inspect --config --raw --tls-verify=false "docker://$1" |
        jq -r '.config | (.Entrypoint // .Cmd // ["/component.wasm"])[0]' >"$file"
    cat "$file"
}

# ctr_run FLAG... -- REF ID [ARG...]: ctr run, the arguments following the image's own program
ctr_run() {
    local flags=()
    while [ "$1" != -- ]; do
        flags+=("$1")
        shift
    done
    shift
    if [ $# -gt 2 ]; then
        run_ctr run "${flags[@]}" --runtime "$RUNTIME" "$1" "$2" "$(program "$1")" "${@:3}"
    else
        run_ctr run "${flags[@]}" --runtime "$RUNTIME" "$@"
    fi
}

# run_component [FLAG...] -- REF ID [ARG...]: in the foreground, removed at its end
run_component() { ctr_run --rm "$@" </dev/null; }

# start_component [FLAG...] -- REF ID [ARG...]: in the background
start_component() { ctr_run -d "$@" </dev/null; }

task_status() { run_ctr task ls | awk -v id="$1" '$1 == id { print $3 }'; }
task_is() { [ "$(task_status "$1")" = "$2" ]; }

# end_task ID: kills and removes a task and its container
end_task() {
    run_ctr task kill -s KILL "$1" 2>/dev/null || :
    wait_for 10 task_is "$1" STOPPED || { echo "$1 does not stop: $(task_status "$1")"; return 1; }
    run_ctr task rm "$1" >/dev/null 2>&1 || : # its exit code is the task's
    run_ctr container rm "$1"
}

# exit_code_of ID: of a stopped task, which it removes; ctr says it in a warning unless it is 0
exit_code_of() {
    local said
    wait_for 20 task_is "$1" STOPPED || { echo "$1 is still $(task_status "$1")" >&2; return 1; }
    said=$(run_ctr task rm "$1" 2>&1) || { echo "$said" >&2; return 1; }
    run_ctr container rm "$1" >&2
    said=$(grep -oE 'exit code [0-9]+' <<<"$said" || echo 0)
    echo "${said##* }"
}

# programs NAME: pids of this run's processes of that program
programs() {
    local pid
    for pid in $(run_pids); do
        [ "$(basename "$(readlink "/proc/$pid/exe" 2>/dev/null)")" != "$1" ] || echo "$pid"
    done
}

# answers URL: says 200
answers() { [ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "$1")" = 200 ]; }
