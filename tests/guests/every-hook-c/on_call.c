// The hook on-call: what it does is chosen by the argument `do`.
#include "words.h"

typedef exports_cardea_plugin_on_call_call_verdict_t call_verdict;
typedef cardea_plugin_types_host_error_t host_error;

static const char *answer(void *verdict, json *out) {
    *(call_verdict *)verdict =
        (call_verdict){EXPORTS_CARDEA_PLUGIN_ON_CALL_CALL_VERDICT_ANSWER, {.answer = finished(out)}};
    return NULL;
}

static const char *answer_json(void *verdict) {
    json out = {0};
    maybe_text given = json_argument("json");
    if (given.is_some) put_text(&out, given.val);
    else put(&out, "{}");
    return answer(verdict, &out);
}

static uint8_t kind_named(maybe_text name) {
    static const char *const names[] = {"unauthenticated", "forbidden", "insufficient-scope", "unknown", "limited", "invalid", "unavailable"};
    uint8_t kind = CARDEA_PLUGIN_TYPES_REFUSAL_KIND_FORBIDDEN;
    for (uint8_t i = 0; name.is_some && i < sizeof names / sizeof *names; i++)
        if (equals(name.val, names[i])) kind = i;
    cardea_option_string_free(&name);
    return kind;
}

static const char *refuse(void *verdict) {
    cardea_plugin_types_refusal_t made = refusal(kind_named(argument("kind")));
    maybe_text form = argument("form");
    if (form.is_some && equals(form.val, "tool-result")) made.form = CARDEA_PLUGIN_TYPES_REFUSAL_FORM_TOOL_RESULT;
    cardea_option_string_free(&form);
    *(call_verdict *)verdict = (call_verdict){EXPORTS_CARDEA_PLUGIN_ON_CALL_CALL_VERDICT_REFUSE, {.refuse = made}};
    return NULL;
}

static const char *end_instance(void *verdict) {
    (void)verdict;
    trap();
}

static const char *facts(void *verdict) {
    json out = {0};
    put(&out, "{\"id\":");
    quote(&out, told(cardea_plugin_call_id));
    put(&out, ",\"method\":");
    quote(&out, told(cardea_plugin_call_method));
    put(&out, ",\"name\":");
    quote_maybe(&out, maybe_told(cardea_plugin_call_name));
    put(&out, ",\"nativeName\":");
    quote_maybe(&out, maybe_told(cardea_plugin_call_native_name));
    put(&out, ",\"server\":");
    quote(&out, told(cardea_plugin_call_server));
    put(&out, ",\"endpoint\":");
    quote(&out, told(cardea_plugin_call_endpoint));
    put(&out, ",\"version\":");
    quote(&out, told(cardea_plugin_call_protocol_version));
    put(&out, ",\"header\":");
    quote_maybe(&out, told_at(cardea_plugin_call_header, "x-probe"));
    put(&out, ",\"time\":");
    put_bool(&out, cardea_plugin_call_remaining_ms() > 0);
    put(&out, ",\"size\":");
    put_number(&out, cardea_plugin_call_size());
    put(&out, ",\"get\":");
    put_maybe(&out, json_argument("probe"));
    put(&out, ",\"many\":");
    put_both(&out, cardea_plugin_call_get_many, "/arguments/probe", "/arguments/none");
    put(&out, ",\"text\":");
    quote_maybe(&out, argument("probe"));
    put(&out, "}");
    return answer(verdict, &out);
}

static void put_current(json *out) {
    cardea_plugin_subject_caller_t caller;
    if (!cardea_plugin_subject_current(&caller)) {
        put(out, "null");
        return;
    }
    put(out, "{\"issuer\":");
    quote(out, copied(caller.issuer));
    put(out, ",\"id\":");
    quote(out, copied(caller.id));
    put(out, ",\"kind\":");
    quote(out, copied(caller.kind));
    put(out, ",\"client\":");
    quote(out, copied(caller.client));
    put(out, ",\"credential\":");
    quote(out, copied(caller.credential_id));
    put(out, ",\"expires\":");
    if (caller.expires_ms.is_some) put_number(out, caller.expires_ms.val);
    else put(out, "null");
    put(out, "}");
    cardea_plugin_subject_caller_free(&caller);
}

static const char *subject(void *verdict) {
    json out = {0};
    text key = told(cardea_plugin_subject_key);
    put(&out, "{\"id\":");
    quote(&out, told(cardea_plugin_subject_id));
    put(&out, ",\"tenant\":");
    quote(&out, told(cardea_plugin_subject_tenant));
    put(&out, ",\"keyed\":");
    put_bool(&out, key.len > 0);
    put(&out, ",\"roles\":");
    quote_list(&out, list_told(cardea_plugin_subject_roles));
    put(&out, ",\"groups\":");
    quote_list(&out, list_told(cardea_plugin_subject_groups));
    put(&out, ",\"scopes\":");
    quote_list(&out, list_told(cardea_plugin_subject_scopes));
    put(&out, ",\"claim\":");
    put_maybe(&out, told_at(cardea_plugin_subject_claim, "/team"));
    put(&out, ",\"current\":");
    put_current(&out);
    put(&out, "}");
    cardea_string_free(&key);
    return answer(verdict, &out);
}

static const char *config(void *verdict) {
    json out = {0};
    put(&out, "{\"json\":");
    put_text(&out, told(cardea_plugin_config_json));
    put(&out, ",\"get\":");
    put_maybe(&out, told_at(cardea_plugin_config_get, "/probe"));
    put(&out, ",\"generation\":");
    put_number(&out, cardea_plugin_config_generation());
    put(&out, "}");
    return answer(verdict, &out);
}

static const char *clock_now(void *verdict) {
    json out = {0};
    put(&out, "{\"now\":");
    put_number(&out, cardea_plugin_clock_now_ms());
    put(&out, "}");
    return answer(verdict, &out);
}

static const char *catalog(void *verdict) {
    text id = or_empty(argument("id")), pointer = or_empty(argument("pointer"));
    maybe_text found = {0};
    found.is_some = cardea_plugin_catalog_get(CARDEA_PLUGIN_TYPES_ITEM_KIND_TOOL, &id, &pointer, &found.val);
    json out = {0};
    put(&out, "{\"value\":");
    put_maybe(&out, found);
    put(&out, "}");
    cardea_string_free(&id);
    cardea_string_free(&pointer);
    return answer(verdict, &out);
}

static const char *elsewhere(void *verdict) {
    text name = constant("x-every-hook");
    cardea_list_string_t headers;
    cardea_plugin_credential_header(&name, &headers);
    cardea_plugin_credential_peer_t peer;
    bool has_peer = cardea_plugin_credential_tls_peer(&peer);
    json out = {0};
    put(&out, "{\"method\":");
    quote(&out, told(cardea_plugin_credential_http_method));
    put(&out, ",\"headers\":");
    put_number(&out, headers.len);
    put(&out, ",\"peer\":");
    put_bool(&out, has_peer);
    put(&out, ",\"reply\":");
    put_number(&out, cardea_plugin_reply_size());
    put(&out, ",\"text\":");
    quote_maybe(&out, told_at(cardea_plugin_reply_text, "/probe"));
    put(&out, "}");
    cardea_list_string_free(&headers);
    if (has_peer) cardea_plugin_credential_peer_free(&peer);
    return answer(verdict, &out);
}

static const char *texts(void *verdict) {
    json out = {0};
    bool first = true;
    put(&out, "{\"leaves\":[");
    cardea_plugin_call_text_page_t page = {.next = {true, 0}};
    while (page.next.is_some) {
        cardea_plugin_call_texts(page.next.val, &page);
        for (size_t i = 0; i < page.leaves.len; i++) {
            put(&out, first ? "[" : ",[");
            quote(&out, copied(page.leaves.ptr[i].pointer));
            put(&out, ",");
            quote(&out, copied(page.leaves.ptr[i].text));
            put(&out, "]");
            first = false;
        }
        cardea_plugin_call_text_page_free(&page);
    }
    put(&out, "]}");
    return answer(verdict, &out);
}

// What follows an edit: an error, or the argument `then`.
static const char *after_edit(void *verdict, bool done, host_error error) {
    if (!done) return name_of(error);
    maybe_text then = argument("then");
    if (then.is_some && equals(then.val, "trap")) trap();
    if (then.is_some && equals(then.val, "answer")) {
        json out = {0};
        put(&out, "{}");
        answer(verdict, &out);
    }
    cardea_option_string_free(&then);
    return NULL;
}

static const char *set(void *verdict) {
    text pointer = or_empty(argument("pointer")), value = or_empty(json_argument("json"));
    host_error error;
    bool done = cardea_plugin_call_set(&pointer, &value, &error);
    cardea_string_free(&pointer);
    cardea_string_free(&value);
    return after_edit(verdict, done, error);
}

static const char *remove_value(void *verdict) {
    text pointer = or_empty(argument("pointer"));
    host_error error;
    bool done = cardea_plugin_call_remove(&pointer, &error);
    cardea_string_free(&pointer);
    return after_edit(verdict, done, error);
}

static const char *set_texts(void *verdict) {
    cardea_tuple2_string_string_t edit = {or_empty(argument("pointer")), or_empty(argument("text"))};
    cardea_list_tuple2_string_string_t edits = {&edit, 1};
    host_error error;
    bool done = cardea_plugin_call_set_texts(&edits, &error);
    cardea_tuple2_string_string_free(&edit);
    return after_edit(verdict, done, error);
}

static const char *scratch_put(void *verdict) {
    (void)verdict;
    text key = constant("k"), value = or_empty(argument("value"));
    cardea_list_u8_t bytes = {value.ptr, value.len};
    host_error error;
    bool done = cardea_plugin_scratch_put(&key, &bytes, &error);
    cardea_string_free(&value);
    return done ? NULL : name_of(error);
}

static const char *scratch_get(void *verdict) {
    json out = {0};
    put(&out, "{\"value\":");
    quote_maybe(&out, noted());
    put(&out, "}");
    return answer(verdict, &out);
}

static const char *oblige(void *verdict) {
    text kind = constant("mask"), parameters = or_empty(json_argument("json"));
    uint32_t id;
    host_error error;
    bool done = cardea_plugin_obligation_add(&kind, &parameters, &id, &error);
    cardea_string_free(&parameters);
    if (!done) return name_of(error);
    maybe_text then = argument("then");
    bool pass = then.is_some && equals(then.val, "pass");
    cardea_option_string_free(&then);
    if (pass) return NULL;
    cardea_plugin_obligation_list_duty_t duties;
    cardea_plugin_obligation_pending(&duties);
    json out = {0};
    put(&out, "{\"pending\":");
    put_number(&out, duties.len);
    put(&out, "}");
    cardea_plugin_obligation_list_duty_free(&duties);
    return answer(verdict, &out);
}

static const char *fulfil(void *verdict) {
    cardea_plugin_obligation_list_duty_t duties;
    cardea_plugin_obligation_pending(&duties);
    const char *failed = NULL;
    json out = {0};
    put(&out, "{\"pending\":[");
    for (size_t i = 0; i < duties.len && !failed; i++) {
        host_error error;
        if (equals(duties.ptr[i].kind, "stamp") && !cardea_plugin_obligation_fulfil(duties.ptr[i].id, &error))
            failed = name_of(error);
        put(&out, i ? ",[" : "[");
        quote(&out, copied(duties.ptr[i].kind));
        put(&out, ",");
        put_text(&out, copied(duties.ptr[i].json));
        put(&out, "]");
    }
    put(&out, "]}");
    cardea_plugin_obligation_list_duty_free(&duties);
    answer(verdict, &out);
    return failed;
}

static const char *log_line(void *verdict) {
    (void)verdict;
    text message = constant("every-hook");
    cardea_tuple2_string_string_t field = {constant("k"), constant("v")};
    cardea_list_tuple2_string_string_t fields = {&field, 1};
    cardea_plugin_log_write(CARDEA_PLUGIN_LOG_LEVEL_WARN, &message, &fields);
    return NULL;
}

static const char *metric(void *verdict) {
    (void)verdict;
    text calls = constant("calls"), size = constant("size");
    cardea_plugin_metric_count(&calls, 1);
    cardea_plugin_metric_observe(&size, 1.5);
    return NULL;
}

static const char *take(void *verdict) {
    cardea_plugin_limiter_bucket_t three[3];
    three_buckets(three);
    cardea_plugin_limiter_list_bucket_t buckets = {three, 3};
    cardea_plugin_limiter_taken_t taken;
    host_error error;
    if (!cardea_plugin_limiter_take(&buckets, &taken, &error)) return name_of(error);
    json out = {0};
    put(&out, "{\"allowed\":");
    put_bool(&out, taken.allowed);
    put(&out, ",\"bucket\":");
    put_number(&out, taken.bucket);
    put(&out, ",\"remaining\":");
    put_number(&out, taken.remaining);
    put(&out, ",\"retryAfterMs\":");
    put_number(&out, taken.retry_after_ms);
    put(&out, ",\"resetMs\":");
    put_number(&out, taken.reset_ms);
    put(&out, "}");
    cardea_plugin_limiter_taken_free(&taken);
    return answer(verdict, &out);
}

static const char *kv_get(void *verdict) {
    text key = constant("k");
    cardea_option_list_u8_t value;
    host_error error;
    if (!cardea_plugin_kv_get(&key, &value, &error)) return name_of(error);
    json out = {0};
    put(&out, "{\"value\":");
    quote_maybe(&out, (maybe_text){value.is_some, {value.val.ptr, value.val.len}});
    put(&out, "}");
    return answer(verdict, &out);
}

static const char *kv_put(void *verdict) {
    (void)verdict;
    text key = constant("k"), value = or_empty(argument("value"));
    cardea_list_u8_t bytes = {value.ptr, value.len};
    uint64_t ttl_ms = 60000;
    host_error error;
    bool done = cardea_plugin_kv_put(&key, &bytes, &ttl_ms, &error);
    cardea_string_free(&value);
    return done ? NULL : name_of(error);
}

static const char *kv_delete(void *verdict) {
    (void)verdict;
    text key = constant("k");
    host_error error;
    return cardea_plugin_kv_delete(&key, &error) ? NULL : name_of(error);
}

static const char *kv_add(void *verdict) {
    text key = constant("n");
    int64_t sum;
    host_error error;
    if (!cardea_plugin_kv_add(&key, 2, NULL, &sum, &error)) return name_of(error);
    json out = {0};
    put(&out, "{\"value\":");
    put_integer(&out, sum);
    put(&out, "}");
    return answer(verdict, &out);
}

static const char *kv_cas(void *verdict) {
    text key = constant("k"), value = or_empty(argument("value"));
    maybe_text expected = argument("expect");
    cardea_list_u8_t bytes = {value.ptr, value.len}, before = {expected.val.ptr, expected.val.len};
    bool swapped;
    host_error error;
    bool done = cardea_plugin_kv_cas(&key, expected.is_some ? &before : NULL, &bytes, NULL, &swapped, &error);
    cardea_string_free(&value);
    cardea_option_string_free(&expected);
    if (!done) return name_of(error);
    json out = {0};
    put(&out, "{\"value\":");
    put_bool(&out, swapped);
    put(&out, "}");
    return answer(verdict, &out);
}

static const char *journal(void *verdict) {
    (void)verdict;
    text secret = constant("/arguments/secret"), content = constant("/content");
    text key = constant("seen"), value = constant("true");
    host_error error;
    bool done =
        cardea_plugin_journal_include(CARDEA_PLUGIN_JOURNAL_DOCUMENT_CALL, &secret, CARDEA_PLUGIN_JOURNAL_TREATMENT_DROP, &error) &&
        cardea_plugin_journal_include(CARDEA_PLUGIN_JOURNAL_DOCUMENT_REPLY, &content, CARDEA_PLUGIN_JOURNAL_TREATMENT_HASH, &error) &&
        cardea_plugin_journal_note(&key, &value, &error);
    return done ? NULL : name_of(error);
}

static const deed deeds[] = {
    {"answer", answer_json}, {"refuse", refuse},           {"trap", end_instance},       {"facts", facts},
    {"subject", subject},    {"config", config},           {"clock", clock_now},         {"catalog", catalog},
    {"elsewhere", elsewhere}, {"texts", texts},            {"set", set},                 {"remove", remove_value},
    {"set-texts", set_texts}, {"scratch-put", scratch_put}, {"scratch-get", scratch_get}, {"oblige", oblige},
    {"fulfil", fulfil},      {"log", log_line},            {"metric", metric},           {"take", take},
    {"settle", settle},      {"kv-get", kv_get},           {"kv-put", kv_put},           {"kv-delete", kv_delete},
    {"kv-add", kv_add},      {"kv-cas", kv_cas},           {"journal", journal},
};

void exports_cardea_plugin_on_call_judge(call_verdict *verdict) {
    *verdict = (call_verdict){EXPORTS_CARDEA_PLUGIN_ON_CALL_CALL_VERDICT_PASS};
    const char *error = run_deed(deeds, sizeof deeds / sizeof *deeds, argument("do"), verdict);
    if (!error) return;
    exports_cardea_plugin_on_call_call_verdict_free(verdict);
    json out = {0};
    put(&out, "{\"error\":\"");
    put(&out, error);
    put(&out, "\"}");
    answer(verdict, &out);
}
