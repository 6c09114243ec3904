/* What C alone needs for the lines of the row simulate: take each apart, leave out exact duplicates, and keep of each
 * customer what the twenty rules read (how often, when last, the instants of 30 days by event). It decides nothing.
 *
 *     cc -O2 -o least_fold bench/least_fold.c && ./least_fold events.ndjson
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { NAMES_MAX = 16, FIELDS_MAX = 16, IDS = 1 << 21, CUSTOMERS = 1 << 18 };
static const int64_t WINDOW = INT64_C(30) * 86400 * 1000000;

typedef struct { const char *at; size_t length; } Text;
typedef struct { Text key, value; } Field;
typedef struct { int64_t *instants; uint32_t from, count, room; } Series;
typedef struct { uint64_t hash; Text name; int64_t last; uint32_t total[NAMES_MAX]; Series series[NAMES_MAX]; } Customer;
typedef struct { uint64_t hash; Text id; } Identity;

static Identity identities[IDS];
static Customer *customers[CUSTOMERS];
static Text names[NAMES_MAX];
static int names_known;

static int is_same(Text one, Text other) { return one.length == other.length && !memcmp(one.at, other.at, one.length); }

static uint64_t hash_of(Text text, uint64_t hash) {
    for (size_t i = 0; i < text.length; i++) hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
    return hash ^ (hash >> 29);
}

static int number_of(const char *at, int digits) {
    int found = 0;
    while (digits--) found = found * 10 + *at++ - '0';
    return found;
}

/* 2026-11-30T04:50:00.000000Z as µs since 1970. */
static int64_t instant_of(const char *at) {
    int month = number_of(at + 5, 2), year = number_of(at, 4) - (month <= 2), era = year / 400, of_era = year % 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + number_of(at + 8, 2) - 1;
    int64_t days = era * INT64_C(146097) + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
    int64_t minutes = (days * 24 + number_of(at + 11, 2)) * 60 + number_of(at + 14, 2);
    return (minutes * 60 + number_of(at + 17, 2)) * 1000000 + number_of(at + 20, 6);
}

static int fields_of(const char *at, const char *end, Field *fields) {
    int count = 0;
    for (at++; at < end && *at == '"' && count < FIELDS_MAX; count++) {
        const char *close = memchr(at + 1, '"', end - at - 1);
        fields[count].key = (Text){at + 1, close - at - 1};
        at = close + 2;
        const char *begin = *at == '"' ? at + 1 : at;
        close = begin;
        while (close < end && (*at == '"' ? *close != '"' : *close != ',' && *close != '}')) close++;
        fields[count].value = (Text){begin, close - begin};
        at = close + (*at == '"') + 1;
    }
    return count;
}

static int is_duplicate(uint64_t hash, Text id) {
    uint64_t at = hash % IDS;
    for (; identities[at].id.at; at = (at + 1) % IDS)
        if (identities[at].hash == hash && is_same(identities[at].id, id)) return 1;
    identities[at] = (Identity){hash, id};
    return 0;
}

static Customer *customer_of(uint64_t hash, Text name) {
    uint64_t at = hash % CUSTOMERS;
    while (customers[at] && !(customers[at]->hash == hash && is_same(customers[at]->name, name))) at = (at + 1) % CUSTOMERS;
    if (!customers[at]) {
        customers[at] = calloc(1, sizeof(Customer));
        customers[at]->hash = hash;
        customers[at]->name = name;
    }
    return customers[at];
}

static void fold(Customer *customer, Text event, int64_t when) {
    int name = 0;
    while (name < names_known && !is_same(names[name], event)) name++;
    if (name == names_known) names[names_known++] = event;
    Series *series = &customer->series[name];
    if (series->count == series->room) {
        series->room = series->room ? 2 * series->room : 4;
        series->instants = realloc(series->instants, series->room * sizeof(int64_t));
    }
    series->instants[series->count++] = when;
    while (series->instants[series->from] <= when - WINDOW) series->from++;
    customer->total[name]++;
    customer->last = when;
}

int main(int count, char **arguments) {
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (!file) return fprintf(stderr, "usage: least_fold FILE\n"), 2;
    fseek(file, 0, SEEK_END);
    size_t size = ftell(file), events = 0, people = 0;
    char *bytes = malloc(size + 1);
    rewind(file);
    if (fread(bytes, 1, size, file) != size) return 1;
    const char *end = bytes + size, *stop;
    for (const char *at = bytes; at < end && (stop = memchr(at, '\n', end - at)); at = stop + 1) {
        Field fields[FIELDS_MAX];
        Text id = {0}, who = {0}, event = {0}, when = {0};
        for (int i = fields_of(at, stop, fields); i--;) {
            if (is_same(fields[i].key, (Text){"id", 2})) id = fields[i].value;
            if (is_same(fields[i].key, (Text){"customer", 8})) who = fields[i].value;
            if (is_same(fields[i].key, (Text){"event", 5})) event = fields[i].value;
            if (is_same(fields[i].key, (Text){"at", 2})) when = fields[i].value;
        }
        uint64_t hash = hash_of(who, UINT64_C(0xcbf29ce484222325));
        if (is_duplicate(hash_of(id, hash), id)) continue;
        Customer *customer = customer_of(hash, who);
        people += !customer->last;
        fold(customer, event, instant_of(when.at));
        events++;
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    printf("%zu events of %zu customers, %.2f us of CPU an event\n", events, people, cpu / events);
    return 0;
}
