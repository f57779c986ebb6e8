// Texts, JSON text and refusals: see words.h.
#include "words.h"

#include <stdlib.h>
#include <string.h>

text constant(const char *characters) {
    return (text){(uint8_t *)characters, strlen(characters)};
}

text copied(text original) {
    text copy;
    cardea_string_dup_n(&copy, (const char *)original.ptr, original.len);
    return copy;
}

void *room(size_t count, size_t size) {
    void *zeroed = count ? calloc(count, size) : NULL;
    if (count && !zeroed) trap();
    return zeroed;
}

bool equals(text left, const char *right) {
    return left.len == strlen(right) && memcmp(left.ptr, right, left.len) == 0;
}

bool contains(text haystack, const char *needle) {
    size_t len = strlen(needle);
    for (size_t at = 0; at + len <= haystack.len; at++)
        if (memcmp(haystack.ptr + at, needle, len) == 0) return true;
    return false;
}

static maybe_text told_of_argument(bool (*ask)(text *, text *), const char *name) {
    json pointer = {0};
    put(&pointer, "/arguments/");
    put(&pointer, name);
    text whole = finished(&pointer);
    maybe_text answer = {0};
    answer.is_some = ask(&whole, &answer.val);
    cardea_string_free(&whole);
    return answer;
}

maybe_text argument(const char *name) {
    return told_of_argument(cardea_plugin_call_text, name);
}

maybe_text json_argument(const char *name) {
    return told_of_argument(cardea_plugin_call_get, name);
}

text or_empty(maybe_text value) {
    return value.is_some ? value.val : (text){0};
}

text told(void (*ask)(text *)) {
    text answer;
    ask(&answer);
    return answer;
}

maybe_text maybe_told(bool (*ask)(text *)) {
    maybe_text answer = {0};
    answer.is_some = ask(&answer.val);
    return answer;
}

maybe_text told_at(bool (*ask)(text *, text *), const char *pointer) {
    text at = constant(pointer);
    maybe_text answer = {0};
    answer.is_some = ask(&at, &answer.val);
    return answer;
}

cardea_list_string_t list_told(void (*ask)(cardea_list_string_t *)) {
    cardea_list_string_t answer;
    ask(&answer);
    return answer;
}

static void append(json *out, const void *bytes, size_t len) {
    if (out->len + len > out->capacity) {
        size_t capacity = 2 * (out->len + len) + 64;
        uint8_t *grown = realloc(out->ptr, capacity);
        if (!grown) trap();
        out->ptr = grown;
        out->capacity = capacity;
    }
    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
}

void put(json *out, const char *characters) {
    append(out, characters, strlen(characters));
}

void put_text(json *out, text value) {
    append(out, value.ptr, value.len);
    cardea_string_free(&value);
}

void put_number(json *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    append(out, digits + at, sizeof digits - at);
}

void put_integer(json *out, int64_t value) {
    if (value < 0) put(out, "-");
    put_number(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void put_bool(json *out, bool value) {
    put(out, value ? "true" : "false");
}

void quote(json *out, text value) {
    put(out, "\"");
    put_text(out, value);
    put(out, "\"");
}

void quote_maybe(json *out, maybe_text value) {
    if (value.is_some) quote(out, value.val);
    else put(out, "null");
}

void quote_list(json *out, cardea_list_string_t values) {
    put(out, "[");
    for (size_t i = 0; i < values.len; i++) {
        if (i) put(out, ",");
        quote(out, copied(values.ptr[i]));
    }
    put(out, "]");
    cardea_list_string_free(&values);
}

void put_maybe(json *out, maybe_text value) {
    if (value.is_some) put_text(out, value.val);
    else put(out, "null");
}

void put_both(json *out, void (*ask)(cardea_list_string_t *, cardea_list_option_string_t *), const char *first, const char *second) {
    text pointers[] = {constant(first), constant(second)};
    cardea_list_string_t asked = {pointers, 2};
    cardea_list_option_string_t answers;
    ask(&asked, &answers);
    put(out, "[");
    for (size_t i = 0; i < answers.len; i++) {
        if (i) put(out, ",");
        if (answers.ptr[i].is_some) put_text(out, copied(answers.ptr[i].val));
        else put(out, "null");
    }
    put(out, "]");
    cardea_list_option_string_free(&answers);
}

text finished(json *out) {
    return (text){out->ptr, out->len};
}

const char *name_of(cardea_plugin_types_host_error_t error) {
    static const char *const names[] = {"denied", "not-found", "timeout", "too-large", "busy", "invalid", "unavailable", "other"};
    const char *name = names[error.tag];
    cardea_plugin_types_host_error_free(&error);
    return name;
}

cardea_plugin_types_refusal_t refusal(cardea_plugin_types_refusal_kind_t kind) {
    cardea_plugin_types_refusal_t made = {.kind = kind, .data_json.is_some = true, .retry_after_ms = {true, 1000}};
    cardea_string_dup(&made.message, "refused by request");
    cardea_string_dup(&made.reason, "every-hook");
    made.scopes = (cardea_list_string_t){room(2, sizeof(text)), 2};
    cardea_string_dup(&made.scopes.ptr[0], "a");
    cardea_string_dup(&made.scopes.ptr[1], "b");
    cardea_string_dup(&made.data_json.val, "{\"by\":\"every-hook\"}");
    made.headers = one_pair("retry-after", "1");
    return made;
}

cardea_list_tuple2_string_string_t one_pair(const char *name, const char *value) {
    cardea_list_tuple2_string_string_t list = {room(1, sizeof(cardea_tuple2_string_string_t)), 1};
    cardea_string_dup(&list.ptr->f0, name);
    cardea_string_dup(&list.ptr->f1, value);
    return list;
}

_Noreturn void trap(void) {
    __builtin_trap();
}

const char *run_deed(const deed *deeds, size_t count, maybe_text name, void *verdict) {
    const char *error = NULL;
    for (size_t i = 0; name.is_some && i < count; i++)
        if (equals(name.val, deeds[i].name)) {
            error = deeds[i].run(verdict);
            break;
        }
    cardea_option_string_free(&name);
    return error;
}

void three_buckets(cardea_plugin_limiter_bucket_t buckets[3]) {
    buckets[0] = (cardea_plugin_limiter_bucket_t){
        constant("r"), {CARDEA_PLUGIN_LIMITER_RULE_RATE, {.rate = {5, 0.5}}}, 1};
    buckets[1] = (cardea_plugin_limiter_bucket_t){
        constant("w"), {CARDEA_PLUGIN_LIMITER_RULE_WINDOW, {.window = {10, CARDEA_PLUGIN_LIMITER_PERIOD_DAY, 60}}}, 2};
    buckets[2] = (cardea_plugin_limiter_bucket_t){
        constant("c"), {CARDEA_PLUGIN_LIMITER_RULE_CONCURRENT, {.concurrent = 3}}, 1};
}

const char *settle(void *verdict) {
    (void)verdict;
    cardea_plugin_limiter_bucket_t buckets[3];
    three_buckets(buckets);
    cardea_plugin_types_host_error_t error;
    return cardea_plugin_limiter_settle(&buckets[0], -2, &error) ? NULL : name_of(error);
}

maybe_text noted(void) {
    text plugin = or_empty(argument("plugin"));
    text key = constant("k");
    cardea_list_u8_t bytes;
    maybe_text found = {0};
    found.is_some = cardea_plugin_scratch_get(&plugin, &key, &bytes);
    if (found.is_some) found.val = (text){bytes.ptr, bytes.len};
    cardea_string_free(&plugin);
    return found;
}
