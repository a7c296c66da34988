/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of manifests for the tests of oci/. */
#pragma once

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"

#define DESCRIPTOR(type, digest)                                                                   \
    "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":7}"
#define ENTRY(digest, os, architecture)                                                            \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" digest           \
    "\",\"size\":7,\"platform\":{\"os\":\"" os "\",\"architecture\":\"" architecture "\"}}"
#define MANIFEST(config, layers)                                                                   \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","           \
    "\"config\":" DESCRIPTOR(config, D1) ",\"layers\":[" layers "]}"
#define INDEX(entries)                                                                             \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","              \
    "\"manifests\":[" entries "]}"

#define WASM_CONFIG "application/vnd.wasm.config.v0+json"
#define IMAGE_CONFIG "application/vnd.oci.image.config.v1+json"
#define WASM DESCRIPTOR("application/wasm", D2)
#define TAR DESCRIPTOR("application/vnd.oci.image.layer.v1.tar+gzip", D3)
