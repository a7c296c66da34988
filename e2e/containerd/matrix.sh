#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The image matrix: who pushed it, in which format, and whether ctr pulls and runs it. Each cell is tried.
. "$(dirname "$0")/../lib/scenario.sh"

TABLE=

# wanted FORMAT STEP: what containerd of this version makes of it (its own rules, not ours)
wanted() {
    local version
    version=$(containerd --version | awk '{ print $3 }')
    case $version:$1:$2 in
    1.6.*:tar:*) echo yes ;;
    1.6.*:*) echo no ;;      # it compares diff_ids with layers that are no file systems
    *:artifact:run) echo no ;; # ctr reads only configs of images; CRI does not mind
    *) echo yes ;;
    esac
}

ORAS=

# push_by WHO FORMAT FILE NAME
push_by() {
    local config=$E2E_DIR/config.json
    case $1 in
    skep) skep push --format "$2" "$3" "$E2E_REGISTRY/$4:1" ;;
    hand) image_by_hand "$4" "$2" "$3" ;;
    oras)
        cp "$3" "$E2E_DIR/app.wasm"
        wasm_config "$3" >"$config"
        (cd "$E2E_DIR" && "$ORAS" push --plain-http "$E2E_REGISTRY/$4:1" \
            --config "config.json:application/vnd.wasm.config.v0+json" app.wasm:application/wasm)
        ;;
    wkg) wkg oci push --insecure "$E2E_REGISTRY" "$E2E_REGISTRY/$4:1" "$3" ;;
    esac
}

cell() { # WHO FORMAT
    local name=cell-$1-$2 ref pulled=yes ran=yes said out
    ref=$E2E_REGISTRY/$name:1
    push_by "$1" "$2" "$(guest hello-component)" "$name"
    said=$(pull "$ref" 2>&1) || pulled=no
    out=$(run_component -- "$ref" "$name" exit 7 2>&1) || [ $? = 7 ] || ran=no
    [ -n "$said" ] || said=$out
    said=$(tr '\n' ' ' <<<"$said" | sed 's/.*ctr: //; s/|/ /g; s/sha256:[0-9a-f]*/sha256:…/g' | cut -c1-70)
    printf '| %-10s | %-8s | %-4s | %-4s | %-70s |\n' "$1" "$2" "$pulled" "$ran" "$said" >>"$TABLE"
    same "$(wanted "$2" pull)" "$pulled" "pull" || { echo "$said"; return 1; }
    same "$(wanted "$2" run)" "$ran" "run" || { echo "$out"; return 1; }
    run_ctr container rm "$name" >/dev/null 2>&1 || :
}

print_table() {
    printf '| %-10s | %-8s | %-4s | %-4s | %-70s |\n' pushed format pull run "words of containerd $E2E_VERSION"
    cat "$TABLE"
}

scenario_begin
TABLE=$E2E_DIR/table
: >"$TABLE"
for who in skep hand; do
    for format in tar image artifact; do
        check "matrix: $format pushed by $who: pull $(wanted "$format" pull), run $(wanted "$format" run)" \
            cell "$who" "$format"
    done
done
if ORAS=$(command -v oras) || ORAS=$("$E2E_TOP/e2e/roots/make" oras)/usr/bin/oras; then
    check "matrix: artifact pushed by oras: pull $(wanted artifact pull), run $(wanted artifact run)" \
        cell oras artifact
else
    skip "matrix: artifact pushed by oras" "no oras"
fi
if command -v wkg >/dev/null; then
    check "matrix: artifact pushed by wkg: pull $(wanted artifact pull), run $(wanted artifact run)" \
        cell wkg artifact
else
    skip "matrix: artifact pushed by wkg" "no wkg (cargo install wkg --root ~/.cache/skep/tools)"
fi
check "matrix: the table" print_table
scenario_end
