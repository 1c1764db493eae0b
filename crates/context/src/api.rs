//! How a function of the server is reached.
//!
//! The table is filled once, while the module loads ([`resolve_all`]); afterwards it is only read.
//! A function the server lacks is `None` there: it becomes [`Error::Unsupported`], never a crash.
//!
//! - `api!(RedisModule_X, "since")` is a `Result`: for what only some servers have.
//! - `required!(RedisModule_X)` is the function itself: for what every supported server has. Such a
//!   name stands in [`REQUIRED`], and a server without it refuses the module at load.
//! - `unbound!(RedisModule_X: type, "since")` is a `Result`, for what the bindings do not name.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use redis_module::raw;

use crate::error::Error;

/// Reads the function table: `None` for what the server lacks. Miri, which runs tests without a server, knows no
/// statics of C: nothing is there.
macro_rules! table {
    ($name:ident) => {{
        // SAFETY: R1: NULL until the table is filled, before any other code of the module runs; constant afterwards.
        if cfg!(miri) { None } else { unsafe { redis_module::raw::$name } }
    }};
}

/// Fetches a function that not every server has, as a `Result<fn, Error>`.
macro_rules! api {
    ($name:ident, $since:literal) => {{
        // SAFETY: R1: the table is written once, before any other code of the module runs.
        let function = unsafe { redis_module::raw::$name };
        match function {
            Some(function) => {
                $crate::api::reached!($name);
                Ok(function)
            }
            None => Err($crate::error::Error::Unsupported { function: stringify!($name), since: $since }),
        }
    }};
}

/// Fetches a function that is checked at load (see `REQUIRED`).
macro_rules! required {
    ($name:ident) => {{
        // SAFETY: R1: the table is written once, before any other code of the module runs.
        let function = unsafe { redis_module::raw::$name };
        match function {
            Some(function) => {
                $crate::api::reached!($name);
                function
            }
            None => $crate::api::missing(stringify!($name)),
        }
    }};
}

/// Fetches a function that the bindings do not name, as a `Result<$type, Error>`. On the main thread.
///
/// It expands to an expression that must stand in an `unsafe` block: the type given is the function's.
#[allow(unused_macros, reason = "every such function may have its own cfg")]
macro_rules! unbound {
    ($name:ident: $type:ty, $since:literal) => {{
        static FOUND: ::std::sync::OnceLock<Option<usize>> = ::std::sync::OnceLock::new();
        let name = const {
            match ::std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("an identifier holds no NUL"),
            }
        };
        let find = || $crate::api::resolve(name).map(|function| function.as_ptr().expose_provenance());
        match *FOUND.get_or_init(find) {
            Some(function) => {
                $crate::api::reached!($name);
                let function = ::std::ptr::with_exposed_provenance::<::std::ffi::c_void>(function);
                Ok(::std::mem::transmute::<*const ::std::ffi::c_void, $type>(function))
            }
            None => Err($crate::error::Error::Unsupported { function: stringify!($name), since: $since }),
        }
    }};
}

/// Notes that a function was reached, for `make api-coverage`; nothing without the feature `trace-api`.
macro_rules! reached {
    ($name:ident) => {
        #[cfg(feature = "trace-api")]
        {
            static SEEN: ::std::sync::atomic::AtomicBool = ::std::sync::atomic::AtomicBool::new(false);
            if !SEEN.swap(true, ::std::sync::atomic::Ordering::Relaxed) {
                $crate::trace::reached(stringify!($name));
            }
        }
    };
}

#[allow(unused_imports, reason = "as above")]
pub(crate) use unbound;
pub(crate) use {api, reached, required, table};

/// Declares the functions without which the module does not load.
macro_rules! required_functions {
    ($($name:ident)*) => {
        /// The functions that `required!` may name: all of them are in Redis 7.0 and Valkey 7.2.
        #[cfg(test)]
        pub(crate) const REQUIRED: &[&str] = &[$(stringify!($name)),*];

        /// The first required function that the server lacks.
        pub(crate) fn first_missing() -> Option<&'static str> {
            $(
                // SAFETY: R1: reading the table after it was filled.
                if unsafe { raw::$name }.is_none() {
                    return Some(stringify!($name));
                }
            )*
            None
        }
    };
}

required_functions! {
    RedisModule_Alloc
    RedisModule_Calloc
    RedisModule_Realloc
    RedisModule_Free
    RedisModule_Log
    RedisModule_CreateString
    RedisModule_FreeString
    RedisModule_StringPtrLen
    RedisModule_HoldString
    RedisModule_GetContextFlags
    RedisModule_GetServerInfo
    RedisModule_FreeServerInfo
    RedisModule_ServerInfoGetFieldC
    RedisModule_GetServerVersion
    RedisModule_OpenKey
    RedisModule_CloseKey
    RedisModule_KeyType
    RedisModule_ValueLength
    RedisModule_GetAbsExpire
    RedisModule_SetAbsExpire
    RedisModule_DeleteKey
    RedisModule_UnlinkKey
    RedisModule_StringSet
    RedisModule_StringDMA
    RedisModule_StringTruncate
    RedisModule_HashGet
    RedisModule_HashSet
    RedisModule_GetSelectedDb
    RedisModule_GetKeyNameFromModuleKey
    RedisModule_GetDbIdFromModuleKey
    RedisModule_SubscribeToServerEvent
    RedisModule_AvoidReplicaTraffic
    RedisModule_SubscribeToKeyspaceEvents
    RedisModule_NotifyKeyspaceEvent
    RedisModule_GetNotifyKeyspaceEvents
    RedisModule_CreateTimer
    RedisModule_StopTimer
    RedisModule_GetTimerInfo
    RedisModule_EventLoopAdd
    RedisModule_EventLoopDel
    RedisModule_BlockClient
    RedisModule_UnblockClient
    RedisModule_AbortBlock
    RedisModule_SetDisconnectCallback
    RedisModule_GetBlockedClientHandle
    RedisModule_GetBlockedClientPrivateData
    RedisModule_GetClientId
    RedisModule_CreateDataType
    RedisModule_ModuleTypeSetValue
    RedisModule_ModuleTypeGetValue
    RedisModule_ModuleTypeGetType
    RedisModule_SaveUnsigned
    RedisModule_SaveSigned
    RedisModule_SaveDouble
    RedisModule_SaveStringBuffer
    RedisModule_LoadUnsigned
    RedisModule_LoadSigned
    RedisModule_LoadDouble
    RedisModule_LoadStringBuffer
    RedisModule_IsIOError
    RedisModule_EmitAOF
    RedisModule_DigestAddStringBuffer
    RedisModule_DigestAddLongLong
    RedisModule_DigestEndSequence
    RedisModule_GetDetachedThreadSafeContext
    RedisModule_FreeThreadSafeContext
    RedisModule_RegisterInfoFunc
    RedisModule_InfoAddSection
    RedisModule_InfoBeginDictField
    RedisModule_InfoEndDictField
    RedisModule_InfoAddFieldCString
    RedisModule_InfoAddFieldDouble
    RedisModule_InfoAddFieldLongLong
    RedisModule_InfoAddFieldULongLong
    RedisModule_Scan
    RedisModule_ScanCursorCreate
    RedisModule_ScanCursorRestart
    RedisModule_ScanCursorDestroy
    RedisModule_ReplyWithNull
    RedisModule_ReplyWithLongLong
    RedisModule_ReplyWithDouble
    RedisModule_ReplyWithBool
    RedisModule_ReplyWithStringBuffer
    RedisModule_ReplyWithSimpleString
    RedisModule_ReplyWithError
    RedisModule_ReplyWithVerbatimStringType
    RedisModule_ReplyWithBigNumber
    RedisModule_ReplyWithArray
    RedisModule_ReplyWithMap
    RedisModule_ReplyWithSet
    RedisModule_ReplySetArrayLength
    RedisModule_ReplySetMapLength
    RedisModule_ReplySetSetLength
    RedisModule_CreateCommand
    RedisModule_CreateSubcommand
    RedisModule_GetCommand
    RedisModule_SetCommandInfo
    RedisModule_IsKeysPositionRequest
    RedisModule_IsChannelsPositionRequest
    RedisModule_KeyAtPosWithFlags
    RedisModule_ChannelAtPosWithFlags
    RedisModule_Call
    RedisModule_CallReplyType
    RedisModule_CallReplyLength
    RedisModule_CallReplyInteger
    RedisModule_CallReplyDouble
    RedisModule_CallReplyBool
    RedisModule_CallReplyStringPtr
    RedisModule_CallReplyBigNumber
    RedisModule_CallReplyVerbatim
    RedisModule_CallReplyArrayElement
    RedisModule_CallReplySetElement
    RedisModule_CallReplyMapElement
    RedisModule_CallReplyAttribute
    RedisModule_CallReplyAttributeElement
    RedisModule_FreeCallReply
    RedisModule_Replicate
    RedisModule_ReplicateVerbatim
    RedisModule_SetModuleOptions
    RedisModule_GetSelectedDb
    RedisModule_SelectDb
    RedisModule_DbSize
    RedisModule_GetUsedMemoryRatio
    RedisModule_GetRandomBytes
    RedisModule_GetRandomHexChars
    RedisModule_Milliseconds
    RedisModule_GetClientId
    RedisModule_GetClientUserNameById
    RedisModule_RedactClientCommandArgument
    RedisModule_ServerInfoGetFieldUnsigned
    RedisModule_ServerInfoGetFieldSigned
    RedisModule_ServerInfoGetFieldDouble
    RedisModule_GetModuleUserFromUserName
    RedisModule_FreeModuleUser
    RedisModule_ACLCheckCommandPermissions
    RedisModule_ACLCheckKeyPermissions
    RedisModule_CreateModuleUser
    RedisModule_SetModuleUserACL
    RedisModule_GetClientInfoById
    RedisModule_LatencyAddSample
    RedisModule_PublishMessage
    RedisModule_PublishMessageShard
    RedisModule_SignalModifiedKey
    RedisModule_RegisterNumericConfig
    RedisModule_RegisterBoolConfig
    RedisModule_RegisterEnumConfig
    RedisModule_RegisterStringConfig
    RedisModule_LoadConfigs

    // keys: zsets, lists, generic
    RedisModule_KeyExists
    RedisModule_RandomKey
    RedisModule_GetExpire
    RedisModule_SetExpire
    RedisModule_GetLRU
    RedisModule_SetLRU
    RedisModule_GetLFU
    RedisModule_SetLFU
    RedisModule_GetDbIdFromModuleKey
    RedisModule_ResetDataset
    RedisModule_ScanKey
    RedisModule_ListGet
    RedisModule_ListSet
    RedisModule_ListInsert
    RedisModule_ListDelete
    RedisModule_ListPush
    RedisModule_ListPop
    RedisModule_ZsetAdd
    RedisModule_ZsetIncrby
    RedisModule_ZsetRem
    RedisModule_ZsetScore
    RedisModule_ZsetFirstInScoreRange
    RedisModule_ZsetLastInScoreRange
    RedisModule_ZsetFirstInLexRange
    RedisModule_ZsetLastInLexRange
    RedisModule_ZsetRangeCurrentElement
    RedisModule_ZsetRangeNext
    RedisModule_ZsetRangePrev
    RedisModule_ZsetRangeEndReached
    RedisModule_ZsetRangeStop

    // streams, key metadata, hashes, filters, dict
    RedisModule_StringToStreamID
    RedisModule_CreateStringFromStreamID
    RedisModule_StreamAdd
    RedisModule_StreamDelete
    RedisModule_StreamTrimByLength
    RedisModule_StreamTrimByID
    RedisModule_StreamIteratorStart
    RedisModule_StreamIteratorStop
    RedisModule_StreamIteratorNextID
    RedisModule_StreamIteratorNextField
    RedisModule_StreamIteratorDelete
    RedisModule_GetKeyNameFromIO
    RedisModule_GetKeyNameFromOptCtx
    RedisModule_GetToKeyNameFromOptCtx
    RedisModule_GetDbIdFromOptCtx
    RedisModule_GetToDbIdFromOptCtx
    RedisModule_ExportSharedAPI
    RedisModule_RegisterCommandFilter
    RedisModule_UnregisterCommandFilter
    RedisModule_CommandFilterArgsCount
    RedisModule_CommandFilterArgGet
    RedisModule_CommandFilterArgInsert
    RedisModule_CommandFilterArgReplace
    RedisModule_CommandFilterArgDelete
    RedisModule_CreateDict
    RedisModule_FreeDict
    RedisModule_DictSize
    RedisModule_DictSetC
    RedisModule_DictReplaceC
    RedisModule_DictSet
    RedisModule_DictReplace
    RedisModule_DictGetC
    RedisModule_DictGet
    RedisModule_DictDelC
    RedisModule_DictDel
    RedisModule_DictIteratorStartC
    RedisModule_DictIteratorStart
    RedisModule_DictIteratorStop
    RedisModule_DictIteratorReseekC
    RedisModule_DictIteratorReseek
    RedisModule_DictNextC
    RedisModule_DictPrevC
    RedisModule_DictNext
    RedisModule_DictPrev
    RedisModule_DictCompareC
    RedisModule_DictCompare

    // blocking, calls, timers
    RedisModule_BlockClientOnKeys
    RedisModule_SignalKeyAsReady
    RedisModule_GetBlockedClientReadyKey
    RedisModule_IsBlockedReplyRequest
    RedisModule_IsBlockedTimeoutRequest
    RedisModule_BlockedClientDisconnected
    RedisModule_BlockedClientMeasureTimeStart
    RedisModule_BlockedClientMeasureTimeEnd
    RedisModule_CallReplyProto
    RedisModule_CreateStringFromCallReply
    RedisModule_ReplyWithCallReply

    // ACL, clients, threads, fork
    RedisModule_GetModuleUserACLString
    RedisModule_SetModuleUserACLString
    RedisModule_SetContextUser
    RedisModule_ACLAddLogEntry
    RedisModule_ACLCheckChannelPermissions
    RedisModule_AuthenticateClientWithUser
    RedisModule_AuthenticateClientWithACLUser
    RedisModule_DeauthenticateAndCloseClient
    RedisModule_GetClientCertificate
    RedisModule_GetClientNameById
    RedisModule_SetClientNameById
    RedisModule_ThreadSafeContextLock
    RedisModule_ThreadSafeContextTryLock
    RedisModule_ThreadSafeContextUnlock
    RedisModule_Yield
    RedisModule_Fork
    RedisModule_ExitFromChild
    RedisModule_KillForkChild
    RedisModule_SendChildHeartbeat

    // native types, defragmentation
    RedisModule_GetTypeMethodVersion
    RedisModule_SaveFloat
    RedisModule_SaveString
    RedisModule_LoadFloat
    RedisModule_LoadString
    RedisModule_LogIOError
    RedisModule_GetKeyNameFromIO
    RedisModule_GetDbIdFromIO
    RedisModule_GetKeyNameFromDigest
    RedisModule_GetDbIdFromDigest
    RedisModule_GetKeyNameFromOptCtx
    RedisModule_GetDbIdFromOptCtx
    RedisModule_GetToKeyNameFromOptCtx
    RedisModule_GetToDbIdFromOptCtx
    RedisModule_SaveDataTypeToString
    RedisModule_LoadDataTypeFromStringEncver
    RedisModule_ModuleTypeReplaceValue
    RedisModule_MallocSize
    RedisModule_MallocUsableSize
    RedisModule_MallocSizeString
    RedisModule_MallocSizeDict
    RedisModule_RegisterDefragFunc
    RedisModule_DefragAlloc
    RedisModule_DefragShouldStop
    RedisModule_DefragCursorSet
    RedisModule_DefragCursorGet
    RedisModule_GetKeyNameFromDefragCtx
    RedisModule_GetDbIdFromDefragCtx

    // cluster, shared API, events
    RedisModule_ExportSharedAPI
    RedisModule_GetSharedAPI
    RedisModule_GetMyClusterID
    RedisModule_GetClusterSize
    RedisModule_GetClusterNodesList
    RedisModule_FreeClusterNodesList
    RedisModule_GetClusterNodeInfo
    RedisModule_SetClusterFlags
    RedisModule_SendClusterMessage
    RedisModule_RegisterClusterMessageReceiver
    RedisModule_GetCommandKeysWithFlags
    RedisModule_IsSubEventSupported
    RedisModule_GetKeyspaceNotificationFlagsAll

    // strings, replies, configs, INFO, context
    RedisModule_CreateStringFromString
    RedisModule_CreateStringFromLongLong
    RedisModule_CreateStringFromULongLong
    RedisModule_CreateStringFromDouble
    RedisModule_StringToLongLong
    RedisModule_StringToULongLong
    RedisModule_StringToDouble
    RedisModule_StringCompare
    RedisModule_StringAppendBuffer
    RedisModule_TrimStringAllocation
    RedisModule_RetainString
    RedisModule_ReplyWithNullArray
    RedisModule_ReplyWithEmptyArray
    RedisModule_ReplyWithEmptyString
    RedisModule_ReplyWithCString
    RedisModule_ReplyWithString
    RedisModule_ReplyWithVerbatimString
    RedisModule_ReplyWithAttribute
    RedisModule_ReplySetAttributeLength
    RedisModule_WrongArity
    RedisModule_GetCurrentCommandName
    RedisModule_GetCommandKeysWithFlags
    RedisModule_GetCommandKeys
    RedisModule_KeyAtPos
    RedisModule_GetContextFlagsAll
    RedisModule_MonotonicMicroseconds
    RedisModule_InfoAddFieldString
    RedisModule_ServerInfoGetField
}

/// Reached only if a function was used that the load did not check; the guard turns it into an error.
#[cold]
#[track_caller]
pub(crate) fn missing(name: &'static str) -> ! {
    panic!("{name} is not in the server's table: the module was not loaded through module!")
}

/// Fills the table and introduces the module to the server.
///
/// # Safety
/// `ctx` is what the server passed to `RedisModule_OnLoad`, and no other thread of the module runs.
pub(crate) unsafe fn resolve_all(
    ctx: *mut raw::RedisModuleCtx,
    name: &CStr,
    version: c_int,
) -> Result<(), Error> {
    let api_version = raw::REDISMODULE_APIVER_1 as c_int;
    // SAFETY: R1: the context of OnLoad; the server copies the name (RM_SetModuleAttribs).
    let status = unsafe { raw::Export_RedisModule_Init(ctx, name.as_ptr(), version, api_version) };
    if status == raw::REDISMODULE_OK as c_int {
        Ok(())
    } else {
        Err(Error::Refused { function: "RedisModule_Init", reason: "a module of that name is loaded" })
    }
}

/// Looks up a function the bindings do not name. `name` bears a prefix: `RedisModule_` works on
/// every server, `ValkeyModule_` on Valkey only.
pub(crate) fn resolve(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: R1: reading the table.
    let get_api = unsafe { raw::RedisModule_GetApi }?;
    let mut function: *mut c_void = std::ptr::null_mut();
    // SAFETY: R2: the server writes one pointer when it knows the name and nothing otherwise.
    unsafe { get_api(name.as_ptr(), (&raw mut function).cast()) };
    NonNull::new(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The function named at the start of `rest`, if it is one.
    fn name(rest: &str) -> Option<String> {
        let (name, _) = rest.split_once(')')?;
        let is_name = name.starts_with("RedisModule_")
            && name != "RedisModule_X"
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| name.to_owned())
    }

    /// Every name given to `required!` anywhere in this crate.
    fn used() -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("src is readable").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = std::fs::read_to_string(path).expect("sources are text");
                    names.extend(text.split("required!(").skip(1).filter_map(name));
                }
            }
        }
        names
    }

    #[test]
    fn every_required_use_is_checked_at_load() {
        let used = used();
        assert!(used.len() > 50);
        for name in used {
            assert!(REQUIRED.contains(&name.as_str()), "{name} is missing from required_functions!");
        }
    }
}
