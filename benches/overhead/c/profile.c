/* Tells callgrind, in which the server runs, what to count: everything between PROFILE.BEGIN and PROFILE.END name. */
#include <stddef.h>
#include <valgrind/callgrind.h>

typedef struct RedisModuleCtx RedisModuleCtx;
typedef struct RedisModuleString RedisModuleString;
typedef int (*CommandFunction)(RedisModuleCtx *, RedisModuleString **, int);

enum { OK = 0, ERR = 1, API_VERSION = 1 };

static int (*ReplyWithSimpleString)(RedisModuleCtx *, const char *);
static const char *(*StringPtrLen)(RedisModuleString *, size_t *);

static int BeginCommand(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    (void)argc;
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    return ReplyWithSimpleString(ctx, "OK");
}

static int EndCommand(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    const char *name = argc == 2 ? StringPtrLen(argv[1], NULL) : "";
    CALLGRIND_DUMP_STATS_AT(name);
    return ReplyWithSimpleString(ctx, "OK");
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    int (*GetApi)(const char *, void *) = *(int (**)(const char *, void *))ctx;
    void (*SetModuleAttribs)(RedisModuleCtx *, const char *, int, int);
    int (*CreateCommand)(RedisModuleCtx *, const char *, CommandFunction, const char *, int, int, int);
    (void)argv;
    (void)argc;
    if (GetApi("RedisModule_SetModuleAttribs", &SetModuleAttribs) != OK ||
        GetApi("RedisModule_CreateCommand", &CreateCommand) != OK ||
        GetApi("RedisModule_ReplyWithSimpleString", &ReplyWithSimpleString) != OK ||
        GetApi("RedisModule_StringPtrLen", &StringPtrLen) != OK)
        return ERR;
    SetModuleAttribs(ctx, "profile", 1, API_VERSION);
    if (CreateCommand(ctx, "profile.begin", BeginCommand, "", 0, 0, 0) != OK) return ERR;
    return CreateCommand(ctx, "profile.end", EndCommand, "", 0, 0, 0);
}
