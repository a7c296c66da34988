# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks: a sentence, a function, and what came of it.
#
# A check runs in a process group of its own with `set -e`; what it prints is shown when it fails, or
# when it prints a table (lines that begin with "| "). Sourced after common.sh.

E2E_PASSED=0 E2E_FAILED=0 E2E_SKIPPED=0

# check SENTENCE COMMAND...: passes if the command does; at most $E2E_LIMIT seconds (default 120)
check() {
    local sentence=$1 out pid status=0 started=$SECONDS
    shift
    [ -z "${E2E_ONLY:-}" ] || [[ $sentence == *"$E2E_ONLY"* ]] || return 0
    out=$(mktemp "$E2E_DIR/log/check-XXXXXX")
    set -m
    (
        set +m
        set -Eeuo pipefail
        trap 'echo "  stopped at: $BASH_COMMAND (line $LINENO)"' ERR
        "$@"
    ) >"$out" 2>&1 </dev/null &
    pid=$!
    set +m
    if ! wait_for "${E2E_LIMIT:-120}" gone "$pid"; then
        echo "  not done after ${E2E_LIMIT:-120} s" >>"$out"
        kill -KILL -- "-$pid" 2>/dev/null || :
    fi
    wait "$pid" 2>/dev/null || status=$?
    if [ "$status" = 0 ]; then
        E2E_PASSED=$((E2E_PASSED + 1))
        printf 'ok   %s (%s s)\n' "$sentence" $((SECONDS - started))
        grep -E '^\| ' "$out" || :
    else
        E2E_FAILED=$((E2E_FAILED + 1))
        printf 'FAIL %s\n' "$sentence"
        tail -40 "$out" | sed 's/^/     /'
    fi
}

# skip SENTENCE REASON
skip() {
    [ -z "${E2E_ONLY:-}" ] || [[ $1 == *"$E2E_ONLY"* ]] || return 0
    E2E_SKIPPED=$((E2E_SKIPPED + 1))
    printf 'skip %s: %s\n' "$1" "$2"
}

# Expectations: each says what it saw before it fails.

same() { # WANTED GOT WHAT
    [ "$1" = "$2" ] || { printf '%s: wanted "%s", got "%s"\n' "${3:-value}" "$1" "$2"; return 1; }
}

holds() { # TEXT PART: the text has that part
    case $1 in
    *"$2"*) ;;
    *) printf 'no "%s" in:\n%s\n' "$2" "$1"; return 1 ;;
    esac
}

lacks() { # TEXT PART
    case $1 in
    *"$2"*) printf 'there is "%s" in:\n%s\n' "$2" "$1"; return 1 ;;
    esac
}

# ends_with STATUS COMMAND...: runs it, keeps all it prints in $OUTPUT, wants that exit code
ends_with() {
    local wanted=$1 got=0
    shift
    OUTPUT=$("$@" 2>&1 </dev/null) || got=$?
    same "$wanted" "$got" "exit code of $*" || { printf '%s\n' "$OUTPUT"; return 1; }
}

# fails COMMAND...: wants any code but 0; $OUTPUT as above
fails() {
    local got=0
    OUTPUT=$("$@" 2>&1 </dev/null) || got=$?
    [ "$got" != 0 ] || { printf 'succeeded: %s\n%s\n' "$*" "$OUTPUT"; return 1; }
}
