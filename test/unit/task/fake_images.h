/* SPDX-License-Identifier: Apache-2.0 */
/* Images without containerd: what every question is answered with, in a later turn of the loop. */
#pragma once

#include "oci/images/reader.h"

extern struct fake_image {
    enum image_form form;
    const char *fails; /* a sentence */
    uint64_t delay_ns; /* from the question to the answer */
} fake_image;

void fake_images_open(struct loop *loop);
