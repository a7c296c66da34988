/* SPDX-License-Identifier: Apache-2.0 */
/* The bounding set first: dropping from it needs a capability of the others. */
#include "runtime/sandbox/rights.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fault.h"
#include "runtime/sandbox/cap.h"

static const cap_value_t kept[] = {
#define RIGHT(capability, words) capability,
#include "runtime/sandbox/rights.def"
#undef RIGHT
};

static bool is_kept(cap_value_t value)
{
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        if (kept[i] == value) {
            return true;
        }
    }
    return false;
}

static int drop_bounding(struct fault *why)
{
    for (cap_value_t value = 0; value < cap_max_bits(); value++) {
        if (!is_kept(value) && cap_get_bound(value) == 1 && cap_drop_bound(value) != 0) {
            return fault_sys(why, -errno, "drop capability %d", (int)value);
        }
    }
    return 0;
}

/* Of what it has, what is kept. */
static int keep_some(struct fault *why)
{
    AUTO(cap_free_any) cap_t now = cap_get_proc();
    AUTO(cap_free_any) cap_t then = cap_init();

    if (!now || !then) {
        return fault_sys(why, -errno, "read capabilities");
    }
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        cap_flag_value_t has = CAP_CLEAR;

        if (cap_get_flag(now, kept[i], CAP_PERMITTED, &has) == 0 && has == CAP_SET &&
            (cap_set_flag(then, CAP_PERMITTED, 1, &kept[i], CAP_SET) != 0 ||
             cap_set_flag(then, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) != 0)) {
            return fault_sys(why, -errno, "keep capability %d", (int)kept[i]);
        }
    }
    if (cap_set_proc(then) != 0 || (CAP_AMBIENT_SUPPORTED() && cap_reset_ambient() != 0)) {
        return fault_sys(why, -errno, "give up capabilities");
    }
    return 0;
}

int rights_keep(struct fault *why)
{
    if (geteuid() == 0) {
        TRY(drop_bounding(why));
        TRY(keep_some(why));
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fault_sys(why, -errno, "refuse new privileges");
    }
    return 0;
}
