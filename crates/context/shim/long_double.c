/* The C type `long double`, which Rust does not have. A value travels as 16 bytes in memory; the server's
 * functions, which take and return it in registers, are called from here. */

#include <float.h>
#include <string.h>

_Static_assert(sizeof(long double) <= 16, "a LongDouble of long_double.rs has 16 bytes");

/* x87 writes 10 bytes, and what is beyond them has no meaning. */
#define MEANT (LDBL_MANT_DIG == 64 ? 10 : sizeof(long double))

static long double get(const void *value) {
    long double number = 0;
    memcpy(&number, value, MEANT);
    return number;
}

static void put(void *value, long double number) {
    memset(value, 0, 16);
    memcpy(value, &number, MEANT);
}

void redis_context_ld_from_double(void *value, double number) {
    put(value, number);
}

double redis_context_ld_to_double(const void *value) {
    return (double)get(value);
}

/* -1, 0 or 1; 2 if one of them is not a number. */
int redis_context_ld_compare(const void *left, const void *right) {
    long double a = get(left), b = get(right);
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

void redis_context_ld_add(void *sum, const void *left, const void *right) {
    put(sum, get(left) + get(right));
}

void redis_context_ld_subtract(void *difference, const void *left, const void *right) {
    put(difference, get(left) - get(right));
}

void redis_context_ld_multiply(void *product, const void *left, const void *right) {
    put(product, get(left) * get(right));
}

void redis_context_ld_divide(void *quotient, const void *left, const void *right) {
    put(quotient, get(left) / get(right));
}

void redis_context_ld_save(void (*save)(void *, long double), void *io, const void *value) {
    save(io, get(value));
}

int redis_context_ld_reply(int (*reply)(void *, long double), void *ctx, const void *value) {
    return reply(ctx, get(value));
}

void *redis_context_ld_create(void *(*create)(void *, long double, int), const void *value, int human) {
    return create(NULL, get(value), human);
}

int redis_context_ld_parse(int (*parse)(const void *, long double *), const void *text, void *value) {
    long double number = 0;
    int status = parse(text, &number);
    put(value, number);
    return status;
}
