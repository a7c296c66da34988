/* SPDX-License-Identifier: Apache-2.0 */
/* Three bytes are four digits of six bits. */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct text bytes, struct buf *ret)
{
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t have = bytes.length - i < 3 ? bytes.length - i : 3;
        uint32_t bits = 0;

        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < have ? (unsigned char)bytes.at[i + j] : 0U);
        }
        for (size_t j = 0; j < 4; j++) {
            buf_put_u8(ret, j <= have ? (uint8_t)digits[bits >> (18 - 6 * j) & 63] : '=');
        }
    }
}

bool base64_decode(struct text text, struct buf *ret)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (int padding = 0; padding < 2 && text.length > 0 && text.at[text.length - 1] == '=';
         padding++) {
        text.length--;
    }
    for (size_t i = 0; i < text.length; i++) {
        const char *digit = text.at[i] == '\0' ? NULL : strchr(digits, text.at[i]);

        if (!digit) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_put_u8(ret, (uint8_t)(bits >> have));
        }
    }
    return text.length % 4 != 1 && !ret->overflow;
}
