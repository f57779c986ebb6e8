// The hooks without a table of their own: lifecycle, on-authenticate, on-list, on-route, on-record.
#include "words.h"

#include <stdlib.h>

static bool succeeds_without(const char *pointer, text *error) {
    maybe_text configured = told_at(cardea_plugin_config_get, pointer);
    if (configured.is_some) *error = configured.val;
    return !configured.is_some;
}

bool exports_cardea_plugin_lifecycle_init(text *error) {
    return succeeds_without("/init-error", error);
}

bool exports_cardea_plugin_lifecycle_selftest(text *error) {
    return succeeds_without("/selftest-error", error);
}

static cardea_list_string_t header_values(const char *name) {
    text header = constant(name);
    cardea_list_string_t values;
    cardea_plugin_credential_header(&header, &values);
    return values;
}

// The digest of the TLS peer, then its names.
static cardea_list_string_t peer_groups(void) {
    cardea_list_string_t groups = {0};
    cardea_plugin_credential_peer_t peer;
    if (!cardea_plugin_credential_tls_peer(&peer)) return groups;
    groups.ptr = room(1 + peer.names.len, sizeof(text));
    groups.ptr[groups.len++] = copied(peer.digest);
    for (size_t i = 0; i < peer.names.len; i++) groups.ptr[groups.len++] = copied(peer.names.ptr[i]);
    cardea_plugin_credential_peer_free(&peer);
    return groups;
}

static cardea_plugin_types_subject_t subject_of_facts(void) {
    cardea_plugin_types_subject_t subject = {.expires_ms = {true, cardea_plugin_clock_now_ms() + 60000}};
    subject.issuer = told(cardea_plugin_credential_uri);
    cardea_string_dup(&subject.id, "facts");
    cardea_string_dup(&subject.kind, "service");
    subject.client = told(cardea_plugin_credential_http_method);
    subject.credential_id = told(cardea_plugin_credential_endpoint);
    subject.roles = header_values("x-role");
    subject.groups = peer_groups();
    return subject;
}

static cardea_plugin_types_subject_t subject_named(text id) {
    cardea_plugin_types_subject_t subject = {.id = copied(id), .claims_json.is_some = true};
    cardea_string_dup(&subject.issuer, "every-hook");
    cardea_string_dup(&subject.kind, "user");
    subject.roles = (cardea_list_string_t){room(1, sizeof(text)), 1};
    cardea_string_dup(subject.roles.ptr, "tester");
    cardea_string_dup(&subject.claims_json.val, "{\"team\":\"blue\"}");
    return subject;
}

static cardea_plugin_types_refusal_t challenge(void) {
    cardea_plugin_types_refusal_t made = refusal(CARDEA_PLUGIN_TYPES_REFUSAL_KIND_UNAUTHENTICATED);
    cardea_list_tuple2_string_string_free(&made.headers);
    made.headers = one_pair("www-authenticate", "Bearer");
    made.retry_after_ms.is_some = false;
    return made;
}

void exports_cardea_plugin_on_authenticate_authenticate(exports_cardea_plugin_on_authenticate_finding_t *finding) {
    *finding = (exports_cardea_plugin_on_authenticate_finding_t){EXPORTS_CARDEA_PLUGIN_ON_AUTHENTICATE_FINDING_NONE};
    cardea_list_string_t values = header_values("x-every-hook");
    if (values.len == 0) return;
    text value = values.ptr[0];
    if (equals(value, "trap")) trap();
    if (equals(value, "refuse")) {
        finding->tag = EXPORTS_CARDEA_PLUGIN_ON_AUTHENTICATE_FINDING_REFUSE;
        finding->val.refuse = challenge();
    } else {
        finding->tag = EXPORTS_CARDEA_PLUGIN_ON_AUTHENTICATE_FINDING_SUBJECT;
        finding->val.subject = equals(value, "facts") ? subject_of_facts() : subject_named(value);
    }
    cardea_list_string_free(&values);
}

static bool subject_sees_all(void) {
    cardea_list_string_t roles = list_told(cardea_plugin_subject_roles);
    bool all = false;
    for (size_t i = 0; i < roles.len; i++) all = all || equals(roles.ptr[i], "all");
    cardea_list_string_free(&roles);
    return all;
}

static bool has_title(cardea_plugin_types_item_t *item) {
    text pointer = constant("/title");
    maybe_text title = {0};
    title.is_some = cardea_plugin_catalog_get(item->kind, &item->id, &pointer, &title.val);
    cardea_option_string_free(&title);
    return title.is_some;
}

void exports_cardea_plugin_on_list_keep(exports_cardea_plugin_on_list_list_item_t *items, cardea_list_bool_t *kept) {
    if (items->len && equals(items->ptr[0].id, "trap")) trap();
    bool all = subject_sees_all();
    *kept = (cardea_list_bool_t){room(items->len, sizeof(bool)), items->len};
    for (size_t i = 0; i < items->len; i++)
        kept->ptr[i] = all || items->ptr[i].hints & CARDEA_PLUGIN_TYPES_ITEM_HINTS_READ_ONLY || has_title(&items->ptr[i]);
    exports_cardea_plugin_on_list_list_item_free(items);
}

typedef exports_cardea_plugin_on_route_candidate_t candidate;

static bool is_mirror(const candidate *one) {
    for (size_t i = 0; i < one->labels.len; i++)
        if (equals(one->labels.ptr[i].f0, "mirror") && equals(one->labels.ptr[i].f1, "yes")) return true;
    return false;
}

// Puts the candidates chosen for `order` by calls under way, equals as they came: an insertion sort is stable.
static size_t sorted_healthy(candidate **order, exports_cardea_plugin_on_route_list_candidate_t *candidates) {
    size_t count = 0;
    for (size_t i = 0; i < candidates->len; i++) {
        candidate *one = &candidates->ptr[i];
        if (!one->healthy || is_mirror(one)) continue;
        size_t at = count++;
        for (; at && order[at - 1]->in_flight > one->in_flight; at--) order[at] = order[at - 1];
        order[at] = one;
    }
    return count;
}

static cardea_option_u64_t configured_hedge(void) {
    maybe_text number = told_at(cardea_plugin_config_get, "/hedge-ms");
    cardea_option_u64_t hedge = {number.is_some, 0};
    for (size_t i = 0; number.is_some && i < number.val.len; i++) hedge.val = 10 * hedge.val + (number.val.ptr[i] - '0');
    cardea_option_string_free(&number);
    return hedge;
}

void exports_cardea_plugin_on_route_choose(exports_cardea_plugin_on_route_list_candidate_t *candidates, exports_cardea_plugin_on_route_choice_t *choice) {
    if (candidates->len && equals(candidates->ptr[0].id, "trap")) trap();
    *choice = (exports_cardea_plugin_on_route_choice_t){.hedge_after_ms = configured_hedge()};
    candidate **healthy = room(candidates->len, sizeof *healthy);
    choice->order = (cardea_list_string_t){room(candidates->len, sizeof(text)), sorted_healthy(healthy, candidates)};
    for (size_t i = 0; i < choice->order.len; i++) choice->order.ptr[i] = copied(healthy[i]->id);
    choice->mirrors.ptr = room(candidates->len, sizeof(text));
    for (size_t i = 0; i < candidates->len; i++)
        if (is_mirror(&candidates->ptr[i])) choice->mirrors.ptr[choice->mirrors.len++] = copied(candidates->ptr[i].id);
    // The bindings free lists that have something in them, and no others.
    if (!choice->order.len) free(choice->order.ptr);
    if (!choice->mirrors.len) free(choice->mirrors.ptr);
    text id = told(cardea_plugin_subject_id);
    choice->sticky = (maybe_text){id.len > 0, id};
    free(healthy);
    exports_cardea_plugin_on_route_list_candidate_free(candidates);
}

static void log_entry(exports_cardea_plugin_on_record_entry_t *entry) {
    json digits = {0};
    put_number(&digits, entry->cursor);
    cardea_tuple2_string_string_t field = {constant("cursor"), finished(&digits)};
    cardea_list_tuple2_string_string_t fields = {&field, 1};
    cardea_plugin_log_write(CARDEA_PLUGIN_LOG_LEVEL_INFO, &entry->json, &fields);
    cardea_string_free(&field.f1);
}

static text refused(uint64_t cursor) {
    json out = {0};
    put(&out, "record ");
    put_number(&out, cursor);
    put(&out, " refused");
    return finished(&out);
}

bool exports_cardea_plugin_on_record_deliver(exports_cardea_plugin_on_record_list_entry_t *batch, text *error) {
    for (size_t i = 0; i < batch->len; i++) {
        exports_cardea_plugin_on_record_entry_t *entry = &batch->ptr[i];
        if (contains(entry->json, "\"trap\"")) trap();
        if (contains(entry->json, "\"fail\"")) {
            *error = refused(entry->cursor);
            exports_cardea_plugin_on_record_list_entry_free(batch);
            return false;
        }
        log_entry(entry);
    }
    text key = constant("delivered");
    int64_t sum;
    cardea_plugin_types_host_error_t failure;
    bool done = cardea_plugin_kv_add(&key, (int64_t)batch->len, NULL, &sum, &failure);
    if (!done) cardea_string_dup(error, name_of(failure));
    exports_cardea_plugin_on_record_list_entry_free(batch);
    return done;
}
