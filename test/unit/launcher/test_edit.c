/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a native container, as the runc shim gets to see it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim/launcher/edit.h"
#include "shim/launcher/file.h"
#include "shim/launcher/pod_namespaces.h"

/* Stands in for the namespaces themselves. */
void pod_file(const char *id, const char *name, char ret[POD_PATH_MAX])
{
    (void)snprintf(ret, POD_PATH_MAX, "/pods/%s/%s", id, name);
}

int pod_anchor(const char *id)
{
    (void)id;
    return 77;
}

#define PAUSE                                                                                      \
    "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"        \
    "{\"type\":\"network\",\"path\":\"/run/netns/n\"}]}}"
#define PAUSE_OF_NODE "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}"
#define NAMESPACES                                                                                 \
    "\"linux\":{\"x\":1,\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"ipc\",\"path\":"          \
    "\"/proc/4194305/ns/ipc\"},{\"type\":\"network\",\"path\":\"/proc/4194305/ns/net\"}]}"
#define JOINED                                                                                     \
    "\"linux\":{\"x\":1,\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"ipc\",\"path\":"          \
    "\"/pods/p/ipc\"},{\"type\":\"network\",\"path\":\"/run/netns/n\"}]}"
#define RESOLV                                                                                     \
    "{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":\"/b/resolv.conf\","       \
    "\"options\":[\"rbind\",\"rprivate\",\"rw\"]}"
#define HOSTNAME                                                                                   \
    "{\"destination\":\"/etc/hostname\",\"type\":\"bind\",\"source\":\"/b/hostname\","             \
    "\"options\":[\"rbind\",\"rprivate\",\"rw\"]}"
#define SHM(source)                                                                                \
    "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"" source "\","                   \
    "\"options\":[\"rbind\",\"rprivate\",\"rw\"]}"

static struct span doc(const char *text)
{
    return span_document(text, strlen(text));
}

static void assert_edited(const char *spec, const char *pause, bool is_api, const char *want)
{
    struct pod_view pod = {.id = "p", .bundle = "/b", .is_api_sandbox = is_api,
                           .pause_pid = 4194305};
    char *have = NULL;

    assert_int_equal(file_write("config.json", spec, strlen(spec), 0640), 0);
    pod.pause = doc(pause);
    edit_config(doc(spec), &pod);
    assert_true(file_read("config.json", CONFIG_BYTES_MAX, &have) > 0);
    assert_string_equal(have, want);
    free(have);
}

static void beside_a_pause_only_namespaces_change(void **state)
{
    (void)state;
    assert_edited("{\"a\":[1, 2],\"mounts\":[{\"destination\":\"/proc\"}]," NAMESPACES ",\"z\":0}",
                  PAUSE, false,
                  "{\"a\":[1, 2],\"mounts\":[{\"destination\":\"/proc\"}]," JOINED ",\"z\":0}");
}

static void in_a_pod_of_the_node_the_entries_go(void **state)
{
    (void)state;
    assert_edited("{\"mounts\":[]," NAMESPACES "}", PAUSE_OF_NODE, false,
                  "{\"mounts\":[],\"linux\":{\"x\":1,\"namespaces\":[{\"type\":\"mount\"}]}}");
}

static void beside_an_api_sandbox_the_pod_s_files_are_mounted(void **state)
{
    (void)state;
    assert_edited("{" NAMESPACES ",\"mounts\":[{\"destination\":\"/etc/hosts\",\"source\":\"/k\"},"
                  "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\"}]}",
                  PAUSE, true,
                  "{" JOINED ",\"mounts\":[{\"destination\":\"/etc/hosts\",\"source\":\"/k\"},"
                  RESOLV "," HOSTNAME "," SHM("/pods/p/shm") "]}");
}

static void what_the_pod_mounts_itself_stays(void **state)
{
    static const char mounts[] =
        "{\"mounts\":[{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/e\"},"
        "{\"destination\":\"/etc/hosts\"},{\"destination\":\"/etc/hostname\"},"
        "{\"destination\":\"/etc/resolv.conf\"}],";
    char spec[1024];
    char want[1024];

    (void)state;
    (void)snprintf(spec, sizeof(spec), "%s" NAMESPACES "}", mounts);
    (void)snprintf(want, sizeof(want), "%s" JOINED "}", mounts);
    assert_edited(spec, PAUSE, true, want);
}

static void a_read_only_root_has_read_only_files_and_the_node_s_memory_is_shared(void **state)
{
    (void)state;
    assert_edited("{\"root\":{\"readonly\":true},\"mounts\":[{\"destination\":\"/etc/hosts\"},"
                  "{\"destination\":\"/etc/hostname\"}],\"linux\":{\"namespaces\":[]}}",
                  PAUSE_OF_NODE, true,
                  "{\"root\":{\"readonly\":true},\"mounts\":[{\"destination\":\"/etc/hosts\"},"
                  "{\"destination\":\"/etc/hostname\"},"
                  "{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":"
                  "\"/b/resolv.conf\",\"options\":[\"rbind\",\"rprivate\",\"ro\"]},"
                  SHM("/dev/shm") "],\"linux\":{\"namespaces\":[]}}");
}

static void the_mode_of_the_file_stays(void **state)
{
    struct stat about;

    (void)state;
    assert_edited("{\"mounts\":[]," NAMESPACES "}", PAUSE, false, "{\"mounts\":[]," JOINED "}");
    assert_int_equal(stat("config.json", &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
}

static void pids_are_read_from_paths_of_proc_alone(void **state)
{
    struct span spec = doc("{" NAMESPACES "}");

    (void)state;
    assert_int_equal(edit_namespace_pid(spec, "network"), 4194305);
    assert_int_equal(edit_namespace_pid(spec, "mount"), 0);
    assert_int_equal(edit_namespace_pid(spec, "user"), 0);
    assert_int_equal(edit_namespace_pid(doc(PAUSE), "network"), 0);
}

static int enter_folder(void **state)
{
    static char folder[] = "/tmp/skep-edit-XXXXXX";

    *state = folder;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)unlink("config.json");
    return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beside_a_pause_only_namespaces_change),
        cmocka_unit_test(in_a_pod_of_the_node_the_entries_go),
        cmocka_unit_test(beside_an_api_sandbox_the_pod_s_files_are_mounted),
        cmocka_unit_test(what_the_pod_mounts_itself_stays),
        cmocka_unit_test(a_read_only_root_has_read_only_files_and_the_node_s_memory_is_shared),
        cmocka_unit_test(the_mode_of_the_file_stays),
        cmocka_unit_test(pids_are_read_from_paths_of_proc_alone),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
