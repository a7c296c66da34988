/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted by interface, so that the offers of one path lie together, older ones first. */
#include "runtime/compose/offers.h"

#include <string.h>

#include "base/fault.h"
#include "base/json.h"

/* One import that is looked for. */
struct search {
    const struct offers *offers;
    size_t consumer;
    const char *import;
    struct interface wanted;
    const struct offer *first; /* of its path */
    const struct offer *end;
};

static int offer_order(const void *a, const void *b)
{
    const struct offer *one = (const struct offer *)a;
    const struct offer *two = (const struct offer *)b;
    int order = interface_order(&one->interface, &two->interface);

    return order != 0 ? order : (one->candidate > two->candidate) - (one->candidate < two->candidate);
}

int offers_new(const struct plan_scene *scene, own struct offers **ret, struct fault *why)
{
    AUTO(offers_free) struct offers *offers = NEW(struct offers);
    size_t count = 0;

    for (size_t i = 0; i < scene->count; i++) {
        count += node_count(scene->candidates[i].exports);
    }
    if (scene->count > PLAN_CANDIDATES_MAX || count > PLAN_OFFERS_MAX) {
        return fault(why, FAULT_LIMIT,
                     "the components to link are %zu with %zu exports; at most %d with %d are looked at",
                     scene->count, count, PLAN_CANDIDATES_MAX, PLAN_OFFERS_MAX);
    }
    offers->scene = scene;
    offers->items = NEW_ARRAY(count + 1, struct offer);
    for (size_t i = 0; i < scene->count; i++) {
        const struct node *exports = scene->candidates[i].exports;

        for (size_t k = 0; k < node_count(exports); k++) {
            const char *name = node_string(node_item(exports, k));

            if (name) {
                offers->items[offers->count++] = (struct offer){interface_read(name), name, i};
            }
        }
    }
    qsort(offers->items, offers->count, sizeof(offers->items[0]), offer_order);
    *ret = TAKE(offers);
    return 0;
}

struct offers *offers_free(own struct offers *offers)
{
    if (offers) {
        free(offers->items);
        free(offers);
    }
    return NULL;
}

/* Names of packages and interfaces are words; one that is none would not fit into a recipe. */
static bool is_word(const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name <= ' ' || *name > '~') {
            return false;
        }
    }
    return true;
}

static struct search search_begin(const struct offers *offers, size_t consumer, const char *import)
{
    struct search search = {
        .offers = offers, .consumer = consumer, .import = import, .wanted = interface_read(import)};
    const struct interface lowest = {.path = search.wanted.path};
    size_t low = 0;
    size_t high = is_word(import) ? offers->count : 0;
    size_t end;

    end = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (interface_order(&offers->items[middle].interface, &lowest) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    search.first = offers->items + low;
    for (high = low; high < end; high++) {
        if (interface_match(&search.wanted, &offers->items[high].interface) == INTERFACE_OTHER) {
            break;
        }
    }
    search.end = offers->items + high;
    return search;
}

static const struct plan_candidate *candidate(const struct search *search, size_t index)
{
    return &search->offers->scene->candidates[index];
}

/* A layer trusts nobody but the layers below it. */
static bool is_visible(const struct search *search, const struct offer *offer)
{
    bool is_layer = candidate(search, search->consumer)->tier == PLAN_LAYER;
    bool from_layer = candidate(search, offer->candidate)->tier == PLAN_LAYER;

    if (offer->candidate == search->consumer || !is_word(offer->name)) {
        return false;
    }
    return !is_layer || (from_layer && offer->candidate > search->consumer);
}

static bool serves(const struct search *search, const struct offer *offer)
{
    return is_visible(search, offer) &&
           interface_match(&search->wanted, &offer->interface) == INTERFACE_FITS;
}

/* The newest of one candidate. */
static const struct offer *find_of(const struct search *search, size_t provider)
{
    const struct offer *found = NULL;

    for (const struct offer *offer = search->first; offer < search->end; offer++) {
        if (offer->candidate == provider && serves(search, offer)) {
            found = offer;
        }
    }
    return found;
}

static const struct plan_link *find_link(const struct search *search)
{
    const struct plan_scene *scene = search->offers->scene;

    if (candidate(search, search->consumer)->tier == PLAN_LAYER) {
        return NULL;
    }
    for (size_t i = 0; i < scene->links_count; i++) {
        struct interface row = interface_read(scene->links[i].interface);
        struct interface wanted = search->wanted;

        if (row.version.length == 0) {
            wanted.version = row.version;
        }
        if (interface_match(&wanted, &row) == INTERFACE_FITS &&
            scene->links[i].candidate != search->consumer) {
            return &scene->links[i];
        }
    }
    return NULL;
}

static int find_container(const struct search *search, const struct plan_link *link,
                          const struct offer **ret, struct fault *why)
{
    const struct offer *found = NULL;
    const struct offer *rival = NULL;

    for (const struct offer *offer = search->first; offer < search->end; offer++) {
        if (candidate(search, offer->candidate)->tier != PLAN_CONTAINER || !serves(search, offer)) {
            continue;
        }
        if (found && found->candidate != offer->candidate) {
            rival = found;
        }
        found = offer;
    }
    if (rival && link && candidate(search, link->candidate)->tier == PLAN_CONTAINER) {
        *ret = NULL; /* the link decides */
        return 0;
    }
    if (rival) {
        return fault(why, FAULT_STATE, "%.60s imports %.100s, and both %.60s and %.60s export it",
                     candidate(search, search->consumer)->name, search->import,
                     candidate(search, rival->candidate)->name,
                     candidate(search, found->candidate)->name);
    }
    *ret = found;
    return 0;
}

static int find_linked(const struct search *search, const struct plan_link *link,
                       const struct offer **ret, struct fault *why)
{
    *ret = find_of(search, link->candidate);
    if (!*ret) {
        return fault(why, FAULT_STATE,
                     "%.60s imports %.100s, which skep.dev/links binds to %.60s, but that exports no "
                     "version of it that fits",
                     candidate(search, search->consumer)->name, search->import,
                     candidate(search, link->candidate)->name);
    }
    return 0;
}

/* The topmost layer, and of it the newest version. */
static const struct offer *find_layer(const struct search *search)
{
    const struct offer *found = NULL;

    for (const struct offer *offer = search->first; offer < search->end; offer++) {
        if (candidate(search, offer->candidate)->tier == PLAN_LAYER && serves(search, offer) &&
            (!found || offer->candidate <= found->candidate)) {
            found = offer;
        }
    }
    return found;
}

/* Position among the imports that the host does not serve; negative: it does. */
static long unknown_index(const struct search *search)
{
    const struct node *unknown = candidate(search, search->consumer)->unknown;

    for (size_t i = 0; i < node_count(unknown); i++) {
        const char *name = node_string(node_item(unknown, i));

        if (name && strcmp(name, search->import) == 0) {
            return (long)i;
        }
    }
    return -1;
}

/* What nobody serves: in which other version there is it, or what the compiler knows of the host. */
static int missing(const struct search *search, size_t unknown, struct fault *why)
{
    const struct plan_candidate *consumer = candidate(search, search->consumer);
    const char *hint = node_string(node_item(consumer->hints, unknown));

    for (const struct offer *offer = search->end; offer > search->first; offer--) {
        const struct offer *other = offer - 1;
        bool older = interface_match(&search->wanted, &other->interface) == INTERFACE_OLDER;

        if (is_visible(search, other)) {
            return fault(why, FAULT_STATE, "%.60s imports %.100s, and %.60s exports %s %.100s",
                         consumer->name, search->import, candidate(search, other->candidate)->name,
                         older ? "only the older" : "another version of it,", other->name);
        }
    }
    if (search->offers->scene->is_open) {
        return OFFERS_NOBODY;
    }
    if (hint && strncmp(hint, "it ", 3) == 0) {
        return fault(why, FAULT_STATE, "%.60s %.300s", consumer->name, hint + 3);
    }
    return fault(why, FAULT_STATE, "%.60s imports %.200s, which nobody here exports",
                 consumer->name, search->import);
}

int offers_find(const struct offers *offers, size_t consumer, const char *import,
                const struct offer **ret, struct fault *why)
{
    struct search search = search_begin(offers, consumer, import);
    const struct plan_link *link = find_link(&search);
    long unknown;

    TRY(find_container(&search, link, ret, why));
    if (!*ret && link) {
        TRY(find_linked(&search, link, ret, why));
    }
    if (!*ret) {
        *ret = find_layer(&search);
    }
    if (*ret) {
        return OFFERS_FOUND;
    }
    unknown = unknown_index(&search);
    return unknown < 0 ? OFFERS_NOBODY : missing(&search, (size_t)unknown, why);
}
