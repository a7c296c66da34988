# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Images of one layer, as archives. Sourced by images and critest-images, after e2e/lib/registry.sh.

# archive NAME:TAG FOLDER CONFIG FILE: CONFIG is the image's "config"
archive() {
    local work
    work=$(mktemp -d)
    mkdir "$work/layout"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$2" -cf "$work/layer.tar" .
    jq -nc --argjson config "$3" --arg layer "sha256:$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)" '
        {architecture: "amd64", os: "linux", config: $config, rootfs: {type: "layers", diff_ids: [$layer]}}' >"$work/config.json"
    layout_seal "$work/layout" application/vnd.oci.image.config.v1+json "$work/config.json" \
        application/vnd.oci.image.layer.v1.tar "$work/layer.tar"
    jq -c --arg name "$1" '.manifests[0].annotations = {"io.containerd.image.name": $name}' \
        "$work/layout/index.json" >"$work/index" && mv "$work/index" "$work/layout/index.json"
    tar -C "$work/layout" -cf "$4" oci-layout index.json blobs
    rm -rf "$work"
}

# busybox_tree FOLDER: Debian's static busybox under each of its names
busybox_tree() {
    local applet
    mkdir -p "$1"/{bin,etc,tmp,www}
    chmod 1777 "$1/tmp"
    cp "$(command -v busybox)" "$1/bin/busybox"
    for applet in $(busybox --list); do
        [ -e "$1/bin/$applet" ] || ln "$1/bin/busybox" "$1/bin/$applet"
    done
}
