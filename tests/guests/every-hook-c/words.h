// Texts, JSON text and refusals, written by hand: see "Conventions" in ../every-hook.md.
//
// Whatever comes from the host is owned here: a function that takes a value frees it, unless its name says `copied`.
#pragma once

#include "cardea.h"

typedef cardea_string_t text;
typedef cardea_option_string_t maybe_text;

// A constant as the host sees it. For arguments of imports only: what an export returns is freed by the bindings.
text constant(const char *characters);
text copied(text original);
// Zeroed memory for `count` values, null for none; ends the instance if there is not enough.
void *room(size_t count, size_t size);
bool equals(text left, const char *right);
bool contains(text haystack, const char *needle);

// The argument `/arguments/<name>` of the call: an unescaped string, or absent.
maybe_text argument(const char *name);
// The same as JSON text.
maybe_text json_argument(const char *name);
// The text, or an empty one if absent.
text or_empty(maybe_text value);

// Asks an import for a text.
text told(void (*ask)(text *));
maybe_text maybe_told(bool (*ask)(text *));
maybe_text told_at(bool (*ask)(text *, text *), const char *pointer);
cardea_list_string_t list_told(void (*ask)(cardea_list_string_t *));

// JSON text that grows.
typedef struct {
    uint8_t *ptr;
    size_t len;
    size_t capacity;
} json;

void put(json *out, const char *characters);
void put_text(json *out, text value);
void put_number(json *out, uint64_t value);
void put_integer(json *out, int64_t value);
void put_bool(json *out, bool value);
// A text between quotes, nothing escaped.
void quote(json *out, text value);
void quote_maybe(json *out, maybe_text value);
void quote_list(json *out, cardea_list_string_t values);
// JSON text of the host as it is; `null` if absent.
void put_maybe(json *out, maybe_text value);
// A list of the values at two pointers.
void put_both(json *out, void (*ask)(cardea_list_string_t *, cardea_list_option_string_t *), const char *first, const char *second);
text finished(json *out);

// The WIT name of the error; static.
const char *name_of(cardea_plugin_types_host_error_t error);

cardea_plugin_types_refusal_t refusal(cardea_plugin_types_refusal_kind_t kind);
cardea_list_tuple2_string_string_t one_pair(const char *name, const char *value);

// Ends the instance.
_Noreturn void trap(void);

// One step of a hook by name: changes the verdict, and returns the name of the host-error that stopped it, or null.
typedef struct {
    const char *name;
    const char *(*run)(void *verdict);
} deed;

// Runs the deed of that name; a name that is absent or unknown does nothing.
const char *run_deed(const deed *deeds, size_t count, maybe_text name, void *verdict);

// `settle` of both on-call and on-reply, and the buckets it shares with `take`.
void three_buckets(cardea_plugin_limiter_bucket_t buckets[3]);
const char *settle(void *verdict);
// What the plugin named by the argument `plugin` put into scratch.
maybe_text noted(void);
