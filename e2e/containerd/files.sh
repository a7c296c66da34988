#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Mounts: folders and single files, writable and not, and links that point out of them.
. "$(dirname "$0")/../lib/scenario.sh"

mounted() { # OPTIONS ID ARGS...
    local options=$1 id=$2 ref
    shift 2
    ref=$(publish hello)
    run_component --mount "type=bind,src=$E2E_DIR/data,dst=/data,options=rbind:$options" -- "$ref" "$id" "$@"
}

fresh_data() {
    rm -rf "$E2E_DIR/data"
    mkdir -p "$E2E_DIR/data/inner"
    echo "from the node" >"$E2E_DIR/data/note"
}

reads_and_writes() {
    fresh_data
    ends_with 0 mounted rw rw-cat cat /data/note
    same "from the node" "$OUTPUT" "the file"
    ends_with 0 mounted rw rw-write write /data/inner/made 'by the guest'
    same "by the guest" "$(cat "$E2E_DIR/data/inner/made")" "the file that the guest made"
    ends_with 0 mounted rw rw-ls ls /data
    same "inner note" "$(tr '\n' ' ' <<<"$OUTPUT" | sed 's/ $//')" "the listing"
    ends_with 0 mounted rw rw-rm rm /data/note
    [ ! -e "$E2E_DIR/data/note" ]
}

only_reads() {
    fresh_data
    ends_with 0 mounted ro ro-cat cat /data/note
    same "from the node" "$OUTPUT" "the file"
    fails mounted ro ro-write write /data/made text
    fails mounted ro ro-over write /data/note text
    fails mounted ro ro-rm rm /data/note
    fails mounted ro ro-mkdir mkdir /data/folder
    same "from the node" "$(cat "$E2E_DIR/data/note")" "the file afterwards"
    same "inner note" "$(cd "$E2E_DIR/data" && echo *)" "the folder afterwards"
}

read_only_is_deep() {
    fresh_data
    mount -t tmpfs -o size=1m e2e "$E2E_DIR/data/inner"
    # shellcheck disable=SC2064 # the folder's name now
    trap "umount '$E2E_DIR/data/inner'" EXIT
    echo deep >"$E2E_DIR/data/inner/file"
    ends_with 0 mounted ro deep-cat cat /data/inner/file
    same deep "$OUTPUT" "a file of the inner mount"
    fails mounted ro deep-write write /data/inner/made text
}

one_file() {
    local ref
    fresh_data
    ref=$(publish hello)
    ends_with 0 run_component --mount "type=bind,src=$E2E_DIR/data/note,dst=/etc/app/note,options=bind:ro" \
        -- "$ref" one-file cat /etc/app/note
    same "from the node" "$OUTPUT" "the file"
    ends_with 0 run_component --mount "type=bind,src=$E2E_DIR/data/note,dst=/etc/app/note,options=bind:ro" \
        -- "$ref" one-file-ls ls /etc/app
    same note "$OUTPUT" "what lies beside it"
}

links_stay_inside() {
    fresh_data
    ln -s /etc/passwd "$E2E_DIR/data/out"
    ln -s ../../../../../../etc/passwd "$E2E_DIR/data/up"
    ln -s note "$E2E_DIR/data/within"
    fails mounted rw link-out cat /data/out
    fails mounted rw link-up cat /data/up
    fails mounted rw dots cat /data/../../etc/passwd
    ends_with 0 mounted rw link-in cat /data/within
    same "from the node" "$OUTPUT" "the file behind a link within"
}

rootfs_can_be_read_only() {
    local ref
    ref=$(publish hello tar)
    ends_with 0 run_component -- "$ref" root-rw write /made text
    fails run_component --read-only -- "$ref" root-ro write /made text
}

scenario_begin
check "a folder mounted read-write is read and written" reads_and_writes
check "a folder mounted read-only is only read" only_reads
check "read-only holds for mounts inside the mount" read_only_is_deep
check "a single file is mounted without what lies beside it" one_file
check "links and dots do not lead out of a mount" links_stay_inside
check "the image's own folder is read-only where the spec says so" rootfs_can_be_read_only
scenario_end
