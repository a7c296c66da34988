/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: what docker's configuration holds for a registry.
 *
 * Belongs here: config.json's auths, credHelpers, credsStore, and the helper programs.
 * Does not belong here: what is done with them (auth.c).
 */
#pragma once

#include "base/attr.h"

struct fault;

enum { CREDENTIALS_CONFIG_MAX = 1024 * 1024, CREDENTIALS_ANSWER_MAX = 64 * 1024 };

/* Texts are owned; NULL for what is not there. Never printed. */
struct credentials {
    char *user;
    char *secret;   /* password; an identity token when @user is NULL */
    char *bearer;   /* registrytoken: used as it is */
};

void credentials_fini(struct credentials *credentials);
UNUSED static inline void credentials_fini_auto(struct credentials *held)
{
    credentials_fini(held);
}

/**
 * credentials_find() - look a registry up
 * @registry: host and port, as references have it
 * @ret:      all NULL when nothing is known; that is no failure
 * @why:      the configuration cannot be read, or a helper fails
 *
 * $REGISTRY_AUTH_FILE, else $DOCKER_CONFIG/config.json, else ~/.docker/config.json. The order within
 * is docker's: credHelpers, credsStore, auths. A helper may take 30 s. Blocks.
 *
 * Return: 0 or negative.
 */
int credentials_find(const char *registry, struct credentials *ret, struct fault *why) MUST_USE;
