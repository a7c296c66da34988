/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle is a folder of root alone; of its files, those that containers see may be read by all. */
#include "shim/pod/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "runtime/grant/grant.h"

enum { HOSTNAME_ROOM = 256 };

void sandbox_files_fini(struct sandbox_files *files)
{
    free(files->config);
    free(files->hostname);
    free(files->resolv_conf);
    *files = (struct sandbox_files){NULL, NULL, NULL};
}

/* A node without such a file has pods with an empty one. */
static int copy_of_node(int dir, const char *name, const char *path, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_NETWORK_TEXT_MAX);

    if (access(path, F_OK) == 0) {
        TRY(fs_read_small(AT_FDCWD, path, &bytes, why));
    }
    return fs_replace(dir, name, (struct text){(const char *)bytes.data, bytes.length}, 0644, why);
}

static int write_hostname(int dir, const char *hostname, struct fault *why)
{
    char node[HOSTNAME_ROOM] = "";
    char line[HOSTNAME_ROOM + 2];

    if (!hostname && gethostname(node, sizeof(node) - 1) < 0) {
        return fault_sys(why, -errno, "find the node's hostname");
    }
    (void)snprintf(line, sizeof(line), "%s\n", hostname ? hostname : node);
    return fs_replace(dir, SANDBOX_HOSTNAME, text_of(line), 0644, why);
}

int sandbox_files_write(const char *bundle, const struct sandbox_files *files, struct fault *why)
{
    AUTO(fd_close) int dir = open(bundle, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

    if (dir < 0) {
        return fault_sys(why, -errno, "open the bundle %s", bundle);
    }
    TRY(fs_replace(dir, "config.json", text_of(files->config), 0600, why));
    TRY(write_hostname(dir, files->hostname, why));
    TRY(copy_of_node(dir, SANDBOX_HOSTS, "/etc/hosts", why));
    if (files->resolv_conf) {
        return fs_replace(dir, SANDBOX_RESOLV_CONF, text_of(files->resolv_conf), 0644, why);
    }
    return copy_of_node(dir, SANDBOX_RESOLV_CONF, "/etc/resolv.conf", why);
}
