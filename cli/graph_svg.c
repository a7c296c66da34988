/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns from left to right: the entry, whom it imports from, and so on; a part stands to the
 * right of all that import from it. A box lists what its slot asks the host for.
 */
#include <stdint.h>
#include <string.h>

#include "cli/graph.h"

enum {
    BOX_WIDTH = 230,
    BOX_HEAD = 46,   /* name, slot */
    BOX_LINE = 16,   /* one grant or open import */
    BOX_GAP = 40,    /* between two of a column */
    COLUMN_GAP = 300, /* holds the names of imports */
    MARGIN = 24,
    LABEL_MAX = 44,  /* characters that fit: between columns, */
    LINE_MAX = 34,   /* in a box, */
    NAME_MAX_SHOWN = 20, /* and there of the largest letters */
};

struct box {
    size_t column;
    int left;
    int top;
    int height;
    size_t lines;
};

struct picture {
    const struct plan_scene *scene;
    const struct plan *plan;
    struct buf *out;
    struct box boxes[PLAN_PARTS_MAX];
    int width;
    int height;
};

/* XML text: https://www.w3.org/TR/xml/#syntax; what is too long is cut. */
static void print_words(struct buf *out, const char *words, size_t max)
{
    size_t length = strlen(words);

    for (size_t i = 0; i < length && i < max; i++) {
        switch (words[i]) {
        case '<':
            buf_print(out, "&lt;");
            break;
        case '>':
            buf_print(out, "&gt;");
            break;
        case '&':
            buf_print(out, "&amp;");
            break;
        case '"':
            buf_print(out, "&quot;");
            break;
        default:
            buf_put_u8(out, words[i] >= ' ' && words[i] <= '~' ? (uint8_t)words[i] : '?');
        }
    }
    buf_print(out, "%s", length > max ? "…" : "");
}

static void print_text(struct buf *out, const char *class, int x, int y, const char *words)
{
    buf_print(out, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
    print_words(out, words, class[0] == 'n' ? NAME_MAX_SHOWN : LINE_MAX);
    buf_print(out, "</text>\n");
}

static void count_line(void *owner, const char *import)
{
    (void)import;
    (*(size_t *)owner)++;
}

/* Links point to higher columns: as many rounds as there are parts settle the longest path. */
static void set_columns(struct picture *picture)
{
    const struct plan *plan = picture->plan;

    for (size_t round = 0; round < plan->count; round++) {
        for (size_t i = 0; i < plan->edges_count; i++) {
            const struct box *consumer = &picture->boxes[plan->edges[i].consumer];
            struct box *provider = &picture->boxes[plan->edges[i].provider];

            if (provider->column <= consumer->column) {
                provider->column = consumer->column + 1;
            }
        }
    }
}

static void place(struct picture *picture)
{
    int bottoms[PLAN_PARTS_MAX] = {0};

    for (size_t part = 0; part < picture->plan->count; part++) {
        struct box *box = &picture->boxes[part];
        const struct graph_asks asks = graph_asks_of(picture->scene, picture->plan, part);
        int right;

        box->lines = asks.count + (asks.more > 0 ? 1 : 0);
        graph_open_of(picture->scene, picture->plan, part, count_line, &box->lines);
        box->left = MARGIN + (int)box->column * (BOX_WIDTH + COLUMN_GAP);
        box->top = bottoms[box->column] > 0 ? bottoms[box->column] + BOX_GAP : MARGIN;
        box->height = BOX_HEAD + (int)box->lines * BOX_LINE + BOX_LINE / 2;
        bottoms[box->column] = box->top + box->height;
        right = box->left + BOX_WIDTH + MARGIN;
        picture->width = right > picture->width ? right : picture->width;
        if (bottoms[box->column] + MARGIN > picture->height) {
            picture->height = bottoms[box->column] + MARGIN;
        }
    }
}

struct lines {
    struct picture *picture;
    const struct box *box;
    int y;
};

static void line(struct lines *lines, const char *class, const char *words)
{
    print_text(lines->picture->out, class, lines->box->left + 12, lines->y, words);
    lines->y += BOX_LINE;
}

static void open_line(void *owner, const char *import)
{
    line((struct lines *)owner, "missing", import);
}

static void print_box(struct picture *picture, size_t part)
{
    static const char *const classes[] = {
        [PLAN_CONTAINER] = "container", [PLAN_LINKED] = "linked", [PLAN_LAYER] = "layer"};
    const struct plan_candidate *candidate = &picture->scene->candidates[picture->plan->parts[part]];
    const struct graph_asks asks = graph_asks_of(picture->scene, picture->plan, part);
    const struct box *box = &picture->boxes[part];
    const char *tier = graph_tier_words(candidate->tier);
    struct lines lines = {picture, box, box->top + BOX_HEAD + BOX_LINE / 2};

    buf_print(picture->out,
              "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n",
              classes[candidate->tier], box->left, box->top, BOX_WIDTH, box->height);
    print_text(picture->out, "name", box->left + 12, box->top + 22, candidate->name);
    buf_print(picture->out, "<text class=\"small\" x=\"%d\" y=\"%d\">slot %zu%s%s%s</text>\n",
              box->left + 12, box->top + 38, part, tier[0] != '\0' ? ", " : "", tier,
              asks.count == 0 ? ", asks for nothing" : "");
    for (size_t i = 0; i < asks.count; i++) {
        line(&lines, "ask", asks.words[i]);
    }
    if (asks.more > 0) {
        line(&lines, "ask", "and more");
    }
    graph_open_of(picture->scene, picture->plan, part, open_line, &lines);
}

/* The height at which the n-th of some lines leaves or enters a box. */
static int anchor(const struct box *box, size_t index, size_t count)
{
    return box->top + (int)((2 * index + 1) * (size_t)box->height / (2 * count));
}

/* Where an edge comes among those of its two boxes: its place, and of how many. */
struct places {
    size_t leaving;
    size_t all_leaving;
    size_t entering;
    size_t all_entering;
};

static struct places places_of(const struct plan *plan, size_t edge)
{
    struct places places = {0};

    for (size_t i = 0; i < plan->edges_count; i++) {
        bool leaves = plan->edges[i].consumer == plan->edges[edge].consumer;
        bool enters = plan->edges[i].provider == plan->edges[edge].provider;

        places.leaving += leaves && i < edge ? 1 : 0;
        places.all_leaving += leaves ? 1 : 0;
        places.entering += enters && i < edge ? 1 : 0;
        places.all_entering += enters ? 1 : 0;
    }
    return places;
}

static void print_edge(struct picture *picture, size_t index)
{
    const struct plan_edge *edge = &picture->plan->edges[index];
    const struct box *from = &picture->boxes[edge->consumer];
    const struct box *to = &picture->boxes[edge->provider];
    const struct places places = places_of(picture->plan, index);
    int x1 = from->left + BOX_WIDTH;
    int x2 = to->left - 8;
    int y1 = anchor(from, places.leaving, places.all_leaving);
    int y2 = anchor(to, places.entering, places.all_entering);

    buf_print(picture->out,
              "<path class=\"edge\" d=\"M%d %d C%d %d %d %d %d %d\" marker-end=\"url(#tip)\"/>\n", x1,
              y1, x1 + COLUMN_GAP / 2, y1, x2 - COLUMN_GAP / 2, y2, x2, y2);
    /* Beside the box that it leaves, where lines have not met yet. */
    buf_print(picture->out, "<text class=\"label\" x=\"%d\" y=\"%d\">", x1 + 8, y1 - 5);
    print_words(picture->out, edge->import, LABEL_MAX);
    buf_print(picture->out, "</text>\n");
}

static void print_head(const struct picture *picture)
{
    buf_print(picture->out,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
              "viewBox=\"0 0 %d %d\">\n",
              picture->width, picture->height, picture->width, picture->height);
    buf_print(picture->out,
              "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" markerWidth=\"8\" "
              "markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 Z\" fill=\"#555\"/></marker>"
              "</defs>\n"
              "<style>text{font-family:sans-serif;font-size:12px;fill:#222}"
              ".name{font-size:15px;font-weight:bold}.ask{font-size:11px}.small{font-size:11px;fill:#555}"
              ".label{font-family:monospace;font-size:10px;paint-order:stroke;stroke:#fff;"
              "stroke-width:3px}.missing{fill:#b00020;font-family:monospace;font-size:10px}"
              "rect{stroke:#555}.container{fill:#fff4d6}.linked{fill:#e3f2e1}.layer{fill:#dde9f7}"
              ".edge{fill:none;stroke:#555;stroke-width:1.5}</style>\n"
              "<rect x=\"0\" y=\"0\" width=\"%d\" height=\"%d\" fill=\"#fff\" style=\"stroke:none\"/>\n",
              picture->width, picture->height);
}

void graph_print_svg(const struct plan_scene *scene, const struct plan *plan, struct buf *out)
{
    struct picture picture = {.scene = scene, .plan = plan, .out = out};

    set_columns(&picture);
    place(&picture);
    print_head(&picture);
    for (size_t i = 0; i < plan->edges_count; i++) {
        print_edge(&picture, i);
    }
    for (size_t part = 0; part < plan->count; part++) {
        print_box(&picture, part);
    }
    buf_print(out, "</svg>\n");
}
