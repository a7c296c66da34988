/* SPDX-License-Identifier: Apache-2.0 */
/* skep-install: a verb, and options that are the same for all. */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "k8s/installer/api.h"
#include "k8s/installer/config.h"
#include "k8s/installer/hands.h"
#include "k8s/installer/keep.h"

#define STATE_PATH "/run/skep-install/state"

struct options {
    const char *root;
    const char *config;
    const char *containerd;
    const char *restart;
    const char *socket;
    const char *node;
    struct cluster_set set;
    char space[CLUSTER_NAME_MAX + 1];
    uint64_t wait;
    uint64_t every;
};

static const char usage[] =
    "usage: skep-install VERB [options]\n\n"
    "options, with their defaults:\n"
    "  --root /                       the node's root folder, as seen from here\n"
    "  --config /etc/containerd/config.toml  containerd's main file, on the node\n"
    "  --containerd containerd        its program, on the node\n"
    "  --restart 'systemctl restart containerd'  how it is restarted, on the node; '': somebody else does it\n"
    "  --socket /run/containerd/containerd.sock  where it answers CRI, on the node\n"
    "  --wait 60                      seconds: for its handlers after a restart; for all nodes (withdraw)\n"
    "  --every 30                     seconds between two looks (keep)\n"
    "  --node NAME                    the node's name in the cluster (keep)\n"
    "  --set NAMESPACE/NAME           the DaemonSet (keep, withdraw)\n\n"
    "With --root / the programs stay where this one is; else they are copied to " PROGRAMS_FOLDER
    " of the node.\n";

static void print_usage(FILE *to)
{
    (void)fputs(usage, to);
    (void)fputs("\nverbs:\n", to);
#define VERB(name, summary) (void)fprintf(to, "  %-10s %s\n", #name, summary);
#include "k8s/installer/verbs.def"
#undef VERB
}

static int read_seconds(const char *word, uint64_t *ret, struct fault *why)
{
    return text_to_u64(text_of(word), 1, 86400, ret)
               ? 0
               : fault(why, FAULT_INVALID, "\"%.40s\" is no number of seconds from 1 to 86400",
                       word);
}

/* A name of an object of the cluster: it goes into paths of requests. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= CLUSTER_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

static int read_set(const char *word, struct options *ret, struct fault *why)
{
    const char *slash = strchr(word, '/');

    if (slash && (size_t)(slash - word) < sizeof(ret->space)) {
        (void)snprintf(ret->space, sizeof(ret->space), "%.*s", (int)(slash - word), word);
        ret->set = (struct cluster_set){.space = ret->space, .name = slash + 1};
    }
    return slash && is_name(ret->space) && is_name(slash + 1)
               ? 0
               : fault(why, FAULT_INVALID, "\"%.80s\" is not NAMESPACE/NAME of a DaemonSet", word);
}

static int take_option(int option, struct options *ret, struct fault *why)
{
    switch (option) {
    case 'r':
        ret->root = optarg;
        return 0;
    case 'c':
        ret->config = optarg;
        return 0;
    case 'p':
        ret->containerd = optarg;
        return 0;
    case 'x':
        ret->restart = optarg;
        return 0;
    case 's':
        ret->socket = optarg;
        return 0;
    case 'n':
        ret->node = optarg;
        return is_name(optarg)
                   ? 0
                   : fault(why, FAULT_INVALID, "\"%.80s\" is no name of a node", optarg);
    case 'd':
        return read_set(optarg, ret, why);
    case 'w':
        return read_seconds(optarg, &ret->wait, why);
    case 'e':
        return read_seconds(optarg, &ret->every, why);
    default:
        return fault(why, FAULT_INVALID,
                     "an option is not known or lacks its value; skep-install --help");
    }
}

static int read_options(int argc, char **argv, struct options *ret, struct fault *why)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},       {"config", required_argument, NULL, 'c'},
        {"containerd", required_argument, NULL, 'p'}, {"restart", required_argument, NULL, 'x'},
        {"socket", required_argument, NULL, 's'},     {"node", required_argument, NULL, 'n'},
        {"set", required_argument, NULL, 'd'},        {"wait", required_argument, NULL, 'w'},
        {"every", required_argument, NULL, 'e'},      {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        TRY(take_option(option, ret, why));
    }
    if (optind != argc) {
        return fault(why, FAULT_INVALID, "\"%.80s\" is no option; skep-install --help",
                     argv[optind]);
    }
    if (ret->config[0] != '/' || ret->socket[0] != '/') {
        return fault(why, FAULT_INVALID, "--config and --socket must be absolute paths");
    }
    return 0;
}

/* A node, with the hands that the options describe. */
struct node_work {
    struct installation installation;
    struct hands_owner owner;
};

static int prepare(const struct options *options, struct node_work *ret, struct fault *why)
{
    struct installation *in = &ret->installation;
    bool is_here = strcmp(options->root, "/") == 0;

    *in = (struct installation){.config = options->config,
                                .wait_ms = (unsigned)options->wait * 1000,
                                .hands = &hands,
                                .owner = &ret->owner};
    ret->owner = (struct hands_owner){.host = &in->host,
                                      .config = options->config,
                                      .containerd = options->containerd,
                                      .restart = options->restart};
    if ((size_t)snprintf(ret->owner.socket, sizeof(ret->owner.socket), "%s%s",
                         is_here ? "" : options->root,
                         options->socket) >= sizeof(ret->owner.socket)) {
        return fault(why, FAULT_LIMIT, "--socket is too long");
    }
    TRY(host_open(options->root, &in->host, why));
    return programs_find(&in->host, &in->programs, why);
}

static int verb_install(const struct options *options, struct fault *why)
{
    struct node_work work;
    int done;

    TRY(prepare(options, &work, why));
    done = install_node(&work.installation, why);
    TRY(done);
    (void)printf("skep-install: %s %s, containerd has its %zu handlers\n",
                 work.installation.programs.id,
                 done == INSTALL_WAS_THERE ? "was installed already" : "is installed",
                 config_handlers_count());
    host_close(&work.installation.host);
    return 0;
}

static int verb_uninstall(const struct options *options, struct fault *why)
{
    struct node_work work;
    struct cri_pods pods;
    int done;

    TRY(prepare(options, &work, why));
    done = install_remove(&work.installation, &pods, why);
    TRY(done);
    host_close(&work.installation.host);
    if (done == INSTALL_IN_USE) {
        return fault(why, FAULT_STATE, "%zu pods run with Skep, such as %s: nothing was changed",
                     pods.count, pods.names[0]);
    }
    (void)puts("skep-install: removed; compiled components stay in /var/lib/skep");
    return 0;
}

/* The verbs of a cluster need its API server, and a DaemonSet. */
static int open_cluster(const struct options *options, own struct api **ret, struct fault *why)
{
    int found;

    if (!options->set.name) {
        return fault(why, FAULT_INVALID, "--set is needed");
    }
    found = api_open(ret, why);
    TRY(found);
    return found == API_OPEN ? 0
                             : fault(why, FAULT_STATE,
                                     "this is no pod: KUBERNETES_SERVICE_HOST and _PORT are "
                                     "not set");
}

static int verb_keep(const struct options *options, struct fault *why)
{
    AUTO(api_free) struct api *api = NULL;
    struct node_work work;
    struct keeper keeper = {.installation = &work.installation,
                            .node = options->node,
                            .set = options->set,
                            .every_seconds = (unsigned)options->every,
                            .state_path = STATE_PATH};

    if (!options->node) {
        return fault(why, FAULT_INVALID, "--node is needed");
    }
    TRY(open_cluster(options, &api, why));
    TRY(prepare(options, &work, why));
    keeper.api = api;
    TRY(keep(&keeper, why));
    host_close(&work.installation.host);
    return 0;
}

static int verb_withdraw(const struct options *options, struct fault *why)
{
    AUTO(api_free) struct api *api = NULL;

    TRY(open_cluster(options, &api, why));
    return withdraw(api, &options->set, (unsigned)options->wait, why);
}

static int verb_state(const struct options *options, struct fault *why)
{
    (void)options;
    return keep_state(STATE_PATH, why);
}

static const struct verb {
    const char *name;
    int (*run)(const struct options *options, struct fault *why);
} verbs[] = {
#define VERB(name, summary) {#name, verb_##name},
#include "k8s/installer/verbs.def"
#undef VERB
};

static int run(int argc, char **argv, struct fault *why)
{
    struct options options = {.root = "/",
                              .config = "/etc/containerd/config.toml",
                              .containerd = "containerd",
                              .restart = "systemctl restart containerd",
                              .socket = "/run/containerd/containerd.sock",
                              .wait = 60,
                              .every = 30};

    if (argc < 2) {
        print_usage(stderr);
        return fault(why, FAULT_INVALID, "a verb is needed");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            TRY(read_options(argc - 1, argv + 1, &options, why));
            return verbs[i].run(&options, why);
        }
    }
    return fault(why, FAULT_INVALID, "there is no verb %.40s; skep-install --help", argv[1]);
}

int main(int argc, char **argv)
{
    struct fault why = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    log_open(STDERR_FILENO, "skep-install", LOG_LEVEL_INFO);
    if (run(argc, argv, &why) < 0) {
        (void)fprintf(stderr, "skep-install: %s\n", why.text);
        return fault_exit(why.kind);
    }
    return 0;
}
