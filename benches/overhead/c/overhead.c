/* The yardstick: the commands of this bench as a C programmer writes them. The few declarations of the module API that
 * they need stand here; the server fills the pointers by name, as it does for every module. */
#include <stddef.h>

typedef struct RedisModuleCtx RedisModuleCtx;
typedef struct RedisModuleString RedisModuleString;
typedef struct RedisModuleKey RedisModuleKey;
typedef struct RedisModuleCallReply RedisModuleCallReply;
typedef int (*CommandFunction)(RedisModuleCtx *, RedisModuleString **, int);

enum { OK = 0, ERR = 1, API_VERSION = 1, FOR_READING = 1, EMPTY = 0, STRING = 1 };

static const char WRONG_TYPE[] = "WRONGTYPE Operation against a key holding the wrong kind of value";

static int (*GetApi)(const char *, void *);
static void (*SetModuleAttribs)(RedisModuleCtx *, const char *, int, int);
static int (*CreateCommand)(RedisModuleCtx *, const char *, CommandFunction, const char *, int, int, int);
static int (*WrongArity)(RedisModuleCtx *);
static int (*ReplyWithString)(RedisModuleCtx *, RedisModuleString *);
static int (*ReplyWithStringBuffer)(RedisModuleCtx *, const char *, size_t);
static int (*ReplyWithSimpleString)(RedisModuleCtx *, const char *);
static int (*ReplyWithError)(RedisModuleCtx *, const char *);
static int (*ReplyWithNull)(RedisModuleCtx *);
static RedisModuleKey *(*OpenKey)(RedisModuleCtx *, RedisModuleString *, int);
static void (*CloseKey)(RedisModuleKey *);
static int (*KeyType)(RedisModuleKey *);
static char *(*StringDMA)(RedisModuleKey *, size_t *, int);
static RedisModuleCallReply *(*Call)(RedisModuleCtx *, const char *, const char *, ...);
static int (*ReplyWithCallReply)(RedisModuleCtx *, RedisModuleCallReply *);
static void (*FreeCallReply)(RedisModuleCallReply *);

static int EchoCommand(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return WrongArity(ctx);
    return ReplyWithString(ctx, argv[1]);
}

static int GetCommand(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return WrongArity(ctx);
    RedisModuleKey *key = OpenKey(ctx, argv[1], FOR_READING);
    int type = KeyType(key);
    if (type == EMPTY) {
        ReplyWithNull(ctx);
    } else if (type != STRING) {
        ReplyWithError(ctx, WRONG_TYPE);
    } else {
        size_t len;
        const char *bytes = StringDMA(key, &len, FOR_READING);
        ReplyWithStringBuffer(ctx, bytes, len);
    }
    CloseKey(key);
    return OK;
}

static int CallCommand(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return WrongArity(ctx);
    RedisModuleCallReply *reply = Call(ctx, "GET", "s", argv[1]);
    if (reply == NULL) return ReplyWithError(ctx, "ERR the server did not run GET");
    ReplyWithCallReply(ctx, reply);
    FreeCallReply(reply);
    return OK;
}

static int NoopCommand(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    if (argc != 2) return WrongArity(ctx);
    return ReplyWithSimpleString(ctx, "OK");
}

static int Resolve(RedisModuleCtx *ctx) {
    /* The first word of every context is the function that finds all others (module.c, RedisModuleCtx). */
    GetApi = *(int (**)(const char *, void *))ctx;
    struct { const char *name; void *function; } wanted[] = {
        {"SetModuleAttribs", &SetModuleAttribs},
        {"CreateCommand", &CreateCommand},
        {"WrongArity", &WrongArity},
        {"ReplyWithString", &ReplyWithString},
        {"ReplyWithStringBuffer", &ReplyWithStringBuffer},
        {"ReplyWithSimpleString", &ReplyWithSimpleString},
        {"ReplyWithError", &ReplyWithError},
        {"ReplyWithNull", &ReplyWithNull},
        {"OpenKey", &OpenKey},
        {"CloseKey", &CloseKey},
        {"KeyType", &KeyType},
        {"StringDMA", &StringDMA},
        {"Call", &Call},
        {"ReplyWithCallReply", &ReplyWithCallReply},
        {"FreeCallReply", &FreeCallReply},
    };
    for (size_t at = 0; at < sizeof wanted / sizeof *wanted; at++) {
        char name[64] = "RedisModule_";
        size_t len = sizeof "RedisModule_" - 1;
        for (const char *byte = wanted[at].name; *byte != 0; byte++) name[len++] = *byte;
        name[len] = 0;
        if (GetApi(name, wanted[at].function) != OK) return ERR;
    }
    return OK;
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    (void)argc;
    if (Resolve(ctx) != OK) return ERR;
    SetModuleAttribs(ctx, "overhead_c", 1, API_VERSION);
    struct { const char *name; CommandFunction function; } commands[] = {
        {"in_c.echo", EchoCommand},
        {"in_c.get", GetCommand},
        {"in_c.call", CallCommand},
        {"in_c.noop", NoopCommand},
    };
    for (size_t at = 0; at < sizeof commands / sizeof *commands; at++) {
        if (CreateCommand(ctx, commands[at].name, commands[at].function, "readonly fast", 1, 1, 1) != OK) return ERR;
    }
    return OK;
}
