// The hook on-reply: what it does is chosen by the argument `reply`.
#include "words.h"

#include <stdlib.h>

typedef exports_cardea_plugin_on_reply_reply_verdict_t reply_verdict;
typedef cardea_plugin_types_host_error_t host_error;

static void refuse_with(reply_verdict *verdict, cardea_plugin_types_refusal_t made) {
    *verdict = (reply_verdict){EXPORTS_CARDEA_PLUGIN_ON_REPLY_REPLY_VERDICT_REFUSE, {.refuse = made}};
}

static const char *refuse(void *verdict) {
    refuse_with(verdict, refusal(CARDEA_PLUGIN_TYPES_REFUSAL_KIND_FORBIDDEN));
    return NULL;
}

static const char *end_instance(void *verdict) {
    (void)verdict;
    trap();
}

// `reply.set`; takes the value.
static const char *set_at(text pointer, text value) {
    host_error error;
    bool done = cardea_plugin_reply_set(&pointer, &value, &error);
    cardea_string_free(&value);
    return done ? NULL : name_of(error);
}

static const char *facts(void *verdict) {
    (void)verdict;
    static const char *const origins[] = {"server", "stage", "house"};
    json out = {0};
    put(&out, "{\"origin\":\"");
    put(&out, origins[cardea_plugin_reply_origin()]);
    put(&out, "\",\"error\":");
    put_bool(&out, cardea_plugin_reply_is_error());
    put(&out, ",\"toolError\":");
    put_bool(&out, cardea_plugin_reply_is_tool_error());
    put(&out, ",\"code\":");
    int32_t code;
    if (cardea_plugin_reply_error_code(&code)) put_integer(&out, code);
    else put(&out, "null");
    put(&out, ",\"size\":");
    put_number(&out, cardea_plugin_reply_size());
    put(&out, ",\"get\":");
    put_maybe(&out, told_at(cardea_plugin_reply_get, "/probe"));
    put(&out, ",\"many\":");
    put_both(&out, cardea_plugin_reply_get_many, "/probe", "/none");
    put(&out, ",\"text\":");
    quote_maybe(&out, told_at(cardea_plugin_reply_text, "/probe"));
    put(&out, "}");
    return set_at(constant("/facts"), finished(&out));
}

static const char *set(void *verdict) {
    (void)verdict;
    text pointer = or_empty(argument("pointer"));
    const char *error = set_at(pointer, or_empty(json_argument("json")));
    cardea_string_free(&pointer);
    return error;
}

static const char *remove_value(void *verdict) {
    (void)verdict;
    text pointer = or_empty(argument("pointer"));
    host_error error;
    bool done = cardea_plugin_reply_remove(&pointer, &error);
    cardea_string_free(&pointer);
    return done ? NULL : name_of(error);
}

// Adds every leaf of a page, its text between `<` and `>`; takes the page.
static void add_bracketed(cardea_list_tuple2_string_string_t *edits, cardea_plugin_reply_text_page_t page) {
    cardea_tuple2_string_string_t *grown = realloc(edits->ptr, (edits->len + page.leaves.len) * sizeof *grown);
    if (!grown && page.leaves.len) trap();
    edits->ptr = grown;
    for (size_t i = 0; i < page.leaves.len; i++) {
        json out = {0};
        put(&out, "<");
        put_text(&out, copied(page.leaves.ptr[i].text));
        put(&out, ">");
        edits->ptr[edits->len++] = (cardea_tuple2_string_string_t){copied(page.leaves.ptr[i].pointer), finished(&out)};
    }
    cardea_plugin_reply_text_page_free(&page);
}

static const char *set_texts(void *verdict) {
    (void)verdict;
    cardea_list_tuple2_string_string_t edits = {0};
    cardea_option_u32_t next = {true, 0};
    while (next.is_some) {
        cardea_plugin_reply_text_page_t page;
        cardea_plugin_reply_texts(next.val, &page);
        next = page.next;
        add_bracketed(&edits, page);
    }
    host_error error;
    bool done = cardea_plugin_reply_set_texts(&edits, &error);
    cardea_list_tuple2_string_string_free(&edits);
    return done ? NULL : name_of(error);
}

static const char *scratch(void *verdict) {
    (void)verdict;
    json out = {0};
    quote_maybe(&out, noted());
    return set_at(constant("/scratch"), finished(&out));
}

static const deed deeds[] = {
    {"refuse", refuse}, {"trap", end_instance}, {"facts", facts},     {"set", set},
    {"remove", remove_value}, {"set-texts", set_texts}, {"scratch", scratch}, {"settle", settle},
};

void exports_cardea_plugin_on_reply_judge(reply_verdict *verdict) {
    *verdict = (reply_verdict){EXPORTS_CARDEA_PLUGIN_ON_REPLY_REPLY_VERDICT_PASS};
    const char *error = run_deed(deeds, sizeof deeds / sizeof *deeds, argument("reply"), verdict);
    if (!error) return;
    cardea_plugin_types_refusal_t made = refusal(CARDEA_PLUGIN_TYPES_REFUSAL_KIND_INVALID);
    cardea_string_free(&made.message);
    cardea_string_dup(&made.message, error);
    refuse_with(verdict, made);
}
