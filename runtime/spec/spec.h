/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec: what containerd asks for, read from config.json into a typed, bounded struct.
 *
 * Belongs here: names, types and ceilings of the members that matter to us (fields.def; after the
 * OCI runtime specification 1.2, config.md and config-linux.md). Other members are not looked at.
 * Does not belong here: whether what is asked for is granted (runtime/grant/decide).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct fault;
struct node;

enum {
    SPEC_BYTES_MAX = 8 * 1024 * 1024, /* of config.json */
    SPEC_ARGS_MAX = 4096,
    SPEC_ENV_MAX = 4096,
    SPEC_TEXT_MAX = 128 * 1024, /* of one argument or variable */
    SPEC_PATH_MAX = 4095,
    SPEC_MOUNTS_MAX = 512,
    SPEC_LIST_MAX = 1024, /* entries of any other list or object */
};

/* Texts of the document, in its order. */
struct spec_texts {
    own const char **at; /* the array is owned, the texts are the document's */
    size_t count;
};

/* A key and its value, both the document's. */
struct spec_pair {
    const char *key;
    const char *value;
};

struct spec_mount {
    const char *destination;
    const char *type;   /* NULL if absent */
    const char *source; /* NULL if absent */
    struct spec_texts options;
};

struct spec_namespace {
    const char *type; /* "network", "pid", … */
    const char *path; /* NULL: a new one */
};

/* A row of linux.resources.devices. */
struct spec_device_rule {
    bool allow;
    bool is_narrow;     /* names a major or a minor number */
    const char *type;   /* NULL, "a", "c", "b" */
    const char *access; /* NULL or of "rwm" */
};

/* config.json's process, or the one of an exec. Borrowed from its document. */
struct spec_process {
    struct spec_texts args;
    struct spec_texts env;
    const char *cwd; /* NULL if absent */
    bool terminal;
    int64_t uid;
    int64_t gid;
    struct spec_texts capabilities; /* of all five sets, with repetitions */
    bool has_nofile;
    int64_t nofile; /* soft limit of RLIMIT_NOFILE */
    const char *apparmor; /* NULL or "" if absent */
    const char *selinux;
};

/* linux.resources; 0 where absent, as in the document otherwise. */
struct spec_resources {
    int64_t memory_limit; /* bytes; -1: none */
    int64_t cpu_shares;
    int64_t cpu_quota;  /* µs; -1: none */
    int64_t cpu_period; /* µs */
    int64_t pids_limit; /* -1: none */
};

struct spec {
    own struct node *document; /* everything below is borrowed from it */
    struct spec_process process;
    const char *root_path; /* NULL if absent */
    bool root_readonly;
    const char *hostname; /* NULL if absent */
    own struct spec_mount *mounts;
    size_t mounts_count;
    own struct spec_pair *annotations;
    size_t annotations_count;
    bool has_namespaces; /* linux.namespaces is there, even if empty */
    own struct spec_namespace *namespaces;
    size_t namespaces_count;
    struct spec_texts devices; /* paths of linux.devices */
    own struct spec_device_rule *device_rules;
    size_t device_rules_count;
    struct spec_resources resources;
    bool has_seccomp;
    bool has_hooks;
    size_t sysctls_count;
};

struct spec *spec_free(own struct spec *spec);
DEFINE_AUTO(struct spec *, spec_free)

/**
 * spec_parse() - read a whole config.json
 * @bytes: its bytes
 * @ret:   the spec
 * @why:   FAULT_INVALID or FAULT_LIMIT naming the member: "config.json: process.args[3] must be
 *         a string, not a list"
 *
 * Whole numbers beyond 63 bits (RLIM_INFINITY) read as INT64_MAX.
 *
 * Return: 0 or negative. Thread: any.
 */
int spec_parse(struct text bytes, own struct spec **ret, struct fault *why) MUST_USE;

/* The same for the process of an exec ("process: args[3] must be …"); only ->process is set. */
int spec_parse_process(struct text bytes, own struct spec **ret, struct fault *why) MUST_USE;

/* A task's update carries linux.resources alone. Return: 0 or negative. Thread: any. */
int spec_parse_resources(struct text bytes, struct spec_resources *ret, struct fault *why) MUST_USE;

/* The value of an annotation, or NULL. Thread: any. */
const char *spec_annotation(const struct spec *spec, const char *key);

/* The namespace of a type, or NULL. Thread: any. */
const struct spec_namespace *spec_namespace(const struct spec *spec, const char *type);
