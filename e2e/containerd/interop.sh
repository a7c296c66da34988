#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Other clients of the registry: what skep pushes they read, what they push skep reads.
. "$(dirname "$0")/../lib/scenario.sh"

ORAS=

# raw REF: the manifest as it stands
raw() { skopeo --insecure-policy inspect --raw --tls-verify=false "docker://$1"; }

same_twice() {
    local format first second
    for format in tar image artifact; do
        skep push --format "$format" "$(guest hello-component)" "$E2E_REGISTRY/twice-$format:1"
        skep push --format "$format" "$(guest hello-component)" "$E2E_REGISTRY/twice-$format:2"
        first=$(raw "$E2E_REGISTRY/twice-$format:1" | sha256sum)
        second=$(raw "$E2E_REGISTRY/twice-$format:2" | sha256sum)
        same "$first" "$second" "digest of $format"
    done
}

by_skopeo() {
    local format
    for format in tar image artifact; do
        skep push --format "$format" "$(guest hello)" "$E2E_REGISTRY/copied:$format"
        skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$E2E_REGISTRY/copied:$format" \
            "oci:$E2E_DIR/copy-$format:1"
    done
    same "$(sha256sum <"$(guest hello)")" "$(sha256sum <"$E2E_DIR/copy-artifact/blobs/sha256/$(
        sha256sum <"$(guest hello)" | cut -d' ' -f1)")" "the component in the copy"
}

by_oras() {
    skep push --format artifact "$(guest hello)" "$E2E_REGISTRY/for-oras:1"
    mkdir -p "$E2E_DIR/oras"
    (cd "$E2E_DIR/oras" && "$ORAS" pull --plain-http "$E2E_REGISTRY/for-oras:1")
    cmp "$E2E_DIR"/oras/*.wasm "$(guest hello)"
}

from_oras() {
    cp "$(guest hello)" "$E2E_DIR/app.wasm"
    wasm_config "$E2E_DIR/app.wasm" >"$E2E_DIR/config.json"
    (cd "$E2E_DIR" && "$ORAS" push --plain-http "$E2E_REGISTRY/from-oras:1" \
        --config "config.json:application/vnd.wasm.config.v0+json" app.wasm:application/wasm)
    pulled_by_skep from-oras
}

# pulled_by_skep NAME: and is the same file
pulled_by_skep() {
    rm -f "$E2E_DIR/pulled.wasm"
    skep pull "$E2E_REGISTRY/$1:1" "$E2E_DIR/pulled.wasm"
    cmp "$E2E_DIR/pulled.wasm" "$(guest hello)"
}

back_and_forth() {
    local format
    for format in tar image artifact; do
        skep push --format "$format" "$(guest hello)" "$E2E_REGISTRY/forth-$format:1"
        pulled_by_skep "forth-$format"
    done
}

by_wkg() {
    skep push --format artifact "$(guest hello-component)" "$E2E_REGISTRY/for-wkg:1"
    wkg oci pull --insecure "$E2E_REGISTRY" "$E2E_REGISTRY/for-wkg:1" -o "$E2E_DIR/wkg.wasm"
    cmp "$E2E_DIR/wkg.wasm" "$(guest hello-component)"
}

from_wkg() {
    wkg oci push --insecure "$E2E_REGISTRY" "$E2E_REGISTRY/from-wkg:1" "$(guest hello-component)"
    skep pull "$E2E_REGISTRY/from-wkg:1" "$E2E_DIR/from-wkg.wasm"
    cmp "$E2E_DIR/from-wkg.wasm" "$(guest hello-component)"
}

inspects() {
    local ref
    ref=$E2E_REGISTRY/inspected:1
    skep push --format artifact "$(guest missing)" "$ref"
    ends_with 0 skep inspect "$ref"
    holds "$OUTPUT" acme:vault/store@1.0.0
    holds "$OUTPUT" wasi:cli/run
}

scenario_begin
check "pushing the same file twice gives the same digest" same_twice
check "skopeo copies all three formats" by_skopeo
check "skep pulls what skep pushed, in all three formats" back_and_forth
check "skep inspect names imports and exports of what is in the registry" inspects
if ORAS=$(command -v oras) || ORAS=$("$E2E_TOP/e2e/roots/make" oras)/usr/bin/oras; then
    check "oras pulls what skep pushed" by_oras
    check "skep pulls what oras pushed" from_oras
else
    skip "oras pulls what skep pushed, and the reverse" "no oras"
fi
if command -v wkg >/dev/null; then
    check "wkg pulls what skep pushed" by_wkg
    check "skep pulls what wkg pushed" from_wkg
else
    skip "wkg pulls what skep pushed, and the reverse" "no wkg (cargo install wkg --root ~/.cache/skep/tools)"
fi
scenario_end
