/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the policy, but for mounts (test_folders.c). */
#include "test/unit/grant/decided.h"

static const struct decide_input artifact = {.rootfs = NULL};
static const struct decide_input tar = {.rootfs = "/run/bundle/rootfs"};
static const struct decide_input sandbox = {.is_sandbox = true};

#define LINUX(members) "{\"process\":{\"args\":[\"a\"]},\"linux\":{" members "}}"
#define ENV(variables) "{\"process\":{\"args\":[\"a\"],\"env\":[" variables "]}}"

static void arguments_environment_cwd_and_user_are_the_process_s(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted("{\"process\":{\"args\":[\"app\",\"-v\"],\"env\":[\"A=1\",\"B=\"],"
                "\"cwd\":\"/work/\",\"user\":{\"uid\":1000}}}", &artifact);

    (void)state;
    assert_int_equal(grant->args_count, 2);
    assert_string_equal(grant->args[0], "app");
    assert_int_equal(grant->env_count, 2);
    assert_string_equal(grant->env[1], "B=");
    assert_string_equal(grant->cwd, "/work");
    assert_int_equal(grant->user, 1000);
    assert_false(grant->on_term_wait);
}

static void without_arguments_an_artifact_has_a_name_and_a_tar_has_no_component(void **state)
{
    AUTO(grant_free) struct grant *grant = granted("{\"process\":{}}", &artifact);

    (void)state;
    assert_int_equal(grant->args_count, 1);
    assert_string_equal(grant->args[0], "component");
    assert_string_equal(grant->cwd, "/");
    assert_refused("{\"process\":{\"args\":[]}}", &tar, FAULT_INVALID,
                   "config.json: process.args is empty; its first entry names the component's "
                   "file");
}

static void a_variable_without_a_name_is_refused(void **state)
{
    (void)state;
    assert_refused(ENV("\"A=1\",\"B\""), &artifact, FAULT_INVALID,
                   "config.json: process.env[1] must be NAME=value, not \"B\"");
    assert_refused(ENV("\"=x\""), &artifact, FAULT_INVALID,
                   "config.json: process.env[0] must be NAME=value, not \"=x\"");
}

static void a_cwd_that_is_no_absolute_path_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"}}", &artifact, FAULT_INVALID,
                   "config.json: process.cwd must be an absolute path, not \"x\"");
}

static void a_terminal_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"process\":{\"args\":[\"a\"],\"terminal\":true}}", &artifact,
                   FAULT_UNSUPPORTED,
                   "config.json: process.terminal is true; a component has no terminal (run "
                   "without tty)");
}

static void a_server_listens_at_port(void **state)
{
    AUTO(grant_free) struct grant *none = granted(ENV(""), &artifact);
    AUTO(grant_free) struct grant *named = granted(ENV("\"PORT=9000\""), &artifact);
    AUTO(grant_free) struct grant *annotated = granted(
        "{\"process\":{},\"annotations\":{\"skep.dev/port\":\"81\"}}", &artifact);
    AUTO(grant_free) struct grant *both =
        granted("{\"process\":{\"env\":[\"PORT=82\",\"PORTS=x\"]},"
                "\"annotations\":{\"skep.dev/port\":\"81\"}}", &artifact);

    (void)state;
    assert_int_equal(none->port, 8080);
    assert_int_equal(named->port, 9000);
    assert_int_equal(annotated->port, 81);
    assert_int_equal(both->port, 82);
}

static void a_port_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_refused(ENV("\"PORT=http\""), &artifact, FAULT_INVALID,
                   "config.json: the variable PORT says where a server listens: a number from 1 "
                   "to 65535, not \"http\"");
    assert_refused(ENV("\"PORT=0\""), &artifact, FAULT_INVALID,
                   "config.json: the variable PORT says where a server listens: a number from 1 "
                   "to 65535, not \"0\"");
    assert_refused(ENV("\"PORT=65536\""), &artifact, FAULT_INVALID,
                   "config.json: the variable PORT says where a server listens: a number from 1 "
                   "to 65535, not \"65536\"");
}

static void the_network_is_the_namespace_s(void **state)
{
    AUTO(grant_free) struct grant *fresh = granted(LINUX(USUAL), &artifact);
    AUTO(grant_free) struct grant *pod = granted(
        LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
              "{\"type\":\"network\",\"path\":\"/run/netns/x\"}]"), &artifact);
    AUTO(grant_free) struct grant *node = granted(
        LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"}]"), &artifact);
    AUTO(grant_free) struct grant *none = granted("{\"process\":{}}", &artifact);

    (void)state;
    assert_int_equal(fresh->network, GRANT_NETWORK_POD);
    assert_null(fresh->netns);
    assert_int_equal(pod->network, GRANT_NETWORK_POD);
    assert_string_equal(pod->netns, "/run/netns/x");
    assert_int_equal(node->network, GRANT_NETWORK_NODE);
    assert_int_equal(none->network, GRANT_NETWORK_NONE);
}

static void the_pod_s_own_files_are_taken_where_no_mount_is(void **state)
{
    static const struct decide_input of_pod = {
        .texts = {[GRANT_TEXT_RESOLV_CONF] = "/s/resolv.conf", [GRANT_TEXT_HOSTS] = "/s/hosts"}};
    AUTO(grant_free) struct grant *plain = granted("{\"process\":{}," "\"linux\":{" USUAL "}" "}", &of_pod);
    AUTO(grant_free) struct grant *mounted = granted(
        "{\"process\":{},\"mounts\":[{\"destination\":\"/etc/hosts\",\"type\":\"bind\","
        "\"source\":\"/k/hosts\"}]," "\"linux\":{" USUAL "}" "}", &of_pod);
    AUTO(grant_free) struct grant *node = granted(
        LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"}]"), &of_pod);

    (void)state;
    assert_string_equal(plain->network_files[GRANT_TEXT_RESOLV_CONF], "/s/resolv.conf");
    assert_string_equal(plain->network_files[GRANT_TEXT_HOSTS], "/s/hosts");
    assert_string_equal(mounted->network_files[GRANT_TEXT_RESOLV_CONF], "/s/resolv.conf");
    assert_string_equal(mounted->network_files[GRANT_TEXT_HOSTS], "/k/hosts");
    assert_string_equal(node->network_files[GRANT_TEXT_RESOLV_CONF], "/s/resolv.conf");
}

static void trust_is_where_the_container_says(void **state)
{
#define NETWORK                                                                                    \
    ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"network\"}]}}"
    AUTO(grant_free) struct grant *usual = granted("{\"process\":{}" NETWORK, &artifact);
    AUTO(grant_free) struct grant *chosen = granted(
        "{\"process\":{\"env\":[\"SSL_CERT_FILE=/certs/ca.crt\",\"SSL_CERT_FILES=/x\"]}" NETWORK,
        &artifact);
    AUTO(grant_free) struct grant *relative =
        granted("{\"process\":{\"env\":[\"SSL_CERT_FILE=ca.crt\"]}" NETWORK, &artifact);
    AUTO(grant_free) struct grant *none = granted("{\"process\":{}}", &artifact);

    (void)state;
    assert_string_equal(usual->trust, "/etc/ssl/certs/ca-certificates.crt");
    assert_string_equal(chosen->trust, "/certs/ca.crt");
    assert_string_equal(relative->trust, "/etc/ssl/certs/ca-certificates.crt");
    assert_null(none->trust);
#undef NETWORK
}

static void an_annotation_takes_the_network_away(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted("{\"process\":{},\"annotations\":{\"skep.dev/network\":\"none\"},"
                "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
                "{\"type\":\"network\",\"path\":\"/run/netns/x\"}]}}", &artifact);

    (void)state;
    assert_int_equal(grant->network, GRANT_NETWORK_NONE);
    assert_null(grant->netns);
}

static void limits_are_translated(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted("{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,\"soft\":7}]},"
                "\"linux\":{\"resources\":{\"memory\":{\"limit\":67108864},"
                "\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":200000},"
                "\"pids\":{\"limit\":12}}}}", &artifact);

    (void)state;
    assert_int_equal(grant->limits.memory_bytes, 67108864);
    assert_int_equal(grant->limits.cpu_weight, 39);
    assert_int_equal(grant->limits.cpu_quota_ns, 50000000);
    assert_int_equal(grant->limits.cpu_period_ns, 200000000);
    assert_int_equal(grant->limits.instance_max, 12);
    assert_int_equal(grant->limits.file_max, 7);
    assert_int_equal(grant->limits.handle_max, 270);
}

static void no_limit_is_the_default(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted(LINUX("\"resources\":{\"memory\":{\"limit\":-1},\"cpu\":{\"quota\":-1},"
                      "\"pids\":{\"limit\":-1}}"), &artifact);
    const struct grant_limits none = {0};

    (void)state;
    assert_memory_equal(&grant->limits, &none, sizeof(none));
}

static void weights_follow_shares(void **state)
{
    static const uint64_t rows[][2] = {{1, 1},       {2, 1},           {1024, 39},
                                       {2048, 79},   {262144, 10000},  {1000000, 10000}};
    struct fault why = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct spec_resources resources = {.cpu_shares = (int64_t)rows[i][0]};
        struct grant_limits limits = {0};

        assert_int_equal(decide_limits(&resources, &limits, &why), 0);
        assert_int_equal(limits.cpu_weight, rows[i][1]);
    }
}

static void an_update_changes_only_what_it_says(void **state)
{
    struct spec_resources resources = {.cpu_quota = 20000, .memory_limit = -1};
    struct grant_limits limits = {.memory_bytes = 5, .cpu_weight = 6, .request_max = 7};
    struct fault why = {0};

    (void)state;
    assert_int_equal(decide_limits(&resources, &limits, &why), 0);
    assert_int_equal(limits.memory_bytes, 0);
    assert_int_equal(limits.cpu_weight, 6);
    assert_int_equal(limits.request_max, 7);
    assert_int_equal(limits.cpu_quota_ns, 20000000);
    assert_int_equal(limits.cpu_period_ns, 100000000);
}

static void quota_and_period_have_the_kernel_s_bounds(void **state)
{
    (void)state;
    assert_refused(LINUX("\"resources\":{\"cpu\":{\"quota\":999}}"), &artifact, FAULT_INVALID,
                   "config.json: linux.resources.cpu.quota must be from 1000 to 1000000000000, "
                   "not 999");
    assert_refused(LINUX("\"resources\":{\"cpu\":{\"period\":1000001}}"), &artifact, FAULT_INVALID,
                   "config.json: linux.resources.cpu.period must be from 1000 to 1000000, not "
                   "1000001");
}

static void what_asks_for_more_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"{\"process\":{\"args\":[\"a\"],\"capabilities\":{\"bounding\":[\"CAP_CHOWN\","
         "\"CAP_SYS_ADMIN\"]}}}",
         "config.json: process.capabilities asks for CAP_SYS_ADMIN; a component can have no "
         "capability"},
        {LINUX("\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
               "{\"allow\":true,\"access\":\"rwm\"}]}"),
         "config.json: linux.resources.devices[1] allows all devices (privileged); a component "
         "cannot be privileged"},
        {LINUX("\"devices\":[{\"path\":\"/dev/null\"},{\"path\":\"/dev/kvm\"}]"),
         "config.json: linux.devices[1] asks for /dev/kvm; a component can have no device"},
        {LINUX("\"namespaces\":[{\"type\":\"ipc\"}]"),
         "config.json: linux.namespaces has no pid namespace (hostPID); a component cannot have "
         "the node's"},
        {LINUX("\"namespaces\":[{\"type\":\"pid\"}]"),
         "config.json: linux.namespaces has no ipc namespace (hostIPC); a component cannot have "
         "the node's"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_refused(rows[i][0], &artifact, FAULT_DENIED, rows[i][1]);
    }
}

static void a_user_namespace_is_refused_for_the_whole_pod(void **state)
{
    static const char asks[] =
        LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"user\"}]");
    static const char sentence[] =
        "config.json: linux.namespaces asks for a user namespace (hostUsers: false); a component "
        "has no users to map";

    (void)state;
    assert_refused(asks, &artifact, FAULT_UNSUPPORTED, sentence);
    assert_refused(asks, &sandbox, FAULT_UNSUPPORTED, sentence);
}

static void what_asks_for_less_is_ignored_in_words(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_NET_BIND_SERVICE\"]},"
        "\"apparmorProfile\":\"p\",\"selinuxLabel\":\"s\",\"noNewPrivileges\":true},"
        "\"hooks\":{\"prestart\":[]},"
        "\"linux\":{\"devices\":[{\"path\":\"/dev/null\"}],\"seccomp\":{},\"sysctl\":{\"a\":\"b\"},"
        "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
        "{\"allow\":true,\"type\":\"c\",\"access\":\"m\"},"
        "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}]}}}",
        &artifact);

    (void)state;
    assert_int_equal(grant->ignored_count, 7);
    assert_true(is_ignored(grant, "process.capabilities: a component has none"));
    assert_true(is_ignored(grant, "linux.seccomp: a component makes no system calls"));
    assert_true(is_ignored(grant, "hooks: there is no process to run them in"));
}

static void of_a_sandbox_only_the_network_counts(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        "{\"process\":{\"args\":[\"/pause\"],\"capabilities\":{\"bounding\":[\"CAP_SYS_ADMIN\"]}},"
        "\"mounts\":[{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/a\"}],"
        "\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/run/netns/p\"}]}}", &sandbox);

    (void)state;
    assert_int_equal(grant->folders_count, 0);
    assert_string_equal(grant->netns, "/run/netns/p");
}

static void an_exec_has_its_own_words_and_the_container_s_grant(void **state)
{
    AUTO(grant_free) struct grant *container = granted(
        "{\"process\":{\"args\":[\"a\"],\"env\":[\"PORT=90\"]},\"mounts\":[{\"destination\":\"/d\","
        "\"type\":\"bind\",\"source\":\"/s\",\"options\":[\"ro\"]}],\"linux\":{\"namespaces\":"
        "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"network\",\"path\":\"/n\"}],"
        "\"resources\":{\"memory\":{\"limit\":5}}}}", &artifact);
    AUTO(spec_free) struct spec *spec = NULL;
    AUTO(grant_free) struct grant *grant = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(spec_parse_process(text_of("{\"args\":[\"/b.wasm\",\"x\"],\"cwd\":\"/d\"}"),
                                        &spec, &why), 0);
    assert_int_equal(decide_exec(container, spec, &grant, &why), 0);
    assert_string_equal(grant->args[0], "/b.wasm");
    assert_string_equal(grant->cwd, "/d");
    assert_int_equal(grant->env_count, 0);
    assert_int_equal(grant->folders_count, 1);
    assert_string_equal(grant->folders[0].source, "/s");
    assert_true(grant->folders[0].read_only);
    assert_string_equal(grant->netns, "/n");
    assert_int_equal(grant->limits.memory_bytes, 5);
    assert_int_equal(grant->port, 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_environment_cwd_and_user_are_the_process_s),
        cmocka_unit_test(without_arguments_an_artifact_has_a_name_and_a_tar_has_no_component),
        cmocka_unit_test(a_variable_without_a_name_is_refused),
        cmocka_unit_test(a_cwd_that_is_no_absolute_path_is_refused),
        cmocka_unit_test(a_terminal_is_refused),
        cmocka_unit_test(a_server_listens_at_port),
        cmocka_unit_test(a_port_that_is_none_is_refused),
        cmocka_unit_test(the_pod_s_own_files_are_taken_where_no_mount_is),
        cmocka_unit_test(the_network_is_the_namespace_s),
        cmocka_unit_test(trust_is_where_the_container_says),
        cmocka_unit_test(an_annotation_takes_the_network_away),
        cmocka_unit_test(limits_are_translated),
        cmocka_unit_test(no_limit_is_the_default),
        cmocka_unit_test(weights_follow_shares),
        cmocka_unit_test(an_update_changes_only_what_it_says),
        cmocka_unit_test(quota_and_period_have_the_kernel_s_bounds),
        cmocka_unit_test(what_asks_for_more_is_refused),
        cmocka_unit_test(a_user_namespace_is_refused_for_the_whole_pod),
        cmocka_unit_test(what_asks_for_less_is_ignored_in_words),
        cmocka_unit_test(of_a_sandbox_only_the_network_counts),
        cmocka_unit_test(an_exec_has_its_own_words_and_the_container_s_grant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
