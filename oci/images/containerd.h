/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd: what is asked of its gRPC API, and blobs as files of its content store.
 *
 * Belongs here: messages, folder.
 * Does not belong here: its socket (connect.h), gRPC (call.h), what an image is (resolve.h), checking digests (blobs.h).
 */
#pragma once

#include "base/attr.h"
#include "oci/images/store.h"

struct containerd;

/**
 * containerd_open() - speak gRPC over a connection; starts gRPC's threads
 * @connection: from containerd_connect(); duplicated
 * @root:       folder of the content store, for reading blobs as files; duplicated; -1 for none
 * @ret:        the client
 * @why:        the reason
 *
 * A lost connection is not made again: the process has no right to connect any more once it is
 * sandboxed. Its calls fail with FAULT_UNAVAILABLE then.
 *
 * Return: 0 or negative.
 */
int containerd_open(int connection, int root, own struct containerd **ret,
                    struct fault *why) MUST_USE;
struct containerd *containerd_free(own struct containerd *client); /* NULL in, NULL out */
DEFINE_AUTO(struct containerd *, containerd_free)

/* containerd as a store; borrowed from @client. */
struct store containerd_store(struct containerd *client);

/**
 * containerd_content_root() - where containerd keeps its blobs
 * @client: the client
 * @ret:    at least 4096 bytes: an absolute path
 * @why:    FAULT_NOT_FOUND when it has no local content store
 *
 * Return: 0 or negative. Thread: any.
 */
int containerd_content_root(struct containerd *client, char ret[4096], struct fault *why) MUST_USE;
