/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server, as a pod's service account speaks to it.
 *
 * Belongs here: its address, the token, one request and its answer.
 * Does not belong here: which objects (cluster).
 */
#pragma once

#include "base/bytes.h"

struct api;
struct fault;

enum {
    API_ANSWER_MAX = 16 * 1024 * 1024, /* a list of nodes is the largest that is asked for */
    API_BODY_MAX = 64 * 1024,
    API_PATH_MAX = 2048,
};

enum api_answer { API_OPEN, API_NONE };

/**
 * api_open() - find the API server
 * @ret: the client; untouched when there is none
 * @why: what a pod has is not whole
 *
 * By KUBERNETES_SERVICE_HOST and _PORT, and by /var/run/secrets/kubernetes.io/serviceaccount, as every
 * pod has them. The token is read anew for each request: the kubelet renews it.
 *
 * Return: enum api_answer, or negative.
 */
int api_open(own struct api **ret, struct fault *why) MUST_USE;
struct api *api_free(own struct api *api); /* NULL in, NULL out */
DEFINE_AUTO(struct api *, api_free)

struct api_call {
    const char *method;
    const char *path; /* "/api/v1/…" */
    const char *content_type; /* of the body; NULL: none */
    struct text body;
};

/**
 * api_perform() - one request
 * @api:  the client
 * @call: what to ask
 * @ret:  emptied; the answer's JSON; its max is the limit
 * @why:  what the API server says when it refuses, with what was asked: FAULT_NOT_FOUND for 404,
 *        FAULT_DENIED for 401 and 403, FAULT_UNAVAILABLE when it does not answer
 *
 * Blocks. Return: 0 or negative.
 */
int api_perform(struct api *api, const struct api_call *call, struct buf *ret,
                struct fault *why) MUST_USE;
