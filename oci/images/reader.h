/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image reader as its users see it: a child program (skep-images) that asks containerd which
 * component a container has, and reads and verifies the bytes.
 *
 * Belongs here: the client's side: requests, answers, the child's restart.
 * Does not belong here: gRPC, JSON, digests (all inside skep-images).
 *
 * Thread: the loop's. Callbacks never run from inside a call to a function of this header.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;
struct image_reader;
struct image_request;
struct loop;

enum image_form {
    IMAGE_ARTIFACT, /* CNCF Wasm config with one application/wasm layer */
    IMAGE_LAYER,    /* OCI image config with one Wasm layer */
    IMAGE_TAR,      /* ordinary image; the component is a file in its rootfs, if it has one */
    IMAGE_NONE,     /* the container has no image (ctr run --rootfs) */
};

enum {
    IMAGE_DIGEST_ROOM = 72, /* "sha256:" + 64 hex + NUL */
    IMAGE_BYTES_MAX = 512 * 1024 * 1024,
};

struct image {
    enum image_form form;
    char manifest[IMAGE_DIGEST_ROOM];  /* of the manifest; "" for IMAGE_NONE */
    char component[IMAGE_DIGEST_ROOM]; /* verified; "" for IMAGE_TAR and IMAGE_NONE */
    int wasm; /* ARTIFACT, LAYER: the component's bytes, sealed; owned by the callback; else -1 */
};

/* @image is NULL when it @failed. */
typedef void image_fn(void *owner, struct image *image, const struct fault *failed);

/**
 * image_reader_new() - a reader without a child; the first request starts it
 * @loop:    borrowed, must outlive it
 * @address: containerd's gRPC socket, an absolute path; copied
 * @accept:  walls that the child may miss, for sandbox_accept(); copied
 * @ret:     the reader
 * @why:     the reason
 *
 * A child that dies is started anew, and the request that it held is tried once more.
 *
 * Return: 0 or negative.
 */
int image_reader_new(struct loop *loop, const char *address, const char *accept,
                     own struct image_reader **ret, struct fault *why) MUST_USE;
struct image_reader *image_reader_free(own struct image_reader *reader);
DEFINE_AUTO(struct image_reader *, image_reader_free)

/**
 * image_find() - what is the image of a container?
 * @reader:       the reader
 * @namespace_id: containerd's namespace
 * @id:           the container's id
 * @fn:           told once, within 10 s
 * @owner:        for @fn
 *
 * Return: the request, borrowed, for image_forget(); valid until @fn is called.
 */
struct image_request *image_find(struct image_reader *reader, const char *namespace_id,
                                 const char *id, image_fn *fn, void *owner);

/**
 * image_hash() - the digest of a component file (form TAR): read, checked for size and magic
 * @reader: the reader
 * @file:   the file; duplicated
 * @fn:     told once: form TAR, component and wasm set (a sealed copy)
 * @owner:  for @fn
 *
 * Return: as image_find().
 */
struct image_request *image_hash(struct image_reader *reader, int file, image_fn *fn, void *owner);

/* Give up a request: its callback will not be called. */
void image_forget(struct image_request *request);
