/* Counting on intervals, one grid after the other so that a grid's dates stay in the nearest cache.
 *
 * Rows are sorted by grid: those of grid g stand at first[g] .. first[g + 1]. A row holds for every date in (start, end].
 * Results are (n_grids, n_dates) float32. `end` and `weight` may be null: never, and one.
 * riskwarn/history/kernel.py holds the same functions in numpy; the tests hold the two to each other.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define NEVER INT64_MAX
#define LONG_AGO (INT64_MIN / 2)
#define DAY_US 86400000000.0

typedef struct {
    const int64_t *date;
    int64_t n, step;
    double per_step;
} Axis;

EXPORT int rw_version(void) { return 4; }

static Axis axis_of(const int64_t *date, int64_t n, int64_t step) {
    Axis a = {date, n, step, step ? 1.0 / (double)step : 0.0};
    return a;
}

/* Number of dates at or before an instant. */
static inline int64_t at(const Axis *a, int64_t x) {
    if (x < a->date[0]) return 0;
    if (x >= a->date[a->n - 1]) return a->n;
    if (a->step) {
        int64_t gone = x - a->date[0], k = (int64_t)((double)gone * a->per_step), rest = gone - k * a->step;
        return k + 1 + (rest >= a->step) - (rest < 0);
    }
    int64_t low = 0, high = a->n;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (a->date[mid] <= x) low = mid + 1; else high = mid;
    }
    return low;
}

static inline int64_t plus(int64_t x, int64_t d) { return x > NEVER - d ? NEVER : x + d; }
static inline int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }
static inline int64_t most(int64_t x, int64_t y) { return x > y ? x : y; }

/* Rows whose anchor lies within `days` before the date, or before `ago` earlier (all µs); days < 0: for ever. */
EXPORT int rw_count(int64_t n_grids, const int64_t *first, const int64_t *start, const int64_t *end, const int64_t *anchor,
                    int64_t ago, int64_t days, const float *weight, const int64_t *date, int64_t n, int64_t step, float *out) {
    Axis a = axis_of(date, n, step);
    int32_t *change = calloc(n + 1, sizeof *change);
    double *part = calloc(n + 1, sizeof *part);
    if (!change || !part) { free(change); free(part); return 1; }
    for (int64_t g = 0; g < n_grids; g++, out += n) {
        if (first[g] == first[g + 1]) { memset(out, 0, n * sizeof *out); continue; }
        for (int64_t r = first[g]; r < first[g + 1]; r++) {
            int64_t from = start[r], to = end ? end[r] : NEVER;
            if (ago) from = most(from, plus(anchor[r], ago));
            if (days >= 0) to = least(to, plus(anchor[r], ago + days));
            if (from >= to || from >= date[n - 1] || to < date[0]) continue;
            int64_t i = at(&a, from), j = at(&a, to);
            if (weight) { part[i] += weight[r]; part[j] -= weight[r]; }
            change[i]++; change[j]--;
        }
        int32_t now = 0;
        if (weight) {
            double sum = 0;
            for (int64_t t = 0; t < n; t++) {
                now += change[t]; sum += part[t];
                out[t] = now ? (float)sum : 0.0f;
                if (!now) sum = 0;
            }
            memset(part, 0, (n + 1) * sizeof *part);
        } else {
            for (int64_t t = 0; t < n; t++) { now += change[t]; out[t] = (float)now; }
        }
        memset(change, 0, (n + 1) * sizeof *change);
    }
    free(change); free(part);
    return 0;
}

/* Days since the latest `occurred` among the rows that hold; not a number where none does. `whole`: days begun. */
EXPORT int rw_since(int64_t n_grids, const int64_t *first, const int64_t *start, const int64_t *end, const int64_t *occurred,
                    int whole, const int64_t *date, int64_t n, int64_t step, float *out) {
    Axis a = axis_of(date, n, step);
    int64_t *last = malloc((n + 1) * sizeof *last);
    if (!last) return 1;
    for (int64_t g = 0; g < n_grids; g++, out += n) {
        for (int64_t t = 0; t <= n; t++) last[t] = LONG_AGO;
        int passing = 0;
        for (int64_t r = first[g]; r < first[g + 1]; r++) {
            if (end && end[r] < date[n - 1]) { passing = 1; continue; }
            int64_t i = at(&a, start[r]);
            last[i] = most(last[i], occurred[r]);
        }
        for (int64_t t = 1; t < n; t++) last[t] = most(last[t], last[t - 1]);
        if (passing)
            for (int64_t r = first[g]; r < first[g + 1]; r++)
                if (end[r] < date[n - 1])
                    for (int64_t i = at(&a, start[r]), j = at(&a, end[r]); i < j; i++) last[i] = most(last[i], occurred[r]);
        for (int64_t t = 0; t < n; t++) {
            double days = (double)(date[t] - last[t]) / DAY_US;
            out[t] = last[t] == LONG_AGO ? NAN : (float)(whole ? ceil(days) : days);
        }
    }
    free(last);
    return 0;
}

/* Sum of exp(-rate * age) over the rows that hold; rate per µs, `fade` what one date leaves of the date before. */
EXPORT int rw_faded(int64_t n_grids, const int64_t *first, const int64_t *start, const int64_t *end, const int64_t *occurred,
                    const float *weight, double rate, const double *fade, const int64_t *date, int64_t n, int64_t step,
                    float *out) {
    Axis a = axis_of(date, n, step);
    double *part = calloc(n + 1, sizeof *part);
    int32_t *change = calloc(n + 1, sizeof *change);
    if (!change || !part) { free(change); free(part); return 1; }
    for (int64_t g = 0; g < n_grids; g++, out += n) {
        if (first[g] == first[g + 1]) { memset(out, 0, n * sizeof *out); continue; }
        for (int64_t r = first[g]; r < first[g + 1]; r++) {
            int64_t i = at(&a, start[r]), j = end ? at(&a, end[r]) : n;
            if (i >= j) continue;
            double w = weight ? weight[r] : 1.0;
            part[i] += w * exp(-rate * (double)(date[i] - occurred[r]));
            if (j < n) part[j] -= w * exp(-rate * (double)(date[j] - occurred[r]));
            change[i]++; change[j]--;
        }
        double sum = 0;
        int32_t now = 0;
        for (int64_t t = 0; t < n; t++) {
            now += change[t];
            sum = now ? sum * fade[t] + part[t] : 0.0;
            out[t] = sum > 0 ? (float)sum : 0.0f;
        }
        memset(part, 0, (n + 1) * sizeof *part);
        memset(change, 0, (n + 1) * sizeof *change);
    }
    free(part); free(change);
    return 0;
}

typedef struct { int64_t from, to; double value; } Span;

static int earlier(const void *x, const void *y) {
    int64_t a = ((const Span *)x)->from, b = ((const Span *)y)->from;
    return (a > b) - (a < b);
}

static void by_start(Span *span, int64_t m) {
    if (m > 48) { qsort(span, m, sizeof *span, earlier); return; }
    for (int64_t i = 1; i < m; i++) {
        Span s = span[i];
        int64_t k = i;
        for (; k > 0 && span[k - 1].from > s.from; k--) span[k] = span[k - 1];
        span[k] = s;
    }
}

static int64_t without(Span *held, int64_t m, int64_t t) {
    int64_t kept = 0;
    for (int64_t k = 0; k < m; k++) if (held[k].to > t) held[kept++] = held[k];
    return kept;
}

static int64_t with(Span *held, int64_t m, Span s) {
    int64_t low = 0, high = m;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (held[mid].value < s.value) low = mid + 1; else high = mid;
    }
    memmove(held + low + 1, held + low, (m - low) * sizeof *held);
    held[low] = s;
    return m + 1;
}

/* Quantile `q` of `value` over the rows that hold, linear between neighbours; not a number where none does. */
EXPORT int rw_quantile(int64_t n_grids, const int64_t *first, const int64_t *start, const int64_t *end, const double *value,
                       double q, const int64_t *date, int64_t n, int64_t step, float *out) {
    Axis a = axis_of(date, n, step);
    int64_t room = 1;
    for (int64_t g = 0; g < n_grids; g++) room = most(room, first[g + 1] - first[g]);
    Span *span = malloc(room * sizeof *span), *held = malloc((room + 1) * sizeof *held);
    if (!span || !held) { free(span); free(held); return 1; }
    for (int64_t g = 0; g < n_grids; g++, out += n) {
        int64_t all = 0, m = 0, next = 0, expiry = NEVER;
        for (int64_t r = first[g]; r < first[g + 1]; r++) {
            if (start[r] >= end[r] || start[r] >= date[n - 1] || end[r] < date[0]) continue;
            Span s = {at(&a, start[r]), at(&a, end[r]), value[r]};
            if (s.from < s.to) span[all++] = s;
        }
        by_start(span, all);
        float now = NAN;
        for (int64_t t = 0; t < n; t++) {
            int changed = expiry <= t;
            if (changed) {
                m = without(held, m, t);
                expiry = NEVER;
                for (int64_t k = 0; k < m; k++) expiry = least(expiry, held[k].to);
            }
            for (; next < all && span[next].from <= t; next++, changed = 1) {
                m = with(held, m, span[next]);
                expiry = least(expiry, span[next].to);
            }
            if (changed) {
                double place = q * (double)(m - 1);
                int64_t low = (int64_t)place, high = least(low + 1, m - 1);
                now = m ? (float)(held[low].value + (held[high].value - held[low].value) * (place - (double)low)) : NAN;
            }
            out[t] = now;
        }
    }
    free(span); free(held);
    return 0;
}

/* 1 where rows stand in the order of kind and, within a kind, of grid. */
EXPORT int rw_ordered(int64_t n, const int32_t *kind, const int32_t *grid) {
    for (int64_t r = 1; r < n; r++)
        if (kind[r] < kind[r - 1] || (kind[r] == kind[r - 1] && grid[r] < grid[r - 1])) return 0;
    return 1;
}

/* Where the rows of each key will stand, first[k] .. first[k + 1]; keys are 0 .. n_keys - 1. */
EXPORT int rw_starts(int64_t n, const int32_t *key, int64_t n_keys, int64_t *first) {
    memset(first, 0, (n_keys + 1) * sizeof *first);
    for (int64_t r = 0; r < n; r++) first[key[r] + 1]++;
    for (int64_t k = 0; k < n_keys; k++) first[k + 1] += first[k];
    return 0;
}

#define MOVED(type) { \
    const type *rows = from; \
    type *moved = to; \
    for (int64_t r = begin; r < end; r++) moved[place[key[r]]++] = rows[r]; \
}

/* Rows of `width` bytes in the order of their keys, those of one key as they came; the rows part[p] .. part[p + 1] stay within them. */
EXPORT int rw_sorted(int64_t n_parts, const int64_t *part, const int32_t *key, int64_t n_keys, int64_t width, const void *from,
                     void *to) {
    int64_t *place = malloc((n_keys + 1) * sizeof *place);
    if (!place) return 1;
    for (int64_t p = 0; p < n_parts; p++) {
        int64_t begin = part[p], end = part[p + 1];
        if (begin == end) continue;
        rw_starts(end - begin, key + begin, n_keys, place);
        for (int64_t k = 0; k < n_keys; k++) place[k] += begin;
        if (width == 8) MOVED(int64_t) else if (width == 4) MOVED(int32_t) else if (width == 2) MOVED(int16_t) else MOVED(int8_t)
    }
    free(place);
    return 0;
}

/* Sum, or mean, of the rows of `values` (n_grids, n) that `link` names for each grid; zero where it names none. */
EXPORT int rw_linked(int64_t n_grids, const int32_t *first, const int32_t *link, const float *values, int mean, int64_t n,
                     float *out) {
    for (int64_t g = 0; g < n_grids; g++, out += n) {
        memset(out, 0, n * sizeof *out);
        for (int32_t e = first[g]; e < first[g + 1]; e++) {
            const float *row = values + (int64_t)link[e] * n;
            for (int64_t t = 0; t < n; t++) out[t] += row[t];
        }
        int32_t k = first[g + 1] - first[g];
        if (mean && k > 1)
            for (int64_t t = 0; t < n; t++) out[t] /= (float)k;
    }
    return 0;
}
