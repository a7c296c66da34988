/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grant: everything that one task may touch, as values.
 *
 * Belongs here: the value, its copy over the wire, its ceilings.
 * Does not belong here: how it is decided (runtime/grant/decide), opening what it names
 * (runtime/broker), the engine's own view of it (runtime/worker).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct cursor;
struct fault;

enum {
    GRANT_ARGS_MAX = 4096,
    GRANT_ENV_MAX = 4096,
    GRANT_FOLDERS_MAX = 48,
    GRANT_TEXT_MAX = 128 * 1024,     /* bytes of one argument or variable */
    GRANT_BYTES_MAX = 4 * 1024 * 1024, /* of an encoded grant */
    GRANT_PATH_MAX = 4095,
    GRANT_NETWORK_TEXT_MAX = 1024 * 1024, /* bytes of each text for the network */
};

/* One folder or file of the node that the task sees. */
struct grant_folder {
    own char *source; /* absolute path on the node; never crosses to the worker */
    own char *guest;  /* absolute path inside the component */
    bool read_only;
    bool is_file;  /* a single file; the broker puts it into a folder before anything is encoded */
    bool is_rootfs; /* the task's own root file system, at "/" */
};

/* 0: the default. Bytes, nanoseconds, counts; the engine's defaults are named in engine/grant.h. */
struct grant_limits {
    uint64_t memory_bytes;
    uint64_t cpu_weight; /* 1 to 10,000 */
    uint64_t cpu_quota_ns;
    uint64_t cpu_period_ns;
    uint64_t instance_max;
    uint64_t handle_max;
    uint64_t file_max;
    uint64_t request_max;
    uint64_t request_ns;
    uint64_t queue_max;
    uint64_t queue_ns;
    uint64_t connection_max;
    uint64_t body_bytes;
    uint64_t head_bytes;
    uint64_t head_ns;
    uint64_t stream_max;
    uint64_t connection_requests;
    uint64_t reuse_max;
    uint64_t reuse_ns;
    uint64_t lame_duck_ns; /* 0: none */
};

enum grant_network {
    GRANT_NETWORK_NONE, /* no sockets at all */
    GRANT_NETWORK_NODE, /* the node's own namespace */
    GRANT_NETWORK_POD,  /* a namespace of its own, or the pod's */
};

/* Texts that a task's network needs. */
enum grant_text {
    GRANT_TEXT_RESOLV_CONF,
    GRANT_TEXT_HOSTS,
    GRANT_TEXT_TRUST, /* certificates in PEM */
    GRANT_TEXTS,
};

struct grant {
    own char **args; /* args_count texts */
    size_t args_count;
    own char **env; /* NAME=value */
    size_t env_count;
    own char *cwd; /* absolute */
    own struct grant_folder *folders;
    size_t folders_count;
    struct grant_limits limits;
    enum grant_network network;
    own char *network_allow; /* rules, one a line, as engine/grant.h has them; NULL: everything */
    own char *network_texts[GRANT_TEXTS]; /* by enum grant_text; NULL: none */
    own char *network_files[GRANT_TEXTS]; /* where they are on the node; never crosses */
    own char *trust;  /* certificates as a file of the task itself, before @network_files; or NULL */
    own char *netns;  /* path of a namespace to enter, or NULL: made for the task (POD) */
    uint16_t port;    /* where a server listens: PORT of the environment, else 8080 */
    bool on_term_wait; /* skep.dev/on-term: wait */
    uint64_t link_wait_ns; /* skep.dev/link-wait; 0: the supervisor's default */
    bool access_log;   /* skep.dev/access-log: stdout */
    own char *call;   /* an exported function to call in place of running it, or NULL */
    int64_t user;     /* process.user.uid: owner of files where it matters */
    own char *termination_log; /* path on the node of the mount at /dev/termination-log, or NULL */
    own char **ignored; /* what the spec asked for and a component has no use of, in words */
    size_t ignored_count;
};

/* Fill @network_files with the node's own, where there is none. Thread: any. */
void grant_use_node_files(struct grant *grant);

/* The limits alone, in a fixed number of bytes; decoding is false when too short. Thread: any. */
void grant_limits_encode(const struct grant_limits *limits, struct buf *out);
bool grant_limits_decode(struct cursor *in, struct grant_limits *ret) MUST_USE;

struct grant *grant_free(own struct grant *grant);
DEFINE_AUTO(struct grant *, grant_free)

/**
 * grant_encode() - the part of a grant that the worker needs: values, no path of the node
 * @grant: the grant
 * @out:   appended; its max should be GRANT_BYTES_MAX
 * @why:   FAULT_LIMIT or FAULT_INVALID when it passes a ceiling of this header
 *
 * Descriptors travel beside it in this order: stdin, stdout, stderr, listener (only those that
 * the message says), then one folder descriptor for each of @folders in order.
 *
 * Return: 0 or negative. Thread: any.
 */
int grant_encode(const struct grant *grant, struct buf *out, struct fault *why) MUST_USE;

/**
 * grant_decode() - read what grant_encode() wrote
 * @in:  its bytes; on failure left where it was
 * @ret: the grant; sources, netns and ignored are NULL in it
 * @why: the reason
 *
 * Return: 0 or negative. Thread: any.
 */
int grant_decode(struct cursor *in, own struct grant **ret, struct fault *why) MUST_USE;
