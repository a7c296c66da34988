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
    local format=${2:-$(usual_format)} ref
    ref=$E2E_REGISTRY/$1-$format:1
    if [ ! -e "$E2E_DIR/pulled-$1-$format" ]; then
        skep push --format "$format" "$(guest "$1")" "$ref" >&2
        pull "$ref" >&2
        touch "$E2E_DIR/pulled-$1-$format"
    fi
    echo "$ref"
}

pull() { run_ctr image pull --plain-http "$1" >/dev/null; }

# run_component [FLAG...] REF ID [ARG...]: in the foreground, removed at its end
run_component() { run_ctr run --rm --runtime "$RUNTIME" "$@" </dev/null; }

# start_component [FLAG...] REF ID [ARG...]: in the background
start_component() { run_ctr run -d --runtime "$RUNTIME" "$@" </dev/null; }

task_status() { run_ctr task ls | awk -v id="$1" '$1 == id { print $3 }'; }
task_is() { [ "$(task_status "$1")" = "$2" ]; }

# end_task ID: kills and removes a task and its container
end_task() {
    run_ctr task kill -s KILL "$1" 2>/dev/null || :
    wait_for 10 task_is "$1" STOPPED || { echo "$1 does not stop: $(task_status "$1")"; return 1; }
    run_ctr task rm "$1" >/dev/null 2>&1 || : # its exit code is the task's
    run_ctr container rm "$1"
}

# exit_code_of ID: of a stopped task, which it removes
exit_code_of() {
    local code=0
    wait_for 20 task_is "$1" STOPPED || { echo "$1 is still $(task_status "$1")" >&2; return 1; }
    run_ctr task rm "$1" >/dev/null 2>&1 || code=$?
    run_ctr container rm "$1"
    echo "$code"
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
