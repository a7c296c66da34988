# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A private registry on a loopback port, and images made from nothing for it.
#
# Belongs here: Debian's docker-registry below $E2E_DIR, and OCI layouts made by hand.
# Does not belong here: pushing by skep itself (the scenarios do that). Sourced after common.sh.

# registry_start: sets E2E_REGISTRY to host:port
registry_start() {
    local port
    port=$(free_port)
    cat >"$E2E_DIR/registry.yml" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $E2E_DIR/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
YAML
    setsid docker-registry serve "$E2E_DIR/registry.yml" >"$E2E_DIR/log/registry.log" 2>&1 </dev/null &
    E2E_REGISTRY_PID=$!
    disown "$E2E_REGISTRY_PID"
    E2E_REGISTRY=127.0.0.1:$port
    export E2E_REGISTRY
    wait_for 10 curl -sf "http://$E2E_REGISTRY/v2/" && return 0
    cat "$E2E_DIR/log/registry.log" >&2
    die "the registry does not answer"
}

registry_stop() {
    [ -n "${E2E_REGISTRY_PID:-}" ] || return 0
    kill "$E2E_REGISTRY_PID" 2>/dev/null || :
    wait_for 5 gone "$E2E_REGISTRY_PID" || die "the registry does not stop"
    E2E_REGISTRY_PID=
}

# layout_put LAYOUT FILE: moves the file among the blobs; prints "digest size"
layout_put() {
    local sum size
    sum=$(sha256sum <"$2" | cut -d' ' -f1)
    size=$(stat -c %s "$2")
    mkdir -p "$1/blobs/sha256"
    mv "$2" "$1/blobs/sha256/$sum"
    echo "sha256:$sum $size"
}

# layout_seal LAYOUT CONFIG-TYPE CONFIG LAYER-TYPE LAYER: manifest and index over two files
layout_seal() {
    local layout=$1 config layer manifest title
    title=$(basename "$5")
    read -ra config < <(layout_put "$layout" "$3")
    read -ra layer < <(layout_put "$layout" "$5")
    jq -nc --arg ct "$2" --arg cd "${config[0]}" --argjson cs "${config[1]}" \
        --arg lt "$4" --arg ld "${layer[0]}" --argjson ls "${layer[1]}" --arg title "$title" '
        {schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
         config: {mediaType: $ct, digest: $cd, size: $cs},
         layers: [{mediaType: $lt, digest: $ld, size: $ls,
                   annotations: {"org.opencontainers.image.title": $title}}]}' >"$layout/manifest"
    read -ra manifest < <(layout_put "$layout" "$layout/manifest")
    jq -nc --arg d "${manifest[0]}" --argjson s "${manifest[1]}" '
        {schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json",
         digest: $d, size: $s, annotations: {"org.opencontainers.image.ref.name": "1"}}]}' \
        >"$layout/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
}

# layout_push LAYOUT NAME: as NAME:1, by skopeo
layout_push() {
    skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$1:1" \
        "docker://$E2E_REGISTRY/$2:1"
}

# native_image NAME: pushes an ordinary Linux image, Debian's static busybox and nothing else
native_image() {
    local work=$E2E_DIR/image-$1 tool
    mkdir -p "$work/files/bin" "$work/files/tmp" "$work/layout"
    cp "$(command -v busybox)" "$work/files/bin/busybox"
    for tool in sh echo cat env sleep ls true false hostname; do
        ln -s busybox "$work/files/bin/$tool"
    done
    tar -C "$work/files" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
    jq -nc --arg diff "sha256:$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)" '
        {architecture: "amd64", os: "linux", config: {Env: ["PATH=/bin"], Cmd: ["/bin/sh"]},
         rootfs: {type: "layers", diff_ids: [$diff]}}' >"$work/config.json"
    layout_seal "$work/layout" application/vnd.oci.image.config.v1+json "$work/config.json" \
        application/vnd.oci.image.layer.v1.tar "$work/layer.tar"
    layout_push "$work/layout" "$1"
    rm -rf "$work"
}

# image_by_hand NAME FORMAT FILE: a component as NAME:1 in one of the three formats, with tools that are not ours
image_by_hand() {
    local work=$E2E_DIR/image-$1 name
    name=$(basename "$3")
    mkdir -p "$work/files" "$work/layout"
    cp "$3" "$work/$name"
    case $2 in
    tar)
        mv "$work/$name" "$work/files/"
        tar -C "$work/files" --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" "$name"
        jq -nc --arg diff "sha256:$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)" --arg at "/$name" '
            {architecture: "amd64", os: "linux", config: {Entrypoint: [$at]},
             rootfs: {type: "layers", diff_ids: [$diff]}}' >"$work/config.json"
        layout_seal "$work/layout" application/vnd.oci.image.config.v1+json "$work/config.json" \
            application/vnd.oci.image.layer.v1.tar "$work/layer.tar"
        ;;
    image)
        jq -nc --arg at "/$name" '
            {architecture: "wasm", os: "wasip2", config: {Entrypoint: [$at]},
             rootfs: {type: "layers", diff_ids: []}}' >"$work/config.json"
        layout_seal "$work/layout" application/vnd.oci.image.config.v1+json "$work/config.json" \
            application/wasm "$work/$name"
        ;;
    artifact)
        wasm_config "$work/$name" >"$work/config.json"
        layout_seal "$work/layout" application/vnd.wasm.config.v0+json "$work/config.json" \
            application/wasm "$work/$name"
        ;;
    esac
    layout_push "$work/layout" "$1"
    rm -rf "$work"
}

# wasm_config FILE: the config of a CNCF artifact that holds that one component
wasm_config() {
    jq -nc --arg d "sha256:$(sha256sum <"$1" | cut -d' ' -f1)" '
        {created: "1970-01-01T00:00:00Z", architecture: "wasm", os: "wasip2", layerDigests: [$d],
         component: {imports: [], exports: ["wasi:cli/run@0.2.12"]}}'
}
